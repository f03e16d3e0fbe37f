"""A trained model on a corpus: every annotated utterance analysed, and the scores of what came out.

No torch in here: the analyzer is given.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..audio.decoding import Decoder, Recording
from ..audio.frames import MAX_SEGMENT_S
from ..corpora.corpus import Corpus, Utterance
from ..errors import AudioError, ConfigError, CorpusError
from ..evaluation.ceiling import LEAST_RATERS, ceiling
from ..evaluation.vote_scores import VoteScores, vote_scores
from ..events import Progress
from ..labels.targets import ExistsFrom
from ..system.printable import listed
from .condition_scores import AS_RECORDED, ConditionScores, condition_scores, in_conditions, other_voices
from .results import Analysis, Probabilities, Segment

if TYPE_CHECKING:
    from .analyzer import Analyzer

LISTED = 5

SEEN = "since the model was trained on them or their speakers (--allow-duplicates includes them)"
LONG = f"since a recording over {MAX_SEGMENT_S:.0f} s has several verdicts"
SILENT = "since there is no verdict on them"
UNREADABLE = "since they cannot be read"


@dataclass(frozen=True)
class CorpusEvaluation:
    """Scores of a model on a corpus.

    rule: the head that WA, UA and ambiguity are of. ceiling: the annotators' own, on the same utterances.
    seen: how many of them the model was trained on; None where these are left out. notes: what was left out,
    and which scores are undefined, one sentence each.
    """

    model: str
    rule: str
    exists_from: ExistsFrom
    scores: VoteScores
    ceiling: VoteScores | None
    seen: int | None
    notes: tuple[str, ...]
    conditions: tuple[ConditionScores, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `mlee evaluate --json` prints (SPEC.md, "Command line")."""
        found = {
            **asdict(self.scores),
            "ceiling": None if self.ceiling is None else asdict(self.ceiling),
            "model": self.model,
            "rule": self.rule,
            "exists_from": str(self.exists_from),
        }
        if self.conditions:
            found["conditions"] = [asdict(condition) for condition in self.conditions]
        return found if self.seen is None else {**found, "seen": self.seen}


def chosen_utterances(corpus: Corpus, speakers: Sequence[str] = ()) -> tuple[Utterance, ...]:
    """The annotated utterances of these speakers; without any, of all.

    Raises: ConfigError for a speaker that is not in the corpus; CorpusError if none is annotated.
    """
    unknown = sorted(set(speakers) - set(corpus.speakers))
    if unknown:
        raise ConfigError(
            f"speaker {unknown[0]} is not in {corpus.name}: its speakers are {listed(corpus.speakers, 20)}."
        )
    found = tuple(u for u in corpus.of_speakers(speakers or corpus.speakers) if u.votes.total > 0)
    if not found:
        of = f"of speaker {', '.join(speakers)} " if speakers else ""
        raise CorpusError(f"{corpus.name} has no annotated utterance {of}to score: votes are needed.")
    return found


