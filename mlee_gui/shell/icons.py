"""Small line icons in the text colour of the palette, for light and dark."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

_SOLID = 'fill="{c}" stroke="none"'

SHAPES = {  # those of a command have its name
    "open_files": '<path d="M3 6h6l2 2h10v11H3z"/><path d="M3 11h18"/>',
    "record": f'<circle cx="12" cy="12" r="6" {_SOLID}/>',
    "play": f'<path d="M7 4l13 8-13 8z" {_SOLID}/>',
    "pause": f'<path d="M6 4h4v16H6zM14 4h4v16h-4z" {_SOLID}/>',
    "play_selection": f'<path d="M9 6l9 6-9 6z" {_SOLID}/><path d="M4 4v16M20 4v16"/>',
    "loop": '<path d="M5 12V9a3 3 0 0 1 3-3h11M16 3l3 3-3 3M19 12v3a3 3 0 0 1-3 3H5M8 21l-3-3 3-3"/>',
    "zoom_in": '<circle cx="10" cy="10" r="6"/><path d="M15 15l6 6M10 7v6M7 10h6"/>',
    "zoom_out": '<circle cx="10" cy="10" r="6"/><path d="M15 15l6 6M7 10h6"/>',
    "fit": '<path d="M3 5v14M21 5v14M6 12h12M9 9l-3 3 3 3M15 9l3 3-3 3"/>',
    "zoom_selection": '<path d="M8 4v16M16 4v16" stroke-dasharray="3 2"/><path d="M2 12h5M22 12h-5"/>',
    "analyse_selection": '<path d="M3 20h18M6 20v-6M11 20V6M16 20v-9M20 4l-3 1 3 1z"/>',
    "export_figure": '<path d="M5 20h14M12 4v11M8 8l4-4 4 4"/>',
    "close": '<path d="M6 6l12 12M18 6L6 18"/>',
    "float": '<path d="M4 9h11v11H4zM9 9V4h11v11h-5"/>',
    "reset": '<path d="M6 9a7.5 7.5 0 1 1-1.5 5M5 4v5.5h5.5"/>',
    "keys": '<path d="M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17v1"/>',
}


def icon(name: str, palette: QPalette) -> QIcon:
    """One of SHAPES for this palette, in grey for disabled actions."""
    made = QIcon()
    for mode, group in (
        (QIcon.Mode.Normal, QPalette.ColorGroup.Active),
        (QIcon.Mode.Disabled, QPalette.ColorGroup.Disabled),
    ):
        color = palette.color(group, QPalette.ColorRole.ButtonText)
        if name == "record" and mode == QIcon.Mode.Normal:
            color = QColor("#d6302a")
        for size in (20, 40):
            made.addPixmap(_draw(SHAPES[name], color.name(), size), mode)
    return made


@cache
def _draw(shape: str, color: str, size: int) -> QPixmap:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<g fill="none" stroke="{color}" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">'
        f"{shape.format(c=color)}</g></svg>"
    )
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
