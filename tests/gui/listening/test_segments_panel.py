"""The list of segments: what its cells say, how it sorts, and where activating a row leads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from mlee_core.inference.results import Attention, Segment
from mlee_gui.listening.segments_panel import COLUMNS, SegmentsPanel

FIRST = Segment(
    start_s=2.0,
    end_s=9.94,
    classes=("neu", "hap", "sad", "ang"),
    dominant={"hard": None, "soft": None, "fusion": (0.2, 0.09, 0.61, 0.1)},
    existence=(0.71, 0.12, 0.88, 0.4),
    predicted="sad",
    rule="fusion",
    attention=Attention(()),
    notes=("Much noise.",),
)
LATER = replace(
    FIRST,
    start_s=75.0,
    end_s=90.0,
    dominant={"fusion": (0.0, 0.9, 0.1, 0.0)},
    predicted="hap",
    existence=(0.1, 0.8, 0.2, 0.1),
    notes=(),
)
LAST = replace(
    FIRST, start_s=3700.0, end_s=3705.0, dominant={"fusion": (0.1, 0.1, 0.3, 0.5)}, predicted="ang"
)


@pytest.fixture
def panel(qtbot: QtBot) -> SegmentsPanel:
    made = SegmentsPanel()
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def rows(panel: SegmentsPanel) -> list[list[str]]:
    proxy = panel.proxy
    return [[proxy.index(r, c).data() for c in range(proxy.columnCount())] for r in range(proxy.rowCount())]


def test_what_the_cells_say(panel: SegmentsPanel) -> None:
    panel.show_segments([FIRST, LATER])
    assert rows(panel) == [
        ["2.0", "9.9", "sad", "0.61", "neutral, sad", "Much noise."],
        ["1:15.0", "1:30.0", "happy", "0.90", "happy", ""],
    ]
    headers = [panel.proxy.headerData(c, Qt.Orientation.Horizontal) for c in range(len(COLUMNS))]
    assert headers == list(COLUMNS)
    assert "fusion: sad 0.61" in panel.proxy.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_sorting_is_by_value_and_activation_by_time(panel: SegmentsPanel, qtbot: QtBot) -> None:
    panel.show_segments([FIRST, LATER, LAST])
    assert [r[0] for r in rows(panel)] == ["2.0", "1:15.0", "1:01:40.0"]  # unsorted, in order of time
    panel.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert [r[0] for r in rows(panel)] == ["2.0", "1:15.0", "1:01:40.0"]  # as text "1:01…" would come first
    panel.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert [r[3] for r in rows(panel)] == ["0.90", "0.61", "0.50"]
    panel.table.setCurrentIndex(panel.proxy.index(2, 0))
    with qtbot.waitSignal(panel.segment_activated) as signal:
        qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert signal.args == [2]
    panel.table.setCurrentIndex(panel.proxy.index(0, 0))
    with qtbot.waitSignal(panel.segment_activated) as signal:
        qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert signal.args == [1]


def test_segments_that_arrive_keep_the_selection(panel: SegmentsPanel) -> None:
    QAbstractItemModelTester(panel.model, QAbstractItemModelTester.FailureReportingMode.Fatal, panel)
    panel.show_segments([FIRST])
    panel.table.selectRow(0)
    panel.show_segments([FIRST, LATER])
    panel.show_segments([FIRST, LATER, LAST])
    assert panel.proxy.rowCount() == 3
    assert [i.row() for i in panel.table.selectionModel().selectedRows()] == [0]
    panel.show_segments([LATER])
    assert [r[2] for r in rows(panel)] == ["happy"]
    panel.show_segments([])
    assert panel.proxy.rowCount() == 0
