"""The form for an experiment: what is trained, how and where, what it costs, and the same as a command.

Whatever needs a file, a device or time is requested from the planning process, once the fields have not
changed for a moment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

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
from mlee_core.system.service import ServiceProcess

from . import form_texts as texts
from .fields import ChoiceField, Field, NumberField
from .form_fields import ANY_GPU, CPU, GROUPS, MORE, OF_CORPUS, PAPER, make_fields
from .form_layout import TrainingLayout
from .planning_client import PlanningClient, start_planning
from .text_fields import PathField
from .tick_fields import FoldsField

QUIET_MS = 400
DEVICES_MS = 2000
"""Between two readings of the GPUs, while the form is visible."""

RUNS = "mlee-runs"
Kind = TypeVar("Kind", bound=Field)

QUEUE_TIP = "Train this after what is queued"
SMOKE_TIP = "Train everything once, with one fold and two epochs per stage, in a run folder of its own"


class TrainingForm(QWidget):
    """queued, smoke: an ExperimentSpec with absolute paths, in which the planning process has found no fault.
    failed: one sentence about a fault of MLEE's own, and its last log lines."""

    queued = Signal(object)
    smoke = Signal(object)
    failed = Signal(str, str)

    def __init__(
        self,
        start_process: Callable[[], ServiceProcess] = start_planning,
        parent: QWidget | None = None,
        fields: dict[str, Field] | None = None,
    ) -> None:
        """fields: already made, since to make all at once would block the window for too long."""
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.fields = make_fields() if fields is None else fields
        self.view = TrainingLayout(self, self.fields)
        self.plan: Plan | None = None
        self.facts: CorpusFacts | None = None
        self._corpus_known = False  # the facts answer the newest request
        self.hardware: Hardware | None = None
        self._spec: ExperimentSpec | None = None  # None while a field has a fault
        self._corpus_spec: ExperimentSpec | None = None  # what can be requested about the corpus then
        self._deaths = 0  # of the planning process, over the same experiment
        self._refused = ("", "")
        self._taken: set[Path] = set()  # run folders of experiments that were queued
        self._stamp = _now()
        self._measuring = False
        self._planner = PlanningClient(start_process, self)
        self._quiet = QTimer(self, interval=QUIET_MS, singleShot=True)
        self._devices = QTimer(self, interval=DEVICES_MS)
        self._connect()
        self._on_changed()

    def field(self, name: str, kind: type[Kind]) -> Kind:
        """The field of this name, which is of this kind."""
        field = self.fields[name]
        assert isinstance(field, kind)
        return field

    def reset(self) -> None:
        """Reset everything but the corpus to the paper's values."""
        for name, field in self.fields.items():
            if name != "corpus":
                field.show_value(None)

    def close_planner(self) -> None:
        """Request nothing more and end the process."""
        self._quiet.stop()
        self._devices.stop()
        self._planner.stop()

    # --- the experiment that is typed

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
        readable = has_corpus and not set(wrong) & set(OF_CORPUS)
        of_corpus = {name: value for name, value in values.items() if name in OF_CORPUS}
        self._corpus_spec = ExperimentSpec(**of_corpus) if readable else None
        self._deaths = 0
        self._planner.drop()  # its next answer would be about another experiment
        if self._spec is None:
            self._measuring = False
        if self._corpus_spec is None:
            self._quiet.stop()
        else:
            self._quiet.start()
        self._show_state()

    def _values(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Values that are not the default, and values that cannot be read: name -> sentence."""
        values, wrong = {}, {}
        for name, field in self.fields.items():
            try:
                value = field.value
            except MleeError as error:
                wrong[name] = str(error)
            else:
                if value is not None:
                    values[name] = value
        return values, wrong

    def _show_typed(self, spec: ExperimentSpec, wrong: dict[str, str], *, has_corpus: bool) -> None:
        recipe = RECIPES[spec.recipe or "paper"]
        for name, field in self.fields.items():
            if field.about.of_recipe and isinstance(field, NumberField):
                field.set_default(getattr(recipe, name))
            field.fault.show_fault(wrong.get(name, ""))
            field.set_visible(field.about.visible(spec) or not field.is_default)
        if has_corpus:
            self.field("run", PathField).line.setPlaceholderText(str(self._new_run(spec)))
        self.view.command.setPlainText(spec.command() if has_corpus else "")
        if not wrong:
            self.view.recipe.setText(texts.recipe_text(recipe_of(spec, PAPER)))

    def _new_run(self, spec: ExperimentSpec) -> Path:
        """A folder that does not exist yet."""
        first = folder = new_run(spec, Path.home() / RUNS, self._stamp)
        number = 1
        while folder in self._taken or os.path.lexists(folder):
            number += 1
            folder = first.with_name(f"{first.name}-{number}")
        return folder

    # --- requests to the planning process, and its answers

    def _request_plan(self) -> None:
        spec = self._spec or self._corpus_spec
        if spec is None:
            return
        if self.hardware is None:
            self._planner.read_hardware()
        self._corpus_known, self._refused = False, ("", "")
        self._planner.plan(spec, measure=self._measuring)
        self._show_state()

    def _measure(self) -> None:
        self._measuring = not self._measuring
        self._request_plan()

    def _on_working(self, progress: Progress) -> None:
        if self._spec is not None:
            share = f" {progress.done / progress.total:.0%}" if progress.total else ""
            self.view.show_status(f"{progress.what}{share}…")

    def _on_corpus(self, facts: CorpusFacts, folds: tuple[str, ...]) -> None:
        self.facts, self._corpus_known = facts, True
        self.view.show_facts(facts)
        self.field("only", FoldsField).show_names(folds)

    def _on_planned(self, plan: Plan) -> None:
        if self._spec is not None:
            self.plan, self._measuring = plan, False
            self._show_state()

    def _on_refused(self, about: str, sentence: str) -> None:
        if about == "corpus" and not self._corpus_known:
            self._forget_corpus()
        if self._spec is None and about not in OF_CORPUS:
            return  # only the corpus was of interest
        self._refused, self._measuring = (about, sentence), False
        if about in self.fields:
            self.fields[about].fault.show_fault(sentence)
        self._show_state()

    def _on_died(self, _: object, sentence: str, details: str) -> None:
        self._refused, self._measuring = ("", sentence), False
        self._devices.stop()
        self._show_state()
        self.view.show_fault(sentence, details)
        self.failed.emit(sentence, details)
        self._deaths += 1
        if self._deaths == 1:
            self._quiet.start()

    def _on_hardware(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.view.devices.setText(texts.devices(hardware))
        choices = (CPU, ANY_GPU, *((f"{gpu.device}: {gpu.name}", gpu.device) for gpu in hardware.gpus))
        device = self.field("device", ChoiceField)
        if device.choices != choices:
            device.set_choices(choices)
        if hardware.gpus and self.isVisible():
            self._devices.start()

    # --- what can be queued

    @property
    def why_not(self) -> str:
        """Why nothing can be queued now, "" if it can."""
        if self.fields["corpus"].is_default:
            return "Choose a corpus first."
        about, sentence = self._refused
        if self._spec is None or about in self.fields:
            return f"Fix first: {', '.join(self._faulty())}."
        if sentence:
            return sentence
        return "" if self.plan is not None else "Working out the plan…"

    def _faulty(self) -> list[str]:
        """Labels of the fields that have a fault, and where those are that are hidden."""
        hidden = () if self.view.more.isChecked() else GROUPS[MORE]
        return [
            f"{field.about.plain_label} (under {MORE})" if field.about in hidden else field.about.plain_label
            for field in self.fields.values()
            if field.fault.sentence
        ]

    def _show_state(self) -> None:
        view, why_not = self.view, self.why_not
        for button, tip in ((view.queue, QUEUE_TIP), (view.smoke, SMOKE_TIP)):
            button.setEnabled(not why_not)
            button.setToolTip(why_not or tip)
        memory = None if self.hardware is None else self.hardware.memory_bytes
        view.show_plan(None if self.plan is None else texts.plan_rows(self.plan, memory))
        changed = any(name != "corpus" and not field.is_default for name, field in self.fields.items())
        view.defaults.setEnabled(changed)
        measurable = self.plan is not None and self.plan.measurable and not self.plan.measured
        view.measure.setText("Stop measuring" if self._measuring else "Measure")
        view.measure.setEnabled(self._measuring or measurable)
        wrong = self._spec is None and not self.fields["corpus"].is_default
        if wrong or (self._refused[1] and not self._planner.busy):
            view.show_fault(why_not)
        else:
            view.show_status(why_not or (texts.plan_summary(self.plan) if self.plan is not None else ""))

    def _queue(self, *, smoke: bool) -> None:
        spec = self._spec
        if spec is None or self.why_not:
            return
        assert spec.run is not None, "it has a folder"
        if smoke:
            spec = replace(spec, smoke=True, resume=False)
            chosen = self.fields["run"].value
            beside = chosen and chosen.with_name(f"{chosen.name}-smoke-{self._stamp}")
            spec = replace(spec, run=beside or self._new_run(spec))
        self._taken.add(spec.run or Path())
        self._stamp = _now()
        (self.smoke if smoke else self.queued).emit(spec)
        if not smoke:
            self.fields["run"].show_value(None)
            self.fields["resume"].show_value(None)
        self._on_changed()

    # --- Qt

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The Tab key would skip a focus proxy."""
        self.field("corpus", PathField).line.setFocus(event.reason())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous() and self.fields["run"].is_default:
            self._stamp = _now()  # the form may have been open for days
            self._on_changed()
        if self.hardware is None or self.hardware.gpus:
            self._planner.read_hardware()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._devices.stop()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            for field in self.fields.values():
                field.recolor(self.palette())
            self.view.fault.recolor()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        dropped = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if dropped:
            self.fields["corpus"].show_value(dropped[0])
            event.acceptProposedAction()

    def _connect(self) -> None:
        for field in self.fields.values():
            field.changed.connect(self._on_changed)
        self.fields["folds"].changed.connect(self._forget_folds)
        self.fields["corpus"].changed.connect(self._forget_folds)
        self.fields["corpus"].changed.connect(self._forget_corpus)
        self._quiet.timeout.connect(self._request_plan)
        self._devices.timeout.connect(self._planner.read_hardware)
        self._planner.working.connect(self._on_working)
        self._planner.corpus_read.connect(self._on_corpus)
        self._planner.planned.connect(self._on_planned)
        self._planner.refused.connect(self._on_refused)
        self._planner.died.connect(self._on_died)
        self._planner.hardware_read.connect(self._on_hardware)
        self.view.measure.clicked.connect(self._measure)
        self.view.more.toggled.connect(self._show_state)
        self.view.queue.clicked.connect(lambda: self._queue(smoke=False))
        self.view.smoke.clicked.connect(lambda: self._queue(smoke=True))
        self.view.defaults.clicked.connect(self.reset)

    def _forget_folds(self) -> None:
        folds = self.field("only", FoldsField)
        folds.show_value(None)
        folds.show_names(())

    def _forget_corpus(self) -> None:
        self.facts = None
        self.view.show_facts(None)


def _now() -> str:
    return time.strftime("%Y%m%d-%H%M%S")
