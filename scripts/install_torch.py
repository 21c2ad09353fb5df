"""Installs the torch of requirements/torch.txt into the environment that runs this file, without CUDA where no GPU is.

    .venv/bin/python scripts/install_torch.py

pip is asked first what it would install. Where that includes packages for a GPU that this machine does not have, uv
fetches the CPU build instead.
"""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

PINNED = Path(__file__).resolve().parent.parent / "requirements" / "torch.txt"
GPU_PACKAGES = ("nvidia-", "cuda-", "triton")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def main() -> None:
    """Install torch, or end with one sentence that says what to do."""
    torch = next(line for line in PINNED.read_text(encoding="utf-8").splitlines() if line.startswith("torch=="))
    if installed_version() == torch.removeprefix("torch=="):
        return
    if NVIDIA_DRIVER.exists() or not any(name.startswith(GPU_PACKAGES) for name in pip_would_install(torch)):
        status = subprocess.call(pip("install", "-qq", torch))
    else:
        status = subprocess.call(pip("install", "-qq", "uv")) or subprocess.call(
            [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, "--torch-backend=cpu", torch]
        )
    if status:
        sys.exit(f"{torch} could not be installed: install its CPU build into {sys.prefix}, then run make again.")


def installed_version() -> str | None:
    """Return the installed torch's version without its build, or None."""
    try:
        return importlib.metadata.version("torch").partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def pip_would_install(requirement: str) -> list[str]:
    """Return the names of the packages that pip would install for a requirement."""
    report = subprocess.run(
        pip("install", "-qq", "--dry-run", "--report", "-", requirement), check=True, stdout=subprocess.PIPE
    )
    return [package["metadata"]["name"].lower() for package in json.loads(report.stdout)["install"]]


def pip(*arguments: str) -> list[str]:
    """Return the command line of this environment's pip."""
    return [sys.executable, "-m", "pip", *arguments]


if __name__ == "__main__":
    main()
