"""Errors a user can cause. Each message is one sentence with the bad value and what is allowed.

The command line prints the message and exits with `exit_status`; the window shows it. Anything that is
not an `MleeError` is a fault of ours (exit status 1).
"""

from __future__ import annotations


class MleeError(Exception):
    """The user's input is wrong; nothing was lost.

    about: the field of an `ExperimentSpec` that the message is about, "" for none.
    """

    exit_status = 2
    about = ""


class AudioError(MleeError):
    """A recording that cannot be read, or is refused: missing, empty, damaged, non-finite, hanging."""


class CorpusError(MleeError):
    """A corpus that cannot be read or does not hold what was requested."""


class ConfigError(MleeError):
    """A configuration that contradicts itself or requests what this machine does not have."""


class ModelError(MleeError):
    """A trained model that is missing, damaged, or made for other classes."""


class RunError(MleeError):
    """A run folder that cannot be opened, resumed or written."""


class WorkerDied(MleeError):
    """A helper process ended without an answer. The message carries its last log lines. log: name of its log
    file, "" where it was not kept."""

    exit_status = 1
    log = ""
