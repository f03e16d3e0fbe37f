"""Trained models as one file: find, describe, load, export.

A model file is safetensors: for each member of an ensemble the networks' tensors, in half precision, under
its number and the name of their head (`0.hard.`, `0.soft.`, `0.mlee.`, `0.fusion.`, `1.hard.`, …), each
encoder's normalisation, and JSON in the header: classes, what it was trained on, scores on unseen speakers,
which recordings it has met. Only `load` and `export` import torch, and what knows of
runs and corpora: the window describes models before it is shown.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from . import resources
from .errors import ModelError
from .labels import CLASSES
from .results import ENCODERS, HEADS, PARTS, ModelInfo, Seen

if TYPE_CHECKING:
    from torch import Tensor

    from .calibration import Scaling
    from .config import RunConfig, Stage
    from .corpora.base import Corpus, Utterance
    from .dataset import Normalisation
    from .folds import Fold
    from .model import Classifier, Network
    from .quality import LevelReference
    from .recipe import Level
    from .runs import CellResult, RunFolder

DEFAULT = "emodb-03"
"""The shipped model."""

FORMAT = 2
MODEL_FILE = "model.safetensors"


@dataclass(frozen=True)
class Member:
    """One of the networks that judge together, for each head.

    networks: head (hard, soft, mlee) -> its network in eval mode, with its normalisation. fusion: the dense
    layers on the vectors of some encoders, or None. scalings: head -> what its logits go through.
    """

    networks: Mapping[str, tuple[Network, Normalisation]]
    fusion: Classifier | None
    scalings: Mapping[str, Scaling]


@dataclass(frozen=True)
class Bundle:
    """A loaded model. members: whose answers are averaged, at least one. fusion_encoders: whose vectors the
    fusion takes. seen: digest of decoded samples -> "train" or "dev"; the speakers' parts are in `info`.
    level: how recordings are scaled.
    """

    info: ModelInfo
    members: tuple[Member, ...]
    fusion_encoders: tuple[str, ...]
    level: Level
    reference: LevelReference
    seen: Mapping[str, Seen]

    @property
    def calibrated(self) -> bool:
        """Whether existence was freed of what the weights of equation 6 add."""
        return all(m.scalings["mlee"].offset != 0 for m in self.members if "mlee" in m.scalings)


def shipped() -> tuple[ModelInfo, ...]:
    """The models in resources/models, sorted by name."""
    return tuple(info(path) for path in sorted(resources.models_dir().glob("*.safetensors")))


def find(name_or_path: str) -> Path:
    """A shipped model's name, a model file, or a run folder that has one -> the model file.

    Raises: ModelError naming the models there are.
    """
    named = resources.models_dir() / f"{name_or_path}.safetensors"
    given = Path(name_or_path)
    for path in (given / MODEL_FILE, given, named):
        if os.path.isfile(path):  # unlike Path.is_file, no error in a closed folder
            return path
    if os.path.isfile(given / "config.json"):
        folds = sorted(path.parent.name for path in given.glob(f"*/{MODEL_FILE}"))
        if folds:
            raise ModelError(
                f"run {given} has a model for each fold: name one, {given / folds[0]} say; its folds are "
                f"{', '.join(folds)}."
            )
        raise ModelError(f"run {given} has no {MODEL_FILE} yet: it appears when a training of it has ended.")
    names = ", ".join(path.stem for path in sorted(resources.models_dir().glob("*.safetensors"))) or "none"
    raise ModelError(
        f"no model {name_or_path!r}: allowed are a model file, a run folder, or a shipped one ({names})."
    )


def info(path: Path) -> ModelInfo:
    """What a model file says of itself. Raises: ModelError if missing, damaged or for other classes."""
    return _info(path, _header(path))


def load(path: Path) -> Bundle:
    """The networks of a model file, on the CPU in fp32 and eval mode. Raises: ModelError."""
    from . import checkpoints
    from .quality import LevelReference

    tensors, header = checkpoints.load(path)
    described = _info(path, header)
    try:
        _refuse_distorted(path, header, tensors)
        members = tuple(
            _member(described.heads, header, scalings, _under(f"{number}.", tensors))
            for number, scalings in enumerate(header["scalings"])
        )
        reference = LevelReference.from_json(header["level_reference"])
        encoders = tuple(header["fusion_encoders"])
        return Bundle(described, members, encoders, header["level"], reference, header["seen"])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: it lacks or distorts a part of its networks.") from error


def _member(
    heads: Sequence[str],
    header: Mapping[str, Any],
    scalings: Mapping[str, Mapping[str, float]],
    tensors: Mapping[str, Tensor],
) -> Member:
    """Raises: KeyError, RuntimeError, TypeError for what is missing or of another shape."""
    from .calibration import Scaling
    from .dataset import Normalisation
    from .model import Network, fused_classifier

    networks: dict[str, tuple[Network, Normalisation]] = {}
    for head in (name for name in ENCODERS if name in heads):
        network = Network(header["bins"])
        network.load_state_dict(_under(f"{head}.network.", tensors))  # into single precision
        means, deviations = tensors[f"{head}.norm.mean"], tensors[f"{head}.norm.std"]  # [400] each
        networks[head] = (network.fold(), Normalisation(means, deviations, float(header["centred"])))
    encoders = header["fusion_encoders"]
    fusion = fused_classifier(len(encoders)).eval() if encoders else None
    if fusion is not None:
        fusion.load_state_dict(_under("fusion.network.", tensors))
    return Member(networks, fusion, {head: Scaling(**scalings[head]) for head in heads})


def export(run: RunFolder, config: RunConfig, corpus: Corpus, fold: Fold, path: Path) -> Path:
    """Write a model file from the best checkpoints of `fold` and the run's first ensemble; returns its path.

    Heads come from the stages that are there; of fusion, the soft one where both are. A pre-training row
    has no place in an analysis (its head is neither of the dominant ones) and is left out.
    """
    from . import checkpoints
    from .experiment import part_digests
    from .runs import Cell
    from .stamp import of_run

    seeds = config.ensembles()[0]
    stages = _heads(run, fold, seeds)
    if not stages:
        raise ModelError(f"{run.path} has no finished stage that an analysis can use.")
    tensors: dict[str, Tensor] = {}
    results: dict[tuple[int, str], CellResult] = {}
    for number, seed in enumerate(seeds):
        for head, stage in stages.items():
            cell = Cell(fold.name, seed, stage)
            stored, _ = checkpoints.load(run.stage_folder(cell) / "best.safetensors")
            tensors |= {f"{number}.{head}.{name}": _half(name, value) for name, value in stored.items()}
            found = run.result(cell)
            assert found is not None, "heads are of cells with results"
            results[number, head] = found
    digests, reference = part_digests(run, fold)
    fusion = stages.get("fusion")
    encoders = [_head_of(stage) for stage in fusion.encoders] if fusion else []
    header = {
        "format": FORMAT,
        "name": f"{corpus.name}-{fold.name}",
        "classes": list(CLASSES),
        "heads": [head for head in HEADS if head in stages],
        "stages": {head: stage.name for head, stage in stages.items()},
        "fusion_encoders": encoders,
        "level": config.recipe.level,
        "centred": config.recipe.centred,
        "bins": config.recipe.bins,
        "scalings": [
            {h: {"temperature": results[n, h].temperature, "offset": results[n, h].offset} for h in stages}
            for n in range(len(seeds))
        ],
        "level_reference": reference.to_json(),
        "trained_on": corpus.name,
        "speakers": {part: list(getattr(fold, part)) for part in PARTS},
        "scores": _scores(run, config, corpus, stages, results.values()),
        "limits": list(_limits(corpus, fold)),
        "seen": digests,
        "stamp": of_run(config),
    }
    checkpoints.save(path, tensors, header)
    return path


def _heads(run: RunFolder, fold: Fold, seeds: Sequence[int]) -> dict[str, Stage]:
    """Head -> the stage of this run that fills it; *all* before *dominant*, fusion-soft before -hard."""
    from .config import Stage
    from .runs import RESULT, Cell

    candidates: Iterable[tuple[str, Stage]] = [
        (head, Stage(row, label, train_set))  # type: ignore[arg-type]
        for train_set in ("all", "dominant")
        for head, row, label in (
            ("hard", "dominant", "hard"),
            ("soft", "dominant", "soft"),
            ("mlee", "mlee", None),
            ("fusion", "fusion", "soft"),
            ("fusion", "fusion", "hard"),
        )
    ]
    heads: dict[str, Stage] = {}
    for head, stage in candidates:
        folders = [run.stage_folder(Cell(fold.name, seed, stage)) for seed in seeds]
        if all((folder / RESULT).is_file() for folder in folders):  # trained to their end
            heads.setdefault(head, stage)
    fusion = heads.get("fusion")
    if fusion and any(heads.get(_head_of(stage)) != stage for stage in fusion.encoders):
        del heads["fusion"]  # its encoders are not the ones that this model shows
    return heads


def _scores(
    run: RunFolder,
    config: RunConfig,
    corpus: Corpus,
    stages: Mapping[str, Stage],
    results: Iterable[CellResult],
) -> dict[str, dict[str, float | None]]:
    """Head -> {wa, ua} on the fold's test speakers, as a report counts them."""
    from .report.judged import Judged
    from .report.predictions import joined, judged_together

    said = judged_together(joined(corpus.utterances, run.folds(), results), config)
    judged = Judged.of(said, [*stages.values()])
    pooled = {head: judged.pooled(stage) for head, stage in stages.items()}
    return {head: {score: spread.mean for score, spread in own.items()} for head, own in pooled.items()}


