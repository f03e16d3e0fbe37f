"""How a model does on the same utterances in conditions outside a studio (conditions.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from ..audio.decoding import Decoder, Recording
from ..corpora.corpus import Corpus, Utterance
from ..errors import ConfigError
from ..evaluation.ranks import auc
from ..evaluation.scores import ua, wa
from ..labels.targets import ExistsFrom, existence_target
from ..labels.votes import CLASSES, dominant
from .results import Segment

AS_RECORDED = "as recorded"

VOICES = 24
"""Recordings of a corpus that babble is made of."""

Voices = Sequence[tuple[str, Recording]]
"""Recordings, each with its speaker."""


@dataclass(frozen=True)
class ConditionScores:
    """name: of the condition. wa, ua: of utterances with a dominant class, by the head that predicts.
    same_headline: share of all utterances whose headline is the same as recorded. existence_auc: mean over
    the classes. attention_on_speech: mean over utterances and encoders. None where undefined.
    """

    name: str
    wa: float | None
    ua: float | None
    same_headline: float
    existence_auc: float | None
    attention_on_speech: float | None


def chosen_conditions(names: Sequence[str]) -> tuple[str, ...]:
    """These conditions; all of them without a name. Raises: ConfigError for an unknown one."""
    from .conditions import CONDITIONS

    for name in names:
        if name not in CONDITIONS:
            raise ConfigError(f"condition {name!r}: allowed are {', '.join(CONDITIONS)}.")
    return tuple(names or CONDITIONS)


def other_voices(decoder: Decoder, corpus: Corpus) -> Voices:
    """Recordings from all over the corpus. Raises: AudioError."""
    step = max(1, len(corpus.utterances) // VOICES)
    return [(u.speaker, decoder.load(u.file)) for u in corpus.utterances[::step][:VOICES]]


def in_conditions(
    recording: Recording, conditions: Sequence[str], number: int, voices: Voices, speaker: str
) -> Iterator[Recording]:
    """Copies of a recording, one in each condition. number: of the utterance, which fixes what is random."""
    from .conditions import CONDITIONS

    others = [voice.samples for whose, voice in voices if whose != speaker] or [v.samples for _, v in voices]
    for name in conditions:
        rng = np.random.default_rng([number, list(CONDITIONS).index(name)])
        samples = CONDITIONS[name](np.asarray(recording.samples), rng, others)
        yield replace(recording, samples=samples.astype(np.float32))


def condition_scores(
    name: str,
    utterances: Sequence[Utterance],
    plain: Sequence[Segment],
    segments: Sequence[Segment],
    exists_from: ExistsFrom,
) -> ConditionScores:
    """Scores of the verdicts in one condition. plain, segments: as recorded and in it, of each utterance."""
    dominated = [(u, s) for u, s in zip(utterances, segments, strict=True) if dominant(u.votes)]
    truth = [CLASSES.index(dominant(u.votes) or "") for u, _ in dominated]
    deciding = [s.existence if s.rule == "mlee" else s.dominant[s.rule] for _, s in dominated]
    guessed = [int(np.argmax(probabilities)) for probabilities in deciding if probabilities is not None]
    targets = np.array([existence_target(u.votes, exists_from) for u in utterances])  # [N, K]
    given = [s.existence for s in segments if s.existence is not None]
    areas = [auc(targets[:, k], np.array(given)[:, k]) for k in range(len(CLASSES))] if given else []
    known = [area for area in areas if area is not None]
    on_speech = [share for s in segments for share in s.attention_on_speech.values() if share is not None]
    same = [a.headline == b.headline for a, b in zip(plain, segments, strict=True)]
    return ConditionScores(
        name=name,
        wa=wa(truth, guessed),
        ua=ua(truth, guessed),
        same_headline=fmean(same),
        existence_auc=fmean(known) if known else None,
        attention_on_speech=fmean(on_speech) if on_speech else None,
    )
