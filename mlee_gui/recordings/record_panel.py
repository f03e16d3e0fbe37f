"""Recording from a microphone: device, level, duration. The take is written to disk while it is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mlee_core.audio.microphone import FLOOR_DB, InputDevice, Recorder, RecorderUnavailable

from ..shell.messages import Messages
from ..shell.settings import Settings
from ..shell.tasks import Tasks

TICK_MS = 50
MARGIN = 6
HOLD_S = 1.5
"""Duration for which the meter's mark stays at a peak."""

LOW_DB = -60.0
_QUIET, _GOOD, _HOT = QColor("#3b82c4"), QColor("#2e9e5b"), QColor("#d6302a")

MakeRecorder = Callable[[Path, str | None], Recorder]
FindDevices = Callable[..., tuple[InputDevice, ...]]
"""Called with the keyword `rescan`."""


class LevelMeter(QWidget):
    """Peak level in dB of full scale, with a mark at the highest level of the last 1.5 s."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.level_db = FLOOR_DB
        self.held_db = FLOOR_DB
        self._held_at = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Level of the microphone")

    def show_level(self, level_db: float) -> None:
        now = time.monotonic()
        if level_db >= self.held_db or now - self._held_at > HOLD_S:
            self.held_db, self._held_at = level_db, now
        self.level_db = level_db
        self.setToolTip(f"Peak {self.held_db:.0f} dB of full scale; -20 to -6 dB is good for speech")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, self.fontMetrics().height() + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        bar = QRectF(self.rect()).adjusted(0, 0, -1, -self.fontMetrics().height() * 0.75)
        painter.fillRect(bar, self.palette().base())
        if self.level_db > LOW_DB:
            color = _HOT if self.level_db > -1 else _GOOD if self.level_db > -30 else _QUIET
            painter.fillRect(QRectF(bar.left(), bar.top(), self._x(self.level_db, bar), bar.height()), color)
        painter.setPen(self.palette().text().color())
        if self.held_db > LOW_DB:
            x = self._x(self.held_db, bar)
            painter.drawLine(round(x), round(bar.top()), round(x), round(bar.bottom()))
        painter.setPen(self.palette().mid().color())
        painter.drawRect(bar)
        small = painter.font()
        small.setPointSizeF(small.pointSizeF() * 0.75)
        painter.setFont(small)
        painter.setPen(self.palette().placeholderText().color())
        for db, left, flag in (
            (-60, 0.0, Qt.AlignmentFlag.AlignLeft),
            (-30, 20.0, Qt.AlignmentFlag.AlignHCenter),
        ):
            label = QRectF(self._x(db, bar) - left, bar.bottom() + 1, 40, self.height() - bar.height())
            painter.drawText(label, flag | Qt.AlignmentFlag.AlignTop, f"{db}")
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, "0 dB")
        painter.end()

    @staticmethod
    def _x(db: float, bar: QRectF) -> float:
        return bar.width() * min(max((db - LOW_DB) / -LOW_DB, 0.0), 1.0)


class RecordPanel(QWidget):
    """Device, level, start and stop. All calls that may wait for a driver run in `tasks`."""

    take_finished = Signal(str)  # path
    recording_changed = Signal(bool)
    availability_changed = Signal(str)  # why nothing can be recorded, "" if it can
    rescanning = Signal()  # PortAudio restarts, which ends every stream
    rescanned = Signal()  # queued; a later task of the same Tasks sees the devices found

    def __init__(
        self,
        tasks: Tasks,
        messages: Messages,
        settings: Settings,
        folder: Path,
        make_recorder: MakeRecorder,
        find_devices: FindDevices,
    ) -> None:
        super().__init__()
        self._tasks, self._messages, self._settings = tasks, messages, settings
        self._folder = folder
        self._make_recorder, self._find_devices = make_recorder, find_devices
        self._recorder: Recorder | None = None
        self._busy = False  # between the request for start or stop and its completion
        self.unavailable = "Searching for microphones…"
        self.device = QComboBox(placeholderText="No microphone", minimumContentsLength=10)
        self.device.setAccessibleName("Microphone")
        self.device.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.device.setToolTip("The microphone to record from")
        self.rescan = QToolButton()
        self.rescan.setText("Rescan")
        self.rescan.setToolTip("Search for microphones again (stops playback)")
        self.meter = LevelMeter()
        self.button = QPushButton("Record")
        self.elapsed = QLabel("0.0 s")
        self.why = QLabel(wordWrap=True)
        self._lay_out()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self.button.clicked.connect(self.toggle)
        self.rescan.clicked.connect(self._on_rescan)
        self.device.activated.connect(
            lambda _: setattr(settings, "input_device", self.device.currentData() or "")
        )
        self._show_state()

    @property
    def recording(self) -> bool:
        return self._recorder is not None

    def find_devices(self, rescan: bool = False) -> None:
        """List the microphones, in the thread."""
        self._tasks.run(lambda: self._find_devices(rescan=rescan), self._on_devices, self._on_no_devices)

    def toggle(self) -> None:
        """Start a recording, or stop the running one."""
        if self._busy or self.unavailable:
            self._show_state()
        elif self._recorder is None:
            self._start()
        else:
            self._stop(self._recorder)

    def finish(self) -> Path | None:
        """Stop the running recording at exit and return its file, which stays on disk."""
        self._timer.stop()
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return None
        self._tasks.run(recorder.stop, lambda _: None, lambda _: None)
        return recorder.path

    def _start(self) -> None:
        recorder = self._make_recorder(self._folder, self.device.currentData())
        self._busy = True
        self._show_state()
        self._tasks.run(recorder.start, lambda _: self._on_started(recorder), self._on_refused)

    def _on_started(self, recorder: Recorder) -> None:
        self._recorder, self._busy = recorder, False
        self._timer.start()
        self._show_state()
        self.recording_changed.emit(True)

    def _stop(self, recorder: Recorder) -> None:
        self._busy = True
        self._timer.stop()
        self._show_state()
        self._tasks.run(recorder.stop, lambda path: self._on_stopped(recorder, path), self._on_refused)

    def _on_stopped(self, recorder: Recorder, path: Path) -> None:
        self._end()
        if recorder.error is not None:
            self._messages.warning(recorder.error)
        self.take_finished.emit(str(path))

    def _on_refused(self, error: Exception) -> None:
        self._end()
        self._messages.failed("recording", error)

    def _end(self) -> None:
        self._recorder, self._busy = None, False
        self.meter.show_level(FLOOR_DB)
        self._show_state()
        self.recording_changed.emit(False)

    def _tick(self) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        self.meter.show_level(recorder.level_db)
        self.elapsed.setText(f"{recorder.elapsed_s:.1f} s")
        if not recorder.recording:  # the device or the disk is gone
            self._stop(recorder)

    def _on_devices(self, found: tuple[InputDevice, ...]) -> None:
        self.device.clear()
        self.device.addItem("System default", None)
        for device in found:
            self.device.addItem(device.name, device.name)
        self.device.setCurrentIndex(max(0, self.device.findData(self._settings.input_device)))
        self._set_availability("")

    def _on_no_devices(self, error: Exception) -> None:
        self.device.clear()
        if not isinstance(error, RecorderUnavailable):
            self._messages.failed("searching for microphones", error)
        self._set_availability(str(error))

    def _on_rescan(self) -> None:
        self.rescanning.emit()
        self.find_devices(rescan=True)
        self.rescanned.emit()

    def _set_availability(self, why_not: str) -> None:
        self.unavailable = why_not
        self._show_state()
        self.availability_changed.emit(why_not)

    def _show_state(self) -> None:
        runs = self._recorder is not None
        waiting = "Stopping…" if runs else "Starting…"  # a sound server may take seconds to open
        self.button.setText(waiting if self._busy else "Stop" if runs else "Record")
        self.button.setEnabled(not self._busy and not self.unavailable)
        self.button.setToolTip(self.unavailable or "Start or stop a recording (R)")
        self.device.setEnabled(not runs and not self._busy and not self.unavailable)
        self.rescan.setEnabled(not runs and not self._busy)
        self.why.setText(self.unavailable)
        self.why.setVisible(bool(self.unavailable))
        self._fit_text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_text()

    def _fit_text(self) -> None:
        """Reserve the text's height: a dock ignores heightForWidth and would cut off the last line."""
        self.why.setMinimumHeight(self.why.heightForWidth(self.width() - 2 * MARGIN))

    def _lay_out(self) -> None:
        first, last = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.device, 1)
        first.addWidget(self.rescan)
        last.addWidget(self.button)
        last.addWidget(self.elapsed)
        last.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.addLayout(first)
        column.addWidget(self.meter)
        column.addWidget(self.why)
        column.addLayout(last)
        column.addStretch(1)
