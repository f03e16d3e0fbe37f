"""`python -m mlee_core.jobs.terminate RUN`: ends the job that writes a run, with all its processes, for good.

A process of its own that nobody waits for: a window that is closed in the middle leaves no half-ended job.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from ..runs.run_folder import RunFolder
from ..runs.status_files import JobStatus
from ..system import process_group
from .control import running


def main() -> int:
    run = Path(sys.argv[1])
    if os.fork():  # whoever started us need not wait
        os._exit(0)
    job = running(run)
    if job is not None and job.writer.is_here:
        process_group.end(lambda: process_group.of_job(job.writer))
        _tell(run, job)
    return 0


def _tell(run: Path, job: JobStatus) -> None:
    """A job that had to be killed could not say itself that it was cancelled."""
    if JobStatus.load(run) == job:
        with RunFolder(run).locked():  # nobody writes it by now
            replace(job, state="cancelled", ended_at=time.time()).save(run)


if __name__ == "__main__":
    sys.exit(main())
