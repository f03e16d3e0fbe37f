"""The devices of this machine, where bf16 is faster than fp32, and how many threads compute."""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..config.run_config import Compute, Dtype
from ..errors import ConfigError
from ..system import hardware

_M_TRIM_THRESHOLD = -1  # malloc.h
_M_MMAP_MAX = -4


def checked(name: str) -> str:
    """`name` if it is available. Raises: ConfigError with the devices of this machine."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r}: allowed are {', '.join(available())}.") from error
    if device.type == "cpu":
        return "cpu"
    count, why = hardware.usable_gpus(torch)
    if device.type != "cuda" or (device.index or 0) >= count:
        reason = f" ({why})" if why else ""
        raise ConfigError(
            f"device {name!r} is not available on this machine{reason}: allowed are {', '.join(available())}."
        )
    return name


def available() -> tuple[str, ...]:
    """The names of the devices of this machine."""
    return ("cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count())))


def dtype(device: str) -> Dtype:
    """bf16 where the device supports it directly, fp32 where it would be emulated."""
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # no public name yet
    return "bf16" if fast else "fp32"


def refuse_dtype(requested: Dtype, device: str) -> None:
    """Raises: ConfigError for bf16 where it would be emulated: slower than fp32, and with other numbers."""
    if requested == "bf16" and dtype(device) != "bf16":
        raise ConfigError(f"dtype bf16: {device} of this machine does not support it, allowed is fp32.")


def here(name: str) -> str:
    """`name` if this machine has a GPU, else cpu: experiments for other machines' GPUs are prepared on it."""
    return name if name != "cpu" and torch.cuda.is_available() else "cpu"


def settle(device: str) -> None:
    """Prepare this process for training on `device`."""
    if device == "cpu":
        keep_memory()
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # the same sums in the same order every time
    torch.backends.cudnn.deterministic = True
    # the two directions of the BLSTM run separately (network.py), which copies their weights, 2 MB, each step
    warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")


def keep_memory() -> None:
    """Keep freed memory in this process: training allocates the same tensors at every step.

    glibc returns large blocks at once, and every step spends a tenth of its time on having them mapped and
    zeroed again. Does nothing where the C library has no such switch.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def arithmetic(compute: Compute) -> Iterator[None]:
    """Use a stage's own thread count, then restore the process's: another count gives different bits.

    A GPU may round the products of fp32 to TF32 in training; analysis never does.
    """
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    convolutions = torch.backends.cudnn.allow_tf32
    torch.set_num_threads(compute.threads)
    torch.set_float32_matmul_precision("high" if compute.device != "cpu" else precision)
    torch.backends.cudnn.allow_tf32 = compute.device != "cpu"
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = convolutions
