"""The network against torch's own layers, and SPEC.md's padding rules in eval and in training."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from mlee_core.audio.features import mel_bands
from mlee_core.nets import network as model
from mlee_core.nets import sequence_packing as rows
from mlee_core.nets.network import Classifier, Encoder, Network, pad
from mlee_core.nets.sequence_packing import Rows
from mlee_core.speed import reference_network as plain


@pytest.fixture(scope="module")
def network() -> Network:
    """In eval mode, with batch norm statistics that are not the trivial ones."""
    torch.manual_seed(1)
    net = Network()
    for norm in (net.encoder.conv1.norm, net.encoder.conv2.norm, net.encoder.conv3.norm):
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.5, 2)
        nn.init.normal_(norm.weight, 1, 0.2)
        nn.init.normal_(norm.bias, 0, 0.2)
    return net.eval()


def utterances(*lengths: int, bins: int = 400) -> list[Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randn(length, bins, generator=generator) for length in lengths]


def parameter_count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameter_counts_are_the_papers() -> None:
    assert parameter_count(Network()) == 1_068_956
    assert parameter_count(Classifier()) == 16_708
    assert parameter_count(Classifier(2)) == 512 * 64 + 64 + 64 * 4 + 4


def test_layer_outputs_have_table_2s_shapes(network: Network) -> None:
    encoder, x, rows = network.encoder, torch.randn(2, 1, 400, 320), Rows.of([320, 311])
    shapes = []
    for block in (encoder.conv1, encoder.conv2, encoder.conv3):
        x, rows = block(x, rows)
        shapes.append(tuple(x.shape))
    assert shapes == [(2, 16, 100, 80), (2, 24, 50, 40), (2, 32, 25, 20)]
    assert rows == Rows((0, 1), (0, 0), (20, 19), 2, 20)


def reference(encoder: Encoder, x: Tensor) -> tuple[Tensor, Tensor]:
    """One utterance [T, 400], T a multiple of 16, through torch's plain layers: batch norm, ReLU, then pool.

    Padding is written out per layer from SPEC.md: "same", left side (kernel - stride) // 2.
    """
    x = x.T[None, None]  # [1, 1, 400, T]
    sides = {encoder.conv1: (7, 7, 5, 5), encoder.conv2: (5, 6, 3, 4), encoder.conv3: (3, 3, 2, 2)}
    for block, padding in sides.items():
        x = F.conv2d(F.pad(x, padding), block.conv.weight, block.conv.bias, block.stride)
        norm = block.norm
        x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        x = F.max_pool2d(F.relu(x), 2)
    h, _ = encoder.blstm(x[0].permute(2, 0, 1).flatten(1)[None])  # [1, S, 256], no packing
    w1, w2 = encoder.attention.w1.weight, encoder.attention.w2.weight
    scores = w2 @ torch.tanh(w1 @ h[0].T)  # softmax(w₂ tanh(W₁ Hᵀ)), Lin et al. equation 5
    weights = scores.softmax(dim=1)  # [1, S]
    return weights @ h[0], weights


def test_an_encoder_of_80_bands_sees_means_of_the_bins() -> None:
    torch.manual_seed(3)
    encoder, (x,) = Encoder(80).eval(), utterances(320)
    with torch.no_grad():
        vector, weights = encoder(*pad([x]))
        expected_vector, expected_weights = reference(encoder, x @ mel_bands(80))
    torch.testing.assert_close(vector, expected_vector, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(weights, expected_weights, atol=1e-6, rtol=1e-4)
    assert "bands" not in encoder.state_dict()  # they are no part of a model


def test_network_equals_torchs_own_layers(network: Network) -> None:
    (x,) = utterances(320)
    with torch.no_grad():
        vector, weights = network.encoder(*pad([x]))
        expected_vector, expected_weights = reference(network.encoder, x)
    torch.testing.assert_close(vector, expected_vector, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(weights, expected_weights, atol=1e-6, rtol=1e-4)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 300), min_size=2, max_size=5))
def test_alone_and_in_a_padded_batch_are_the_same(network: Network, lengths: list[int]) -> None:
    features = utterances(*lengths)
    with torch.no_grad():
        logits, weights = network(*pad(features))
        for row, (x, length) in enumerate(zip(features, lengths, strict=True)):
            alone, own = network(*pad([x]))
            torch.testing.assert_close(alone.softmax(1)[0], logits.softmax(1)[row], atol=1e-5, rtol=0)
            torch.testing.assert_close(alone.sigmoid()[0], logits.sigmoid()[row], atol=1e-5, rtol=0)
            steps = max(length // 16, 1)
            assert own.shape == (1, steps)
            torch.testing.assert_close(weights[row, :steps], own[0], atol=1e-5, rtol=0)
            assert torch.all(weights[row, steps:] == 0)
            assert weights[row].sum().item() == pytest.approx(1, abs=1e-5)


def test_shorter_than_a_step_is_padded_with_the_training_mean(network: Network) -> None:
    (x,) = utterances(7)
    by_hand = torch.cat([x, torch.zeros(9, 400)])
    with torch.no_grad():
        torch.testing.assert_close(network(*pad([x]))[0], network(*pad([by_hand]))[0], atol=1e-6, rtol=0)


def test_the_last_frames_of_a_step_matter(network: Network) -> None:
    """A guard on the other side: real frames are not masked away."""
    (x,) = utterances(64)
    changed = x.clone()
    changed[60:] += 3
    with torch.no_grad():
        assert (network(*pad([x]))[0] - network(*pad([changed]))[0]).abs().max() > 1e-4


def gradients(features: list[Tensor], extra: int) -> dict[str, Tensor]:
    """Parameter gradients and batch statistics of one training step with `extra` more frames of padding.

    In float64, so that a difference is an error and not rounding.
    """
    torch.manual_seed(3)
    network = Network().double().train()
    x, lengths = pad([f.double() for f in features])
    x = F.pad(x, (0, 0, 0, extra))
    loss = F.cross_entropy(network(x, lengths)[0], torch.arange(len(features)) % 4)
    loss.backward()
    found = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    assert len(found) == len(list(network.parameters()))
    buffers = {name: b.clone() for name, b in network.named_buffers() if b.is_floating_point()}
    return {**found, **buffers, "loss": loss.detach()}


def test_the_amount_of_padding_does_not_matter_in_training() -> None:
    features = utterances(40, 97, 160)
    tight, loose = gradients(features, 0), gradients(features, 208)
    for name, value in tight.items():
        torch.testing.assert_close(
            value, loose[name], atol=1e-9, rtol=1e-7, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_what_stands_in_the_padding_does_not_matter_in_training() -> None:
    x, lengths = pad(utterances(40, 160))
    dirty = x.clone()
    dirty[0, 40:] = 100.0
    outputs = []
    for batch in (x, dirty):
        torch.manual_seed(3)
        outputs.append(Network().train()(batch, lengths)[0])
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-4)


def step(network: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Loss, parameter gradients and buffers after one training step, on one batch."""
    network.train()
    loss = F.cross_entropy(network(*batch)[0], torch.arange(len(batch[1])) % 4)
    loss.backward()
    grads = {f"{name}.grad": p.grad for name, p in network.named_parameters() if p.grad is not None}
    assert len(grads) == len(list(network.parameters()))
    buffers = {name: b for name, b in network.named_buffers() if b.is_floating_point()}
    return {**grads, **buffers, "loss": loss.detach()}


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 150), min_size=1, max_size=5), st.booleans())
def test_a_training_step_equals_the_plain_networks(lengths: list[int], channels_last: bool) -> None:
    """In float64: gradients through masked batch norm, pooling, gaps and all; some scales are negative."""
    torch.manual_seed(2)
    simple = plain.ReferenceNetwork().double()
    for block in (simple.encoder.conv1, simple.encoder.conv2, simple.encoder.conv3):
        nn.init.normal_(block.norm.weight)
        nn.init.normal_(block.norm.bias)
    fast = Network().double()
    fast.load_state_dict(simple.state_dict())
    if channels_last:
        fast = fast.to(memory_format=torch.channels_last)
    batch = pad([x.double() for x in utterances(*lengths)])
    expected = step(simple, batch)
    for name, value in step(fast, batch).items():
        torch.testing.assert_close(
            value, expected[name], atol=1e-9, rtol=1e-7, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_batch_norms_gradient_needs_no_saved_statistics(memory_format: torch.memory_format) -> None:
    """CUDA refuses None for them with channels-last input: empty tensors give the same bits, and torch's."""
    torch.manual_seed(5)
    x, grad = (torch.randn(2, 16, 20, 12).contiguous(memory_format=memory_format) for _ in range(2))
    weight, bias, mean, var = torch.randn(16), torch.randn(16), torch.randn(16), torch.rand(16) + 0.1
    found = [
        torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, mean, var, saved, saved, False, 1e-5, [True, True, True]
        )
        for saved in (torch.empty(0), None)
    ]
    inputs = [tensor.clone().requires_grad_() for tensor in (x, weight, bias)]
    out = F.batch_norm(inputs[0], mean, var, inputs[1], inputs[2], eps=1e-5)
    expected = torch.autograd.grad(out, inputs, grad)
    for empty, none, reference in zip(*found, expected, strict=True):
        assert torch.equal(empty, none) and torch.equal(empty, reference)


