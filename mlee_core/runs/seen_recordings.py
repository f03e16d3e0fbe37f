"""Which recordings a fold was trained on, by digest of their decoded samples."""

from __future__ import annotations

import json

from ..audio.levels import LevelReference
from ..corpora.folds import Fold
from .run_folder import RunFolder


def part_digests(run: RunFolder, fold: Fold) -> tuple[dict[str, str], LevelReference]:
    """Digest of decoded samples -> part, and the training set's levels, as `train_cells` saved them."""
    facts = json.loads((run.path / fold.name / "recordings.json").read_text(encoding="utf-8"))
    return facts["seen"], LevelReference.from_json(facts["level_reference"])
