"""The main window: places panels around the plots, and saves and restores their layout."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDockWidget,
    QLabel,
    QMainWindow,
    QMenu,
    QMenuBar,
    QStackedWidget,
    QTabBar,
    QToolBar,
    QWidget,
)

from .actions import TOOLBAR, TOOLBAR_END, Actions, Page
from .icons import icon
from .messages import MessageBar, Messages
from .status_bar import StatusBar
from .widgets import column, row

LAYOUT_VERSION = 2
"""Increased when docks change so much that a stored layout does not fit."""

SIZE = QSize(1400, 900)
LEFT, RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
BELOW = Qt.DockWidgetArea.BottomDockWidgetArea
PAGES: tuple[Page, ...] = ("analysis", "training")
ICON_ONLY = ("zoom_in", "zoom_out", "play_selection", "loop", "keys")
"""Commands without text on the toolbar, so that the others fit a narrow window."""


@dataclass(frozen=True)
class Place:
    """Place of a panel in a dock. name: in the stored layout. stretch: share of its column's height."""

    name: str
    title: str
    area: Qt.DockWidgetArea
    stretch: int


class Dock(QDockWidget):
    """toggled_by_user: the user closed it (False) or opened it (True)."""

    toggled_by_user = Signal(bool)

    def __init__(self, place: Place, parent: QWidget) -> None:
        super().__init__(place.title, parent)
        self.place = place
        self.setObjectName(place.name)
        self.toggleViewAction().triggered.connect(lambda on: self.toggled_by_user.emit(True) if on else None)
        self.topLevelChanged.connect(lambda _: self.draw_buttons())
        self.draw_buttons()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.toggled_by_user.emit(False)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self.draw_buttons()

    def draw_buttons(self) -> None:
        """Set icons for light and dark, since Qt's own are dark in dark windows too."""
        for name, what in (("closebutton", "close"), ("floatbutton", "float")):
            button = self.findChild(QAbstractButton, f"qt_dockwidget_{name}")
            if button is not None:
                button.setIcon(icon(what, self.palette()))


