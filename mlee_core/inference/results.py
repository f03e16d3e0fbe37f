"""Results of an analysis: frozen values that the terminal, the window, figures and tables show.

No torch in here, so that the window can hold results before (and without) torch being imported.
Probabilities are plain floats in the order of `classes`; times are seconds from the start of the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..audio.domain import Domain
from ..audio.frames import MAX_SEGMENT_S, STEP_S
from ..labels.votes import CLASS_NAMES

HEADS: tuple[str, ...] = ("hard", "soft", "mlee", "fusion")
DOMINANT_HEADS: tuple[str, ...] = ("hard", "soft", "fusion")
ENCODERS: tuple[str, ...] = ("hard", "soft", "mlee")
"""The encoders whose attention can be shown; fusion uses two of them."""
ENCODER_NAMES: Mapping[str, str] = {"hard": "hard", "soft": "soft", "mlee": "MLEE"}


Probabilities = tuple[float, ...]
Seen = Literal["train", "dev"]


PRESENT = 0.5
"""From this probability on, an emotion is called present."""

NONE, NO_SPEECH = "none", "no speech"
"""Headlines besides the classes: none of the four emotions exists, and nobody speaks."""

WITHOUT_SPEECH = "No speech was found, so probabilities and attention are not shown."

HEADLINE_NAMES: Mapping[str, str] = {**CLASS_NAMES, NONE: "none of the four"}


@dataclass(frozen=True)
class Attention:
    """Attention weights of each encoder, one per 160 ms step; each list sums to 1, or is None if absent.

    times_s: centres of the steps, seconds from the start of the file (the paper's Figure 3).
    """

    times_s: tuple[float, ...]
    hard: tuple[float, ...] | None = None
    soft: tuple[float, ...] | None = None
    mlee: tuple[float, ...] | None = None

    def of(self, encoder: str) -> tuple[float, ...] | None:
        """The weights of one of ENCODERS, or None where the model lacks it."""
        return {"hard": self.hard, "soft": self.soft, "mlee": self.mlee}[encoder]

    def edges_s(self) -> tuple[float, ...]:
        """The n + 1 borders of the n steps, seconds: where a step-shaped curve changes."""
        if not self.times_s:
            return ()
        half = STEP_S / 2
        return (*(t - half for t in self.times_s), self.times_s[-1] + half)


@dataclass(frozen=True)
class Segment:
    """One verdict on one stretch of a recording of at most 30 s.

    start_s, end_s: the stretch, seconds from the start of the file.
    dominant: head -> probabilities [K] (sum 1); None for a head that the model lacks.
    existence: probability that each class is present [K] (each 0–1 on its own); None without an MLEE head.
    predicted: the class with the highest score under `rule`; None without speech.
    rule: the head that made the prediction: fusion, else soft, else hard, else mlee (equation 7).
    notes: caveats, one sentence each.
    perhaps_from: the model's own threshold: from this probability of existence on, at most 0.5, a class is
        perhaps present. Where none reaches it the headline is "none of the four".
    cut: (start, end) of each stretch that was left out as quiet, seconds from the start of the file.
    attention_on_speech: encoder -> share of its attention on frames of speech, or None.
    domain: how far it lies from the training recordings; None without 0.2 s of speech.
    """

    start_s: float
    end_s: float
    classes: tuple[str, ...]
    dominant: Mapping[str, Probabilities | None]
    existence: Probabilities | None
    predicted: str | None
    rule: str
    attention: Attention
    notes: tuple[str, ...] = ()
    perhaps_from: float = PRESENT
    cut: tuple[tuple[float, float], ...] = ()
    attention_on_speech: Mapping[str, float | None] = field(default_factory=dict)
    domain: Domain | None = None

    @property
    def has_speech(self) -> bool:
        """Without speech there is no verdict: probabilities and attention say nothing and are not shown."""
        return self.predicted is not None

    @property
    def headline(self) -> str:
        """A class, NONE where no class reaches the model's threshold, or NO_SPEECH (SPEC.md)."""
        if self.predicted is None:
            return NO_SPEECH
        absent = self.existence is not None and not (self.present() or self.perhaps())
        return NONE if absent else self.predicted

    @property
    def cut_s(self) -> float:
        """Seconds that were left out as quiet."""
        return sum((end - start for start, end in self.cut), 0.0)

    def is_cut(self, time_s: float) -> bool:
        """Whether the time lies in a stretch that was left out as quiet."""
        return any(start <= time_s < end for start, end in self.cut)

    def not_attended(self) -> tuple[tuple[float, float], ...]:
        """(start, end) of each stretch that no encoder attends to, in order: what was cut, and a tail shorter
        than a step. None without speech, where attention is not shown."""
        edges = self.attention.edges_s()
        tail = [(edges[-1], self.end_s)] if edges and self.end_s - edges[-1] > 1e-3 else []
        joined: list[tuple[float, float]] = []
        for start, end in sorted([*self.cut, *tail]) if self.has_speech else ():
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return tuple(joined)

    def present(self) -> tuple[str, ...]:
        """Classes that are rather present than not."""
        return self._existing(PRESENT, math.inf)

    def perhaps(self) -> tuple[str, ...]:
        """Classes that are rather absent but reach the model's threshold."""
        return self._existing(self.perhaps_from, PRESENT)

    def _existing(self, first: float, end: float) -> tuple[str, ...]:
        if self.existence is None or not self.has_speech:
            return ()
        return tuple(c for c, p in zip(self.classes, self.existence, strict=True) if first <= p < end)

    def present_text(self) -> str:
        """ "sad, perhaps neutral"."""
        sure, less = ([CLASS_NAMES.get(c, c) for c in names] for names in (self.present(), self.perhaps()))
        return ", ".join([*sure, *(f"perhaps {name}" for name in less)]) or "none of the four"

    def score(self) -> float | None:
        """The predicted class's probability under the rule that predicted it; None without speech."""
        scores = self.existence if self.rule == "mlee" else self.dominant[self.rule]
        assert scores is not None, f"rule {self.rule} without its head"
        return None if self.predicted is None else scores[self.classes.index(self.predicted)]

    @property
    def headline_score(self) -> float | None:
        """The predicted class's probability where the headline is that class, else None."""
        return self.score() if self.headline == self.predicted else None

    def headline_text(self) -> str:
        """ "sad 0.61", "none of the four", "no speech"; the number only where it is of the headline."""
        name = HEADLINE_NAMES.get(self.headline, self.headline)
        return name if self.headline_score is None else f"{name} {self.headline_score:.2f}"

    def attention_text(self) -> str:
        """ "0.84 s of quiet left out · attention on speech: hard 95 %, MLEE 97 %"; "" without speech."""
        if not self.has_speech:
            return ""
        parts = [f"{self.cut_s:.2f} s of quiet left out"] if self.cut else []
        known = ((ENCODER_NAMES[name], self.attention_on_speech.get(name)) for name in ENCODERS)
        if shares := [f"{name} {100 * share:.0f} %" for name, share in known if share is not None]:
            parts.append(f"attention on speech: {', '.join(shares)}")
        return " · ".join(parts)

    def verdict(self) -> str:
        """As text: "fusion: sad 0.61; present: sad, perhaps neutral"."""
        if self.predicted is None:
            return "no speech"
        text = f"{self.rule}: {CLASS_NAMES.get(self.predicted, self.predicted)} {self.score():.2f}"
        if self.existence is None:
            return text
        if self.headline == NONE:
            return f"none of the four is present; as a choice among them, {text}"
        return f"{text}; present: {self.present_text()}"


@dataclass(frozen=True)
class Analysis:
    """A recording under a model. Over 30 s it has several segments and never a single verdict.

    file: path as the user gave it. duration_s: seconds analysed: the decoded recording's, or a selection's.
    model: the model's name. heads: which of HEADS it has.
    seen: "train" or "dev" if this very recording or its speaker is in that set of the model, else None;
        voices are not compared. seen_why: how that is known, "" when None.
    notes: caveats on the whole recording. segments: in order of time, never empty.
    """

    file: str
    duration_s: float
    model: str
    classes: tuple[str, ...]
    heads: tuple[str, ...]
    segments: tuple[Segment, ...]
    seen: Seen | None = None
    seen_why: str = ""
    notes: tuple[str, ...] = ()

    @property
    def single(self) -> Segment | None:
        """The one segment of a recording of at most 30 s; None for a long one, which has no one verdict."""
        return self.segments[0] if len(self.segments) == 1 and self.duration_s <= MAX_SEGMENT_S else None

    def to_json(self) -> dict[str, Any]:
        """The object that `mlee analyze --json` prints (SPEC.md, "Command line")."""
        head: dict[str, Any] = {
            "file": self.file,
            "duration_s": self.duration_s,
            "model": self.model,
            "classes": list(self.classes),
            "heads": list(self.heads),
            "seen": self.seen,
            "seen_why": self.seen_why,
        }
        one = self.single
        if one is not None:
            body = _segment_json(one)
            return {**head, **body, "notes": [*self.notes, *one.notes]}
        segments = [_segment_json(segment) for segment in self.segments]
        return {**head, **dict.fromkeys(_OF_A_VERDICT), "notes": list(self.notes), "segments": segments}


_OF_A_VERDICT = (
    *("dominant", "existence", "predicted", "headline", "rule", "attention", "attention_on_speech"),
    *("verdict", "present", "perhaps", "cut_s", "cut", "domain"),
)
"""Keys that are null for a recording of several segments."""


def _segment_json(segment: Segment) -> dict[str, Any]:
    return {
        "start_s": segment.start_s,
        "end_s": segment.end_s,
        "dominant": {k: None if v is None else list(v) for k, v in segment.dominant.items()},
        "existence": None if segment.existence is None else list(segment.existence),
        "predicted": segment.predicted,
        "headline": segment.headline,
        "rule": segment.rule,
        "verdict": segment.verdict(),
        "present": list(segment.present()),
        "perhaps": list(segment.perhaps()),
        "attention": {k: None if v is None else list(v) for k, v in asdict(segment.attention).items()},
        "attention_on_speech": dict(segment.attention_on_speech),
        "cut_s": segment.cut_s,
        "cut": [list(span) for span in segment.cut],
        "domain": None if segment.domain is None else asdict(segment.domain),
        "notes": list(segment.notes),
    }
