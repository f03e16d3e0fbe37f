"""The process that talks to a Ray cluster, so that no failure of Ray ends the program itself."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ....errors import ConfigError, MleeError, RunError, WorkerDied
from ....system.child_process import GRACE_S, Child, Outcome
from . import session
from .connection import host_of

PROBE_S = 5.0
IMPORT_S = 60.0
JOIN_S = 15.0
START_S = 60.0
"""For Ray on this machine, which starts half a dozen processes."""

END_S = 4.0
"""For the driver to stop its tasks and the Ray that it has started; less than the five seconds that a job has
to end."""


class Driver(Child):
    """A child process that is connected to Ray.

    Args:
        target: called as target(connection, address, *more); it calls `connection.with_ray`.
        address: of the cluster; None starts Ray on this machine.
        more: further arguments.
        log: file for the process's output.
    Raises: MleeError when Ray cannot be used, ConfigError when nothing answers at the address in time.
    """

    def __init__(
        self, target: Callable[..., None], address: str | None, *more: Any, log: Path | None = None
    ) -> None:
        refuse_absence()
        if address is not None:
            _refuse_silence(address)
        super().__init__("Ray driver", target, address, *more, log=log)
        self._own_session = self.pid if address is None else None
        try:
            if not self.poll(IMPORT_S):
                raise RunError(f"Ray could not be imported within {IMPORT_S:.0f} s.")
            self.receive()
            self._await_joined(address)
        except BaseException:
            self.kill()
            raise

    def _await_joined(self, address: str | None) -> None:
        """Raises: the MleeError that the driver sends, or one when it takes too long or ends."""
        timeout_s = JOIN_S if address else START_S
        if not self.poll(timeout_s):
            raise _not_joined(address, f"not within {timeout_s:.0f} s")
        try:
            message = self.receive()
        except WorkerDied as error:
            raise _not_joined(address, str(error).rstrip(".")) from error
        if isinstance(message, MleeError):
            raise message

    def stop(self, grace_s: float = GRACE_S) -> Outcome:
        """End it, and wait until all processes of a Ray that it has started are gone."""
        outcome = super().stop(grace_s)
        if self._own_session is not None:
            session.end(self._own_session)
            self._own_session = None
        return outcome


def refuse_absence() -> None:
    """Raises: ConfigError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        remedy = 'pip install "mlee-speech[ray]" brings it'
        raise ConfigError(f"--engine ray needs Ray, which is not installed: {remedy}.")


def _refuse_silence(address: str) -> None:
    port = int(address.rpartition(":")[2])
    try:
        socket.create_connection((host_of(address).strip("[]"), port), PROBE_S).close()
    except OSError as error:
        raise ConfigError(
            f"no Ray answers at {address} ({error.strerror or error}): `ray start --head` prints the address "
            "of one; without --address MLEE starts Ray on this machine."
        ) from error


def _not_joined(address: str | None, reason: str) -> MleeError:
    if address is None:
        return RunError(f"Ray did not start on this machine ({reason}).")
    return ConfigError(
        f"the server at {address} did not accept this machine ({reason}): is it Ray, is this machine one of "
        f"its nodes (`ray start --address={address}`), and does it require a token (RAY_AUTH_MODE=token)?"
    )