def evaluate(
    analyzer: Analyzer,
    corpus: Corpus,
    utterances: Sequence[Utterance],
    exists_from: ExistsFrom,
    *,
    allow_duplicates: bool = False,
    conditions: Sequence[str] = (),
) -> Iterator[Progress | CorpusEvaluation]:
    """Analyse the utterances one by one; yields Progress, and last the CorpusEvaluation.

    Args:
        analyzer: Has the model.
        corpus: Where the utterances are from, to know what the model has seen.
        utterances: Annotated ones, at least one.
        exists_from: When a class exists.
        allow_duplicates: Also score what the model was trained on, and count it.
        conditions: Names of CONDITIONS in which the utterances are analysed as well.

    Raises:
        CorpusError: No utterance can be scored.
    """
    left_out: dict[str, list[Utterance]] = {}
    scored: list[tuple[Utterance, Segment]] = []
    degraded: list[list[Segment]] = []  # of each utterance, in each condition
    seen, first_error, began = 0, "", time.monotonic()
    with Decoder() as decoder:
        others = other_voices(decoder, corpus) if conditions else ()
        for done, utterance in enumerate(utterances):
            left = (time.monotonic() - began) / done * (len(utterances) - done) if done else None
            yield Progress("Evaluating", done, len(utterances), left)
            try:
                recording = decoder.load(utterance.file)
                known, _ = analyzer.seen(recording.digests(), utterance.speaker, corpus.name)
                if known is not None and not allow_duplicates:
                    raise _LeftOut(SEEN)
                verdict = _verdict(analyzer, recording)
                copies = in_conditions(recording, conditions, done, others, utterance.speaker)
                degraded.append([_verdict(analyzer, copy) for copy in copies])
                scored.append((utterance, verdict))
                seen += known is not None
            except (AudioError, _LeftOut) as error:
                unreadable = isinstance(error, AudioError)
                first_error = first_error or (str(error) if unreadable else "")
                left_out.setdefault(UNREADABLE if unreadable else str(error), []).append(utterance)
    notes = [
        f"left out {reason}: {len(group)} of {len(utterances)} utterances, "
        + (first_error.rstrip(".") if reason == UNREADABLE else listed([u.id for u in group], LISTED))
        for reason, group in left_out.items()
    ]
    if not scored:
        raise CorpusError(f"nothing of {corpus.name} can be scored: {'; '.join(notes)}.")
    votes, speakers = [u.votes for u, _ in scored], [u.speaker for u, _ in scored]
    rule = scored[0][1].rule
    distribution = None if rule == "mlee" else _probabilities(s.dominant[rule] for _, s in scored)
    existence = _probabilities(segment.existence for _, segment in scored)
    scores = vote_scores(votes, speakers, distribution, existence, exists_from)
    own = ceiling(votes, speakers, exists_from)
    yield CorpusEvaluation(
        model=analyzer.bundle.info.name,
        rule=rule,
        exists_from=exists_from,
        scores=scores,
        ceiling=own,
        seen=seen if allow_duplicates else None,
        notes=(*notes, *_undefined(scores, own, rule)),
        conditions=_by_condition(conditions, scored, degraded, exists_from) if conditions else (),
    )


def _by_condition(
    conditions: Sequence[str],
    scored: Sequence[tuple[Utterance, Segment]],
    degraded: Sequence[Sequence[Segment]],
    exists_from: ExistsFrom,
) -> tuple[ConditionScores, ...]:
    utterances, plain = [u for u, _ in scored], [segment for _, segment in scored]
    columns = [plain, *map(list, zip(*degraded, strict=True))]
    return tuple(
        condition_scores(name, utterances, plain, segments, exists_from)
        for name, segments in zip((AS_RECORDED, *conditions), columns, strict=True)
    )


class _LeftOut(Exception):
    """Why an utterance is not scored."""


def _verdict(analyzer: Analyzer, recording: Recording) -> Segment:
    """The one segment of a recording, with probabilities. Raises: _LeftOut, AudioError."""
    if recording.duration_s > MAX_SEGMENT_S:
        raise _LeftOut(LONG)
    *_, analysis = analyzer.analyze(recording)
    assert isinstance(analysis, Analysis), "analyze ends with the Analysis"
    segment = analysis.single
    if segment is None or (segment.rule != "mlee" and segment.dominant[segment.rule] is None):
        raise _LeftOut(SILENT)
    return segment


def _probabilities(rows: Iterable[Probabilities | None]) -> list[Probabilities] | None:
    """All rows; None where the model gives none."""
    given = [row for row in rows if row is not None]
    return given or None


def _undefined(scores: VoteScores, own: VoteScores | None, rule: str) -> Iterator[str]:
    """Sentences on the scores that are missing as a whole."""
    if scores.existence is None:
        yield "the model has no existence head, so existence has no scores"
    if rule == "mlee":
        yield "existence alone decides in this model, so ambiguity has no scores"
    elif scores.ambiguity is None:
        yield "no utterance has votes for two of the four classes, so ambiguity has no scores"
    if own is None:
        yield f"no utterance has {LEAST_RATERS} votes, so there is no ceiling"
