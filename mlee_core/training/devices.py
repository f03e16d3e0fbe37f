"""What this machine computes with: its devices, and where bf16 is faster than fp32."""

from __future__ import annotations

import ctypes
import os
import sys
import warnings

import torch

from ..config.run_config import Dtype
from ..errors import ConfigError
from ..system import hardware

_M_TRIM_THRESHOLD = -1  # malloc.h
_M_MMAP_MAX = -4


def checked(name: str) -> str:
    """`name` if it can be computed on. Raises: ConfigError with what is allowed here."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r}: allowed are {', '.join(available())}.") from error
    if device.type == "cpu":
        return "cpu"
    if (
        device.type != "cuda"
        or not torch.cuda.is_available()
        or (device.index or 0) >= torch.cuda.device_count()
    ):
        why = hardware.usable_gpus(torch)[1]
        here = f"is not to be had here ({why})" if why else "is not to be had here"
        raise ConfigError(f"device {name!r} {here}: allowed are {', '.join(available())}.")
    return name


def available() -> tuple[str, ...]:
    """The names of the devices of this machine."""
    return ("cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count())))


def dtype(device: str) -> Dtype:
    """bf16 where the device computes with it directly; where it would be emulated, fp32."""
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # no public name yet
    return "bf16" if fast else "fp32"


def refuse_dtype(asked: Dtype, device: str) -> None:
    """Raises: ConfigError for bf16 where it would be emulated: slower than fp32, and with other numbers."""
    if asked == "bf16" and dtype(device) != "bf16":
        raise ConfigError(f"dtype bf16: {device} here does not compute with it, allowed is fp32.")


def here(name: str) -> str:
    """`name` if this machine has it, else cpu: an experiment for other machines' GPUs is prepared on it."""
    return name if name != "cpu" and torch.cuda.is_available() else "cpu"


def settle(device: str) -> None:
    """Make this process ready to train on `device`."""
    if device == "cpu":
        keep_memory()
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # the same sums in the same order every time
    torch.backends.cudnn.deterministic = True
    # the two ways of the BLSTM run apart (model.py), which copies their weights, 2 MB, at every step
    warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")


def keep_memory() -> None:
    """Let this process keep what it frees: for training, which takes the same tensors at every step.

    glibc gives large blocks back at once, and every step spends a tenth of its time on having them mapped
    and zeroed again. Where the C library has no such switch nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
