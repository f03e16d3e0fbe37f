"""Which of the folds are trained: a list to tick, as wide as there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem

from .fields import Field

ROWS = 2
"""So many lines of names are seen at once; the rest scrolls."""


class _Names(QListWidget):
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
        return QSize(200, ROWS * (self.fontMetrics().height() + 8) + 8)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())


class FoldsField(Field):
    """Names of folds; all of them is the default. Names that are not known yet are kept until they are.

    refuse_none: raises what is said when none is ticked.
    """

    tall = True

    def __init__(self, name: str, label: str, help: str, refuse_none: Callable[[], object]) -> None:
        self.list = _Names()
        self._refuse_none = refuse_none
        self._none = False
        self._wanted: tuple[str, ...] = ()
        self._shown: tuple[str, ...] = ()
        super().__init__(name, label, self.list, help)
        self.list.setEnabled(False)
        self.list.itemChanged.connect(lambda _: self._on_ticked())

    @property
    def value(self) -> tuple[str, ...]:
        """Raises: ConfigError."""
        if self._none:
            self._refuse_none()
        return self._wanted

    @property
    def is_default(self) -> bool:
        return not self._wanted and not self._none

    @property
    def default_in_words(self) -> str:
        return "all"

    def show_value(self, value: Sequence[str] | None) -> None:
        if self._none or self._wanted != tuple(value or ()):
            self._wanted, self._none = tuple(value or ()), False
            self._tick()
            self.changed.emit()

    def show_names(self, names: Sequence[str]) -> None:
        """The folds there are, none while that is not known; what is wanted stays."""
        if self._shown == tuple(names):
            return
        self._shown = tuple(names)
        self.list.blockSignals(True)
        self.list.clear()
        for name in names:
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.list.setEnabled(bool(names))
        self._tick()

    def _tick(self) -> None:
        self.list.blockSignals(True)
        for item in self._items():
            wanted = not self._none and (not self._wanted or item.text() in self._wanted)
            item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
        self.list.blockSignals(False)

    def _on_ticked(self) -> None:
        ticked = [item.text() for item in self._items() if item.checkState() == Qt.CheckState.Checked]
        self._none = not ticked
        self._wanted = () if len(ticked) == len(self._shown) else tuple(ticked)
        self.changed.emit()

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]
