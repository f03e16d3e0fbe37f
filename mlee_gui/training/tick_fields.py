"""Fields for some of a set of names, each with a box to tick; all names are the default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QGridLayout,
    QListView,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from mlee_core.config.run_config import Selection
from mlee_core.config.stages import LINES, TRAIN_SETS

from .fields import Field, FormField


def refuse_empty(part: str) -> None:
    """Raises: ConfigError, the core's own for a Selection in which this part is empty."""
    replace(Selection(tuple(LINES), TRAIN_SETS, ("all",)), **{part: ()})  # type: ignore[arg-type]


class TicksField(Field):
    """A few fixed names in a grid of boxes."""

    tall = True
    default_text = "all"

    def __init__(self, about: FormField) -> None:
        editor = QWidget()
        super().__init__(about, editor)
        self.boxes = [QCheckBox(name) for name in about.names]
        grid = QGridLayout(editor)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(about.columns, 1)
        for n, box in enumerate(self.boxes):
            grid.addWidget(box, n // about.columns, n % about.columns)
            box.setChecked(True)
            box.setToolTip(self.tip)
            box.setAccessibleName(f"{about.plain_label}: {box.text()}")
            box.toggled.connect(self.changed)

    @property
    def stops(self) -> list[QWidget]:
        return list(self.boxes)

    @property
    def value(self) -> tuple[str, ...]:
        """Raises: ConfigError if no box is ticked."""
        ticked = tuple(box.text() for box in self.boxes if box.isChecked())
        if not ticked:
            refuse_empty(self.about.name)
        return () if len(ticked) == len(self.boxes) else ticked

    def show_value(self, value: Sequence[str] | None) -> None:
        for box in self.boxes:
            box.setChecked(not value or box.text() in value)


class _NamesList(QListWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSpacing(1)
        self.setTabKeyNavigation(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setBackgroundRole(QPalette.ColorRole.Window)  # so that empty boxes are seen

    def sizeHint(self) -> QSize:
        """Two lines of names are visible; the others scroll."""
        return QSize(200, 2 * (self.fontMetrics().height() + 8) + 8)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())


class FoldsField(Field):
    """A list of folds. Chosen names that are not known yet are kept until they are."""

    tall = True
    default_text = "all"

    def __init__(self, about: FormField) -> None:
        self.list = _NamesList()
        self._chosen: tuple[str, ...] | None = ()  # () for all, None for none
        super().__init__(about, self.list)
        self.list.setEnabled(False)
        self.list.itemChanged.connect(self._on_ticked)

    @property
    def value(self) -> tuple[str, ...]:
        """Raises: ConfigError if no fold is ticked."""
        if self._chosen is None:
            refuse_empty("folds")
        return self._chosen or ()

    def show_value(self, value: Sequence[str] | None) -> None:
        if self._chosen != tuple(value or ()):
            self._chosen = tuple(value or ())
            self._tick()
            self.changed.emit()

    def show_names(self, names: Sequence[str]) -> None:
        """Show these folds, none while they are unknown; the choice stays."""
        if list(names) == [item.text() for item in self._items()]:
            return
        with QSignalBlocker(self.list):
            self.list.clear()
            for name in names:
                item = QListWidgetItem(name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                self.list.addItem(item)
        self.list.setEnabled(bool(names))
        self._tick()

    def _tick(self) -> None:
        with QSignalBlocker(self.list):
            for item in self._items():
                ticked = self._chosen is not None and (not self._chosen or item.text() in self._chosen)
                item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    def _on_ticked(self) -> None:
        items = self._items()
        ticked = tuple(item.text() for item in items if item.checkState() == Qt.CheckState.Checked)
        self._chosen = None if not ticked else () if len(ticked) == len(items) else ticked
        self.changed.emit()

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]
