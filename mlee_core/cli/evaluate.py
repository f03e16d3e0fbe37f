"""`mlee evaluate`: a finished model on a corpus it never met, with all scores of a report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..corpora.missing_audio import present
from ..evaluation.vote_scores import VoteScores
from ..inference import model_file
from ..inference.condition_scores import ConditionScores, chosen_conditions
from ..inference.corpus_evaluation import CorpusEvaluation, chosen_utterances, evaluate
from ..labels.targets import ExistsFrom
from ..labels.votes import CLASS_NAMES
from ..report.document_blocks import Table, as_text
from ..report.formatting import decimals, decimals_interval, percent
from .corpus import add_opening_arguments, corpus_of
from .terminal import ProgressLine, print_note
from .training_options import add_exists_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model's name or file, or a run folder")
    add_opening_arguments(parser)
    parser.add_argument("--skip-missing", action="store_true", help="leave out any number of missing files")
    parser.add_argument("--speakers", nargs="+", default=[], metavar="S", help="only these speakers")
    add_exists_from(parser, "as the model was trained")
    seen = "also score utterances that the model was trained on; marks every figure"
    parser.add_argument("--allow-duplicates", action="store_true", help=seen)
    outside = "also score them in these conditions outside a studio (without a name, in all of them)"
    parser.add_argument("--conditions", nargs="*", metavar="NAME", help=outside)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """Analyse and score. Raises: MleeError for a model or a corpus that cannot be used."""
    info = model_file.info(model_file.find(args.model))
    exists_from = info.exists_from if args.exists_from is None else ExistsFrom.parse(args.exists_from)
    corpus = corpus_of(args)
    usable = present(corpus, skip_missing=args.skip_missing)
    for warning in usable.warnings[len(corpus.warnings) :]:
        print_note(warning)
    utterances = chosen_utterances(usable, args.speakers)
    from ..inference.analyzer import Analyzer

    analyzer = Analyzer(model_file.load(Path(info.path)))
    conditions = () if args.conditions is None else chosen_conditions(args.conditions)
    duplicates = args.allow_duplicates
    steps = evaluate(
        analyzer, usable, utterances, exists_from, allow_duplicates=duplicates, conditions=conditions
    )
    found = ProgressLine(sys.stderr).follow(steps, CorpusEvaluation)
    for note in found.notes:
        print_note(f"{note}.")
    print(json.dumps(found.to_json()) if args.json else _text(found, corpus.name))
    return 0


def _text(found: CorpusEvaluation, corpus: str) -> str:
    marked = f"; {found.seen} OF THEM SEEN IN TRAINING" if found.seen else ""
    head = (
        f"{found.model} on {corpus}: {found.scores.utterances} utterances{marked}. WA, UA and ambiguity: by "
        f"{found.rule}. An emotion exists from {found.exists_from.described}."
    )
    scores, ceiling = dict(_lines(found.scores)), dict(_lines(found.ceiling) if found.ceiling else ())
    names = list(dict.fromkeys((*scores, *ceiling)))
    rows = tuple((name, scores.get(name, "–"), ceiling.get(name, "–")) for name in names)
    title = "Ceiling: one half of the annotators predicts the other half"
    tables = [Table(("", "model", "ceiling"), rows, title=title)]
    if found.conditions:
        tables.append(_conditions(found.conditions))
    return "\n\n".join((head, *map(as_text, tables)))


def _conditions(conditions: Sequence[ConditionScores]) -> Table:
    names = ("condition", "WA", "UA", "same headline", "existence AUC", "attention on speech")
    rows = tuple(
        (
            one.name,
            *(percent(share) for share in (one.wa, one.ua, one.same_headline)),
            *(decimals(share) for share in (one.existence_auc, one.attention_on_speech)),
        )
        for one in conditions
    )
    return Table(names, rows, title="Outside a studio (WA, UA and same headline in percent)")


def _lines(scores: VoteScores) -> Iterator[tuple[str, str]]:
    """(name, value) of each score."""
    yield "WA, percent", percent(scores.wa)
    yield "UA, percent", percent(scores.ua)
    for name, recall in scores.recall.items():
        yield f"  recall {CLASS_NAMES[name]}, percent", percent(recall)
    yield "ECE of the predicted class", decimals(scores.ece)
    if scores.existence is not None:
        own = scores.existence
        yield "existence AUC, mean", decimals(own.auc_mean)
        for name, area in own.auc.items():
            yield f"  AUC {CLASS_NAMES[name]}", decimals(area)
        yield "existence macro F1", decimals(own.f1_macro)
        yield "existence ECE", decimals(own.ece)
        yield "existence Brier", decimals(own.brier)
        yield "  of the base rate", decimals(own.brier_base_rate)
    if scores.ambiguity is not None:
        doubt = scores.ambiguity
        yield "KL from the vote shares, nats", decimals(doubt.kl)
        yield "JS with the vote shares, nats", decimals(doubt.js)
        yield "entropy Spearman", decimals(doubt.entropy_spearman)
        yield "  95 % over speakers", decimals_interval(doubt.entropy_spearman_ci)
        yield "split votes AUC", decimals(doubt.split_auc)
        yield "both of two are the top two", decimals(doubt.top_two)
