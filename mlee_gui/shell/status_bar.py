"""The last line of the window: the model, the running analysis with its remaining time, the latest status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QSizePolicy, QStatusBar, QWidget

from mlee_core.inference.model_file import ModelInfo

from .widgets import row

RULES = ("fusion", "soft", "hard", "mlee")
"""The head that makes the prediction is the first of these that the model has."""

FEWEST_SPEAKERS = 5
"""Scores on fewer speakers say little about other voices: they stand in the model's page only."""

STATUS_MS = 6000
"""Duration for which a status text is shown."""

UNLIMITED = (1 << 24) - 1
"""Qt's largest width of a widget."""


def model_in_short(info: ModelInfo) -> str:
    """ "emodb-4 · trained on emodb: 8 speakers · same recipe on 10 unseen speakers: WA 0.82, UA 0.80 · …" """
    speakers = len(info.speakers.get("train", ()))
    text = f"{info.name} · trained on {info.trained_on}: {speakers} speaker{'' if speakers == 1 else 's'}"
    scores = next((info.scores[head] for head in RULES if head in info.scores), None)
    count = info.scored_on.get("speakers", 0)
    if scores is not None and count >= FEWEST_SPEAKERS:
        text += f" · same recipe on {count} unseen speakers: {scores_text(scores)}"
    return text + "".join(f" · on {corpus}: {scores_text(own)}" for corpus, own in info.elsewhere.items())


def scores_text(scores: Mapping[str, float]) -> str:
    """ "WA 0.82, UA 0.80" """
    return ", ".join(f"{name.upper()} {scores[name]:.2f}" for name in ("wa", "ua"))


def remaining_text(seconds: float) -> str:
    """The remaining time, rounded: "2 min left"."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    return f"{round(seconds / 60)} min left" if seconds < 3600 else f"{seconds / 3600:.1f} h left"


class Elided(QLabel):
    """A label that can be narrower than its text, which is then shortened with "…" as `mode` says."""

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
    """Model, activity and status; the activity is visible only while something runs."""

    stop_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = Elided("No model", Qt.TextElideMode.ElideRight)
        self.model.setContentsMargins(6, 0, 0, 0)
        self.text = Elided("", Qt.TextElideMode.ElideRight)
        self.text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.activity = Elided("", Qt.TextElideMode.ElideMiddle)
        self._bar = QProgressBar(maximum=1000, textVisible=False)
        self._bar.setFixedWidth(110)
        self._bar.setMaximumHeight(self.fontMetrics().height())
        self._remaining = QLabel()
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Stop all analyses that run or wait (Ctrl+.)")
        self.stop.clicked.connect(self.stop_requested)
        self._running = QWidget()
        line = row(self.activity, self._bar, self._remaining, self.stop, parent=self._running)
        line.setContentsMargins(16, 0, 0, 0)
        self.addWidget(self.model)
        self.addWidget(self._running)
        self.addWidget(self.text, 1)
        self._running.hide()
        self._clear = QTimer(self, singleShot=True, interval=STATUS_MS)
        self._clear.timeout.connect(lambda: self.show_status(""))

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
        self._remaining.setText("" if activity.remaining_s is None else remaining_text(activity.remaining_s))

    def show_status(self, text: str) -> None:
        """Show a text for some seconds; "" clears. Where both do not fit, the model's text is shortened."""
        self._make_room(self.fontMetrics().horizontalAdvance(text) if text else 0)
        self.text.setText(text)
        self.text.setToolTip(text)
        if text:
            self._clear.start()

    def _make_room(self, needed: int) -> None:
        running = self._running.width() if self._running.isVisible() else 0
        available = self.width() - running - needed - 4 * self.fontMetrics().height()
        narrowest = self.model.minimumSizeHint().width()
        self.model.setMaximumWidth(max(narrowest, available) if needed else UNLIMITED)


@dataclass(frozen=True)
class Activity:
    """What runs. fraction: 0-1, None if unknown. remaining_s: seconds, None if unknown."""

    text: str
    fraction: float | None
    remaining_s: float | None
