"""Paint thousands of frames and measure what grows: references to None, memory, slower frames.

    python packaging/soak_frames.py [--frames 5000] [--hours 1]

Some PySide6 versions lose (or gain) a reference to None with every call that returns nothing; below
Python 3.12 that ends the process after some minutes (FACTS.md). Exit status 1 if anything creeps.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PySide6 import __version__ as pyside
from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

from mlee_core.system.hardware import peak_memory
from mlee_gui.listening.timeline import Timeline
from mlee_gui.speed.frame_benchmark import bench_timeline, timed, views

MAX_DRIFT = 0.02
"""References to None a frame."""
MAX_GROWTH_MB = 60.0
"""Of anonymous memory, after the first tenth of the frames."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--hours", type=float, default=1.0)
    args = parser.parse_args()
    times, marks = [], []
    with bench_timeline(args.hours * 3600) as timeline:
        for i, (start_s, end_s) in enumerate(views(args.hours * 3600, args.frames)):
            times.append(timed(timeline, start_s, end_s))
            _use(timeline, i)
            if i % (args.frames // 10) == 0:
                marks.append((sys.getrefcount(None), _anonymous_mb()))
        drift = (sys.getrefcount(None) - marks[1][0]) / (args.frames * 0.9)
        growth = _anonymous_mb() - marks[1][1]
    peak = peak_memory() / 2**20
    p50, p99 = np.percentile(times, (50, 99))
    print(f"Python {sys.version.split()[0]}, PySide6 {pyside}, {args.frames} frames of {args.hours:g} h")
    print(f"frame p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {max(times):.1f} ms")
    immortal = " (immortal here)" if sys.version_info >= (3, 12) else ""
    print(f"references to None: {drift:+.4f} a frame{immortal}")
    print(f"memory: {growth:+.1f} MB since the first tenth, peak with mapped files {peak:.0f} MB")
    creeps = abs(drift) > MAX_DRIFT or growth > MAX_GROWTH_MB
    print("creeps" if creeps else "steady")
    return int(creeps)


def _use(timeline: Timeline, i: int) -> None:
    """What a user does meanwhile: point, scroll, play, select, change the colours."""
    place = QPointF(200 + i % 800, 300)
    none, button = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.NoButton
    move = QMouseEvent(QMouseEvent.Type.MouseMove, place, place, button, button, none)
    QCoreApplication.sendEvent(timeline.plots, move)
    if i % 3 == 0:
        turn = QPoint(0, 120 if i % 2 else -120)
        wheel = QWheelEvent(place, place, QPoint(), turn, button, none, Qt.ScrollPhase.NoScrollPhase, False)
        QCoreApplication.sendEvent(timeline.plots, wheel)
    if i % 7 == 0:
        timeline.set_db_range(-80 + i % 30, 0)
        timeline.set_selection((i % 50, i % 50 + 5.0))
    timeline.set_cursor(i % 3000 * 0.7, follow=i % 5 == 0)
    QCoreApplication.processEvents()


def _anonymous_mb() -> float:
    """Memory that belongs to no file, MB (the spectrogram pyramid's pages come and go)."""
    memory = psutil.Process().memory_info()
    return float(memory.rss - memory.shared) / 2**20


if __name__ == "__main__":
    sys.exit(main())
