"""Draws the program's icon: a speaking face whose mouth is a sound wave, as SVG and as PNG in the usual sizes.

.venv/bin/python scripts/make_icon.py
"""

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "icons"
SIZES = (16, 24, 32, 48, 64, 128, 256, 512)  # pixels
BARS = (14, 34, 58, 40, 66, 30, 12)  # heights of the wave, in the 256 units of the drawing

SKIN, GROUND, DEEP, EYE = "#ffe3cf", "#2f6fed", "#173f9e", "#1b2a4a"


def drawing() -> str:
    """The icon as SVG."""
    wave = "".join(
        f'<rect x="{128 + (place - len(BARS) // 2) * 15 - 4.5}" y="{164 - height / 2}" width="9" height="{height}" '
        'rx="4.5"/>'
        for place, height in enumerate(BARS)
    )
    eyes = "".join(f'<ellipse cx="{x}" cy="102" rx="9" ry="11.5"/>' for x in (96, 160))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256">
<defs><linearGradient id="ground" x1="0" y1="0" x2="0" y2="1">
<stop offset="0" stop-color="{GROUND}"/><stop offset="1" stop-color="{DEEP}"/>
</linearGradient></defs>
<rect x="8" y="8" width="240" height="240" rx="56" fill="url(#ground)"/>
<ellipse cx="128" cy="130" rx="82" ry="96" fill="{SKIN}"/>
<g fill="{EYE}">{eyes}</g>
<g fill="{GROUND}">{wave}</g>
</svg>
"""


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PyQt6.QtCore import QByteArray
    from PyQt6.QtGui import QGuiApplication, QImage, QPainter
    from PyQt6.QtSvg import QSvgRenderer

    application = QGuiApplication([])
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "liveface.svg").write_text(drawing(), encoding="utf-8")
    renderer = QSvgRenderer(QByteArray(drawing().encode()))
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(0)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        renderer.render(painter)
        painter.end()
        image.save(str(FOLDER / f"liveface-{size}.png"))
    application.quit()


if __name__ == "__main__":
    main()
