"""Controls above the plots: the legend, whose entries are switches, and the colours of the spectrogram."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QSpinBox, QWidget

from mlee_core.figures.palette import CASING, ENCODER_STYLES
from mlee_core.inference.results import ENCODERS

from ..shell.flow_layout import FlowLayout
from ..shell.plot_theme import pen
from .attention_curves import LINES, paint_not_attended
from .spectrogram import COLORMAPS, DB_LIMITS, colors

GAP_DB = 10
"""Smallest difference between the highest and the lowest level in colour."""

_SAMPLE_WIDTH = 30
_ENCODERS = {
    "hard": "the dominant model trained on hard targets",
    "soft": "the dominant model trained on soft targets",
    "mlee": "the model of the emotions that are present (MLEE)",
}


class Controls(QWidget):
    """Signals are emitted only for actions of the user."""

    encoder_toggled = Signal(str, bool)
    display_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switches = {name: self._switch(name) for name in ENCODERS}
        self.colormap = QComboBox()
        self.colormap.addItems(list(COLORMAPS))
        self.colormap.setAccessibleName("Colours of the spectrogram")
        self.colormap.setToolTip(
            "Colours of the spectrogram; all but grey are perceptually uniform and safe for the colour-blind"
        )
        self.low, self.high = self._decibels("lowest", 0), self._decibels("highest", GAP_DB)
        self.swatch = _Swatch()
        layout = FlowLayout(self, gap=10)
        for switch in self.switches.values():
            layout.addWidget(switch)
        layout.addWidget(self._not_attended_legend())
        layout.addWidget(_beside(self.colormap, self.low, self.swatch, self.high))
        self.set_display(COLORMAPS[0], (-80.0, 0.0))
        self.colormap.activated.connect(self._changed)
        self.low.valueChanged.connect(self._changed)
        self.high.valueChanged.connect(self._changed)

    @property
    def db_range(self) -> tuple[float, float]:
        """(low, high), at least 10 dB apart."""
        return float(self.low.value()), float(self.high.value())

    def set_display(self, colormap: str, db_range: tuple[float, float]) -> None:
        with QSignalBlocker(self.colormap), QSignalBlocker(self.low), QSignalBlocker(self.high):
            self.colormap.setCurrentText(colormap)
            self.low.setValue(round(db_range[0]))
            self.high.setValue(round(db_range[1]))
        self.swatch.show_map(colormap)

    def set_encoder(self, name: str, on: bool) -> None:
        with QSignalBlocker(self.switches[name]):
            self.switches[name].setChecked(on)

    def set_present(self, present: set[str]) -> None:
        """Set the encoders of the shown results; the switches of the others are disabled."""
        for name, switch in self.switches.items():
            switch.setEnabled(name in present)
            tip = f"Attention of {_ENCODERS[name]}: share of the utterance's attention per step of 160 ms"
            missing = f"This model has no encoder for {_ENCODERS[name]}"
            switch.setToolTip(tip if name in present else missing)

    def _changed(self) -> None:
        low, high = self.db_range
        if high - low < GAP_DB:  # the changed one moves the other
            pushed = (low, low + GAP_DB) if self.sender() is self.low else (high - GAP_DB, high)
            self.set_display(self.colormap.currentText(), pushed)
        self.swatch.show_map(self.colormap.currentText())
        self.display_changed.emit()

    def _switch(self, name: str) -> QCheckBox:
        switch = QCheckBox(ENCODER_STYLES[name].label)
        switch.setChecked(True)
        switch.setIcon(QIcon(_line_sample(name)))
        switch.setIconSize(QSize(_SAMPLE_WIDTH, 14))
        switch.setAccessibleName(f"Show attention of {ENCODER_STYLES[name].label}")
        switch.toggled.connect(lambda on, name=name: self.encoder_toggled.emit(name, on))
        return switch

    def _decibels(self, which: str, above: int) -> QSpinBox:
        box = QSpinBox()
        box.setRange(round(DB_LIMITS[0]) + above, round(DB_LIMITS[1]) - GAP_DB + above)
        box.setSingleStep(5)
        box.setSuffix(" dB")
        box.setKeyboardTracking(False)
        box.setAccessibleName(f"Spectrogram, {which} level in colour")
        box.setToolTip(f"The {which} level of the colours; 0 dB is a sine at the recording's peak")
        return box

    def _not_attended_legend(self) -> QWidget:
        sample = QPixmap(_SAMPLE_WIDTH * 2, 28)
        sample.setDevicePixelRatio(2)
        sample.fill(QColor("#303040"))
        painter = QPainter(sample)
        paint_not_attended(painter, QRectF(0, 0, _SAMPLE_WIDTH, 14))
        painter.end()
        picture = QLabel()
        picture.setPixmap(sample)
        legend = _beside(picture, QLabel("not attended"))
        legend.setToolTip(
            "No encoder attends to it: quiet, left out before the network, or the end of a segment, shorter "
            "than one attention step (160 ms)"
        )
        return legend


class _Swatch(QWidget):
    """The colour map."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(60, 12)
        self._image = QImage()

    def show_map(self, name: str) -> None:
        row = colors(name)
        self._image = QImage(row.tobytes(), 256, 1, 768, QImage.Format.Format_RGB888).copy()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawImage(self.rect(), self._image)
        painter.setPen(self.palette().mid().color())
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()


def _beside(*widgets: QWidget) -> QWidget:
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(5)
    for widget in widgets:
        layout.addWidget(widget)
    return box


def _line_sample(name: str) -> QPixmap:
    """The line of an encoder with its casing."""
    style = ENCODER_STYLES[name]
    sample = QPixmap(_SAMPLE_WIDTH * 2, 28)
    sample.setDevicePixelRatio(2)
    sample.fill(QColor(CASING))
    painter = QPainter(sample)
    line = pen(style.color, 4)
    if LINES[style.line]:
        line.setDashPattern(LINES[style.line])
    line.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(line)
    painter.drawLine(2, 7, _SAMPLE_WIDTH - 2, 7)
    painter.end()
    return sample
