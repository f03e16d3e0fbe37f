"""Training recipes: the paper's, and the one that scored best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..audio import frames
from ..audio.frames import Level
from ..errors import ConfigError
from .json_fields import TYPE_NAMES

Speeds = Literal["every", "one"]

Part = TypeVar("Part", "Augmentation", "Recipe")

BINS = (frames.BINS, 80)
"""Numbers of frequency bins of an encoder: 400 bins of 10 Hz, or 80 bands on the mel scale."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of an utterance in each epoch, besides its speed; 0 is off.

    crop_frames: a random piece of at most so many frames (10 ms each).
    off_centre: the share `Recipe.centred` varies evenly by up to so much.
    warp: frequencies are stretched or squeezed by up to this share, as another vocal tract would.
    mask_bins, mask_frames: two bands of up to so many bins, and two stretches of up to so many frames, become
        0, which is the training mean (SpecAugment, Park et al., Interspeech 2019).
    mixup: half of the batches are mixed pairwise, inputs and targets, with shares from Beta(mixup, mixup)
        (Zhang et al., ICLR 2018).
    """

    crop_frames: int = 0
    off_centre: float = 0.0
    warp: float = 0.0
    mask_bins: int = 0
    mask_frames: int = 0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        if self.crop_frames and self.crop_frames < 16:
            allowed = "0 (off) and whole numbers from 16"
            raise ConfigError(f"crop_frames {self.crop_frames}: allowed are {allowed}.")
        for name in ("off_centre", "warp"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ConfigError(f"{name} {getattr(self, name)}: allowed are shares from 0 to 0.5.")
        if not 0 <= self.mask_bins <= frames.BINS or self.mask_frames < 0:
            raise ConfigError(
                f"masks of {self.mask_bins} bins and {self.mask_frames} frames: "
                f"allowed are up to {frames.BINS} bins and 0 or more frames."
            )
        if not 0 <= self.mixup <= 10:
            raise ConfigError(f"mixup {self.mixup}: allowed are numbers from 0 to 10.")


@dataclass(frozen=True)
class Recipe:
    """How networks are trained; the defaults are the paper's and SPEC.md's readings.

    level: "peak" scales each utterance to peak 1 before the features, "none" leaves it.
    cut: quiet around and within an utterance, and offsets, are removed before the features (SPEC.md).
    speeds: speed perturbation factors; 1.0 must be among them. draw: encoders meet "every" one of them
        in every epoch, or "one" at random for each utterance in each epoch.
    batch_size, max_epochs: of any stage. patience: epochs without a better development loss before stopping.
    cycle: encoders train so many epochs in one cycle of the learning rate (up over the first 15 %, down along
        a cosine; Smith and Topin 2018) and are taken as they are at its end; None: early stopping.
    learning_rate: of encoders; None: the paper's, which depends on the row. The dense rows keep the paper's.
    weight_decay: of encoders, apart from the gradient (Loshchilov and Hutter, ICLR 2019).
    averaging: the model is a running mean of the encoder's weights, of which a step keeps this share.
    centred: this share of an utterance's own mean spectrum is subtracted, so that voice, room and microphone
        have less effect.
    bins: input of an encoder, one of BINS.
    ensemble: number of networks of each kind, which differ by their seeds only; their probabilities are
        averaged.
    calibrated: the offset that equation 6's weights add to the logits of existence is subtracted, and a
        temperature, fitted on the development speakers, divides all logits.
    """

    level: Level = "peak"
    cut: bool = False
    speeds: tuple[float, ...] = (1.0, 0.9, 1.1)
    batch_size: int = 16
    max_epochs: int = 100
    patience: int = 10
    draw: Speeds = "every"
    cycle: int | None = None
    learning_rate: float | None = None
    weight_decay: float = 0.0
    averaging: float = 0.0
    centred: float = 0.0
    bins: int = frames.BINS
    ensemble: int = 1
    calibrated: bool = False
    augmentation: Augmentation = Augmentation()

    def __post_init__(self) -> None:
        for name, allowed in (("level", ("peak", "none")), ("draw", ("every", "one")), ("bins", BINS)):
            if getattr(self, name) not in allowed:
                choices = " and ".join(map(str, allowed))
                raise ConfigError(f"{name} {getattr(self, name)!r}: allowed are {choices}.")
        numbers = isinstance(self.speeds, tuple) and all(type(s) in (int, float) for s in self.speeds)
        if not numbers or 1.0 not in self.speeds or any(not 0.5 <= s <= 2.0 for s in self.speeds):
            raise ConfigError(f"speeds {self.speeds}: allowed are factors from 0.5 to 2 with 1.0 among them.")
        for name in ("batch_size", "max_epochs", "patience", "cycle", "ensemble"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} {value}: allowed are whole numbers from 1.")
        if self.learning_rate is not None and not 0 < self.learning_rate <= 1:
            raise ConfigError(f"learning_rate {self.learning_rate}: allowed are numbers above 0, up to 1.")
        if not 0 <= self.centred <= 1:
            raise ConfigError(f"centred {self.centred}: allowed are shares from 0 to 1.")
        for name in ("weight_decay", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)}: allowed are numbers from 0, below 1.")

    @property
    def settings(self) -> dict[str, Any]:
        """All settings in one level, and the recipe's name."""
        return {"name": self.described, **self._flat()}

    @property
    def described(self) -> str:
        """The named recipe that it equals, or the nearest one with the differences: "best with max_epochs
        6"."""
        unlike = ((name, self._unlike(recipe)) for name, recipe in RECIPES.items())
        name, others = min(unlike, key=lambda pair: len(pair[1]))
        return f"{name} with {', '.join(f'{k} {v}' for k, v in others.items())}" if others else name

    def _flat(self) -> dict[str, Any]:
        flat = asdict(self)
        return {**flat.pop("augmentation"), **flat}

    def _unlike(self, other: Recipe) -> dict[str, Any]:
        """The settings that differ from the other's."""
        theirs = other._flat()
        return {name: value for name, value in self._flat().items() if value != theirs[name]}

    def changed(self, name: str, value: Any) -> Recipe:
        """This recipe with one setting, also of its augmentation, changed. Raises: ConfigError."""
        if name in _names(Augmentation):
            return replace(self, augmentation=_with(self.augmentation, name, value))
        if name == "augmentation" or name not in _names(Recipe):
            known = [known for known in (*_names(Recipe), *_names(Augmentation)) if known != "augmentation"]
            raise ConfigError(f"setting {name!r}: a recipe has {', '.join(known)}.")
        return _with(self, name, value)

    def without(self, step: str) -> Recipe:
        """This recipe with the paper's value for one of its steps. Raises: ConfigError for another name."""
        if step not in self.steps:
            raise ConfigError(f"step {step!r}: this recipe has {', '.join(self.steps) or 'none of its own'}.")
        return self.changed(step, Recipe().settings[step])

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of the settings that differ from the paper's."""
        return tuple(self._unlike(Recipe()))


