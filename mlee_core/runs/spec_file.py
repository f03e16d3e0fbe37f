"""spec_file."""

from __future__ import annotations

import json
from pathlib import Path

from ..config.experiment_spec import Order
from ..errors import MleeError, RunError
from ..system import files


def stored_order(run: Path) -> Order:
    """The order that a run folder was queued with. Raises: RunError."""
    file = run / "order.json"
    try:
        return Order.from_json(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, MleeError) as error:
        raise RunError(f"{file} is damaged: {error}") from error


def write_order(run: Path, order: Order) -> None:
    """Into the run folder, which is made if need be. Raises: RunError."""
    with files.faults_told(run):
        run.mkdir(parents=True, exist_ok=True)
        files.write_json(run / "order.json", order.to_json())
