"""`mlee analyze`: recordings in; text, JSON lines, a table or the paper's Figure 3 out."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import corpora
from ..audio.decoding import Decoder, Recording, find_audio
from ..errors import ConfigError, CorpusError, MleeError
from ..inference import model_file
from ..inference.model_file import ModelInfo
from ..inference.results import DOMINANT_HEADS, ENCODERS, Analysis, Segment
from ..inference.text import as_text
from ..system.files import atomic_path
from ..system.provenance import in_one_line
from .terminal import ProgressLine

FIGURES = (".svg", ".png", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recordings = "recordings, or folders of them"
    parser.add_argument("files", nargs="+", type=_named, metavar="FILE", help=recordings)
    model = "a model or a run folder"
    parser.add_argument("--model", default=model_file.DEFAULT, metavar="NAME|RUN", help=model)
    parser.add_argument("--json", action="store_true", help="one JSON object a line, one line a file")
    parser.add_argument("--csv", type=Path, metavar="OUT", help="write one table, a row a segment")
    parser.add_argument("--figure", type=Path, metavar="OUT", help="draw one recording: .svg, .png or .pdf")


def _named(text: str) -> Path:
    """A path, but not "", which would mean the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("a file name is empty")
    return Path(text)


@dataclass(frozen=True)
class _Item:
    """A file to analyse; speaker and corpus where its folder is a corpus."""

    path: Path
    speaker: str | None = None
    corpus: str | None = None


def run(args: argparse.Namespace) -> int:
    """Analyse every file; an error of one does not stop the others. Returns 2 if there was one."""
    if args.figure is not None and args.figure.suffix.lower() not in FIGURES:
        raise ConfigError(f"figure {args.figure}: allowed endings are {', '.join(FIGURES)}.")
    _refuse_unwritable(args.csv, args.figure)
    info = model_file.info(model_file.find(args.model))
    failures: list[MleeError] = []
    items = list(_items(args.files, failures))
    if args.figure is not None and len(args.files) + len(items) > 2:
        raise ConfigError(f"--figure draws one recording, and {len(items)} were given.")
    analyses: list[Analysis] = []
    for error in failures:
        _print_error(error)
    try:
        if items:
            failures += _analyse(args, items, info, analyses)
    finally:  # finished analyses are written, whatever ended the rest
        if args.csv is not None and analyses:
            _write_csv(args.csv, analyses)
    return max((error.exit_status for error in failures), default=0)


def _analyse(
    args: argparse.Namespace, items: Sequence[_Item], info: ModelInfo, analyses: list[Analysis]
) -> list[MleeError]:
    """Analyse and print one after the other; returns the errors."""
    from ..inference.analyzer import Analyzer

    analyzer = Analyzer(model_file.load(Path(info.path)))
    line = ProgressLine(sys.stderr, quiet=args.json)
    failures: list[MleeError] = []
    with Decoder() as decoder:
        for item in items:
            try:
                recording = line.follow(decoder.decode(item.path), Recording)
                steps = analyzer.analyze(recording, speaker=item.speaker, corpus=item.corpus)
                analysis = line.follow(steps, Analysis)
                analyses.append(analysis)
                as_json = {**analysis.to_json(), "stamp": in_one_line()}
                print(json.dumps(as_json) if args.json else as_text(analysis, info), flush=True)
                if args.figure is not None:
                    _draw(args.figure, analysis, recording)
            except MleeError as error:
                line.clear()
                _print_error(error)
                failures.append(error)
    return failures


def _items(paths: Sequence[Path], failures: list[MleeError]) -> Iterator[_Item]:
    """Files as they are, folders as the recordings in them; a bad path goes to `failures`."""
    for path in paths:
        known = _speakers(path) if os.path.isdir(path) else {}
        try:
            for file in find_audio(path):
                yield known.get(os.path.realpath(file), _Item(file))
        except MleeError as error:
            failures.append(error)


def _speakers(folder: Path) -> dict[str, _Item]:
    """The speaker of each file, by its real path, where the folder is a corpus."""
    if not any(importer.recognises(folder) for importer in corpora.FORMATS.values()):
        return {}
    try:
        corpus = corpora.open_corpus(folder)
    except CorpusError as error:
        _print_error(CorpusError(f"speakers unknown: {error}"))
        return {}
    return {os.path.realpath(u.file): _Item(u.file, u.speaker, corpus.name) for u in corpus.utterances}


def _print_error(error: MleeError) -> None:
    print(f"mlee: {error}", file=sys.stderr, flush=True)


def _draw(out: Path, analysis: Analysis, recording: Recording) -> None:
    from ..audio.features import blocks
    from ..figures.figure3 import build_figure
    from ..figures.page import save

    samples = recording.samples
    spectrogram = blocks(samples, recording.signal.gain())
    save(lambda: build_figure(analysis, spectrogram, samples), out)


def _refuse_unwritable(*outs: Path | None) -> None:
    """Raises: ConfigError for a file that cannot be written, before hours of analysis."""
    for out in outs:
        if out is None:
            continue
        if os.path.exists(out) and not os.path.isfile(out):
            raise ConfigError(f"{out} is a folder, a pipe or a device: a regular file can be written.")
        if not (os.path.isdir(out.parent) and os.access(out.parent, os.W_OK)):
            raise ConfigError(f"{out} cannot be written: {out.parent} is not a writable folder.")


def _write_csv(out: Path, analyses: Sequence[Analysis]) -> None:
    """One row a segment; a recording of at most 30 s has one. Probabilities per head and class."""
    try:
        with (
            atomic_path(out) as neighbour,
            open(neighbour, "w", newline="", encoding="utf-8", errors="backslashreplace") as file,
        ):
            writer = csv.writer(file)
            for number, analysis in enumerate(analyses):
                rows = [_row(analysis, segment) for segment in analysis.segments]
                if number == 0:
                    writer.writerow(rows[0])
                writer.writerows(row.values() for row in rows)
    except OSError as error:
        raise ConfigError(f"table {out} cannot be written: {error.strerror}.") from error


def _row(analysis: Analysis, segment: Segment) -> dict[str, object]:
    row: dict[str, object] = {
        "file": analysis.file,
        "start_s": round(segment.start_s, 4),
        "end_s": round(segment.end_s, 4),
        "headline": segment.headline,
        "predicted": segment.predicted,
        "rule": segment.rule,
        "score": _rounded(segment.score()),
        "present": ";".join(segment.present()),
        "perhaps": ";".join(segment.perhaps()),
    }
    for head in DOMINANT_HEADS:
        values = segment.dominant.get(head) if segment.has_speech else None
        for k, name in enumerate(segment.classes):
            row[f"{head}_{name}"] = None if values is None else round(values[k], 6)
    existence = segment.existence if segment.has_speech else None
    for k, name in enumerate(segment.classes):
        row[f"present_{name}"] = None if existence is None else round(existence[k], 6)
    row["cut_s"] = round(segment.cut_s, 4)
    for encoder in ENCODERS:
        share = segment.attention_on_speech.get(encoder) if segment.has_speech else None
        row[f"attention_on_speech_{encoder}"] = _rounded(share)
    row["domain"] = None if segment.domain is None else round(segment.domain.distance, 4)
    notes = " ".join((*analysis.notes, *segment.notes))
    origin = {"seen": analysis.seen or "", "model": analysis.model}
    return {**row, **origin, "notes": notes, "stamp": in_one_line()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
