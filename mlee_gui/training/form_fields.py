"""The table of the training form: a line for each field of an ExperimentSpec that can be chosen there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from mlee_core.config.recipe import RECIPES
from mlee_core.config.run_config import Compute, Selection
from mlee_core.config.stages import LINES, TRAIN_SETS
from mlee_core.corpora import FORMATS
from mlee_core.corpora.label_map import pair
from mlee_core.errors import ConfigError

from .fields import ChoiceField, Field, FormField, NumberField, SwitchField
from .text_fields import PathField, TextField
from .tick_fields import FoldsField, TicksField

PAPER = RECIPES["paper"]
CPU = ("cpu: the processor", None)
ANY_GPU = ("cuda: a GPU", "cuda")

MORE = "More settings"


def choose_folder(parent: QWidget) -> str:
    return QFileDialog.getExistingDirectory(parent, "Choose a folder")


def choose_table(parent: QWidget) -> str:
    return QFileDialog.getOpenFileName(parent, "Choose a table", "", "CSV (*.csv);;All files (*)")[0]


def absolute_path(text: str) -> Path:
    """A job has a working folder of its own."""
    return Path(os.path.abspath(os.path.expanduser(text)))


def split_words(text: str) -> tuple[str, ...]:
    """Split as a shell does. Raises: ConfigError."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"{text!r} cannot be split into words: {error}.") from error


# fmt: off
GROUPS: dict[str, tuple[FormField, ...]] = {
    "Corpus": (
        FormField("corpus", "&Corpus", "A folder or a table of votes; it can also be dropped on the form",
                  PathField, default="A folder, or a table of votes", read=absolute_path,
                  dialogs={"A &folder…": choose_folder, "A &table…": choose_table}, of_corpus=True),
    ),
    "Part of Table 3": (
        FormField("rows", "&Rows", "Rows of the paper's Table 3",
                  TicksField, names=tuple(LINES), columns=4),
        FormField("train_sets", "Trai&n sets", "Train on the utterances with a dominant class, or on all",
                  TicksField, names=TRAIN_SETS, columns=2),
        FormField("folds", "Fo&lds",
                  "loso (leave one speaker out), sessions, a number of groups, or a saved file of folds",
                  TextField, default="loso up to 12 speakers, else 10 groups", of_corpus=True),
        FormField("only", "&Which folds", "Train only these folds; a fold is named after its test speakers",
                  FoldsField),
        FormField("seeds", "&Seeds", "How often everything is trained, each time a recipe's whole ensemble",
                  NumberField, high=1000, default=Selection.seeds),
    ),
    "Training": (
        FormField("recipe", "Rec&ipe", "How networks are trained: as in the paper, or as was found best",
                  ChoiceField, choices=(("paper", None), ("best found", "best"))),
    ),
    MORE: (
        FormField("exists_from", "Existence from",
                  "Votes from which an emotion exists in an utterance, or their share: 2, 20% or 0.2",
                  TextField, default="1 vote, as in the paper"),
        FormField("batch_size", "Batch si&ze", "Utterances per step",
                  NumberField, default=PAPER.batch_size, of_recipe=True),
        FormField("max_epochs", "Ma&x epochs", "For each network",
                  NumberField, default=PAPER.max_epochs, of_recipe=True),
        FormField("patience", "Patience", "Epochs without improvement before training stops",
                  NumberField, default=PAPER.patience, of_recipe=True),
        FormField("level", "Level", "Scale utterances to peak 1, or leave them unchanged",
                  ChoiceField, choices=(("as in the recipe", None), ("peak: scaled to 1", "peak"),
                                        ("none: unchanged", "none"))),
        FormField("settings", "Settings",
                  "Other settings of the recipe as NAME=VALUE, for example warp=0 mixup=0.4",
                  TextField, default="as in the recipe", read=split_words, write=shlex.join),
        FormField("seed", "First seed", "Seed of all random numbers; repetitions count up from it",
                  NumberField, low=0, high=2**31 - 1, default=0),
        FormField("dtype", "Arithmetic",
                  "Number format: usually fp32 with the paper's recipe, else bf16 where it is fast",
                  ChoiceField,
                  choices=(("as usual with the recipe", None), ("fp32", "fp32"), ("bf16", "bf16"))),
        FormField("threads", "Threads", "Cores used by one training",
                  NumberField, high=1024, default=Compute.threads),
        FormField("format", "Corpus format", "How the corpus is read",
                  ChoiceField, choices=(("recognised", None), *((name, name) for name in FORMATS)),
                  of_corpus=True),
        FormField("map", "Label map", "Corpus labels that stand for a class: excited=hap 'very sad'=sad",
                  TextField, default="names as they are", of_corpus=True,
                  read=lambda text: tuple(map(pair, split_words(text))),
                  write=lambda pairs: shlex.join(map("=".join, pairs))),
        FormField("label_map", "Label map file", "The same as a CSV file with the columns label,class",
                  PathField, default="none", read=absolute_path, dialogs={"A table…": choose_table},
                  of_corpus=True),
        FormField("scripted", "Scripted utterances too", "Include what was read from a script (IEMOCAP)",
                  SwitchField, of_corpus=True),
        FormField("self_reports", "Self-reports as votes",
                  "Count what speakers reported about themselves (IEMOCAP)", SwitchField, of_corpus=True),
        FormField("skip_missing", "Leave out missing files", "However many utterances have no audio",
                  SwitchField, of_corpus=True),
        FormField("allow_duplicates", "Allow duplicates",
                  "Test recordings may also be in the training or development part; marks every figure",
                  SwitchField),
    ),
    "Machine": (
        FormField("device", "&Device", "Device to compute on; the paper does not specify it",
                  ChoiceField, choices=(CPU, ANY_GPU)),
        FormField("jobs", "Trainings at &once",
                  "How many networks are trained side by side; each uses as many cores as it has threads",
                  NumberField, high=4096, default="as many as fit"),
        FormField("engine", "En&gine", "Train in processes of this machine, or as tasks of a Ray cluster",
                  ChoiceField, choices=(("local: processes of this machine", None),
                                        ("ray: tasks of a Ray cluster", "ray"))),
        FormField("address", "Ra&y address",
                  "HOST:PORT of a Ray cluster; without an address Ray is started on this machine",
                  TextField, default="Ray is started on this machine",
                  visible=lambda spec: spec.engine == "ray"),
    ),
    "Run": (
        FormField("run", "R&un folder", "Where events, networks and results are written",
                  PathField, read=absolute_path, dialogs={"A folder…": choose_folder}),
        FormField("resume", "Resume what has &begun there",
                  "Fields left at their default then keep the values of the run", SwitchField),
    ),
}
# fmt: on
"""Title -> fields; in the order of the Tab key."""

FIELDS = tuple(field for group in GROUPS.values() for field in group)
OF_CORPUS = tuple(field.name for field in FIELDS if field.of_corpus)
"""Names of the fields that say which corpus is read, and how."""


def make_fields(groups: Iterable[str] = GROUPS) -> dict[str, Field]:
    return {field.name: field.kind(field) for title in groups for field in GROUPS[title]}