def _head_of(encoder: Stage) -> str:
    return encoder.label or "mlee"


def _limits(corpus: Corpus, fold: Fold) -> Iterable[str]:
    """What the training data cannot have taught, in words."""
    learnt: tuple[Utterance, ...] = corpus.of_speakers(fold.train)
    if all(sum(count > 0 for count in u.votes.target_counts) < 2 for u in learnt):
        yield (
            f"{corpus.name} gives one emotion an utterance, so “present” never saw two at once: read several "
            "emotions present as doubt between them."
        )
    yield (
        f"It knows {len(fold.train)} speakers of one corpus; other voices, languages and rooms may be "
        "read wrongly."
    )


def _header(path: Path) -> dict[str, Any]:
    import json

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {})["mlee"])
            return header
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist: expected a model file written by MLEE.") from error
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"{path} is damaged or no model file written by MLEE ({error}).") from error


def _info(path: Path, header: Mapping[str, Any]) -> ModelInfo:
    try:
        if tuple(header["classes"]) != CLASSES:
            raise ModelError(
                f"{path} is for the classes {', '.join(header['classes'])}: "
                f"MLEE works with {', '.join(CLASSES)}."
            )
        if header["format"] != FORMAT:
            raise ModelError(f"{path} has format {header['format']}: this MLEE reads format {FORMAT}.")
        heads = tuple(header["heads"])
        if not heads or not set(heads) <= set(HEADS) or set(header["speakers"]) != set(PARTS):
            raise ModelError(f"{path} is no model file written by MLEE: its heads or speakers are wrong.")
        card = path.with_suffix(".md")
        return ModelInfo(
            name=header["name"],
            path=str(path),
            classes=CLASSES,
            heads=heads,
            trained_on=header["trained_on"],
            speakers={part: tuple(names) for part, names in header["speakers"].items()},
            scores=header["scores"],
            limits=tuple(header["limits"]),
            card=str(card) if card.is_file() else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} is no model file written by MLEE: its description is incomplete."
        ) from error


def _refuse_distorted(path: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raises: ModelError for what would otherwise show only in wrong predictions."""
    from .recipe import BINS, Level

    if header["level"] not in get_args(Level) or not isinstance(header["seen"], dict):
        raise ModelError(f"{path} is damaged: level or seen recordings in its description are wrong.")
    scalings = [scaling for member in header["scalings"] for scaling in member.values()]
    believable = all(0 < s["temperature"] < math.inf and math.isfinite(s["offset"]) for s in scalings)
    if header["bins"] not in BINS or not scalings or not believable:
        raise ModelError(f"{path} is damaged: bins or scalings in its description are wrong.")
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path} is damaged: {name} holds numbers that are not finite.")


def _half(name: str, tensor: Tensor) -> Tensor:
    """A network's tensor in half precision, which moved no probability by over 0.0002 (BENCHMARKS.md)."""
    return tensor.half() if name.startswith("network.") and tensor.is_floating_point() else tensor


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
