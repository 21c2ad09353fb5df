"""Makes docs/speaking.webp: a shipped portrait says the first seconds of the shipped sentence, without sound.

.venv/bin/python scripts/make_moving_picture.py
"""

from pathlib import Path

from PIL import Image

from liveface import Avatar, Pipeline
from liveface.app.files.media_files import read_audio
from liveface.app.session.pipeline import ASSETS
from liveface.engine.media import FPS, SAMPLE_RATE

OUT = Path(__file__).resolve().parent.parent / "docs" / "speaking.webp"
AVATAR, SECONDS, SIDE = "maya", 6, 320  # pixels
EVERY = 2  # picture of 25 a second


def main() -> None:
    """Draw, and write the file."""
    with Pipeline(Avatar.shipped(AVATAR), size=(SIDE, SIDE)) as face:
        face.feed(read_audio(ASSETS / "audio" / "speech.wav")[: SECONDS * SAMPLE_RATE])
        face.flush()
        pictures = [Image.fromarray(frame.image) for frame in face.frames()][::EVERY]
    pictures[0].save(
        OUT, save_all=True, append_images=pictures[1:], duration=1000 * EVERY // FPS, loop=0, quality=60, method=4
    )
    print(f"{OUT}: {len(pictures)} pictures, {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
