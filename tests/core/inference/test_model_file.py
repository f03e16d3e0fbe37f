"""Model files: found by name, file or run; refused with one sentence when missing, damaged or for others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlee_core.errors import ModelError
from mlee_core.inference import model_file
from mlee_core.nets import tensor_file
from tests.helpers import made_data


def test_a_model_is_found_by_file_and_by_run_folder(tmp_path: Path) -> None:
    path = made_data.model(tmp_path / "model.safetensors")
    assert model_file.find(str(path)) == path and model_file.find(str(tmp_path)) == path
    assert model_file.info(path).heads == ("hard", "soft", "mlee", "fusion")


def test_a_missing_model_names_the_shipped_ones() -> None:
    with pytest.raises(ModelError, match=r"no model 'nonesuch'.*shipped"):
        model_file.find("nonesuch")


def test_a_run_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="written when a training"):
        model_file.find(str(tmp_path))


def test_a_model_for_other_classes_is_refused(tmp_path: Path) -> None:
    path = made_data.model(tmp_path / "m.safetensors", classes=["happy", "sad"])
    with pytest.raises(ModelError, match="happy, sad: MLEE works with neu, hap, sad, ang"):
        model_file.info(path)


@pytest.mark.parametrize("keep", [0, 7, 5000, 1_000_000])
def test_a_cut_off_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = made_data.model(tmp_path / "m.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="damaged"):
        model_file.load(path)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "m.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="damaged"):
        model_file.load(path)


def test_a_file_without_one_of_its_networks_is_refused(tmp_path: Path) -> None:
    path = made_data.model(tmp_path / "m.safetensors", ("soft", "mlee"))
    whole = made_data.model(tmp_path / "w.safetensors", ("mlee",), heads=["soft", "mlee"])
    assert model_file.load(path).info.heads == ("soft", "mlee")
    with pytest.raises(ModelError, match="damaged"):
        model_file.load(whole)


@pytest.mark.parametrize(
    "header",
    [
        {"heads": []},
        {"heads": ["hard", "live"]},
        {"speakers": {}},
        {"level": "loud"},
        {"seen": [1]},
        {"bins": 7},
        {"scalings": []},
        {"scalings": [[1]]},
        {"scalings": [{"mlee": {"temperature": 0.0, "offset": 0.0}}]},
        {"scalings": [{"mlee": {"temperature": "warm", "offset": 0.0}}]},
        {"scalings": [{"mlee": {"temperature": 1.0, "offset": float("nan")}}]},
        {"scalings": [{"mlee": {"temperature": 1.0}}]},
    ],
)
def test_a_description_that_is_distorted_is_refused(tmp_path: Path, header: dict[str, object]) -> None:
    path = made_data.model(tmp_path / "m.safetensors", **header)
    with pytest.raises(ModelError, match=r"is damaged|is not a model file"):
        model_file.load(path)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    tensors, header = tensor_file.load(made_data.model(tmp_path / "m.safetensors"))
    tensors["0.mlee.network.classifier.dense1.weight"][3, 4] = float("nan")
    tensor_file.save(tmp_path / "m.safetensors", tensors, header)
    with pytest.raises(ModelError, match=r"dense1\.weight holds numbers that are not finite"):
        model_file.load(tmp_path / "m.safetensors")


def test_a_name_too_long_for_a_file_is_no_model() -> None:
    with pytest.raises(ModelError, match="no model 'xxx"):
        model_file.find(300 * "x")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="format 99"):
        model_file.info(made_data.model(tmp_path / "m.safetensors", format=99))


def test_describing_a_model_needs_no_torch(tmp_path: Path) -> None:
    path = made_data.model(tmp_path / "m.safetensors")
    code = "import sys; from mlee_core.inference import model_file; "
    code += f"print(model_file.info(model_file.find({str(path)!r})).name); "
    code += "assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "m"), done.stderr
