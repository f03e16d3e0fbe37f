"""The fields of the training form, one for each thing that can be ordered."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from PySide6.QtWidgets import QFileDialog, QWidget

from mlee_core.config.recipe import RECIPES, Recipe
from mlee_core.config.run_config import Compute, Selection
from mlee_core.config.stages import LINES, TRAIN_SETS
from mlee_core.corpora import FORMATS
from mlee_core.corpora.label_map import pair
from mlee_core.errors import ConfigError

from .fields import ChoiceField, Field, NumberField, SwitchField, TicksField
from .folds_field import FoldsField
from .text_fields import PathField, TextField

PAPER = RECIPES["paper"]
OF_RECIPE = ("batch_size", "max_epochs", "patience")
"""Numbers whose default depends on the recipe."""

CPU = ("cpu: the processor", None)
ANY_GPU = ("cuda: a GPU", "cuda")


class TrainingFields:
    """By name, in groups as they are shown. dialogs: over which widget they open."""

    def __init__(self, dialogs: QWidget) -> None:
        self._dialogs = dialogs
        self.corpus = PathField(
            "corpus",
            "&Corpus",
            "A folder or a file; also by dropping it here",
            {"A &folder…": self._folder, "A &table…": self._table},
            "A folder, or a table of votes",
        )
        self.run = PathField(
            "run",
            "R&un folder",
            "Where events, networks and results are written",
            {"A folder…": self._folder},
        )
        self.resume = SwitchField(
            "resume",
            "Go on with what has &begun there",
            "What was left as it is then goes on as the run was begun",
        )
        self.folds = TextField(
            "folds",
            "Fo&lds",
            "loso (leave one speaker out), sessions, a number of groups, or a saved file of folds",
            "loso up to 12 speakers, else 10 groups",
        )
        self.only = FoldsField(
            "only",
            "&Which folds",
            "Train these alone; a fold is called after its test speakers",
            lambda: Selection(tuple(LINES), TRAIN_SETS, ()),
        )
        self.recipe = ChoiceField(
            "recipe",
            "Rec&ipe",
            "How networks are trained: the paper's way, or the best that was found",
            [("paper", None), ("best found", "best")],
        )
        self.device = ChoiceField(
            "device", "&Device", "What is computed on; the paper does not tell", [CPU, ANY_GPU]
        )
        self.address = TextField(
            "address",
            "Ra&y address",
            "HOST:PORT of a Ray cluster; without one Ray is started on this machine",
            "Ray is started on this machine",
        )
        self.part = (self._rows(), self._train_sets(), self.folds, self.only, self._seeds())
        self.machine = (self.device, self._jobs(), self._engine(), self.address)
        self.more = (*self._of_training(), *self._of_machine(), *self._of_reading())
        every = (self.corpus, *self.part, self.recipe, *self.machine, self.run, self.resume, *self.more)
        self.by_name: dict[str, Field] = {field.name: field for field in every}

    def follow_recipe(self, recipe: Recipe) -> None:
        """Numbers that were left alone are the recipe's."""
        for name in OF_RECIPE:
            field = self.by_name[name]
            assert isinstance(field, NumberField), f"{name} is a number"
            field.set_default(getattr(recipe, name))

    def _folder(self) -> str:
        return QFileDialog.getExistingDirectory(self._dialogs, "Choose a folder")

    def _table(self) -> str:
        return QFileDialog.getOpenFileName(self._dialogs, "Choose a table", "", "CSV (*.csv);;All files (*)")[
            0
        ]

    def _rows(self) -> Field:
        return TicksField(
            "rows",
            "&Rows",
            "Lines of the paper's Table 3",
            tuple(LINES),
            4,
            lambda: Selection((), TRAIN_SETS, ("all",)),
        )

    def _train_sets(self) -> Field:
        return TicksField(
            "train_sets",
            "Trai&n sets",
            "Learn from utterances with a dominant class, or from all",
            TRAIN_SETS,
            2,
            lambda: Selection(tuple(LINES), (), ("all",)),
        )

    def _seeds(self) -> Field:
        return NumberField(
            "seeds",
            "&Seeds",
            "Train everything so many times, a recipe's whole ensemble each time",
            1,
            1000,
            Selection.seeds,
        )

    def _jobs(self) -> Field:
        return NumberField(
            "jobs",
            "Trainings at &once",
            "So many networks are trained side by side; each takes its threads of cores",
            1,
            4096,
            0,
            "as many as fit",
        )

    def _engine(self) -> Field:
        return ChoiceField(
            "engine",
            "En&gine",
            "Train in processes of this machine, or as tasks of a Ray cluster",
            [("local: processes of this machine", None), ("ray: tasks of a Ray cluster", "ray")],
        )

    def _of_training(self) -> Sequence[Field]:
        most = 1_000_000
        return (
            NumberField("batch_size", "Batch si&ze", "Utterances a step", 1, most, PAPER.batch_size),
            NumberField("max_epochs", "Ma&x epochs", "Of any network", 1, most, PAPER.max_epochs),
            NumberField(
                "patience", "Patience", "Epochs without a better one before stopping", 1, most, PAPER.patience
            ),
            ChoiceField(
                "level",
                "Level",
                "Scale utterances to peak 1, or leave them",
                [("as the recipe has it", None), ("peak: scaled to 1", "peak"), ("none: left", "none")],
            ),
            TextField(
                "settings",
                "Settings",
                "Others of the recipe: NAME=VALUE, warp=0 mixup=0.4 say",
                "as the recipe has them",
                read=words,
                write=shlex.join,
            ),
            NumberField("seed", "First seed", "Of everything random; repetitions count on", 0, 2**31 - 1, 0),
        )

    def _of_machine(self) -> Sequence[Field]:
        return (
            ChoiceField(
                "dtype",
                "Arithmetic",
                "What is computed in; results depend on it bit by bit",
                [("bf16 where it is fast", None), ("fp32", "fp32"), ("bf16", "bf16")],
            ),
            NumberField("threads", "Threads", "Cores that one training takes", 1, 1024, Compute.threads),
        )

    def _of_reading(self) -> Sequence[Field]:
        return (
            ChoiceField(
                "format",
                "Corpus format",
                "How the corpus is read",
                [("recognised", None), *((name, name) for name in FORMATS)],
            ),
            TextField(
                "map",
                "Label map",
                "Labels of the corpus that mean a class: excited=hap 'very sad'=sad",
                "names as they are",
                read=label_pairs,
                write=lambda pairs: shlex.join("=".join(one) for one in pairs),
            ),
            PathField(
                "label_map",
                "Label map file",
                "The same as a CSV: label,class",
                {"A table…": self._table},
                "none",
            ),
            SwitchField("scripted", "Scripted utterances too", "What was read from a script (IEMOCAP)"),
            SwitchField(
                "self_reports", "Self-reports as votes", "What speakers said of themselves (IEMOCAP)"
            ),
            SwitchField("skip_missing", "Leave out missing files", "However many utterances have no audio"),
        )


def words(text: str) -> tuple[str, ...]:
    """As a shell takes them apart. Raises: ConfigError."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"{text!r} cannot be taken apart: {error}.") from error


def label_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Raises: MleeError."""
    return tuple(pair(word) for word in words(text))
