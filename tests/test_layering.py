"""What importing brings in: the core no Qt, most of it no torch, and the window starts without torch.

Each wing is imported in a fresh process; what is then in `sys.modules` counts, so indirect imports and those
by other packages are seen too. import-linter checks which wing may import which (`make check`).
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
    "mlee_core.experiments.cell_training",
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
RAY = {"ray"}  # optional: imported only where it is used, when it is used

PROBE = """
import importlib, json, sys
root, forbidden, *modules = sys.argv[1:]
sys.path.insert(0, root)
found, seen = {}, set()
for name in modules:
    module = importlib.import_module(name)
    assert module.__file__.startswith(root), f"{name} is imported from {module.__file__}"
    loaded = {each.split(".")[0] for each in sys.modules} & set(forbidden.split(","))
    if loaded - seen:
        found[name] = sorted(loaded - seen)
    seen |= loaded
print(json.dumps(found))
"""


def modules_of(root: Path, package: str) -> list[str]:
    """Dotted names of all modules of a package, from the files alone."""
    files = sorted((root / package).rglob("*.py"))
    names = [".".join(file.relative_to(root).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names]


def wings(package: str) -> dict[str, list[str]]:
    """Wing -> its modules; the modules at the top of the package are a wing too, by the package's name."""
    found: dict[str, list[str]] = {}
    for name in modules_of(ROOT, package):
        wing = ".".join(name.split(".")[:2])
        found.setdefault(wing if (ROOT / wing.replace(".", "/")).is_dir() else package, []).append(name)
    return found


def brought_in(root: Path, modules: Iterable[str], forbidden: set[str]) -> dict[str, list[str]]:
    """Module -> the forbidden packages that it is the first of these to bring in; fails on one that does not
    import."""
    command = [sys.executable, "-c", PROBE, str(root), ",".join(forbidden), *modules]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


CORE, WINDOW = wings("mlee_core"), wings("mlee_gui")


@pytest.mark.parametrize("wing", CORE)
def test_a_wing_of_the_core_imports_neither_qt_nor_torch(wing: str) -> None:
    torch_free = [name for name in CORE[wing] if name not in TORCH_ALLOWED]
    assert brought_in(ROOT, torch_free, QT | TORCH | RAY) == {}


def test_the_core_with_torch_imports_neither_qt_nor_torchaudio() -> None:
    """torchaudio is for training; analysis should not wait for it."""
    found = brought_in(ROOT, sorted(TORCH_ALLOWED), QT | RAY | {"torchaudio"})
    assert found == {}  # a module that is gone fails here


@pytest.mark.parametrize("wing", WINDOW)
def test_a_wing_of_the_window_imports_no_torch(wing: str) -> None:
    assert brought_in(ROOT, WINDOW[wing], TORCH) == {}


@pytest.mark.parametrize(
    ("line", "forbidden"), [("import PySide6.QtCore", QT), ("def f():\n    pass\nimport torch", TORCH)]
)
def test_the_rule_would_be_seen_broken(tmp_path: Path, line: str, forbidden: set[str]) -> None:
    shutil.copytree(ROOT / "mlee_core", tmp_path / "mlee_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "torch.py").touch()  # the real one takes seconds to import
    with (tmp_path / "mlee_core" / "labels" / "votes.py").open("a") as file:
        file.write(f"\n{line}\n")
    assert brought_in(tmp_path, ["mlee_core.errors"], forbidden) == {}
    assert list(brought_in(tmp_path, ["mlee_core.labels.votes"], forbidden)) == ["mlee_core.labels.votes"]
    assert list(brought_in(tmp_path, ["mlee_core.corpora.corpus"], forbidden)) == ["mlee_core.corpora.corpus"]
