"""The list of recordings: texts, filtering, selection, and the session's current recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mlee_core.events import Progress
from mlee_core.figures.palette import CLASS_COLORS, NO_CLASS_COLOR
from mlee_gui.recordings.recordings_panel import RESULT, SPEAKER, RecordingsPanel, length_text, result_text
from mlee_gui.recordings.session import Entry, Session
from mlee_gui.shell.messages import Messages
from tests.helpers.fakes import MODEL, analysis, segment


@pytest.fixture
def session(qtbot: QtBot) -> Iterator[Session]:
    made = Session(Messages(), lambda name: MODEL)
    yield made
    made.close()


@pytest.fixture
def panel(qtbot: QtBot, session: Session) -> RecordingsPanel:
    made = RecordingsPanel(session, [QAction("Remove", session)])
    qtbot.addWidget(made)
    made.show()
    return made


def fill(session: Session, *names: str, speaker: str | None = None) -> list[Entry]:
    entries = [Entry(k, f"/x/{name}", name, speaker) for k, name in enumerate(names)]
    session.insert(list(enumerate(entries)), 0)
    return entries


def cell(panel: RecordingsPanel, row: int, column: int, role: int = Qt.ItemDataRole.DisplayRole) -> object:
    model = panel.table.model()
    return model.data(model.index(row, column), role)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (2.34, "2.3 s"), (59.94, "59.9 s"), (245, "4:05"), (3612, "1:00:12"), (3599.6, "1:00:00")],
)
def test_length_in_words(seconds: float | None, text: str) -> None:
    assert length_text(seconds) == text


def test_the_result_text_of_an_entry() -> None:
    entry = Entry(1, "/a.wav", "a.wav")
    assert result_text(entry) == "queued"
    assert result_text(replace(entry, state="analysing")) == "analysing…"
    assert result_text(replace(entry, state="analysing", progress=Progress("s", 30, 120))) == "analysing 25%"
    assert result_text(replace(entry, state="failed")) == "failed"
    assert result_text(replace(entry, state="done", analysis=analysis("/a.wav"))) == "sad 0.70"
    none, silent = replace(segment(), existence=(0.1,) * 4), replace(segment(), predicted=None)
    for one, text in ((none, "none of the four"), (silent, "no speech")):
        assert result_text(replace(entry, state="done", analysis=analysis("/a.wav", 2.0, (one,)))) == text
    many = analysis("/a.wav", 60.0, (segment(0, 20), segment(30, 50)))
    assert result_text(replace(entry, state="done", analysis=many)) == "2 segments"


def test_swatch_has_the_colour_of_the_class(panel: RecordingsPanel, session: Session) -> None:
    fill(session, "a.wav")
    assert cell(panel, 0, RESULT, Qt.ItemDataRole.DecorationRole) is None
    session.update(0, state="done", analysis=analysis("/x/a.wav"))
    icon = cell(panel, 0, RESULT, Qt.ItemDataRole.DecorationRole)
    color = icon.pixmap(12, 12).toImage().pixelColor(6, 6).name()  # type: ignore[attr-defined]
    assert color == CLASS_COLORS["sad"]
    for changes in ({"existence": (0.1,) * 4}, {"predicted": None}):
        session.update(0, analysis=analysis("/x/a.wav", 2.0, (replace(segment(), **changes),)))  # type: ignore[arg-type]
        icon = cell(panel, 0, RESULT, Qt.ItemDataRole.DecorationRole)
        image = icon.pixmap(12, 12).toImage()  # type: ignore[attr-defined]
        assert image.pixelColor(1, 6).name() == NO_CLASS_COLOR and image.pixelColor(6, 6).alpha() == 0


def test_row_under_the_keyboard_is_current(qtbot: QtBot, panel: RecordingsPanel, session: Session) -> None:
    fill(session, "a.wav", "b.wav", "c.wav")
    qtbot.keyClick(panel.table, Qt.Key.Key_Down)
    current = session.current()
    assert current is not None and current.name == "b.wav"
    session.set_current(2)
    assert panel.table.currentIndex().row() == 2 and panel.selected() == [2]


def test_marked_rows_are_several(qtbot: QtBot, panel: RecordingsPanel, session: Session) -> None:
    fill(session, "a.wav", "b.wav", "c.wav")
    panel.table.selectAll()
    assert panel.selected() == [0, 1, 2]
    session.remove(panel.selected())
    assert panel.selected() == [] and panel.table.model().rowCount() == 0


def test_filter_looks_into_every_column(panel: RecordingsPanel, session: Session) -> None:
    fill(session, "first.wav", "second.wav")
    session.update(1, state="done", analysis=analysis("/x/second.wav"))
    for text, rows in (("FIRST", 1), ("sad", 1), ("wav", 2), ("nothing", 0), ("", 2)):
        panel.filter.setText(text)
        assert panel.table.model().rowCount() == rows, text


def test_filter_leaves_the_current_recording(panel: RecordingsPanel, session: Session) -> None:
    fill(session, "first.wav", "second.wav")
    panel.filter.setText("second")
    current = session.current()
    assert current is not None and current.name == "first.wav"
    panel.filter.setText("")
    assert panel.selected() == [0]


def test_speakers_are_shown_where_they_are_known(panel: RecordingsPanel, session: Session) -> None:
    fill(session, "a.wav")
    assert panel.table.isColumnHidden(SPEAKER)
    session.clear()
    fill(session, "03a.wav", speaker="03")
    assert not panel.table.isColumnHidden(SPEAKER) and cell(panel, 0, SPEAKER) == "03"
    panel.resize(panel.minimumSizeHint())
    QApplication.sendPostedEvents()
    assert panel.table.isColumnHidden(SPEAKER)  # names need the room more


def test_changed_entry_changes_its_row_alone(qtbot: QtBot, panel: RecordingsPanel, session: Session) -> None:
    fill(session, "a.wav", "b.wav")
    with qtbot.waitSignal(panel.table.model().dataChanged) as caught:
        session.update(1, state="failed", message="b.wav is empty.")
    assert caught.args is not None and caught.args[0].row() == caught.args[1].row() == 1
    assert "b.wav is empty." in str(cell(panel, 1, 0, Qt.ItemDataRole.ToolTipRole))
