"""An analysis without its progress."""

from __future__ import annotations

from mlee_core.audio.decoding import Recording
from mlee_core.inference.analyzer import Analyzer
from mlee_core.inference.results import Analysis


def analyze(
    analyzer: Analyzer, recording: Recording, *, speaker: str | None = None, corpus: str | None = None
) -> Analysis:
    *_, last = analyzer.analyze(recording, speaker=speaker, corpus=corpus)
    assert isinstance(last, Analysis)
    return last
