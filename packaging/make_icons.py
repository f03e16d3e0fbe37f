"""Makes the PNG sizes of resources/icons/mlee.svg: `.venv/bin/python packaging/make_icons.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ICONS = Path(__file__).resolve().parents[1] / "resources" / "icons"
SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
"""Edge lengths in pixels, those of the hicolor icon theme."""


def main() -> int:
    renderer = QSvgRenderer(str(ICONS / "mlee.svg"))
    if not renderer.isValid():
        print("mlee.svg cannot be drawn", file=sys.stderr)
        return 1
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        image.save(str(ICONS / f"mlee-{size}.png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
