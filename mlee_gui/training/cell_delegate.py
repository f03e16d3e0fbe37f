"""Draws a cell of the grid: a stripe and a tint in the colour of its state, a mark, and two short lines."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mlee_core.figures.palette import CELL_COLORS
from mlee_core.runs.follower import CellView

from ..shell.plot_theme import mix
from ..shell.tables import Index
from .cell_grid_model import FIRST_OF_GROUP_ROLE, MARKS, VIEW_ROLE, kind, lines_of

STRIPE = 3
BAR = 3
_TINT_LIGHT, _TINT_DARK = 0.14, 0.26


def cell_size(metrics: QFontMetrics) -> QSize:
    """Room for the longest lines, the mark and the bar."""
    wide = metrics.horizontalAdvance("12 min left") + metrics.horizontalAdvance("✓ ") + STRIPE + 12
    return QSize(wide, 2 * metrics.height() + BAR + 6)


class CellDelegate(QStyledItemDelegate):
    """Draws a CellView (VIEW_ROLE). The chosen cell has a frame, so that its colour stays visible."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        view: CellView | None = index.data(VIEW_ROLE)
        palette, rect = option.palette, option.rect  # type: ignore[attr-defined]
        painter.save()
        painter.fillRect(rect, palette.color(QPalette.ColorRole.Base))
        if index.data(FIRST_OF_GROUP_ROLE):
            line = QRect(rect.left(), rect.top(), 1, rect.height())
            painter.fillRect(line, palette.color(QPalette.ColorRole.Mid))
        if view is not None:
            self._paint_view(painter, rect.adjusted(2, 1, -1, -1), palette, view)
        state = option.state  # type: ignore[attr-defined]
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(palette.color(QPalette.ColorRole.Highlight))
            for inset in (0, 1):
                painter.drawRect(rect.adjusted(1 + inset, inset, -1 - inset, -1 - inset))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return cell_size(option.fontMetrics)  # type: ignore[attr-defined]

    def _paint_view(self, painter: QPainter, rect: QRect, palette: QPalette, view: CellView) -> None:
        base, text = palette.color(QPalette.ColorRole.Base), palette.color(QPalette.ColorRole.Text)
        color = QColor(CELL_COLORS[view.state])
        plain = view.state in ("queued", "skipped", "undone")
        faint = mix(text, base, 0.66)
        if not plain:
            painter.fillRect(rect, mix(color, base, _TINT_DARK if base.lightness() < 128 else _TINT_LIGHT))
            painter.fillRect(QRect(rect.left(), rect.top(), STRIPE, rect.height()), color)
        metrics = painter.fontMetrics()
        mark, left = MARKS.get(kind(view), ""), rect.left() + STRIPE + 4
        lines, line = lines_of(view), metrics.height()
        top = rect.top() + 1 + (0 if lines[1] else line // 2)
        painter.setPen(faint if plain else text)
        painter.drawText(left, top + metrics.ascent(), mark)
        left += metrics.horizontalAdvance("✓ ")
        wide = rect.right() - left
        for n, line_text in enumerate(lines):
            fitted = metrics.elidedText(line_text, Qt.TextElideMode.ElideRight, wide)
            painter.drawText(left, top + n * line + metrics.ascent(), fitted)
            painter.setPen(faint)  # the second line
        share = share_done(view)
        if share is not None:
            bar = QRect(rect.left() + STRIPE, rect.bottom() - BAR + 1, rect.width() - STRIPE, BAR)
            painter.fillRect(bar, mix(color, base, 0.35))
            painter.fillRect(QRect(bar.topLeft(), QSize(round(bar.width() * share), BAR)), color)


def share_done(view: CellView) -> float | None:
    """Share of its greatest number of epochs that a running cell has done; None for other cells."""
    if view.state != "running" or not view.epoch or not view.of_epochs:
        return None
    return min((view.epoch - 1 + (view.share or 0.0)) / view.of_epochs, 1.0)
