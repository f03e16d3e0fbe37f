"""What a machine can train on: stand-ins for machines with GPUs, and the real answer here."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
import torch

from mlee_core.system import hardware
from mlee_core.system.hardware import Gpu, Watch

NAMES = ("H100", "T4")
UUIDS = ("0a1b", "2c3d")
GIB = 2**30


class NVMLError(Exception):
    """As pynvml's."""


class Driver(ModuleType):
    """pynvml on a machine with two GPUs, which it counts the other way round than torch does."""

    NVMLError = NVMLError

    def __init__(self, fails: str = "") -> None:
        super().__init__("pynvml")
        self.fails = fails
        self.open = 0

    def __getattribute__(self, name: str) -> object:
        if name.startswith("nvml") and name == object.__getattribute__(self, "fails"):
            raise NVMLError(name)
        return super().__getattribute__(name)

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return 1 - index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{UUIDS[handle]}"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(total=80 * GIB, used=0, free=(70 + handle) * GIB)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=25 + handle, memory=3)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch that sees both."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda,
        "get_device_properties",
        lambda i: SimpleNamespace(name=NAMES[i], total_memory=80 * GIB, uuid=UUIDS[i].upper()),
    )


def with_driver(monkeypatch: pytest.MonkeyPatch, fails: str = "") -> Driver:
    driver = Driver(fails)
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    return driver


def test_gpus_are_called_as_torch_calls_them(gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = with_driver(monkeypatch)
    found = Watch().read()
    assert found.gpus == (
        Gpu("cuda:0", "H100", 80 * GIB, 70 * GIB, 0.25),
        Gpu("cuda:1", "T4", 80 * GIB, 71 * GIB, 0.26),
    )
    assert found.devices == ("cpu", "cuda:0", "cuda:1") and found.no_gpu == ""
    assert driver.open == 0


@pytest.mark.parametrize("fails", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"])
def test_a_driver_that_does_not_answer_leaves_the_names(
    gpus: None, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    driver = with_driver(monkeypatch, fails)
    assert [(g.name, g.free_bytes, g.utilisation) for g in Watch().read().gpus] == [
        ("H100", None, None),
        ("T4", None, None),
    ]
    assert driver.open == 0


def test_unknown_utilisation(gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, "nvmlDeviceGetUtilizationRates")
    first = Watch().read().gpus[0]
    assert first == replace(first, free_bytes=70 * GIB, utilisation=None)


def test_the_load_is_read_each_time_and_torch_once(gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = with_driver(monkeypatch)
    watch = Watch()
    watch.read()
    monkeypatch.setattr(torch.cuda, "is_available", None)
    monkeypatch.setattr(driver, "nvmlDeviceGetUtilizationRates", lambda _: SimpleNamespace(gpu=99))
    assert [gpu.utilisation for gpu in watch.read().gpus] == [0.99, 0.99]


def test_this_machine() -> None:
    """The real answer, whichever it is."""
    found = Watch().read()
    assert bool(found.gpus) == torch.cuda.is_available()
    assert bool(found.no_gpu) != bool(found.gpus)
    assert 1 <= found.cores <= found.all_cores and found.processor
    assert found.memory_bytes is None or found.memory_bytes > 10 * 2**20


def test_torch_says_why_in_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_old() -> bool:
        warnings.warn("CUDA initialization: The driver is too old\nmore", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", too_old)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(hardware.why_no_gpu, "__defaults__", (lambda _: True,))
    assert hardware.usable_gpus(torch) == (0, "CUDA initialization: The driver is too old")


def test_gpus_that_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    why_not = hardware.why_no_gpu("13.0", None, exists=lambda _: True)
    assert why_not == "CUDA_VISIBLE_DEVICES= hides all GPUs"


@pytest.mark.parametrize(
    ("cuda", "warned", "driver", "said"),
    [
        (None, None, True, "built for processors only"),
        ("13.0", None, False, "no NVIDIA driver"),
        ("13.0", "The NVIDIA driver on your system is too old", True, "driver on your system is too old"),
        ("13.0", None, True, "does not serve CUDA 13.0"),
    ],
)
def test_why_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, cuda: str | None, warned: str | None, driver: bool, said: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert said in hardware.why_no_gpu(cuda, warned, exists=lambda _path: driver)
