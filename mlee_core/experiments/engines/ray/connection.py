"""Joining a Ray cluster, or starting Ray on this machine, in a child process.

Ray is imported only there: it is optional, and its import takes a second.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable
from typing import Any

from ....config.experiment_spec import Engine
from ....errors import MleeError, RunError
from ....system import temporary_folders
from ....system.child_process import Connection
from ....system.temporary_folders import TemporaryFolder
from . import session

LOST_S = 30
"""Without its cluster's head for this time, Ray ends the process."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class ConnectionLost(RunError):
    """Ray no longer answers, or only with errors."""


def with_ray(
    connection: Connection, address: str | None, cpus: int | None, work: Callable[[Any], None]
) -> None:
    """Do some work with Ray in this child process.

    Sends True when Ray is imported, and again when it is joined; then what the work sends, or the MleeError
    that ended it. Ends quietly when the parent closes its end of the pipe.

    Args:
        connection: to the parent.
        address: of the cluster; None starts Ray on this machine, and stops it at the end.
        cpus: of a Ray that is started.
        work: is called with the module `ray`.
    """
    _set_up(address)
    if address is None:
        session.lead()
    import ray

    place = Engine("ray", address).place
    temporary_folders.sweep()
    temporary = None if address else TemporaryFolder(session.near())
    try:
        connection.send(True)
        term = signal.getsignal(signal.SIGTERM)
        _join(ray, place, address, cpus, temporary)
        signal.signal(signal.SIGTERM, term)  # undo Ray's handler: the parent ends this process
        connection.send(True)
        work(ray)
    except MleeError as error:
        connection.send(error)
    except ray.exceptions.RayError as error:
        connection.send(ConnectionLost(f"{place} cannot be used: {_first_sentence(error)}"))
    except (EOFError, BrokenPipeError):
        pass
    finally:
        ray.shutdown()
        if temporary is not None:
            temporary.remove()


def _join(
    ray: Any, place: str, address: str | None, cpus: int | None, temporary: TemporaryFolder | None
) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if temporary is None:
            ray.init(address=address, **quiet)
        else:
            own = {"include_dashboard": False, "_temp_dir": str(temporary.path)}
            ray.init(address="local", num_cpus=cpus, **own, **quiet)
    except (OSError, RuntimeError, ValueError) as error:  # e.g. another version of Ray
        raise RunError(f"{place} cannot be joined: {_first_sentence(error)}") from error


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).partition(". ")[0].rstrip(".") + "."


def _set_up(address: str | None) -> None:
    """Set the environment that Ray reads when it is imported, for itself and the processes it starts."""
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # workers have MLEE installed
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(LOST_S),
    }
    if address is None:  # a secret that is not stored keeps out other users of this machine
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    if address is None or host_of(address) in LOOPBACK:
        # else Ray replaces 127.0.0.1 by the machine's external address, despite the name of this setting
        settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.update(settings)


def host_of(address: str) -> str:
    return address.rpartition(":")[0]