class MainWindow(QMainWindow):
    """dropped: paths of files and folders. closing: the window is about to close. page: the shown one; the
    docks belong to "analysis"."""

    dropped = Signal(list)
    closing = Signal()
    page_changed = Signal(str)

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self.setWindowTitle("MLEE")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.setCorner(Qt.Corner.BottomLeftCorner, LEFT)  # the bottom area is below the plots only
        self.setCorner(Qt.Corner.BottomRightCorner, RIGHT)
        self.resize(SIZE)
        self.actions_by_name = Actions(self)
        self.message_bar = MessageBar(messages)
        self.status = StatusBar()
        adjust = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.models = QComboBox(minimumContentsLength=8, sizeAdjustPolicy=adjust)
        self.docks: dict[str, Dock] = {}
        self.page: Page = "analysis"
        self._dock_state = QByteArray()  # while another page is shown
        self._dock_visibility: dict[str, bool] = {}  # changed while another page is shown
        self.setStatusBar(self.status)
        self._menus = QMenuBar()
        self.actions_by_name.add_to(self._menus)
        self._make_top()
        self._make_toolbar()
        middle = QWidget()
        self._column = column(middle, margin=0)
        self._pages = QStackedWidget()
        self._pages.addWidget(middle)
        self._loading = QLabel("Loading…", alignment=Qt.AlignmentFlag.AlignCenter)
        self._pages.addWidget(self._loading)
        self.setCentralWidget(self._pages)
        self._show_commands()

    def menu(self, name: str) -> QMenu:
        """A menu of the bar by its name, such as "file"."""
        found = self._menus.findChild(QMenu, name)
        assert isinstance(found, QMenu), f"no menu {name}"
        return found

    def set_plots(self, plots: QWidget) -> None:
        """Set the central widget of the analysis page."""
        self._column.addWidget(plots, 1)

    def set_training_page(self, page: QWidget) -> None:
        """Show this widget on the page "training", in place of "Loading…"."""
        self._pages.removeWidget(self._loading)
        self._loading.deleteLater()
        self._pages.addWidget(page)
        self._pages.setCurrentIndex(PAGES.index(self.page))

    def show_page(self, page: Page) -> None:
        """Show a page; only its commands are available then."""
        self.tabs.setCurrentIndex(PAGES.index(page))
        if page == self.page:
            return
        self.page = page
        if page == "analysis":
            self._pages.setCurrentIndex(PAGES.index(page))
            self.toolbar.show()
            self._restore_docks(self._dock_state)  # with the widths that they had
            for name, on in self._dock_visibility.items():
                self.docks[name].setVisible(on)
        else:
            self._dock_state, self._dock_visibility = self.saveState(LAYOUT_VERSION), {}
            for dock in self.docks.values():
                dock.hide()
            self.toolbar.hide()
            self._pages.setCurrentIndex(PAGES.index(page))
        self._show_commands()
        self.page_changed.emit(page)

    def set_training_title(self, share: str) -> None:
        """Show the training's progress in the page's tab: "34 %", "" while nothing is trained."""
        self.tabs.setTabText(PAGES.index("training"), f"Training {share}".rstrip())

    def set_dock_visible(self, name: str, on: bool) -> None:
        """Show or hide a dock, now or as soon as its page is shown."""
        dock = self.docks[name]
        if self.page == "analysis":
            dock.setVisible(on)
        else:
            self._dock_visibility[name] = on

    def add_dock(self, place: Place, panel: QWidget) -> Dock:
        """Add a panel in a dock, and to the View menu."""
        dock = Dock(place, self)
        dock.setWidget(panel)
        self.addDockWidget(place.area, dock)
        self.docks[place.name] = dock
        view = self.menu("view")
        if len(self.docks) == 1:
            view.addSeparator()
        view.addAction(dock.toggleViewAction())
        return dock

    def arrange(self, left: int, right: int) -> None:
        """Set the initial sizes of the docks: column widths in pixels, heights by their shares."""
        for area, width in ((LEFT, left), (RIGHT, right)):
            docks = [dock for dock in self.docks.values() if dock.place.area == area]
            self.resizeDocks(docks, [width] * len(docks), Qt.Orientation.Horizontal)
            self.resizeDocks(docks, [100 * dock.place.stretch for dock in docks], Qt.Orientation.Vertical)

    def layout_state(self) -> tuple[QByteArray, QByteArray]:
        """Geometry and docks of the analysis page, which is shown."""
        self.show_page("analysis")
        return self.saveGeometry(), self.saveState(LAYOUT_VERSION)

    def restore_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        """Restore a result of `layout_state`; one that does not fit is ignored."""
        self.restoreGeometry(geometry)
        self._restore_docks(state)

    def _restore_docks(self, state: QByteArray) -> None:
        self.restoreState(state, LAYOUT_VERSION)
        for dock in self.docks.values():
            dock.draw_buttons()  # Qt has reset the icons

    def _show_commands(self) -> None:
        """Show the commands of the page, and the menus that have any."""
        self.actions_by_name.set_page(self.page)
        for menu in self._menus.findChildren(QMenu):
            menu.menuAction().setVisible(any(action.isVisible() for action in menu.actions()))

    def _make_top(self) -> None:
        """Menus, and below them the messages across the whole window."""
        self.tabs = QTabBar(drawBase=False)
        self.tabs.setAccessibleName("Page")
        for page in PAGES:
            self.tabs.addTab(page.capitalize())
            self.tabs.setTabToolTip(PAGES.index(page), self.actions_by_name[f"show_{page}"].toolTip())
        self.tabs.currentChanged.connect(lambda index: self.show_page(PAGES[index]))
        top = QWidget()
        column(top, row(self._menus, self.tabs, stretch=self._menus), self.message_bar, margin=0).setSpacing(
            0
        )
        self.setMenuWidget(top)

    def _make_toolbar(self) -> None:
        style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        bar = QToolBar("Toolbar", iconSize=QSize(20, 20), toolButtonStyle=style)
        bar.setObjectName("toolbar")
        self.actions_by_name.fill(bar, TOOLBAR)
        self.models.setAccessibleName("Model")
        self.models.setToolTip("Model used for analysis; choosing another one analyses all recordings again")
        label = QLabel("Model ")
        label.setBuddy(self.models)
        bar.addSeparator()
        bar.addWidget(label)
        bar.addWidget(self.models)
        bar.addSeparator()
        self.actions_by_name.fill(bar, TOOLBAR_END)
        for name in ICON_ONLY:
            button = bar.widgetForAction(self.actions_by_name[name])
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
