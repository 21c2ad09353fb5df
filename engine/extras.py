"""Which of the packages that only a part of the program needs comes with which extra, as pyproject.toml has it."""

EXTRAS = {
    "desktop": ("PyQt6", "sounddevice", "pyvirtualcam"),
    "serve": ("aiohttp", "aiortc", "aioice", "prometheus_client", "jwt"),
    "livekit": ("livekit",),
    "pipecat": ("pipecat",),
    "heif": ("pillow_heif",),
    "plots": ("matplotlib", "scipy"),
    "train": ("torch", "onnx", "onnxscript", "skimage", "pocketsphinx"),
}  # the names are those that are imported


def extra_of(module: str | None) -> str | None:
    """The extra that brings a module, given by its dotted name; None where none does."""
    package = (module or "").partition(".")[0]
    return next((extra for extra, packages in EXTRAS.items() if package in packages), None)


def installing(extra: str) -> str:
    """What a user has to type to get an extra."""
    return f'pip install "liveface[{extra}]"'
