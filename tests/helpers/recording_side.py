"""A process that records from the test's sound server and says what it sees, one JSON line at a time.

A process of its own, because PortAudio looks for the sound server once, and so that it can be killed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mlee_core.audio import microphone
from mlee_core.audio.microphone import Recorder
from tests.helpers.child_side import wait_until


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def main(folder: str, seconds: float, until: str) -> None:
    microphone.SILENT_DEVICE_S = 1.5
    names = [device.name for device in microphone.devices()]
    take = Recorder(Path(folder), "pulse")
    take.start()
    wait_until(lambda: take.elapsed_s >= seconds, f"{seconds} s of sound")
    say(names=names, path=str(take.path), level_db=take.level_db, elapsed_s=take.elapsed_s)
    if until == "lost":
        wait_until(lambda: not take.recording, "the loss of the device to be noticed")
    if until == "killed":
        sys.stdin.read()
    path = take.stop()
    say(path=str(path), elapsed_s=take.elapsed_s, error=take.error)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
