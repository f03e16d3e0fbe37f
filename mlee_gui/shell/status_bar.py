"""The last line of the window: the model and its training, what runs and how long still, the last word."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStatusBar,
    QWidget,
)

from mlee_core.inference.model_info import ModelInfo

RULES = ("fusion", "soft", "hard", "mlee")
"""The head that makes the prediction is the first of these that the model has."""

SAID_MS = 6000
"""How long a passing word stays."""

UNLIMITED = (1 << 24) - 1
"""Qt's own greatest width of a widget."""


def model_in_short(info: ModelInfo) -> str:
    """ "emodb-4 · trained on emodb: 8 speakers · unseen speaker: WA 0.82, UA 0.80" """
    speakers = len(info.speakers.get("train", ()))
    text = f"{info.name} · trained on {info.trained_on}: {speakers} speaker{'' if speakers == 1 else 's'}"
    scores = next((info.scores[head] for head in RULES if head in info.scores), None)
    if scores is not None:
        text += f" · unseen speaker: WA {scores['wa']:.2f}, UA {scores['ua']:.2f}"
    return text


def left(seconds: float) -> str:
    """How long still, rounded as one would say it."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    return f"{round(seconds / 60)} min left" if seconds < 3600 else f"{seconds / 3600:.1f} h left"


class Elided(QLabel):
    """A line that gives way in a narrow window: what does not fit becomes "…" where `mode` says."""

    def __init__(self, text: str, mode: Qt.TextElideMode) -> None:
        super().__init__(text)
        self._mode = mode

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance("M") * 8, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), self._mode, area.width())
        painter.drawText(area, self.alignment(), text)
        painter.end()


class StatusBar(QStatusBar):
    """Three fields; the middle one is there only while something runs."""

    stop_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = Elided("No model", Qt.TextElideMode.ElideRight)
        self.model.setContentsMargins(6, 0, 0, 0)
        self.said = Elided("", Qt.TextElideMode.ElideRight)
        self.said.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.activity = Elided("", Qt.TextElideMode.ElideMiddle)
        self._bar = QProgressBar(maximum=1000, textVisible=False)
        self._bar.setFixedWidth(110)
        self._bar.setMaximumHeight(self.fontMetrics().height())
        self._left = QLabel()
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Stop all analyses that run or wait (Ctrl+.)")
        self.stop.clicked.connect(self.stop_asked)
        self._running = QWidget()
        row = QHBoxLayout(self._running)
        row.setContentsMargins(16, 0, 0, 0)
        for widget in (self.activity, self._bar, self._left, self.stop):
            row.addWidget(widget)
        self.addWidget(self.model)
        self.addWidget(self._running)
        self.addWidget(self.said, 1)
        self._running.hide()
        self._forget = QTimer(self, singleShot=True, interval=SAID_MS)
        self._forget.timeout.connect(lambda: self.say(""))

    def show_model(self, info: ModelInfo) -> None:
        self.model.setText(model_in_short(info))
        self.model.setToolTip("\n".join([self.model.text(), *info.limits]))

    def show_activity(self, activity: Activity | None) -> None:
        self._running.setVisible(activity is not None)
        if activity is None:
            return
        self.activity.setText(activity.text)
        self.activity.setToolTip(activity.text)
        self._bar.setMaximum(0 if activity.fraction is None else 1000)
        if activity.fraction is not None:
            self._bar.setValue(round(activity.fraction * 1000))
        self._left.setText("" if activity.left_s is None else left(activity.left_s))

    def say(self, text: str) -> None:
        """A passing word; an empty one clears. Where both do not fit, the model's line gives way to it."""
        self._make_room(self.fontMetrics().horizontalAdvance(text) if text else 0)
        self.said.setText(text)
        self.said.setToolTip(text)
        if text:
            self._forget.start()

    def _make_room(self, needed: int) -> None:
        running = self._running.width() if self._running.isVisible() else 0
        left_over = self.width() - running - needed - 4 * self.fontMetrics().height()
        narrowest = self.model.minimumSizeHint().width()
        self.model.setMaximumWidth(max(narrowest, left_over) if needed else UNLIMITED)


@dataclass(frozen=True)
class Activity:
    """What runs, for the status bar. fraction: 0–1, None when unknown; left_s: seconds, None when unknown."""

    text: str
    fraction: float | None
    left_s: float | None
