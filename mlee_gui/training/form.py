"""The form for an experiment: what is trained, how and where, what it costs, the command that does the same.

It asks a process of its own whatever needs a file, a device or time, once nothing was changed for a moment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFocusEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from mlee_core.config.experiment_spec import ExperimentSpec, new_run
from mlee_core.config.recipe import RECIPES
from mlee_core.errors import MleeError
from mlee_core.events import Progress
from mlee_core.experiments.builder import recipe_of
from mlee_core.experiments.planning_service import CorpusFacts, Plan
from mlee_core.experiments.spec_validation import faults
from mlee_core.system.hardware import Hardware

from ..shell.process_client import ProcessLike
from . import form_texts as facts_in_words
from .fields import Field
from .form_fields import ANY_GPU, CPU, PAPER, TrainingFields
from .form_layout import TrainingLayout
from .planning_client import PlanningClient, start_planning

QUIET_MS = 400
LOOK_MS = 2000
"""How often GPUs are looked at while the form is seen."""

RUNS = "mlee-runs"
OF_READING = ("corpus", "format", "map", "label_map", "scripted", "self_reports", "skip_missing", "folds")
"""Fields that say which corpus it is and how it is read and divided."""


class TrainingForm(QWidget):
    """queued, smoke: an ExperimentSpec, its paths absolute, that the planning process
    has found nothing wrong with.
    told: one sentence about something that went wrong on our side, and its last log lines."""

    queued = Signal(object)
    smoke = Signal(object)
    told = Signal(str, str)

    def __init__(
        self,
        start_process: Callable[[], ProcessLike] = start_planning,
        parent: QWidget | None = None,
        fields: TrainingFields | None = None,
    ) -> None:
        """fields: where they were made before, since all at once would hold up a window that is served."""
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.fields = TrainingFields(self) if fields is None else fields
        self.view = TrainingLayout(self, self.fields)
        self.plan: Plan | None = None
        self.facts: CorpusFacts | None = None
        self._corpus_known = False  # the facts are an answer to the newest question
        self.hardware: Hardware | None = None
        self._spec: ExperimentSpec | None = None  # None while something typed is wrong
        self._reading: ExperimentSpec | None = None  # what there is to ask about the corpus meanwhile
        self._deaths = 0  # of the process, over one and the same order
        self._refused = ("", "")
        self._taken: set[Path] = set()  # run folders that were handed out
        self._stamp = _now()
        self._measuring = False
        self._planner = PlanningClient(start_process, self)
        self._quiet = QTimer(self, interval=QUIET_MS, singleShot=True)
        self._look = QTimer(self, interval=LOOK_MS)
        self._connect()
        self._on_changed()

    def show_spec(self, spec: ExperimentSpec) -> None:
        """Show what was ordered before, its run folder too; single cells and smoke are left out."""
        for field in fields(ExperimentSpec):
            if field.name in self.fields.by_name:
                value = getattr(spec, field.name)
                self.fields.by_name[field.name].show_value(None if value == field.default else value)

    def all_defaults(self) -> None:
        """Everything but the corpus as the paper has it."""
        for name, field in self.fields.by_name.items():
            if name != "corpus":
                field.show_value(None)

    def close_planner(self) -> None:
        """Ask nothing more and end the process."""
        self._quiet.stop()
        self._look.stop()
        self._planner.stop()

    # --- what is typed

    def _on_changed(self) -> None:
        self.plan, self._refused = None, ("", "")
        values, wrong = self._values()
        spec = ExperimentSpec(**{"corpus": Path(), **values})
        if spec.run is None:
            spec = replace(spec, run=self._new_run(spec))
        wrong = {**faults(spec), **wrong}
        has_corpus = "corpus" in values
        self._show_typed(spec, wrong, has_corpus=has_corpus)
        self._spec = spec if has_corpus and not wrong else None
        readable = has_corpus and not set(wrong) & set(OF_READING)
        self._reading = (
            ExperimentSpec(**{n: v for n, v in values.items() if n in OF_READING}) if readable else None
        )
        self._deaths = 0
        self._planner.drop()  # what it is about to answer is about another order
        if self._spec is None:
            self._measuring = False
        if self._reading is None:
            self._quiet.stop()
        else:
            self._quiet.start()
        self._show_state()

    def _values(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What the fields hold, less the defaults, and what cannot be read: field -> sentence."""
        values, wrong = {}, {}
        for name, field in self.fields.by_name.items():
            try:
                value = field.value
            except MleeError as error:
                wrong[name] = str(error)
            else:
                if value is not None:
                    values[name] = value
        return values, wrong

    def _show_typed(self, spec: ExperimentSpec, wrong: dict[str, str], *, has_corpus: bool) -> None:
        for name, field in self.fields.by_name.items():
            field.show_fault(wrong.get(name, ""))
        address = self.fields.address
        for widget in (address.label, address.editor, address.back):
            widget.setVisible(spec.engine == "ray" or not address.is_default)
        if has_corpus:
            self.fields.run.line.setPlaceholderText(str(self._new_run(spec)))
        self.view.command.setPlainText(spec.command() if has_corpus else "")
        self.fields.follow_recipe(RECIPES[spec.recipe or "paper"])
        if not wrong:
            self.view.recipe.setText(facts_in_words.recipe_in_words(recipe_of(spec, PAPER)))

    def _new_run(self, spec: ExperimentSpec) -> Path:
        """A folder that is not there yet."""
        first = folder = new_run(spec, Path.home() / RUNS, self._stamp)
        number = 1
        while folder in self._taken or os.path.lexists(folder):
            number += 1
            folder = first.with_name(f"{first.name}-{number}")
        return folder

    # --- what is asked

    def _ask(self) -> None:
        asked = self._spec or self._reading
        if asked is None:
            return
        if self.hardware is None:
            self._planner.read_hardware()
        self._corpus_known, self._refused = False, ("", "")
        self._planner.plan(asked, measure=self._measuring)
        self._show_state()

    def _measure(self) -> None:
        self._measuring = not self._measuring
        self._ask()

    def _on_working(self, progress: Progress) -> None:
        if self._spec is not None:
            self.view.say(_in_words(progress))

    def _on_corpus(self, facts: CorpusFacts, folds: tuple[str, ...]) -> None:
        self.facts, self._corpus_known = facts, True
        self.view.show_facts(facts)
        self.fields.only.show_names(folds)

    def _on_planned(self, plan: Plan) -> None:
        if self._spec is not None:
            self.plan, self._measuring = plan, False
            self._show_state()

    def _on_refused(self, about: str, sentence: str) -> None:
        if about == "corpus" and not self._corpus_known:
            self._forget_corpus()
        if self._spec is None and about not in OF_READING:
            return  # of an order that nobody has asked for
        self._refused, self._measuring = (about, sentence), False
        field = self.fields.by_name.get(about)
        if field is not None:
            field.show_fault(sentence)
        self._show_state()

    def _on_died(self, _: object, sentence: str, details: str) -> None:
        self._refused, self._measuring = ("", sentence), False
        self._look.stop()
        self._show_state()
        self.view.say_wrong(sentence, details)
        self.told.emit(sentence, details)
        self._deaths += 1
        if self._deaths == 1:
            self._quiet.start()

    def _on_hardware(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.view.devices.setText(facts_in_words.devices(hardware))
        gpus = [(f"{gpu.device}: {gpu.name}", gpu.device) for gpu in hardware.gpus]
        if self.fields.device.choices != [CPU, ANY_GPU, *gpus]:
            self.fields.device.set_choices([CPU, ANY_GPU, *gpus])
        if hardware.gpus and self.isVisible():
            self._look.start()

    # --- what can be done

    @property
    def why_not(self) -> str:
        """Why nothing can be queued now, "" where it can."""
        if not self.fields.corpus.line.text().strip():
            return "Choose a corpus first."
        about, sentence = self._refused
        if self._spec is None or about in self.fields.by_name:
            wrong = [field for field in self.fields.by_name.values() if field.fault.sentence]
            return f"Mend first: {', '.join(map(self._place_of, wrong))} (see there)."
        if sentence:
            return sentence
        return "" if self.plan is not None else "Working out the plan…"

    def _place_of(self, field: Field) -> str:
        hidden = field in self.fields.more and not self.view.more.isChecked()
        return f"{field.plain}, under More settings" if hidden else field.plain

    def _show_state(self) -> None:
        view, why_not = self.view, self.why_not
        for button, what in ((view.queue, "Train this after what is queued"), (view.try_all, _SMOKE)):
            button.setEnabled(not why_not)
            button.setToolTip(why_not or what)
        memory = None if self.hardware is None else self.hardware.memory_bytes
        view.show_plan(None if self.plan is None else facts_in_words.plan_rows(self.plan, memory))
        changed = [f for name, f in self.fields.by_name.items() if name != "corpus" and not f.is_default]
        view.defaults.setEnabled(bool(changed))
        measurable = self.plan is not None and self.plan.measurable and not self.plan.measured
        view.measure.setText("Stop measuring" if self._measuring else "Measure")
        view.measure.setEnabled(self._measuring or measurable)
        wrong = self._spec is None and bool(self.fields.corpus.line.text().strip())
        if wrong or (self._refused[1] and not self._planner.busy):
            view.say_wrong(why_not)
        else:
            view.say(why_not or facts_in_words.in_short(self._planned()))

    def _planned(self) -> Plan:
        assert self.plan is not None, "nothing stands in the way, so there is a plan"
        return self.plan

    def _hand_out(self, *, smoke: bool) -> None:
        spec = self._spec
        if spec is None or self.why_not:
            return
        assert spec.run is not None, "a folder was found for it"
        if smoke:
            chosen = self.fields.run.value
            spec = replace(spec, smoke=True, resume=False)
            spec = replace(spec, run=self._new_run(spec) if chosen is None else self._beside(chosen))
        self._taken.add(spec.run or Path())
        self._stamp = _now()
        (self.smoke if smoke else self.queued).emit(spec)
        if not smoke:
            self.fields.run.show_value(None)
            self.fields.resume.show_value(None)
        self._on_changed()

    def _beside(self, run: Path) -> Path:
        """For a smoke run of an experiment whose folder was chosen."""
        return run.with_name(f"{run.name}-smoke-{self._stamp}")

    # --- Qt

    def focusInEvent(self, event: QFocusEvent) -> None:
        """A focus proxy would be left out by the Tab key."""
        self.fields.corpus.line.setFocus(event.reason())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous() and self.fields.run.is_default:
            self._stamp = _now()  # of a form that was left open for days
            self._on_changed()
        if self.hardware is None or self.hardware.gpus:
            self._planner.read_hardware()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._look.stop()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            for field in self.fields.by_name.values():
                field.recolor(self.palette())
            self.view.wrong.recolor()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        dropped = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if dropped:
            self.fields.corpus.show_path(dropped[0])
            event.acceptProposedAction()

    def _connect(self) -> None:
        for field in self.fields.by_name.values():
            field.changed.connect(self._on_changed)
        self.fields.folds.changed.connect(self._forget_folds)
        self.fields.corpus.changed.connect(self._forget_folds)
        self.fields.corpus.changed.connect(self._forget_corpus)
        self._quiet.timeout.connect(self._ask)
        self._look.timeout.connect(self._planner.read_hardware)
        self._planner.working.connect(self._on_working)
        self._planner.corpus_read.connect(self._on_corpus)
        self._planner.planned.connect(self._on_planned)
        self._planner.refused.connect(self._on_refused)
        self._planner.died.connect(self._on_died)
        self._planner.hardware_read.connect(self._on_hardware)
        self.view.measure.clicked.connect(self._measure)
        self.view.more.toggled.connect(self._show_state)
        self.view.queue.clicked.connect(lambda: self._hand_out(smoke=False))
        self.view.try_all.clicked.connect(lambda: self._hand_out(smoke=True))
        self.view.defaults.clicked.connect(self.all_defaults)

    def _forget_folds(self) -> None:
        self.fields.only.show_value(None)
        self.fields.only.show_names(())

    def _forget_corpus(self) -> None:
        self.facts = None
        self.view.show_facts(None)


_SMOKE = "Train everything once, one fold and two epochs a stage, in a run folder of its own"


def _now() -> str:
    return time.strftime("%Y%m%d-%H%M%S")


def _in_words(progress: Progress) -> str:
    share = f" {progress.done / progress.total:.0%}" if progress.total else ""
    return f"{progress.what}{share}…"
