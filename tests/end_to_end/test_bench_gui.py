"""`mlee bench gui`: the figures are those of a real window, and leave the user's own things alone."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import soundfile

from mlee_core import cli
from mlee_core.errors import WorkerDied
from mlee_core.runs.follower import Follower
from mlee_gui.speed import frame_benchmark, jobs_benchmark, startup_benchmark
from mlee_gui.speed.stall_watch import Stall
from mlee_gui.speed.startup_benchmark import StartupReport
from tests.helpers.child_side import wait_until
from tests.helpers.entry_points import install_window

NAMES = ["help", "window_visible", "first_analysis", "longest_stall", "jobs_stall", "frame_1h"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folders, off-screen."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    return tmp_path


def test_a_real_window_is_measured_and_the_users_settings_are_left_alone(home: Path) -> None:
    short = startup_benchmark._recording(home / "short.wav", 3.0)
    long = startup_benchmark._recording(home / "long.wav", 40.0)
    assert [soundfile.info(path).duration for path in (short, long)] == [3.0, 40.0]
    arrived, end = startup_benchmark.run_window(home / "private", "startup", short, long)
    stall = Stall(**end["stall"])
    assert 0 < arrived["painted"] < arrived["analysed"] < math.inf
    assert 0 < stall.ms < math.inf and 0 <= stall.computing_ms < math.inf
    assert end["platform"] == "offscreen"
    assert not (home / "user").exists()
    assert list((home / "private").rglob("window.ini")), "it has settings of its own"


def test_a_window_that_cannot_analyse_is_told_with_its_reason(home: Path) -> None:
    sound = home / "no.wav"
    sound.write_text("no sound\n")
    with pytest.raises(WorkerDied, match=r"no\.wav"):
        startup_benchmark.run_window(home / "private", "startup", sound)


def test_medians_count_without_the_first_and_a_stall_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    helps = iter([999.0, 40.0, 10.0, 20.0])
    starts = iter([999.0, 500.0, 300.0, 400.0, 700.0])
    given: list[int] = []

    def run_window(
        home: Path, what: str, short: Path, *more: Path
    ) -> tuple[dict[str, float], dict[str, object]]:
        given.append(len(more))
        painted = next(starts)
        stall = Stall(
            80.4, 70.2, ("mlee_gui/listening/presenter.py:1 _show", "mlee_gui/recordings/session.py:2 update")
        )
        end = {"stall": asdict(stall), "platform": "offscreen"}
        return {"painted": painted, "analysed": 2 * painted}, end

    monkeypatch.setattr(startup_benchmark, "run_window", run_window)
    monkeypatch.setattr(startup_benchmark, "_help_ms", lambda: next(helps))
    report = startup_benchmark.measure(starts=3, long_s=4.0)
    assert report.values == {
        "help": 20.0,
        "window_visible": 400.0,
        "first_analysis": 800.0,
        "longest_stall": 80.4,
    }
    assert given == [0, 0, 0, 0, 1]
    assert report.notes == (
        "The window was drawn off-screen, with no display.",
        "The longest stall (80 ms, 70 ms of them computing) was in mlee_gui/listening/presenter.py:1 _show < "
        "mlee_gui/recordings/session.py:2 update.",
    )


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures without the minutes that they take."""
    install_window(tmp_path, monkeypatch)
    values = {"help": 30.0, "window_visible": 600.0, "first_analysis": 2000.0, "longest_stall": 20.0}
    monkeypatch.setattr(startup_benchmark, "measure", lambda: StartupReport(values, ("It was off-screen.",)))
    monkeypatch.setattr(
        jobs_benchmark, "measure", lambda: StartupReport({"jobs_stall": 30.0}, ("Jobs told.",))
    )
    monkeypatch.setattr(
        frame_benchmark, "frame_times", lambda duration_s, frames: [float(i) for i in range(101)]
    )


@pytest.mark.usefixtures("measured")
def test_json_holds_the_rows_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "gui", "--json"]) == 0
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert [row["name"] for row in rows] == NAMES
    assert [row["value"] for row in rows] == [30.0, 600.0, 2000.0, 20.0, 30.0, 99.0]
    assert all(row["unit"] == "ms" and row["baseline"] is row["ratio"] is None for row in rows)
    assert printed.err == "It was off-screen.\nJobs told.\n"


@pytest.mark.usefixtures("measured")
def test_the_text_says_how_it_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "gui"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["It was off-screen.", "Jobs told."]
    assert [line.split()[0] for line in lines[2:]] == NAMES
    assert lines[3].split()[1:] == ["600.0", "ms"]


def test_a_real_window_is_measured_while_jobs_report(home: Path) -> None:
    report = jobs_benchmark.measure(runs=3, rate=50, seconds=2.5)
    assert 0 < report.values["jobs_stall"] < math.inf
    told = re.match(r"(\d+) keys .* had (\d+) epochs", report.notes[0])
    assert told is not None
    keys, epochs = map(int, told.groups())
    assert keys >= 5 and epochs > 0  # it went about, and curves were shown
    assert not (home / "user").exists()


def test_the_made_jobs_report_at_the_rate_asked_for_and_end_with_their_reader(home: Path) -> None:
    with jobs_benchmark.reporting(home / "runs", 2, 200) as runs:
        followers = [Follower(run) for run in runs]
        began = time.monotonic()
        wait_until(lambda: all(_told(f) >= 100 for f in followers), "a hundred events of each")
        took = time.monotonic() - began
        assert all(f.state == "running" and len(f.cells) == 130 for f in followers)
    assert took > 0.4  # half a second's worth
    for follower in followers:
        follower.poll()
        assert follower.state == "cancelled"


def _told(follower: Follower) -> int:
    follower.poll()
    return sum(len(follower.curve(cell)) for cell in follower.cells)