def _names(kind: type[Recipe] | type[Augmentation]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _with(part: Part, name: str, value: Any) -> Part:
    """The part with a setting changed. Raises: ConfigError for a value of another type."""
    known = get_type_hints(type(part))[name]
    kinds = get_args(known) if isinstance(known, UnionType) else (known,)
    if float in kinds and type(value) is int:
        value = float(value)
    if get_origin(known) is not Literal and get_origin(known) is not tuple and type(value) not in kinds:
        raise ConfigError(f"{name} {value!r}: allowed is {' or '.join(TYPE_NAMES[kind] for kind in kinds)}.")
    return replace(part, **{name: value})


RECIPES: Mapping[str, Recipe] = {
    "paper": Recipe(level="none"),
    "best": Recipe(
        cut=True,
        batch_size=8,
        draw="one",
        cycle=14,
        learning_rate=0.001,
        weight_decay=0.01,
        averaging=0.98,
        centred=0.5,
        bins=80,
        ensemble=4,
        calibrated=True,
        augmentation=Augmentation(crop_frames=200, off_centre=0.5, warp=0.12),
    ),
}
"""Recipes by name. "paper" is the paper's with SPEC.md's readings. "best" was chosen by the scores of
development speakers (BENCHMARKS.md says what each step gives, and what was left out)."""