def test_no_operator_of_training_is_given_a_missing_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    class Recorder:
        """Records the arguments of native_batch_norm_backward, which it passes on."""

        def __init__(self) -> None:
            self.calls: list[tuple[object, ...]] = []

        def native_batch_norm_backward(self, *arguments: object) -> object:
            self.calls.append(arguments)
            return aten.native_batch_norm_backward(*arguments)

        def __getattr__(self, name: str) -> object:
            return getattr(aten, name)

    aten, recorder = torch.ops.aten, Recorder()
    monkeypatch.setattr(torch.ops, "aten", recorder)
    step(Network(), pad(utterances(40, 97)))
    assert len(recorder.calls) == 3
    assert all(argument is not None for call in recorder.calls for argument in call)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=5))
def test_an_answer_equals_the_plain_networks(network: Network, lengths: list[int]) -> None:
    simple = plain.ReferenceNetwork().eval()
    simple.load_state_dict(network.state_dict())
    batch = pad(utterances(*lengths))
    with torch.no_grad():
        for got, expected in zip(network(*batch), simple(*batch), strict=True):
            torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_utterances_in_a_row_are_out_of_each_others_reach(lengths: list[int]) -> None:
    rows = Rows.of(lengths)
    assert rows.columns % 16 == 0 and rows.columns == max(16, -(-max(lengths) // 16) * 16)
    assert rows.count <= len(lengths) and sorted(set(rows.rows)) == list(range(rows.count))
    half = rows.halved()
    quarter = half.halved()
    for at, reach in ((rows, 7), (quarter, 6), (quarter.halved(), 3)):  # "same" padding of the three layers
        places = sorted(zip(at.rows, at.starts, at.lengths, strict=True))
        for (row, start, length), (next_row, next_start, _) in itertools.pairwise(places):
            assert row != next_row or next_start - (start + length) >= reach
        assert all(start + length <= at.columns for _, start, length in places)
    assert all(start % 16 == 0 for start in rows.starts)
    several = utterances(*lengths, bins=8)  # any number of bins is laid alike
    laid = rows.lay(nn.utils.rnn.pad_sequence(several, batch_first=True), lengths)
    assert laid.shape == (rows.count, rows.columns, 8)
    for row, x in zip(rows.cut(laid), several, strict=True):
        assert torch.equal(row[: len(x)], x)
    ones = torch.ones(rows.count, 2, rows.columns)
    rows.clear(ones)
    assert ones[:, 0].sum() == rows.real == sum(max(length, 16) for length in lengths)
    for row, length in zip(rows.cut(ones.transpose(1, 2)), lengths, strict=True):
        assert torch.all(row[: max(length, 16)] == 1)


def test_a_ragged_batch_computes_little_more_than_its_speech() -> None:
    """One long utterance and twelve short ones: padded to the longest they were 13 rows."""
    rows = Rows.of([130] * 12 + [2000])
    assert (rows.count, rows.columns) == (2, 2000)


@settings(deadline=None, max_examples=8)
@given(lengths=st.lists(st.integers(0, 150), min_size=1, max_size=5), extra=st.integers(0, 70))
def test_the_gpus_layout_gives_the_same_step(lengths: list[int], extra: int) -> None:
    """Masks instead of rows, run here on the CPU in float64, with any padding behind."""
    torch.manual_seed(2)
    rows_of = Network().double()
    masked = copy.deepcopy(rows_of)
    x, n = pad([f.double() for f in utterances(*lengths)])
    expected = step(rows_of, (x, n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "laid_out", rows.padded)
        got = step(masked, (F.pad(x, (0, 0, 0, extra)), n))
        with torch.no_grad():
            answers = masked.eval()(x, n)[0]
    with torch.no_grad():
        torch.testing.assert_close(answers, rows_of.eval()(x, n)[0], atol=1e-9, rtol=1e-7)
    for name, value in got.items():
        torch.testing.assert_close(
            value, expected[name], atol=1e-9, rtol=1e-7, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_a_bf16_step_is_near_the_fp32_one() -> None:
    torch.manual_seed(4)
    fast, batch = Network().to(memory_format=torch.channels_last), pad(utterances(40, 97, 160))
    other = Network()
    other.load_state_dict(fast.state_dict())
    expected = step(other, batch)
    with torch.autocast("cpu", torch.bfloat16):
        got = step(fast, batch)
    for name in ("encoder.conv1.norm.running_mean", "encoder.conv2.norm.running_var", "loss"):
        torch.testing.assert_close(got[name], expected[name], atol=0.02, rtol=0.02)
    for name in ("encoder.conv1.conv.weight.grad", "encoder.conv2.norm.weight.grad"):
        alike = F.cosine_similarity(got[name].flatten(), expected[name].flatten(), dim=0)
        assert alike > 0.97, name


def test_folded_for_analysis_gives_the_same_numbers(network: Network) -> None:
    folded = Network()
    folded.load_state_dict(network.state_dict())
    folded.fold()
    for batch in (pad(utterances(400)), pad(utterances(100, 64, 7))):
        with torch.no_grad():
            for got, expected in zip(folded(*batch), network(*batch), strict=True):
                torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


def test_channels_last_gives_the_same_numbers(network: Network) -> None:
    batch = pad(utterances(100, 64))
    with torch.no_grad():
        plain = network(*batch)[0]
        torch.manual_seed(1)
        other = Network()
        other.load_state_dict(network.state_dict())
        fast = other.eval().to(memory_format=torch.channels_last)(*batch)[0]
    np.testing.assert_allclose(plain.numpy(), fast.numpy(), atol=1e-5)
