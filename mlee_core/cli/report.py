"""`mlee report`: tables, pictures and predictions of a finished or running experiment."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..report import Report, Written, tables, write
from ..report.document import banners
from ..report.document_blocks import as_text
from ..runs.run_folder import RunFolder
from .terminal import ProgressLine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of mlee table3")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the report (default: RUN/report)")
    parser.add_argument("--json", action="store_true", help="print what report.json holds")
    parser.add_argument("--quiet", action="store_true", help="print where the report is, and nothing else")


def run(args: argparse.Namespace) -> int:
    """Write the report and print Table 3. Raises: RunError where there is nothing to report."""
    made = written(RunFolder(args.run), args.out, quiet=args.quiet)
    if args.json:
        print(json.dumps(made.report.to_json(), ensure_ascii=False))
        return 0
    if not args.quiet:
        print(report_text(made.report), end="\n\n")
    print(made.folder / "report.html")
    return 0


def written(run: RunFolder, out: Path | None, *, quiet: bool) -> Written:
    """Write the report, with progress on one line. Raises: RunError where there is nothing to report."""
    return ProgressLine(sys.stderr, quiet=quiet).follow(write(run, out), Written)


def report_text(report: Report) -> str:
    """Table 3 beside the paper's, recalls, the scores of existence and ambiguity, and the limits of all."""
    setting = report.setting
    of_seeds = f", mean ± s.d. of {setting.repeated}" if setting.repeated else ""
    head = (
        f"Table 3 on {setting.corpus}: {len(report.folds_done)} of {len(setting.folds)} folds complete. "
        f"Pooled: over all utterances{of_seeds}. Of folds: mean ± s.d. of their scores. Paper: on IEMOCAP."
    )
    limits = (banner.text for banner in banners(report))
    besides = (tables.recalls(report), tables.existence(report), tables.ambiguity(report))
    by_corpus = (tables.corpora(report),) if report.corpora else ()
    shown = (*tables.table3(report), *by_corpus, *(table for table in besides if table.rows))
    return "\n\n".join((head, *map(as_text, shown), *limits))
