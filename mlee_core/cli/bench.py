"""`mlee bench`: how fast this machine is, as ratios to plain baselines inside one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from ..speed.benchmarks import Measurement

BENCHES = ("features", "inference", "training", "gui")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bench", choices=BENCHES)
    parser.add_argument("--json", action="store_true", help="a list of {name, value, unit, baseline, ratio}")


def run(args: argparse.Namespace) -> int:
    from ..speed import benchmarks

    measure: dict[str, Callable[[], Sequence[Measurement]]] = {
        "features": benchmarks.features,
        "inference": benchmarks.inference,
        "training": benchmarks.training,
        "gui": lambda: _gui(sys.stderr if args.json else sys.stdout),
    }
    measured = measure[args.bench]()
    if args.json:
        print(json.dumps([asdict(m) for m in measured]))
    else:
        print("\n".join(_in_words(m) for m in measured))
        if args.bench == "training":
            from ..speed.table3_cost import HOW

            print(HOW)
    return 0


def _gui(notes: TextIO) -> Sequence[Measurement]:
    """The window's own measurements."""
    from ..speed.benchmarks import Measurement
    from .gui import window_function

    report = window_function("benchmark")()
    print(*report.notes, sep="\n", file=notes)
    return [Measurement(name, ms, "ms", None, None) for name, ms in report.values.items()]


def _in_words(m: Measurement) -> str:
    if m.value is None:
        return f"{m.name:18} not available on this machine"
    if m.ratio is None or m.baseline is None:
        return f"{m.name:18} {m.value:12.1f} {m.unit}"
    return f"{m.name:18} {m.value:12.1f} {m.unit:7} baseline {m.baseline:12.1f}   ratio {m.ratio:.3f}"
