"""The inference process: decoding, pyramids and analyses beside the window, which keeps painting.

It starts light; torch is imported with the first request that needs it, or with Prepare.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..system.child_process import log_file, lower_priority
from ..system.service import Handler, ServiceProcess

if TYPE_CHECKING:
    from .service import InferenceService


def start_worker(
    log: Path | None = None, make_service: Callable[[], InferenceService] | None = None
) -> ServiceProcess:
    """Start the process.

    Args:
        log: Where its output goes; None: the user's state folder.
        make_service: What answers its requests, importable; None: InferenceService.
    """
    return ServiceProcess("analysis process", _handler, make_service, log=log or log_file("worker"))


def _handler(make_service: Callable[[], InferenceService] | None) -> Handler:
    lower_priority()  # painting and playback come first

    from .service import InferenceService  # numpy, soundfile

    return (make_service or InferenceService)()
