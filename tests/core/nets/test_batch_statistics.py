"""Batch norm's statistics and gradients in fp32, on a long batch as convolution 1 gives it, against fp64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mlee_core.audio.features import log_spectrogram
from mlee_core.nets import network
from mlee_core.nets.sequence_packing import Layout, laid_out
from tests.helpers import made_data

CLOSE = 1e-4


@pytest.fixture(scope="module")
def outputs() -> tuple[Tensor, Layout]:
    """[R, 16, 200, T/2] in channels-last, 0 in the gaps: eight voices of 3 to 6.5 s, and their places."""
    voices = [made_data.voice(110 + 30 * n, 3 + n / 2, seed=n) for n in range(8)]
    features = [log_spectrogram(voice) for voice in voices]
    every = torch.cat(features)  # [ΣT, 400]
    scores = [(x - every.mean(0)) / every.std(0) for x in features]
    x = torch.nn.utils.rnn.pad_sequence(scores, batch_first=True)  # [B, T, 400]
    rows, x = laid_out(x, torch.tensor([len(each) for each in scores]))
    torch.manual_seed(0)
    block = network.Encoder().conv1
    x = F.pad(x.transpose(1, 2).unsqueeze(1), block.padding)  # [R, 1, 400 + 10, T + 14]
    x = F.conv2d(x, block.conv.weight, block.conv.bias, 2).detach()  # [R, 16, 200, T/2]
    rows = rows.halved()
    rows.clear(x)
    return x.contiguous(memory_format=torch.channels_last), rows


def statistics(x: Tensor, rows: Layout) -> dict[str, Tensor]:
    """Mean, variance and gradients of the block in the type of x."""
    x = x.clone().requires_grad_()
    weight = torch.linspace(0.5, 1.5, 16, dtype=x.dtype).requires_grad_()  # [16]
    bias = torch.linspace(-0.3, 0.3, 16, dtype=x.dtype).requires_grad_()  # [16]
    out, mean, var = network._NormPoolRelu.apply(x, rows, weight, bias, 1e-5)
    towards = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.1
    (out * towards.to(x.dtype)).sum().backward()
    found = {"mean": mean, "var": var, "x": x.grad, "weight": weight.grad, "bias": bias.grad}
    return {name: value.double() for name, value in found.items() if value is not None}


def worst(got: dict[str, Tensor], exact: dict[str, Tensor]) -> dict[str, float]:
    """The largest relative difference of each; of the mean, in standard deviations."""
    scales = {**{name: value.abs().max() for name, value in exact.items()}, "mean": exact["var"].sqrt()}
    scales["var"] = exact["var"]
    return {name: float(((got[name] - exact[name]).abs() / scales[name]).max()) for name in exact}


def test_statistics_and_gradients_are_those_of_fp64(outputs: tuple[Tensor, Layout]) -> None:
    x, rows = outputs
    exact = statistics(x.double(), rows)
    # the oracle's own statistics, from the definition: over real positions alone
    real = rows.real * x.shape[2]
    mean = x.double().sum((0, 2, 3)) / real  # [16]
    torch.testing.assert_close(exact["mean"], mean, atol=1e-12, rtol=1e-10)
    square = x.double().square().sum((0, 2, 3)) / real  # [16]
    torch.testing.assert_close(exact["var"], square - mean.square(), atol=1e-12, rtol=1e-9)
    found = worst(statistics(x, rows), exact)
    assert max(found.values()) < CLOSE, found


def test_the_kernel_on_the_whole_batch_is_not_that_close(outputs: tuple[Tensor, Layout]) -> None:
    """Where this fails, torch adds up better than it did and the blocks can go."""
    x, _ = outputs
    whole = torch.batch_norm_update_stats(x, torch.zeros(16), torch.ones(16), 1.0)
    var = x.double().var((0, 2, 3), correction=0)  # [16]
    assert ((whole[1] - var).abs() / var).max() > CLOSE
