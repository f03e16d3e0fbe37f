"""The description of a trained model, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelInfo:
    """The description of a trained model that is shown beside its predictions.

    trained_on: corpus name, e.g. "emodb"; speakers: part ("train", "dev", "test") -> speaker ids.
    limits: one sentence each on what its predictions do not mean.
    """

    name: str
    path: str
    classes: tuple[str, ...]
    heads: tuple[str, ...]
    trained_on: str
    speakers: Mapping[str, tuple[str, ...]]
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    card: str | None = None
