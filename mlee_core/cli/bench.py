"""`mlee bench`: how fast this machine is, as ratios to plain baselines inside one run."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..bench import Measurement

BENCHES = ("features", "inference", "training", "gui")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bench", choices=BENCHES)
    parser.add_argument("--json", action="store_true", help="a list of {name, value, unit, baseline, ratio}")


def run(args: argparse.Namespace) -> int:
    from .. import bench

    measure: dict[str, Callable[[], Sequence[Measurement]]] = {
        "features": bench.features,
        "inference": bench.inference,
        "training": bench.training,
        "gui": _gui,
    }
    measured = measure[args.bench]()
    if args.json:
        print(json.dumps([m.to_json() for m in measured]))
    else:
        print("\n".join(_in_words(m) for m in measured))
    return 0


def _gui() -> Sequence[Measurement]:
    """`frame_1h`: the window's own measurement; the core knows it by name only."""
    from ..bench import Measurement

    times = sorted(importlib.import_module("mlee_gui.plots.frame_bench").frame_times(3600.0, 500))
    return [Measurement("frame_1h", times[round(0.99 * (len(times) - 1))], "ms", None, None)]


def _in_words(m: Measurement) -> str:
    if m.value is None:
        return f"{m.name:18} not to be had on this machine"
    if m.ratio is None or m.baseline is None:
        return f"{m.name:18} {m.value:12.1f} {m.unit}"
    return f"{m.name:18} {m.value:12.1f} {m.unit:7} baseline {m.baseline:12.1f}   ratio {m.ratio:.3f}"
