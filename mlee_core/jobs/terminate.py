"""`python -m mlee_core.jobs.terminate RUN`: ends the job that writes a run, with all its processes.

A process of its own, so that a window closed meanwhile leaves no half-ended job.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from ..runs.run_folder import RunFolder
from ..runs.status_files import JobStatus
from ..system import detached, process_group
from .control import running


def main() -> int:
    run = Path(sys.argv[1])
    detached.release()
    job = running(run)
    if job is not None and job.writer.is_here:
        process_group.end(lambda: process_group.of_job(job.writer))
        if JobStatus.load(run) == job:  # it was killed, and could not write that it was cancelled
            with RunFolder(run).locked():
                replace(job, state="cancelled", ended_at=time.time()).save(run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
