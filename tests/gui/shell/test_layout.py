"""What the window shows when: room in narrow windows, and the list of segments for long recordings only."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mlee_gui.app import Application
from mlee_gui.shell.status_bar import Activity
from tests.helpers.fake_sound import FakeBackend
from tests.helpers.fakes import FakeWorker, segment
from tests.helpers.windows import Make, opened


def add_long(qtbot: QtBot, app: Application, name: str = "long.wav") -> None:
    """Add a recording of 70 s with three verdicts, and wait until it is shown."""
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    worker.duration_s = 70.0
    app.session.add_paths([f"/x/{name}"])
    qtbot.waitUntil(lambda: opened(app) and app.session.current().name == name)  # type: ignore[union-attr]
    entry = app.session.current()
    assert entry is not None
    verdicts = (segment(0.0, 20.0), segment(20.0, 40.0, "ang"), segment(50.0, 70.0, "hap"))
    app.session.update(entry.id, segments=verdicts)


def test_segments_are_listed_for_long_recordings_only(qtbot: QtBot, make: Make) -> None:
    app = make("/x/short.wav")
    qtbot.waitUntil(lambda: opened(app))
    dock = app.window.docks["segments_dock"]
    assert not dock.isVisible()
    add_long(qtbot, app)
    assert dock.isVisible() and app.segments.model.rowCount() == 3
    app.session.step(-1)
    assert not dock.isVisible()


def test_segments_that_were_put_away_stay_away(qtbot: QtBot, make: Make) -> None:
    app = make("/x/short.wav")
    qtbot.waitUntil(lambda: opened(app))
    add_long(qtbot, app)
    app.window.docks["segments_dock"].close()
    app.window.close()
    second = make()
    dock = second.window.docks["segments_dock"]
    add_long(qtbot, second, "other.wav")
    assert not dock.isVisible()
    dock.toggleViewAction().trigger()
    assert dock.isVisible() and second.settings.show_segments


def test_row_of_the_segment_at_the_cursor_is_marked(qtbot: QtBot, make: Make) -> None:
    app = make("/x/short.wav")
    qtbot.waitUntil(lambda: opened(app))
    add_long(qtbot, app)
    marked = app.segments.table.selectionModel()
    app.session.set_cursor(25.0)
    assert [i.row() for i in marked.selectedRows()] == [1]
    app.session.set_cursor(45.0)  # no segment is there
    assert marked.selectedRows() == []
    app.segments.table.clicked.emit(app.segments.proxy.index(2, 0))
    assert app.session.cursor_s == 50.0 and [i.row() for i in marked.selectedRows()] == [2]


def test_a_long_status_does_not_widen_the_window(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    window, status = app.window, app.window.status
    window.resize(900, 600)
    status.show_activity(Activity(f"analysing {'a long name ' * 12}", 0.5, 60.0))
    status.show_status("values under the cursor " * 6)
    QApplication.sendPostedEvents()
    assert window.minimumSizeHint().width() <= 900 and window.size() == QSize(900, 600)
    status.show_activity(None)
    status.show_status("12.3 s · 1.20 kHz · -30.5 dB · attention: hard 1.2 %, soft 3.4 %, MLEE 5.6 %")
    QApplication.sendPostedEvents()
    QApplication.processEvents()
    needed = status.fontMetrics().horizontalAdvance(status.text.text())
    assert status.text.width() >= needed  # the model's line gave way
    status.show_status("")
    QApplication.processEvents()
    assert status.model.width() >= status.model.sizeHint().width()


def test_toolbar_fits_a_narrow_window(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    assert app.window.toolbar.sizeHint().width() <= 900


def test_rescan_finds_a_loudspeaker_too(qtbot: QtBot, make: Make) -> None:
    backend = FakeBackend(devices=0)
    app = make("/x/a.wav", sound=backend)
    assert "Rescan" in app.player.unavailable and not app.window.actions_by_name["play"].isEnabled()
    backend.devices = 1
    app.record.rescan.click()
    qtbot.waitUntil(lambda: not app.player.unavailable)
    assert app.window.actions_by_name["play"].isEnabled()


def test_tab_reaches_the_colours_of_the_spectrogram(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    seen = set()
    app.timeline.plots.setFocus()
    for _ in range(40):
        seen.add(QApplication.focusWidget())
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    controls = app.timeline.controls
    assert {controls.colormap, controls.low, controls.high, *controls.switches.values()} <= seen
    assert {app.recordings.table, app.record.device, app.window.models} <= seen


def test_silence_at_the_cursor_differs_from_no_result(qtbot: QtBot, make: Make) -> None:
    app = make("/x/short.wav")
    qtbot.waitUntil(lambda: opened(app))
    add_long(qtbot, app)
    entry = app.session.current()
    assert entry is not None
    app.session.update(entry.id, analysis=None)  # as while the rest is analysed
    app.session.set_cursor(45.0)
    assert app.emotions.predicted.text() == "No result at the cursor yet"
    app.session.update(entry.id, segments=())
    assert app.emotions.predicted.text() == "No result yet"
