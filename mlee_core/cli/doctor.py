"""`mlee doctor`: versions and devices of this machine, what is missing and how to get it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from .doctor_checks import Finding, examine, works

WIDTH = 20
"""Columns of the topic."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object: works, findings")


def run(args: argparse.Namespace) -> int:
    """Print all findings, in text each as soon as it is known; 0 if MLEE works here, 1 if it does not."""
    findings = list(examine() if args.json else _printed(examine()))
    if args.json:
        report = {"works": works(findings), "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(report, ensure_ascii=False))
    else:
        print(summary(findings))
    return 0 if works(findings) else 1


def summary(findings: list[Finding]) -> str:
    """The last line: whether MLEE works, and the number of remedies above."""
    remedies = sum(finding.state in ("missing", "broken") for finding in findings)
    verdict = "MLEE works here" if works(findings) else "MLEE does not work here"
    return f"{verdict}; to fix: {remedies} (see above)." if remedies else f"{verdict}; nothing is missing."


def _printed(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        sign = {"ok": " ", "note": "·", "missing": "!", "broken": "X"}[finding.state]
        print(f"{sign} {finding.topic:<{WIDTH}}{finding.value}", flush=True)
        if finding.remedy:
            print(f"  {'':<{WIDTH}}→ {finding.remedy}", flush=True)
        yield finding
