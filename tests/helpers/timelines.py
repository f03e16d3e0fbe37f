"""Timelines to test: made segments, where a time is on the screen, and a turn of the wheel."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication

from mlee_core.inference.results import Attention, Segment
from mlee_gui.listening.timeline import Timeline

RATE = 16_000
CLASSES = ("neu", "hap", "sad", "ang")
SHARES = {"hard": (0.1, 0.2, 0.6, 0.1), "soft": (0.1, 0.2, 0.6, 0.1), "fusion": (0.1, 0.1, 0.7, 0.1)}


def verdict(start_s: float, end_s: float, predicted: str = "sad", **weights: tuple[float, ...]) -> Segment:
    count = max((len(w) for w in weights.values()), default=0)
    times = tuple(start_s + 0.095 + 0.16 * i for i in range(count))
    return Segment(
        start_s,
        end_s,
        CLASSES,
        SHARES,
        (0.6, 0.2, 0.9, 0.1),
        predicted,
        "fusion",
        Attention(times, **weights),
    )


def hot(count: int, i: int) -> tuple[float, ...]:
    return tuple(0.9 if k == i else 0.1 / (count - 1) for k in range(count))


def picture(timeline: Timeline) -> QImage:
    return timeline.plots.grab().toImage()


def columns_of(image: QImage, color: str, rect: QRectF) -> list[int]:
    """The x at which a colour is found inside a rectangle."""
    rgb = QColor(color).rgb()
    rows = range(int(rect.top()) + 1, int(rect.bottom()))
    return [
        x for x in range(int(rect.left()), int(rect.right())) if any(image.pixel(x, y) == rgb for y in rows)
    ]


def at(timeline: Timeline, time_s: float, lane: str = "spectrogram", height: float = 0.5) -> QPoint:
    """Where a time is in a lane, `height` from its top."""
    rect = getattr(timeline.plots.lanes(), lane)
    scale = timeline.plots._overview_frame().scale if lane == "overview" else timeline.plots.scale()
    return QPoint(round(scale.x(time_s)), round(rect.top() + height * rect.height()))


def wheel(
    timeline: Timeline, place: QPoint, turns: int, modifier: Qt.KeyboardModifier, across: int = 0
) -> None:
    point = QPointF(place)
    event = QWheelEvent(
        point,
        timeline.plots.mapToGlobal(point),
        QPoint(),
        QPoint(120 * across, 120 * turns),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(timeline.plots, event)


PLAIN, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
