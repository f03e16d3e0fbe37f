"""A model file of the right shape with random weights: quick to make, of no use, and the same every time."""

from __future__ import annotations

from pathlib import Path

import torch

from mlee_core import checkpoints
from mlee_core.labels import CLASSES
from mlee_core.model import Network, fused_classifier


def write(path: Path) -> Path:
    """Write a model with all four heads to `path`."""
    torch.manual_seed(1)
    tensors: dict[str, torch.Tensor] = {}
    for head in ("hard", "soft", "mlee"):
        tensors |= {f"{head}.network.{k}": v for k, v in Network().state_dict().items()}
        tensors |= {f"{head}.norm.mean": torch.full((400,), -8.0), f"{head}.norm.std": torch.full((400,), 3.0)}
    tensors |= {f"fusion.network.{k}": v for k, v in fused_classifier(2).state_dict().items()}
    header = {
        "format": 1,
        "name": "random",
        "classes": list(CLASSES),
        "heads": ["hard", "soft", "mlee", "fusion"],
        "fusion_encoders": ["soft", "mlee"],
        "level": "peak",
        "level_reference": {
            "peak_db": -3.0,
            "speech_below_peak_db": 12.0,
            "speech_sd_db": 3.0,
            "recordings": 10,
        },
        "trained_on": "nothing",
        "speakers": {"train": [], "dev": [], "test": []},
        "scores": {"fusion": {"wa": 0.25, "ua": 0.25}},
        "limits": ["Its weights are random, so what it says means nothing."],
        "seen": {},
    }
    checkpoints.save(path, tensors, header)
    return path
