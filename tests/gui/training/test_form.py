"""The form for an experiment: fields become an ExperimentSpec, and what is known about it is shown."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.events import Progress
from mlee_core.system.hardware import Hardware
from mlee_core.system.service import ServiceProcess
from mlee_gui.training.fields import ChoiceField
from mlee_gui.training.form import TrainingForm
from mlee_gui.training.planning_client import start_planning
from mlee_gui.training.text_fields import PathField
from mlee_gui.training.tick_fields import FoldsField
from tests.helpers.forms import (
    GPU,
    FakePlanning,
    command,
    facts,
    form,
    processes,
    queued,
    ready,
    show_spec,
    table,
    typed,
)

__all__ = ["facts", "form", "processes", "table"]  # fixtures


# ---- from the form to the spec ----------------------------------------------------------------------------


def test_only_a_corpus(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning], private_home: Path
) -> None:
    assert form.why_not == "Choose a corpus first." and not form.view.queue.isEnabled()
    assert form.view.queue.toolTip() == form.why_not
    typed(qtbot, form, "corpus", str(table))
    ready(qtbot, form)
    assert form.view.command.toPlainText().startswith(f"mlee table3 {table} --run ")
    spec = queued(qtbot, form)
    assert spec.run is not None and spec.run.parent == private_home / "mlee-runs"
    assert spec.run.name.startswith(f"{table.parent.name}-table3-") and not spec.run.exists()
    assert spec == ExperimentSpec(table, run=spec.run)
    assert processes[0].questions[-1].spec == spec and not processes[0].questions[-1].measure
    ready(qtbot, form)
    assert queued_twice(qtbot, form) != spec.run


def queued_twice(qtbot: QtBot, form: TrainingForm) -> Path | None:
    caught: list[ExperimentSpec] = []
    form.queued.connect(caught.append)
    form.view.queue.click()
    return caught[0].run


def test_everything_changed_is_in_the_spec(
    qtbot: QtBot, form: TrainingForm, table: Path, tmp_path: Path
) -> None:
    given = ExperimentSpec(
        table,
        format="table",
        map=(("other", "sad"), ("very sad", "sad")),
        label_map=tmp_path / "labels.csv",
        skip_missing=True,
        allow_duplicates=True,
        exists_from="20%",
        scripted=True,
        self_reports=True,
        run=tmp_path / "run",
        rows=("mlee", "fusion-soft"),
        train_sets=("all",),
        folds="loso",
        only=("s1", "s2"),
        seeds=2,
        recipe="best",
        settings=("warp=0", "draw=every"),
        max_epochs=7,
        patience=3,
        level="none",
        batch_size=12,
        seed=4,
        device="cuda",
        dtype="fp32",
        threads=2,
        jobs=3,
        engine="ray",
        address="head:6379",
        resume=True,
    )
    show_spec(form, given)
    ready(qtbot, form)
    assert form.view.command.toPlainText() == given.command()
    assert queued(qtbot, form) == given


def test_defaults_are_left_out_and_come_back(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    form.fields["corpus"].show_value(str(table))
    ready(qtbot, form)
    seeds, rows = form.fields["seeds"], form.fields["rows"]
    assert not seeds.reset.isEnabled() and not form.view.defaults.isEnabled()
    seeds.show_value(3)
    rows.show_value(("mlee",))
    assert seeds.reset.isEnabled() and seeds.reset.toolTip() == "Reset to default: 1"
    qtbot.mouseClick(seeds.reset, Qt.MouseButton.LeftButton)
    assert seeds.value is None and not seeds.reset.isEnabled() and "--seeds" not in command(form)
    assert "--rows mlee" in command(form)
    qtbot.mouseClick(form.view.defaults, Qt.MouseButton.LeftButton)
    assert command(form) == f"mlee table3 {table} --run {form.field('run', PathField).line.placeholderText()}"


def test_numbers_follow_the_recipe_until_they_are_changed(form: TrainingForm, table: Path) -> None:
    text = form.view.recipe.text
    assert "level&nbsp;none" in text() and "Bold" not in text()
    form.fields["recipe"].show_value("best")
    assert "<b>cycle&nbsp;28</b>" in text() and "<b>level&nbsp;peak</b>" in text()
    form.fields["batch_size"].show_value(4)
    assert "<b>batch_size&nbsp;4</b>" in text()
    form.fields["recipe"].to_default()
    assert form.fields["batch_size"].value == 4


def test_a_smoke_run_has_a_folder_of_its_own(
    qtbot: QtBot, form: TrainingForm, table: Path, tmp_path: Path
) -> None:
    show_spec(form, ExperimentSpec(table, run=tmp_path / "run", resume=True))
    ready(qtbot, form)
    spec = queued(qtbot, form, "smoke")
    assert spec.smoke and not spec.resume and spec.run is not None
    assert spec.run.parent == tmp_path and spec.run.name.startswith("run-smoke-")
    assert form.fields["run"].value == tmp_path / "run"  # still what is to be queued


def test_folds_are_ticked_by_keyboard(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    form.fields["corpus"].show_value(str(table))
    ready(qtbot, form)
    names = form.field("only", FoldsField).list
    names.setFocus()
    names.setCurrentRow(0)
    qtbot.keyClick(names, Qt.Key.Key_Space)
    assert form.fields["only"].value == ("s1", "s2") and "--only s1 s2" in command(form)
    for row in (1, 2):
        names.setCurrentRow(row)
        qtbot.keyClick(names, Qt.Key.Key_Space)
    assert form.fields["only"].fault.sentence == "no folds: an experiment needs at least one."
    qtbot.mouseClick(form.fields["only"].reset, Qt.MouseButton.LeftButton)
    assert form.fields["only"].value == () and not form.fields["only"].fault.sentence


# ---- what is shown ----------------------------------------------------------------------------------------


def test_the_corpus_is_shown_in_tables(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    assert not form.view.table.isVisibleTo(form)
    form.fields["corpus"].show_value(str(table))
    ready(qtbot, form)
    assert "read as table: 15 utterances, 3 speakers" in form.view.head.text()
    assert "Dominant class" in form.view.table.text() and "existence" in form.view.admitted.text()
    assert form.view.notes.text() == "It is &lt;odd&gt;."
    form.fields["corpus"].show_value("/elsewhere")
    assert form.facts is None and not form.view.table.isVisibleTo(form)


def test_the_cost_is_measured_on_request(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    form.fields["corpus"].show_value(str(table))
    ready(qtbot, form)
    costs = form.view.plan
    assert costs["Time"].text() == costs["Memory"].text() == "not measured yet"
    assert costs["Disk"].text() == "2.0 GB, and 1.0 GB while it runs; 50.0 GB free"
    processes[0].silent = True
    form.view.measure.click()
    qtbot.waitUntil(lambda: processes[0].questions[-1].measure)
    assert form.view.measure.text() == "Stop measuring"
    processes[0].reply(processes[0].requests[-1].number, Progress("Trying", 1, 4))
    qtbot.waitUntil(lambda: form.view.status.text() == "Trying 25%…")
    processes[0].answer(processes[0].requests[-1])
    qtbot.waitUntil(lambda: form.plan is not None and form.plan.measured)
    assert costs["Time"].text() == "about 1 h 00 min if encoders stop after 20 epochs, at most 2 h 00 min"
    assert costs["Memory"].text() == "about 3.0 GB; 8.0 GB free"
    assert not form.view.measure.isEnabled()


def test_of_many_edits_only_the_last_is_planned(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    form.fields["corpus"].show_value(str(table))
    for seeds in range(2, 20):
        form.fields["seeds"].show_value(seeds)
    ready(qtbot, form)
    assert [question.spec.seeds for question in processes[0].questions] == [19]


def test_an_answer_that_is_too_late_is_not_shown(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    processes[0].silent = True
    form.fields["corpus"].show_value(str(table))
    qtbot.waitUntil(lambda: len(processes[0].questions) == 1)
    question = processes[0].requests[-1]
    form.fields["seeds"].show_value(2)
    processes[0].answer(question)
    qtbot.waitUntil(lambda: len(processes[0].questions) == 2)
    qtbot.waitUntil(lambda: not processes[0].waiting)
    assert form.plan is None and form.why_not == "Working out the plan…"


def test_gpus_are_offered_and_watched(
    qtbot: QtBot, form: TrainingForm, processes: list[FakePlanning]
) -> None:
    assert "Some CPU, 2 of 4 cores usable" in form.view.devices.text()
    assert "No GPU: no NVIDIA driver is loaded." in form.view.devices.text()
    processes[0].hardware = Hardware("Some CPU", 2, 4, None, (GPU,), "")
    form._planner.read_hardware()
    qtbot.waitUntil(lambda: "70.0 of 80.0 GiB free, 25% busy" in form.view.devices.text())
    form.fields["device"].show_value("cuda:0")
    assert form.field("device", ChoiceField).box.currentText() == "cuda:0: H100"
    reads = processes[0].hardware_reads
    qtbot.waitUntil(lambda: processes[0].hardware_reads > reads)
    form.hide()
    assert not form._devices.isActive()


# ---- with the real process --------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_with_the_process_itself(qtbot: QtBot, table: Path, tmp_path: Path) -> None:
    started: list[ServiceProcess] = []

    def process() -> ServiceProcess:
        started.append(start_planning())
        return started[-1]

    form = TrainingForm(process)
    qtbot.addWidget(form, before_close_func=lambda _: form.close_planner())
    show_spec(form, ExperimentSpec(table, run=tmp_path / "run", dtype="fp32", rows=("mlee",), only=("s1",)))
    form.show()
    qtbot.waitUntil(lambda: form.hardware is not None and not form.why_not, timeout=120_000)
    assert form.plan is not None and form.plan.cost.cells == 2
    assert "15 utterances" in form.view.head.text()
    reported: list[str] = []
    form.failed.connect(lambda sentence, _: reported.append(sentence))
    pid = started[0].pid
    assert pid is not None
    form.fields["run"].show_value(str(table.parent))  # the corpus's own folder
    qtbot.waitUntil(lambda: "holds other files" in form.fields["run"].fault.sentence, timeout=60_000)
    assert not form.view.queue.isEnabled()
    form.fields["run"].show_value(str(tmp_path / "run"))
    form.fields["only"].show_value(("s1", "s2"))
    os.kill(pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(reported) and not form.why_not, timeout=120_000)
    assert "SIGKILL" in reported[0] and len(started) == 2
    assert form.plan is not None and form.plan.cost.cells == 4
    form.close_planner()
    assert not list(tmp_path.glob("run*"))
