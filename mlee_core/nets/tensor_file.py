"""Tensors and their JSON in one safetensors file, written atomically; never pickle.

The JSON is in the file's header, so that a crash between two writes cannot separate the two.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import MleeError, ModelError
from ..system.files import atomic_path

_KEY = "mlee"


def save(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write tensors (any memory format; stored contiguous) and JSON data to `path`, atomically.

    Raises: OSError (disk full, read-only); `path` is then unchanged.
    """
    flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as neighbour:
        try:
            save_file(flat, neighbour, metadata={_KEY: json.dumps(meta)})
        except SafetensorError as error:  # safetensors' own error for a full disk
            system_error = re.search(r"\(os error ([0-9]+)\)", str(error))
            number = int(system_error[1]) if system_error else errno.EIO
            text = os.strerror(number) if system_error else str(error)
            raise OSError(number, text, str(path)) from error


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def load(path: Path, error: type[MleeError] = ModelError) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the JSON data of `path`. Raises: `error`, one sentence, when missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {})[_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, meta  # noqa: SIM118 (not a dict)
    except FileNotFoundError as cause:
        raise error(f"{path} does not exist: expected a checkpoint written by MLEE.") from cause
    except (OSError, SafetensorError, KeyError, ValueError) as cause:
        raise error(f"{path} is damaged or no checkpoint written by MLEE ({cause}).") from cause
