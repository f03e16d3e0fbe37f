"""Who may import whom: the core knows no Qt, most of it no torch, and the window starts without torch.

Each module is imported in a process of its own, forked from one that has imported nothing of MLEE; what then
stands in `sys.modules` counts, so imports by way of others are seen too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

TORCH_ALLOWED = {
    "mlee_core.inference.analyzer",
    "mlee_core.training.augmentation",
    "mlee_core.speed.benchmarks",
    "mlee_core.speed.table3_cost",
    "mlee_core.nets.tensor_file",
    "mlee_core.nets.normalisation",
    "mlee_core.training.batches",
    "mlee_core.training.feature_store",
    "mlee_core.training.devices",
    "mlee_core.experiments.engines.local",
    "mlee_core.experiments.engines.ray.driver",
    "mlee_core.experiments.engines.ray.pool",
    "mlee_core.experiments.engines.ray.worker",
    "mlee_core.experiments.cells",
    "mlee_core.audio.features",
    "mlee_core.training.cuda_graphs",
    "mlee_core.training.optimizer",
    "mlee_core.training.losses",
    "mlee_core.nets.network",
    "mlee_core.speed.reference_network",
    "mlee_core.training.gpu_batches",
    "mlee_core.nets.sequence_packing",
    "mlee_core.training.loop",
    "mlee_core.experiments.speed_trial",
}
"""All other modules of the core import without torch: the window and the command line start at once."""

QT = {"PySide6", "shiboken6", "pyqtgraph", "PyQt6", "PyQt5", "qtpy"}
TORCH = {"torch", "torchaudio"}
RAY = {"ray"}  # optional: imported by who uses it, when it is used

PROBE = """
import importlib, json, os, sys
root, preload, modules = sys.argv[1], sys.argv[2], sys.argv[3:]
sys.path.insert(0, root)
for name in filter(None, preload.split(",")):
    importlib.import_module(name)
at_once = os.cpu_count() or 1
waiting = []
def answered():
    name, child, read = waiting.pop(0)
    with open(read) as pipe:
        print(json.dumps([name, json.load(pipe)]))
    os.waitpid(child, 0)
for name in modules:
    if len(waiting) == at_once:
        answered()
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(read)
        try:
            module = importlib.import_module(name)
            answer = sorted({loaded.split(".")[0] for loaded in sys.modules})
            if not module.__file__.startswith(root):
                answer = f"imported from {module.__file__}"
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        with open(write, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(write)
    waiting.append((name, child, read))
while waiting:
    answered()
"""


def modules_of(root: Path, package: str) -> list[str]:
    """Dotted names of all modules of a package, from the files alone."""
    files = sorted((root / package).rglob("*.py"))
    names = [".".join(file.relative_to(root).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names]


def imports(root: Path, modules: Iterable[str], preload: str = "") -> dict[str, set[str]]:
    """Module -> the top-level packages that importing it brings in; fails on one that does not import."""
    command = [sys.executable, "-c", PROBE, str(root), preload, *modules]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = dict(json.loads(line) for line in done.stdout.splitlines())
    broken = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
    assert not broken
    return {name: set(answer) for name, answer in answers.items()}


def guilty(found: dict[str, set[str]], forbidden: set[str]) -> dict[str, set[str]]:
    return {name: loaded & forbidden for name, loaded in found.items() if loaded & forbidden}


def test_the_torch_free_core_imports_neither_qt_nor_torch() -> None:
    modules = [name for name in modules_of(ROOT, "mlee_core") if name not in TORCH_ALLOWED]
    found = imports(ROOT, modules, preload="numpy,matplotlib.figure,soundfile,soxr")  # to be quick
    assert set(found) == set(modules)
    assert guilty(found, QT | TORCH | RAY) == {}


def test_the_core_with_torch_imports_no_qt() -> None:
    found = imports(ROOT, sorted(TORCH_ALLOWED), preload="torch")  # a module that is gone fails here
    assert guilty(found, QT | RAY) == {}


def test_the_window_starts_without_torch() -> None:
    modules = modules_of(ROOT, "mlee_gui")
    found = imports(ROOT, modules, preload="PySide6.QtWidgets")
    assert set(found) == set(modules)
    assert guilty(found, TORCH) == {}


@pytest.mark.parametrize(
    ("line", "forbidden"), [("import PySide6.QtCore", QT), ("def f():\n    pass\nimport torch", TORCH)]
)
def test_the_rule_would_be_seen_broken(tmp_path: Path, line: str, forbidden: set[str]) -> None:
    shutil.copytree(ROOT / "mlee_core", tmp_path / "mlee_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "torch.py").touch()  # the real one takes seconds to import
    with (tmp_path / "mlee_core" / "labels" / "targets.py").open("a") as file:
        file.write(f"\n{line}\n")
    found = imports(tmp_path, ["mlee_core.errors", "mlee_core.labels.targets", "mlee_core.corpora.corpus"])
    assert set(guilty(found, forbidden)) == {"mlee_core.labels.targets", "mlee_core.corpora.corpus"}
