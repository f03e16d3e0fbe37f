"""What this machine can train on: processor, memory, GPUs and their load, or why it has no GPU.

GPUs are counted and named by torch (cuda:0, …); their load is read from the driver's library (NVML).
"""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """device: its name for torch, "cuda:0". utilisation: share of the last moments in which it computed, 0-1.
    None: not known to the driver."""

    device: str
    name: str
    total_bytes: int
    free_bytes: int | None = None
    utilisation: float | None = None


@dataclass(frozen=True)
class Hardware:
    """cores: that this process may use, of all_cores. memory_bytes: free for programs. no_gpu: why it has
    none, "" if it has one."""

    processor: str
    cores: int
    all_cores: int
    memory_bytes: int
    gpus: tuple[Gpu, ...]
    no_gpu: str

    @property
    def devices(self) -> tuple[str, ...]:
        """Names for `--device`."""
        return ("cpu", *(gpu.device for gpu in self.gpus))


class Watch:
    """Reads the hardware repeatedly; the first reading imports torch."""

    def __init__(self) -> None:
        self._found: tuple[tuple[Gpu, str], ...] | None = None  # with its UUID
        self._no_gpu = ""

    def read(self) -> Hardware:
        if self._found is None:
            self._found, self._no_gpu = _gpus_of_torch()
        load = _load_by_uuid() if self._found else {}
        return Hardware(
            processor=processor(),
            cores=usable_cores(),
            all_cores=os.cpu_count() or 1,
            memory_bytes=free_memory(),
            gpus=tuple(replace(gpu, **load.get(uuid, {})) for gpu, uuid in self._found),
            no_gpu=self._no_gpu,
        )


def processor() -> str:
    """The processor's name."""
    name = ""
    with suppress(OSError):  # not Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return name or platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores that this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int:
    """Bytes available to programs."""
    import psutil

    return int(psutil.virtual_memory().available)


def peak_memory() -> int:
    """The most memory that this process has held at one time, in bytes."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024


def usable_gpus(torch: ModuleType) -> tuple[int, str]:
    """How many GPUs torch can use, and why none if there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if available:
        return torch.cuda.device_count(), ""
    return 0, why_no_gpu(torch.version.cuda, str(caught[-1].message).splitlines()[0] if caught else None)


def why_no_gpu(cuda: str | None, warned: str | None, exists: Callable[[str], bool] = os.path.exists) -> str:
    """cuda: the CUDA version that torch was built for. warned: torch's warning. exists: tests a path."""
    if cuda is None:
        return "this torch is built for processors only"
    if not exists("/proc/driver/nvidia/version"):
        return "no NVIDIA driver is loaded"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={hidden} hides all GPUs"
    return warned or f"the NVIDIA driver has no GPU to show, or does not serve CUDA {cuda}"


def _gpus_of_torch() -> tuple[tuple[tuple[Gpu, str], ...], str]:
    """The GPUs that torch can use, each with its UUID, and why none if there is none."""
    import torch

    count, why_not = usable_gpus(torch)
    found = []
    for index in range(count):
        properties: Any = torch.cuda.get_device_properties(index)
        gpu = Gpu(f"cuda:{index}", properties.name, properties.total_memory)
        found.append((gpu, _plain(str(properties.uuid))))
    return tuple(found), why_not


def _load_by_uuid() -> dict[str, dict[str, Any]]:
    """UUID -> free_bytes and utilisation of each GPU; empty without an answer of the driver."""
    import pynvml

    load: dict[str, dict[str, Any]] = {}
    with suppress(pynvml.NVMLError):  # no driver, or a GPU fell off the bus: keep what was read before
        pynvml.nvmlInit()
        try:
            for index in range(pynvml.nvmlDeviceGetCount()):
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                uuid = _plain(pynvml.nvmlDeviceGetUUID(handle))
                free = pynvml.nvmlDeviceGetMemoryInfo(handle).free
                load[uuid] = {"free_bytes": free, "utilisation": _utilisation(pynvml, handle)}
        finally:
            pynvml.nvmlShutdown()
    return load


def _utilisation(pynvml: ModuleType, handle: object) -> float | None:
    try:
        return float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100
    except pynvml.NVMLError:  # not available for a part of a GPU (MIG)
        return None


def _plain(uuid: str) -> str:
    """NVML writes GPU-1234…, torch 1234…."""
    return uuid.removeprefix("GPU-").lower()
