"""Learning curves of one cell: losses above, accuracies of the development speaker below, one axis of epochs.

New rows replace the old ones and are painted once in the next frame, however often they arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlee_core.figures.palette import CURVE_COLORS

from ..shell.plot_theme import Theme, clear, pen
from ..shell.time_text import spacing, ticks

Rows = Sequence[Mapping[str, Any]]
EMPTY = "No epoch is trained yet."
_ROUND_EPOCHS = (5, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1000)
_OUTLYING = 4.0
"""The few highest losses lie beyond the axis if they are so many times the others, which they flatten."""

_MARKED = 45
"""Up to this number of epochs, each has a mark."""


@dataclass(frozen=True)
class Curve:
    """How a column of the rows is drawn. Line style and mark distinguish it without colour."""

    name: str
    label: str
    line: Qt.PenStyle
    mark: str


LOSSES = (
    Curve("train_loss", "training loss", Qt.PenStyle.DashLine, "square"),
    Curve("dev_loss", "development loss", Qt.PenStyle.SolidLine, "round"),
)
SCORES = (
    Curve("dev_wa", "WA, development", Qt.PenStyle.SolidLine, "round"),
    Curve("dev_ua", "UA, development", Qt.PenStyle.DashDotLine, "square"),
)


class LearningCurves(QWidget):
    """pointed: the epoch under the mouse or the arrow keys, 0 for none; `text_at` describes it."""

    pointed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Mapping[str, Any], ...] = ()
        self._best: int | None = None
        self._at: int | None = None  # index of the epoch that is described
        self.empty_text = EMPTY
        self.theme = Theme.of(self.palette())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Learning curves")

    def show_curve(self, rows: Rows, best: int | None = None) -> None:
        """Show rows as CellResult.curves, in the order of epochs. best: the epoch with the best model."""
        new = tuple(rows)
        if new == self.rows and best == self._best:
            return
        self.rows, self._best = new, best
        if self._at is not None and self._at >= len(new):
            self._point(None)
        self.setAccessibleDescription(self.text_at(len(new) - 1) if new else self.empty_text)
        self.update()

    def text_at(self, index: int) -> str:
        """ "epoch 12: training loss 0.8123, development loss 0.9021, WA 71.2 %, UA 70.0 %; best" """
        row = self.rows[index]
        scores = ", ".join(
            f"{name} {100 * value:.1f} %"
            for name, value in (("WA", row["dev_wa"]), ("UA", row["dev_ua"]))
            if value is not None
        )
        best = "; the best so far" if row["epoch"] == self._best else ""
        losses = f"training loss {row['train_loss']:.4f}, development loss {row['dev_loss']:.4f}"
        return f"epoch {row['epoch']}: {losses}" + (f", {scores}" if scores else "") + best

    def sizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(line * 32, line * 16)

    def minimumSizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(line * 14, line * 9)

    # --- user input

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.rows:
            area = self._areas()[0]
            epoch = self._epoch_at(event.position().x(), area)
            nearest = min(range(len(self.rows)), key=lambda k: abs(self.rows[k]["epoch"] - epoch))
            self._point(nearest)

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if self.rows and event.key() in moves:
            last = len(self.rows) - 1
            at = last if self._at is None else self._at + moves[Qt.Key(event.key())]
            self._point(min(max(at, 0), last))
        elif event.key() == Qt.Key.Key_Escape and self._at is not None:
            self._point(None)
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.theme = Theme.of(self.palette())
            self.update()

    def _point(self, index: int | None) -> None:
        if index != self._at:
            self._at = index
            self.pointed.emit(0 if index is None else self.rows[index]["epoch"])
            self.update()

    # --- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.base)
        if self.rows:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            above, below = self._areas()
            self._paint_plot(painter, above, LOSSES, self._loss_range(), 1.0)
            self._paint_plot(painter, below, SCORES, (0.0, 1.0), 100.0)
            self._paint_epochs(painter, below)
            self._paint_readout(painter, above)
        else:
            painter.setPen(self.theme.faint)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.empty_text)
        painter.end()

    def _areas(self) -> tuple[QRectF, QRectF]:
        """The two plots without their axes and legends."""
        metrics = QFontMetricsF(self.font())
        line, left = metrics.height(), metrics.horizontalAdvance("0.0000") + 10
        whole = QRectF(self.rect()).adjusted(left, line * 2.5, -10, -line * 1.4)
        gap = line * 1.7
        high = (whole.height() - gap) / 2
        above = QRectF(whole.left(), whole.top(), whole.width(), high)
        return above, above.translated(0, high + gap)

    def _last_epoch(self) -> int:
        """The axis grows in steps, so that the curves do not shift with every epoch."""
        last = self.rows[-1]["epoch"]
        return next((n for n in _ROUND_EPOCHS if n >= last), last)

    def _x(self, epoch: float, area: QRectF) -> float:
        return area.left() + area.width() * (epoch - 0.5) / self._last_epoch()

    def _epoch_at(self, x: float, area: QRectF) -> float:
        return (x - area.left()) / max(area.width(), 1.0) * self._last_epoch() + 0.5

    def _loss_range(self) -> tuple[float, float]:
        values = sorted(row[curve.name] for row in self.rows for curve in LOSSES)
        few = range(max(1, len(values) - 1 - len(values) // 10), len(values))
        cut = next((k for k in few if values[k] > _OUTLYING * values[k - 1] > 0), len(values))
        low, high = values[0], values[cut - 1]
        room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
        return low - room, high + room

    def _paint_plot(
        self, painter: QPainter, area: QRectF, curves: Sequence[Curve], span: tuple[float, float], unit: float
    ) -> None:
        low, high = span

        def y(value: float) -> float:
            return area.bottom() - area.height() * (value - low) / (high - low)

        metrics = QFontMetricsF(self.font())
        step = spacing((high - low) * unit, max(2, int(area.height() / (2.2 * metrics.height()))))
        for tick in ticks(low * unit, high * unit, step):
            at = y(tick / unit)
            painter.setPen(pen(clear(self.theme.grid, 110)))
            painter.drawLine(QPointF(area.left(), at), QPointF(area.right(), at))
            painter.setPen(self.theme.faint)
            box = QRectF(0, at - metrics.height() / 2, area.left() - 5, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, f"{tick:g}" + (" %" if unit != 1.0 else ""))
        painter.save()
        painter.setClipRect(area.adjusted(-3, -3, 3, 3))
        self._paint_best_line(painter, area)
        for curve in curves:
            points = [
                QPointF(self._x(row["epoch"], area), y(row[curve.name]))
                for row in self.rows
                if row[curve.name] is not None
            ]
            self._paint_curve(painter, curve, points)
        self._paint_best_mark(painter, area, curves, y)
        painter.restore()
        painter.setPen(pen(self.theme.grid))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)
        self._paint_legend(painter, area, curves)

    def _paint_curve(self, painter: QPainter, curve: Curve, points: list[QPointF]) -> None:
        color = CURVE_COLORS[curve.name]
        line = QPen(pen(color, 2.0))
        line.setStyle(curve.line)
        painter.setPen(line)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
        if len(points) <= _MARKED:
            painter.setPen(pen(color))
            painter.setBrush(self.theme.base)
            for point in points:
                _paint_mark(painter, point, curve.mark)

    def _paint_best_line(self, painter: QPainter, area: QRectF) -> None:
        if self._best is not None:
            line = QPen(pen(CURVE_COLORS["best"], 1.0))
            line.setStyle(Qt.PenStyle.DotLine)
            painter.setPen(line)
            x = self._x(self._best, area)
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    def _paint_best_mark(self, painter: QPainter, area: QRectF, curves: Sequence[Curve], y: Any) -> None:
        row = next((row for row in self.rows if row["epoch"] == self._best), None)
        curve = curves[1] if curves is LOSSES else curves[0]
        if row is not None and row[curve.name] is not None:
            painter.setPen(pen(CURVE_COLORS["best"], 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(self._x(row["epoch"], area), y(row[curve.name])), 6, 6)

    def _paint_legend(self, painter: QPainter, area: QRectF, curves: Sequence[Curve]) -> None:
        """Above the plot, from the left, as far as it fits."""
        metrics = QFontMetricsF(self.font())
        x, middle = area.left(), area.top() - metrics.height() * 0.75
        shown = [(c.label, c.line, CURVE_COLORS[c.name], c.mark) for c in curves]
        if self._best is not None and curves is LOSSES:
            shown.append((f"best: epoch {self._best}", Qt.PenStyle.DotLine, CURVE_COLORS["best"], "ring"))
        for label, style, color, mark in shown:
            wide = metrics.horizontalAdvance(label)
            if x + 40 + wide > self.width():
                break
            line = QPen(pen(color, 2.0))
            line.setStyle(style)
            painter.setPen(line)
            painter.drawLine(QPointF(x, middle), QPointF(x + 30, middle))
            painter.setPen(pen(color, 2.0 if mark == "ring" else 1.0))
            painter.setBrush(self.theme.base)
            _paint_mark(painter, QPointF(x + 15, middle), mark)
            painter.setPen(self.theme.text)
            box = QRectF(x + 36, middle - metrics.height() / 2, wide + 2, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, label)
            x += 36 + wide + 18

    def _paint_epochs(self, painter: QPainter, area: QRectF) -> None:
        metrics = QFontMetricsF(self.font())
        most = max(2, int(area.width() / (4 * metrics.horizontalAdvance("100"))))
        step = max(1.0, spacing(self._last_epoch(), most))
        painter.setPen(self.theme.faint)
        name = "epoch"
        free = area.right() - metrics.horizontalAdvance(name) - 8
        for epoch in ticks(step, self._last_epoch(), step):
            x = self._x(epoch, area)
            painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() + 3))
            text = f"{epoch:g}"
            wide = metrics.horizontalAdvance(text)
            if x + wide / 2 < free:
                painter.drawText(QPointF(x - wide / 2, area.bottom() + 3 + metrics.ascent()), text)
        painter.drawText(QPointF(free + 8, area.bottom() + 3 + metrics.ascent()), name)

    def _paint_readout(self, painter: QPainter, above: QRectF) -> None:
        metrics = QFontMetricsF(self.font())
        index = len(self.rows) - 1 if self._at is None else self._at
        if self._at is not None:
            x = self._x(self.rows[index]["epoch"], above)
            painter.setPen(pen(self.theme.accent))
            painter.drawLine(QPointF(x, above.top()), QPointF(x, self._areas()[1].bottom()))
        painter.setPen(self.theme.text)
        box = QRectF(above.left(), 2, self.width() - above.left() - 4, metrics.height())
        text = metrics.elidedText(self.text_at(index), Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, text)


def _paint_mark(painter: QPainter, at: QPointF, mark: str) -> None:
    if mark == "square":
        painter.drawRect(QRectF(at.x() - 2.2, at.y() - 2.2, 4.4, 4.4))
    else:
        size = 5.0 if mark == "ring" else 2.6
        painter.drawEllipse(at, size, size)
