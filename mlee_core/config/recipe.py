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


DEGRADED_BY = ("quiet", "noise", "band", "room", "gain", "clip", "offset")
"""What may happen to the waveform of a degraded draw."""


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
    degraded: share of the draws whose waveform is degraded before the features (training/
        waveform_augmentation.py); the rest stays clean. The probabilities of what then happens, each drawn by
        itself: quiet: quiet ends and a pause. noise: noise or babble. band: a telephone's band, or another
        frequency response. room: reverberation. gain: a low level in 16 bits. clip: clipping. offset: a
        constant and a settling offset.
    """

    crop_frames: int = 0
    off_centre: float = 0.0
    warp: float = 0.0
    mask_bins: int = 0
    mask_frames: int = 0
    mixup: float = 0.0
    degraded: float = 0.0
    quiet: float = 0.0
    noise: float = 0.0
    band: float = 0.0
    room: float = 0.0
    gain: float = 0.0
    clip: float = 0.0
    offset: float = 0.0

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
        for name in ("degraded", *DEGRADED_BY):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} {getattr(self, name)}: allowed are shares from 0 to 1.")
        used = [name for name in DEGRADED_BY if getattr(self, name)]
        if used and not self.degraded:
            raise ConfigError(
                f"{used[0]} {getattr(self, used[0])} with degraded 0: nothing would be degraded; set "
                f"degraded above 0, or {' and '.join(used)} to 0."
            )
        if self.degraded and not used:
            raise ConfigError(
                f"degraded {self.degraded} without a way to degrade: set at least one of "
                f"{', '.join(DEGRADED_BY)} above 0."
            )
        if self.band and not self.noise:  # measured, FACTS.md: bands alone make a network worse in noise
            raise ConfigError(
                f"band {self.band} with noise 0: bands help only with noise; set noise above 0."
            )

    def without(self, name: str) -> Augmentation:
        """This with one setting off, and those that mean nothing without it."""
        also = {"degraded": DEGRADED_BY, "noise": ("band",)}.get(name, ())
        values = {**asdict(self), **{off: getattr(Augmentation(), off) for off in (name, *also)}}
        if not any(values[kind] for kind in DEGRADED_BY):
            values["degraded"] = 0.0
        return Augmentation(**values)


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
    clean_members: so many networks of a larger ensemble are trained on recordings that are not degraded.
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
    clean_members: int = 0
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
        if self.clean_members < 0:
            raise ConfigError(f"clean_members {self.clean_members}: allowed are whole numbers from 0.")
        if self.learning_rate is not None and not 0 < self.learning_rate <= 1:
            raise ConfigError(f"learning_rate {self.learning_rate}: allowed are numbers above 0, up to 1.")
        if not 0 <= self.centred <= 1:
            raise ConfigError(f"centred {self.centred}: allowed are shares from 0 to 1.")
        for name in ("weight_decay", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)}: allowed are numbers from 0, below 1.")

    def of_member(self, seed: int) -> Recipe:
        """The recipe of an ensemble's network; the last ones of it are the clean members."""
        clean = self.ensemble > self.clean_members > self.ensemble - 1 - seed % self.ensemble
        augmentation = self.augmentation.without("degraded") if clean else self.augmentation
        return replace(self, augmentation=augmentation, ensemble=1, clean_members=0)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings in one level, and the recipe's name."""
        return {"name": self.described, **self._flat()}

    @property
    def described(self) -> str:
        """The named recipe that it equals, or the nearest one with the differences: "best with max_epochs
        6"."""
        unlike = ((name, self.unlike(recipe)) for name, recipe in RECIPES.items())
        name, others = min(unlike, key=lambda pair: len(pair[1]))
        return f"{name} with {', '.join(f'{k} {v}' for k, v in others.items())}" if others else name

    def _flat(self) -> dict[str, Any]:
        flat = asdict(self)
        return {**flat.pop("augmentation"), **flat}

    def unlike(self, other: Recipe) -> dict[str, Any]:
        """The settings that differ from the other's."""
        theirs = other._flat()
        return {name: value for name, value in self._flat().items() if value != theirs[name]}

    def changed(self, settings: Mapping[str, Any]) -> Recipe:
        """This recipe with some settings, also of its augmentation, changed at once. Raises: ConfigError."""
        known = [name for name in (*_names(Recipe), *_names(Augmentation)) if name != "augmentation"]
        for name in settings:
            if name not in known:
                raise ConfigError(f"setting {name!r}: a recipe has {', '.join(known)}.")
        augmentation = _with(self.augmentation, settings)
        return _with(replace(self, augmentation=augmentation), settings)

    def without(self, step: str) -> Recipe:
        """This recipe with the paper's value for one of its steps, and without those that need it.

        Raises: ConfigError for another name.
        """
        if step not in self.steps:
            raise ConfigError(f"step {step!r}: this recipe has {', '.join(self.steps) or 'none of its own'}.")
        if step in _names(Augmentation):
            return replace(self, augmentation=self.augmentation.without(step))
        return self.changed({step: Recipe().settings[step]})

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of the settings that differ from the paper's."""
        return tuple(self.unlike(Recipe()))


def _names(kind: type[Recipe] | type[Augmentation]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _with(part: Part, settings: Mapping[str, Any]) -> Part:
    """The part with its own of the settings changed. Raises: ConfigError for a value of another type."""
    hints, values = get_type_hints(type(part)), dict[str, Any]()
    for name in (name for name in settings if name in hints):
        known, value = hints[name], settings[name]
        kinds = get_args(known) if isinstance(known, UnionType) else (known,)
        if float in kinds and type(value) is int:
            value = float(value)
        if get_origin(known) is not Literal and get_origin(known) is not tuple and type(value) not in kinds:
            allowed = " or ".join(TYPE_NAMES[kind] for kind in kinds)
            raise ConfigError(f"{name} {value!r}: allowed is {allowed}.")
        values[name] = value
    return replace(part, **values)


RECIPES: Mapping[str, Recipe] = {
    "paper": Recipe(level="none"),
    "best": Recipe(
        cut=True,
        batch_size=8,
        draw="one",
        cycle=28,
        learning_rate=0.001,
        weight_decay=0.01,
        averaging=0.98,
        centred=0.5,
        bins=80,
        ensemble=4,
        calibrated=True,
        augmentation=Augmentation(
            crop_frames=200,
            off_centre=0.5,
            warp=0.12,
            degraded=0.4,
            quiet=0.6,
            noise=0.4,
            band=0.4,
            room=0.3,
            gain=0.2,
            clip=0.1,
            offset=0.2,
        ),
    ),
}
"""Recipes by name. "paper" is the paper's with SPEC.md's readings. "best" was chosen by the scores of
development speakers (BENCHMARKS.md says what each step gives, and what was left out)."""
