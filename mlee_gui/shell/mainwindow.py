"""The main window: places panels around the plots and remembers where they were. No logic."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QMenuBar,
    QStackedWidget,
    QTabBar,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from .actions import TOOLBAR, TOOLBAR_END, Actions, Page
from .icons import icon
from .messages import MessageBar, Messages
from .status_bar import StatusBar

LAYOUT_VERSION = 2
"""Raised when docks change so much that a stored layout would not fit."""

SIZE = QSize(1400, 900)
LEFT, RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
BELOW = Qt.DockWidgetArea.BottomDockWidgetArea
PAGES: tuple[Page, ...] = ("analysis", "training")
BARE = ("zoom_in", "zoom_out", "play_selection", "loop", "keys")
"""Commands whose icon says enough on the toolbar, so that the rest fits a narrow window."""


@dataclass(frozen=True)
class Place:
    """A panel that is a dock. name: of its stored place. stretch: share of its column's height."""

    name: str
    title: str
    area: Qt.DockWidgetArea
    stretch: int


class Dock(QDockWidget):
    """wanted: the user put it away (False) or asked for it (True)."""

    wanted = Signal(bool)

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(title, parent)
        self.toggleViewAction().triggered.connect(lambda on: self.wanted.emit(True) if on else None)
        self.topLevelChanged.connect(lambda _: self.draw_buttons())
        self.draw_buttons()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.wanted.emit(False)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self.draw_buttons()

    def draw_buttons(self) -> None:
        """Qt's own icons are dark, in dark windows too."""
        for name, what in (("closebutton", "close"), ("floatbutton", "float")):
            button = self.findChild(QAbstractButton, f"qt_dockwidget_{name}")
            if button is not None:
                button.setIcon(icon(what, self.palette()))


