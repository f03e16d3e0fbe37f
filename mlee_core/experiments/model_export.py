"""Model files from a finished fold of a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..config.run_config import RunConfig
from ..config.stages import Stage
from ..corpora.corpus import Corpus
from ..corpora.folds import PARTS, Fold
from ..errors import ModelError
from ..inference.model_file import FORMAT
from ..inference.results import HEADS, PRESENT
from ..labels.votes import CLASSES, dominant
from ..report.predictions import ensemble_predictions, out_of_fold
from ..report.scored_predictions import ScoredPredictions
from ..runs.cells import RESULT, Cell, CellResult
from ..runs.run_folder import RunFolder, of_run

if TYPE_CHECKING:
    from torch import Tensor

MISSED = 0.05
"""Share of development utterances with a dominant class for which "none of the four" may be wrong."""

LEAST = 0.05
"""A lower threshold would call everything perhaps present."""


def export(run: RunFolder, config: RunConfig, corpus: Corpus, fold: Fold, path: Path) -> Path:
    """Write a model file from the best checkpoints of `fold` and the run's first ensemble; returns its path.

    Heads come from the finished stages; of fusion, the soft one where both are finished. A pre-training row
    is left out: an analysis has no use for its head.
    """
    from ..nets import tensor_file

    seeds = config.ensembles[0]
    stages = _heads(run, fold, seeds)
    if not stages:
        raise ModelError(f"{run.path} has no finished stage for a model.")
    tensors: dict[str, Tensor] = {}
    results: dict[tuple[int, str], CellResult] = {}
    for number, seed in enumerate(seeds):
        for head, stage in stages.items():
            cell = Cell(fold.name, seed, stage)
            stored, _ = tensor_file.load(run.stage_folder(cell) / "best.safetensors")
            tensors |= {f"{number}.{head}.{name}": _half(name, value) for name, value in stored.items()}
            found = run.result(cell)
            assert found is not None, "heads are of cells with results"
            results[number, head] = found
    recordings = json.loads((run.path / fold.name / "recordings.json").read_text(encoding="utf-8"))
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
        "cut": "full" if config.recipe.cut else "ends",
        "perhaps_from": _perhaps_from(corpus, [r for (_, head), r in results.items() if head == "mlee"])
        if config.recipe.calibrated
        else PRESENT,
        "centred": config.recipe.centred,
        "bins": config.recipe.bins,
        "scalings": [
            {h: {"temperature": results[n, h].temperature, "offset": results[n, h].offset} for h in stages}
            for n in range(len(seeds))
        ],
        "domain": recordings["domain"],
        "trained_on": corpus.name,
        "exists_from": str(config.exists_from),
        "speakers": {part: list(getattr(fold, part)) for part in PARTS},
        **_scores(run, config, corpus, stages),
        "limits": list(_limits(config, corpus, fold)),
        "seen": recordings["seen"],
        "stamp": of_run(config),
    }
    tensor_file.save(path, tensors, header)
    return path


def _heads(run: RunFolder, fold: Fold, seeds: Sequence[int]) -> dict[str, Stage]:
    """Head -> the stage of this run that fills it; *all* before *dominant*, fusion-soft before -hard."""
    candidates = [
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
        del heads["fusion"]  # its encoders are not those of the other heads
    return heads


def _scores(
    run: RunFolder, config: RunConfig, corpus: Corpus, stages: Mapping[str, Stage]
) -> dict[str, object]:
    """Scores of each head on the test speakers of all folds that are done, as a report counts them, and on
    how many speakers and utterances: one fold's few utterances say little."""
    wanted = {
        Cell(fold.name, seed, stage)
        for fold in run.folds().folds
        for seed in config.ensembles[0]
        for stage in stages.values()
    }
    results = [result for result in run.results() if result.cell in wanted]
    predictions = ensemble_predictions(out_of_fold(corpus.utterances, run.folds(), results), config)
    scored = ScoredPredictions.of(predictions, [*stages.values()])
    pooled = {head: scored.pooled(stage) for head, stage in stages.items()}
    tested = [p.utterance for p in predictions if dominant(p.utterance.votes)]
    return {
        "scores": {head: {name: spread.mean for name, spread in own.items()} for head, own in pooled.items()},
        "scored_on": {"speakers": len({u.speaker for u in tested}), "utterances": len(tested)},
        "elsewhere": {},
    }


def _perhaps_from(corpus: Corpus, results: Sequence[CellResult]) -> float:
    """The existence that 95 % of the development speakers' utterances with a dominant class reach in one
    class at least; at most PRESENT. results: of MLEE, one a member of the ensemble."""
    highest = [
        float(np.mean([result.development[u.id] for result in results], axis=0).max())
        for u in corpus.utterances
        if dominant(u.votes) and all(u.id in result.development for result in results)
    ]
    return min(PRESENT, max(LEAST, float(np.quantile(highest, MISSED)))) if results and highest else PRESENT


def _head_of(encoder: Stage) -> str:
    return encoder.label or "mlee"


def _limits(config: RunConfig, corpus: Corpus, fold: Fold) -> Iterable[str]:
    """Sentences on what the model cannot have learnt from its training data."""
    train_set = corpus.of_speakers(fold.train)
    if all(sum(count > 0 for count in u.votes.target_counts) < 2 for u in train_set):
        yield (
            f"{corpus.name} gives one emotion an utterance, so “present” never saw two at once: read several "
            "emotions present as doubt between them."
        )
    if config.allow_duplicates:
        yield "Duplicates were allowed: it may have learnt from recordings that its scores are of."
    known = f"It knows {len(fold.train)} speakers of one corpus"
    if corpus.joined:
        counts = Counter(corpus.corpus_of[speaker] for speaker in fold.train)
        of_each = " and ".join(f"{n} of {name}" for name, n in counts.items())
        known = f"It knows {len(fold.train)} speakers of {len(counts)} corpora ({of_each})"
    yield f"{known}; other voices, languages and rooms may be read wrongly."


def _half(name: str, tensor: Tensor) -> Tensor:
    """A network's tensor in half precision, which moved no probability by over 0.0002 (BENCHMARKS.md)."""
    return tensor.half() if name.startswith("network.") and tensor.is_floating_point() else tensor
