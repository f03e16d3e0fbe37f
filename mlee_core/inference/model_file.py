"""Trained models as one file: find, describe, load.

A model file is safetensors: for each member of an ensemble the networks' tensors, in half precision, under
its number and the name of their head (`0.hard.`, `0.soft.`, `0.mlee.`, `0.fusion.`, `1.hard.`, …), each
encoder's normalisation, and JSON in the header: classes, what it was trained on, scores on unseen speakers,
digests of the recordings it was trained on. Only `load` imports torch: the window describes models before it
is shown.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ..errors import ConfigError, ModelError
from ..labels.targets import ANY_VOTE, ExistsFrom
from ..labels.votes import CLASSES
from ..runs.cells import MODEL_FILE
from ..system import package_data
from .results import ENCODERS, HEADS, PRESENT, Seen

if TYPE_CHECKING:
    from torch import Tensor

    from ..audio.domain import DomainReference
    from ..audio.frames import Level
    from ..audio.speech_frames import Cut
    from ..evaluation.calibration import Scaling
    from ..nets.network import Classifier, Network
    from ..nets.normalisation import Normalisation

DEFAULT = "emodb-03"
"""The shipped model."""

FORMAT = 3


@dataclass(frozen=True)
class ModelInfo:
    """The description of a trained model that is shown beside its predictions.

    trained_on: corpus name, e.g. "emodb"; speakers: part ("train", "dev", "test") -> speaker ids.
    scores: head -> WA and UA on speakers that its networks do not know; scored_on: how many "speakers" and
    "utterances" these are. elsewhere: another corpus's name -> WA and UA of the head that predicts.
    limits: one sentence each on what its predictions do not mean. exists_from: when a class existed in its
    training.
    """

    name: str
    path: str
    classes: tuple[str, ...]
    heads: tuple[str, ...]
    trained_on: str
    speakers: Mapping[str, tuple[str, ...]]
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    scored_on: Mapping[str, int] = field(default_factory=dict)
    elsewhere: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    card: str | None = None
    exists_from: ExistsFrom = ANY_VOTE


@dataclass(frozen=True)
class Member:
    """One network of an ensemble, for each head.

    networks: head (hard, soft, mlee) -> its network in eval mode, with its normalisation. fusion: the dense
    layers on the vectors of some encoders, or None. scalings: head -> what its logits go through.
    """

    networks: Mapping[str, tuple[Network, Normalisation]]
    fusion: Classifier | None
    scalings: Mapping[str, Scaling]


@dataclass(frozen=True)
class Bundle:
    """A loaded model.

    members: their outputs are averaged, at least one. fusion_encoders: whose vectors the fusion takes. seen:
    digest of decoded samples -> "train" or "dev"; the speakers' parts are in `info`. level: how recordings
    are scaled. cut: which quiet is removed. perhaps_from: as in a Segment.
    """

    info: ModelInfo
    members: tuple[Member, ...]
    fusion_encoders: tuple[str, ...]
    level: Level
    cut: Cut
    perhaps_from: float
    domain: DomainReference
    seen: Mapping[str, Seen]


def shipped() -> tuple[ModelInfo, ...]:
    """The models in resources/models, sorted by name."""
    return tuple(info(path) for path in sorted((package_data.root() / "models").glob("*.safetensors")))


def find(name_or_path: str) -> Path:
    """The model file of a shipped model's name, a model file, or a run folder that has one.

    Raises: ModelError naming the available models.
    """
    models, given = package_data.root() / "models", Path(name_or_path)
    for path in (given / MODEL_FILE, given, models / f"{name_or_path}.safetensors"):
        if os.path.isfile(path):  # unlike Path.is_file, no error in a closed folder
            return path
    if os.path.isfile(given / "config.json"):
        folds = sorted(path.parent.name for path in given.glob(f"*/{MODEL_FILE}"))
        if folds:
            raise ModelError(
                f"run {given} has a model for each fold: name one, for example {given / folds[0]}; "
                f"its folds are {', '.join(folds)}."
            )
        raise ModelError(f"run {given} has no {MODEL_FILE} yet: it is written when a training has ended.")
    names = ", ".join(path.stem for path in sorted(models.glob("*.safetensors"))) or "none"
    raise ModelError(
        f"no model {name_or_path!r}: allowed are a model file, a run folder, or a shipped one ({names})."
    )


def info(path: Path) -> ModelInfo:
    """The description in a model file. Raises: ModelError if missing, damaged or for other classes."""
    return _info(path, _header(path))


def load(path: Path) -> Bundle:
    """The networks of a model file, on the CPU in fp32 and eval mode. Raises: ModelError."""
    from ..audio.domain import DomainReference
    from ..nets import tensor_file

    tensors, header = tensor_file.load(path)
    described = _info(path, header)
    try:
        _refuse_invalid(path, header, tensors)
        members = tuple(
            _member(described.heads, header, scalings, tensor_file.under(f"{number}.", tensors))
            for number, scalings in enumerate(header["scalings"])
        )
        domain = DomainReference.from_json(header["domain"])
        encoders = tuple(header["fusion_encoders"])
        how = (header["level"], header["cut"], header["perhaps_from"])
        return Bundle(described, members, encoders, *how, domain, header["seen"])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: a part of its networks is missing or wrong.") from error


def _member(
    heads: Sequence[str],
    header: Mapping[str, Any],
    scalings: Mapping[str, Mapping[str, float]],
    tensors: Mapping[str, Tensor],
) -> Member:
    """Raises: KeyError, RuntimeError, TypeError for what is missing or of another shape."""
    from ..evaluation.calibration import Scaling
    from ..nets.network import Classifier, Network
    from ..nets.normalisation import Normalisation
    from ..nets.tensor_file import under

    networks: dict[str, tuple[Network, Normalisation]] = {}
    for head in (name for name in ENCODERS if name in heads):
        network = Network(header["bins"])
        network.load_state_dict(under(f"{head}.network.", tensors))  # into single precision
        means, deviations = tensors[f"{head}.norm.mean"], tensors[f"{head}.norm.std"]  # [400] each
        networks[head] = (network.fold(), Normalisation(means, deviations, float(header["centred"])))
    encoders = header["fusion_encoders"]
    fusion = Classifier(len(encoders)).eval() if encoders else None
    if fusion is not None:
        fusion.load_state_dict(under("fusion.network.", tensors))
    return Member(networks, fusion, {head: Scaling(**scalings[head]) for head in heads})


def _header(path: Path) -> dict[str, Any]:
    import json

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {})["mlee"])
            return header
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist: a model file written by MLEE is needed.") from error
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"{path} is damaged or not a model file written by MLEE ({error}).") from error


def _info(path: Path, header: Mapping[str, Any]) -> ModelInfo:
    try:
        if tuple(header["classes"]) != CLASSES:
            raise ModelError(
                f"{path} is for the classes {', '.join(header['classes'])}: "
                f"MLEE works with {', '.join(CLASSES)}."
            )
        if header["format"] != FORMAT:
            raise ModelError(
                f"{path} has format {header['format']}: this MLEE reads format {FORMAT}; "
                "train it again with this version."
            )
        heads = tuple(header["heads"])
        if not heads or not set(heads) <= set(HEADS) or set(header["speakers"]) != {"train", "dev", "test"}:
            raise ModelError(f"{path} is not a model file written by MLEE: its heads or speakers are wrong.")
        card = path.with_suffix(".md")
        return ModelInfo(
            name=header["name"],
            path=str(path),
            classes=CLASSES,
            heads=heads,
            trained_on=header["trained_on"],
            speakers={part: tuple(names) for part, names in header["speakers"].items()},
            scores=header["scores"],
            scored_on=header["scored_on"],
            elsewhere=header["elsewhere"],
            limits=tuple(header["limits"]),
            card=str(card) if card.is_file() else None,
            exists_from=ExistsFrom.parse(header["exists_from"]),
        )
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise ModelError(
            f"{path} is not a model file written by MLEE: its description is incomplete."
        ) from error


def _refuse_invalid(path: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raises: ModelError for what would otherwise show only in wrong predictions."""
    from ..audio.frames import Level
    from ..audio.speech_frames import Cut
    from ..config.recipe import BINS

    if header["cut"] not in get_args(Cut) or not 0 < header["perhaps_from"] <= PRESENT:
        raise ModelError(f"{path} is damaged: cut or threshold in its description are wrong.")
    if header["level"] not in get_args(Level) or not isinstance(header["seen"], dict):
        raise ModelError(f"{path} is damaged: level or seen recordings in its description are wrong.")
    scalings = [scaling for member in header["scalings"] for scaling in member.values()]
    valid = all(0 < s["temperature"] < math.inf and math.isfinite(s["offset"]) for s in scalings)
    if header["bins"] not in BINS or not scalings or not valid:
        raise ModelError(f"{path} is damaged: bins or scalings in its description are wrong.")
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path} is damaged: {name} holds numbers that are not finite.")