class MainWindow(QMainWindow):
    """dropped: paths of files and folders. closing: the window is about to go. page: which one is shown; the
    docks belong to "analysis"."""

    dropped = Signal(list)
    closing = Signal()
    page_changed = Signal(str)

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self.setWindowTitle("MLEE")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        for corner, area in (
            (Qt.Corner.BottomLeftCorner, LEFT),
            (Qt.Corner.BottomRightCorner, RIGHT),
        ):
            self.setCorner(corner, area)  # what is below is below the plots alone
        self.resize(SIZE)
        self.actions_by_name = Actions(self)
        self.message_bar = MessageBar(messages)
        self.status = StatusBar()
        self.models = QComboBox()
        self.docks: dict[str, Dock] = {}
        self.page: Page = "analysis"
        self._column = QVBoxLayout()
        self._places: list[Place] = []
        self._docked = QByteArray()  # how the docks come back with the analysis page
        self._wanted: dict[str, bool] = {}  # and which of them were switched meanwhile
        self.setStatusBar(self.status)
        self._menus = QMenuBar()
        self.actions_by_name.add_to(self._menus)
        self._make_top()
        self._make_toolbar()
        middle = QWidget()
        middle.setLayout(self._column)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._pages = QStackedWidget()
        self._pages.addWidget(middle)
        self._coming = QLabel("One moment…", alignment=Qt.AlignmentFlag.AlignCenter)
        self._pages.addWidget(self._coming)
        self.setCentralWidget(self._pages)
        self._show_commands()

    def menu(self, name: str) -> QMenu:
        """A menu of the bar by its name, such as "file"."""
        found = self._menus.findChild(QMenu, name)
        assert isinstance(found, QMenu), f"no menu {name}"
        return found

    def set_plots(self, plots: QWidget) -> None:
        """What everything else is placed around."""
        self._column.addWidget(plots, 1)

    def set_training(self, page: QWidget) -> None:
        """What fills the window on the page "training", in place of the word that stands there meanwhile."""
        self._pages.removeWidget(self._coming)
        self._coming.deleteLater()
        self._pages.addWidget(page)
        self._pages.setCurrentIndex(PAGES.index(self.page))

    def show_page(self, page: Page) -> None:
        """Fill the window with this page; its commands alone can be given then."""
        self.tabs.setCurrentIndex(PAGES.index(page))
        if page == self.page:
            return
        self.page = page
        if page == "analysis":
            self._pages.setCurrentIndex(PAGES.index(page))
            self.toolbar.show()
            self.restoreState(self._docked, LAYOUT_VERSION)  # or they would come back in other widths
            for name, on in self._wanted.items():
                self.docks[name].setVisible(on)
            for dock in self.docks.values():
                dock.draw_buttons()  # Qt has set its own again
        else:
            self._docked, self._wanted = self.saveState(LAYOUT_VERSION), {}
            for dock in self.docks.values():
                dock.hide()
            self.toolbar.hide()
            self._pages.setCurrentIndex(PAGES.index(page))
        self._show_commands()
        self.page_changed.emit(page)

    def set_training_title(self, share: str) -> None:
        """How far it is, in the page's tab: "34 %", "" while nothing is trained."""
        self.tabs.setTabText(PAGES.index("training"), f"Training {share}".rstrip())

    def set_dock_visible(self, name: str, on: bool) -> None:
        """At once, or as soon as the page of the docks is shown."""
        dock = self.docks[name]
        if self.page == "analysis":
            dock.setVisible(on)
        else:
            self._wanted[name] = on

    def add_dock(self, place: Place, panel: QWidget) -> Dock:
        """Add a panel; the View menu gets its switch."""
        dock = Dock(place.title, self)
        dock.setObjectName(place.name)
        dock.setWidget(panel)
        self.addDockWidget(place.area, dock)
        self.docks[place.name] = dock
        self._places.append(place)
        view = self.menu("view")
        if len(self.docks) == 1:
            view.addSeparator()
        toggle: QAction = dock.toggleViewAction()
        view.addAction(toggle)
        return dock

    def arrange(self, left: int, right: int) -> None:
        """Give the docks their first sizes: column widths in pixels, heights by their shares."""
        for area, width in ((LEFT, left), (RIGHT, right)):
            docks = [self.docks[p.name] for p in self._places if p.area == area]
            shares = [p.stretch for p in self._places if p.area == area]
            self.resizeDocks(docks, [width] * len(docks), Qt.Orientation.Horizontal)
            self.resizeDocks(docks, [s * 100 for s in shares], Qt.Orientation.Vertical)

    def layout_state(self) -> tuple[QByteArray, QByteArray]:
        """Of the analysis page, which is shown for it."""
        self.show_page("analysis")
        return self.saveGeometry(), self.saveState(LAYOUT_VERSION)

    def restore_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        """Take back what `layout_state` gave; one that does not fit is ignored."""
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        if not state.isEmpty():
            self.restoreState(state, LAYOUT_VERSION)
            for dock in self.docks.values():
                dock.draw_buttons()  # Qt has set its own again

    def _show_commands(self) -> None:
        """Those of the page; a menu without any is not there."""
        self.actions_by_name.set_page(self.page)
        for menu in self._menus.findChildren(QMenu):
            menu.menuAction().setVisible(any(action.isVisible() for action in menu.actions()))

    def _make_top(self) -> None:
        """The menus, and under them the messages: as wide as the window, so that a sentence fits."""
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setAccessibleName("Page")
        for page in PAGES:
            self.tabs.addTab(page.capitalize())
            key = self.actions_by_name[f"show_{page}"].shortcut().toString()
            self.tabs.setTabToolTip(
                PAGES.index(page), f"{self.actions_by_name[f'show_{page}'].statusTip()} ({key})"
            )
        self.tabs.currentChanged.connect(lambda index: self.show_page(PAGES[index]))
        row = QHBoxLayout()
        row.addWidget(self._menus, 1)
        row.addWidget(self.tabs)
        column.addLayout(row)
        column.addWidget(self.message_bar)
        self.setMenuWidget(top)

    def _make_toolbar(self) -> None:
        bar = QToolBar("Toolbar")
        bar.setObjectName("toolbar")
        bar.setIconSize(QSize(20, 20))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.actions_by_name.fill(bar, TOOLBAR)
        self.models.setAccessibleName("Model")
        self.models.setToolTip("The model that listens; another one analyses everything again")
        self.models.setMinimumContentsLength(8)
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        label = QLabel("Model ")
        label.setBuddy(self.models)
        bar.addSeparator()
        bar.addWidget(label)
        bar.addWidget(self.models)
        bar.addSeparator()
        self.actions_by_name.fill(bar, TOOLBAR_END)
        for action in bar.actions():
            button = bar.widgetForAction(action)
            if action.objectName() in BARE:
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)  # type: ignore[attr-defined]
        self.addToolBar(bar)
        self.toolbar = bar

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "toolbar"):
            self.actions_by_name.draw_icons()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closing.emit()
        super().closeEvent(event)
