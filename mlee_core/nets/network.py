"""The networks of the paper's Figure 2: encoder, classifier, and their two combinations (Table 2).

Shapes: B utterances, T frames (10 ms), F = 400 bins, S = T // 16 attention steps (160 ms), K = 4 classes.
Padding does not change results: padded frames enter neither the convolutions' context, the batch statistics,
the LSTM nor attention, so that an utterance gives the same numbers alone and in a batch (SPEC.md). Little of
it is computed: short utterances share a row (sequence_packing.py), R rows of T frames in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..audio.features import mel_bands
from ..audio.frames import BINS, FRAMES_PER_STEP
from ..labels.votes import CLASSES
from .sequence_packing import Layout, laid_out

VECTOR = 256
"""Size of an encoder's output: 128 each way."""

_HIDDEN = 128
_ATTENTION = 128  # d_a of Lin et al. 2017 (reading)
_DENSE = 64

_BLOCK = 16384
"""Positions (frequency × time) that are added up in fp32."""


def _moments(x: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Means of x and of x² over all positions of x [R, C, F, T]: [C] each, in fp64.

    On a CPU torch's kernel for channels-last input adds up a whole channel in fp32, one position after the
    other: the variance of a long batch was off by up to 1e-3. Blocks, combined in fp64, are exact to 1e-5 and
    cost the same. On a GPU, and in the other memory format, the kernel adds up in a tree.

    like: [C], parameters in fp32 (fp64 for x in fp64): the kernel then returns this type for bf16 x, too.
    """
    unused = torch.zeros_like(like), torch.ones_like(like)
    in_order = not x.is_cuda and x.is_contiguous(memory_format=torch.channels_last)
    lines = max(1, _BLOCK // x.shape[3])
    blocks = [block for row in x.split(1) for block in row.split(lines, dim=2)] if in_order else [x]
    found = [torch.batch_norm_update_stats(block, *unused, 1.0) for block in blocks]
    mean, var = (torch.stack(each).double() for each in zip(*found, strict=True))  # [blocks, C] each
    square = var + mean.square()  # [blocks, C]
    if len(blocks) == 1:
        return mean[0], square[0]
    share = torch.tensor([[each.numel() / x.numel()] for each in blocks], dtype=torch.float64)  # [blocks, 1]
    return (mean * share).sum(0), (square * share).sum(0)


class _NormPoolRelu(torch.autograd.Function):
    """Batch norm by the statistics of real positions, max-pool 2 × 2 and ReLU, in training.

    x: [R, C, F, T], 0 in the gaps. The scale γ must not be negative, so that only the largest of four needs
    normalising. Written by hand because autograd keeps and reads several copies of the network's largest
    tensors; here the full size is read as rarely as possible.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, rows: Layout, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        real = rows.real * x.shape[2]  # positions a channel
        share = x.numel() / x.shape[1] / real  # all positions over real ones
        # the zeros in the gaps add nothing to Σx and Σx²: only the count needs correcting
        mean, square = (moment * share for moment in _moments(x, weight))  # [C], [C] over real positions
        var = (square - mean.square()).clamp_min(0).to(weight.dtype)  # [C]
        mean = mean.to(weight.dtype)  # [C]
        largest, where = F.max_pool2d(x, 2, return_indices=True)  # [R, C, F/2, T/2]
        out = F.batch_norm(largest, mean, var, weight, bias, eps=eps).relu_()  # [R, C, F/2, T/2]
        rows.halved().clear(out)
        ctx.save_for_backward(x, largest, where, out, weight, mean, var)
        ctx.rows, ctx.real, ctx.eps = rows, real, eps
        ctx.mark_non_differentiable(mean, var)
        return out, mean, var

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, largest, where, out, weight, mean, var = ctx.saved_tensors
        grad = torch.ops.aten.threshold_backward(grads[0], out, 0)  # 0 in the gaps, as out is
        unsaved = mean.new_empty(0)  # of eval mode; None is refused on CUDA with channels-last input
        direct, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            grad, largest, weight, mean, var, unsaved, unsaved, False, ctx.eps, [True, True, True]
        )  # [R, C, F/2, T/2], [C], [C]: Σ over the largest is Σ over all: the others have gradient 0
        # through mean and variance flows -γ/σ (Σg / n + x̂ Σ(g x̂) / n): the same affine map of x̂ everywhere
        scale = -weight * torch.rsqrt(var + ctx.eps) / ctx.real  # [C]
        full = F.batch_norm(x, mean, var, scale * grad_weight, scale * grad_bias, eps=ctx.eps)
        ctx.rows.clear(full)  # [R, C, F, T]
        full += torch.ops.aten.max_pool2d_with_indices_backward(
            direct, x, [2, 2], [2, 2], [0, 0], [1, 1], False, where
        )
        return full, None, grad_weight, grad_bias, None


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU, max-pool 2 × 2; computed in an equivalent, cheaper order.

    Kernel and stride are frequency × time. Padding is "same" by hand: the left side is fixed at
    (kernel - stride) // 2, whatever the rows' length; torch's own "same" allows no stride.
    """

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm: nn.BatchNorm2d | None = nn.BatchNorm2d(outputs)
        self.stride = stride
        sides = [((k - stride) // 2, k - stride - (k - stride) // 2) for k in kernel]
        self.padding = (*sides[1], *sides[0])  # F.pad wants the last axis (time) first

    def forward(self, x: Tensor, rows: Layout) -> tuple[Tensor, Layout]:
        """x: [R, C, F, T], 0 in the gaps -> [R, C', F/2s, T/2s], 0 in the gaps of the new rows."""
        x = F.pad(x, self.padding)
        if self.stride == 2:
            rows = rows.halved()
        if self.training:
            return self._train(x, rows), rows.halved()
        x = F.conv2d(x, *self._folded(), self.stride)  # [R, C', F/s, T/s]
        x = F.max_pool2d(x, 2).relu_()  # [R, C', F/2s, T/2s]
        rows = rows.halved()
        rows.clear(x)
        return x, rows

    def _train(self, x: Tensor, rows: Layout) -> Tensor:
        norm, weight, bias = self.norm, self.conv.weight, self.conv.bias
        assert norm is not None and norm.running_mean is not None and norm.running_var is not None
        assert norm.momentum is not None and bias is not None, "a folded block does not train"
        sign = torch.where(norm.weight < 0, -1.0, 1.0).detach()  # [C']: γ x̂ = |γ| (−x̂) where γ is negative
        x = F.conv2d(x, weight * sign[:, None, None, None], bias * sign, self.stride)  # [R, C', F/s, T/s]
        rows.clear(x.detach())  # zeros add nothing to the batch statistics, and get no gradient below
        out, mean, var = _NormPoolRelu.apply(  # type: ignore[no-untyped-call]
            x, rows, norm.weight * sign, norm.bias, norm.eps
        )
        real = rows.real * x.shape[2]
        norm.running_mean.lerp_(mean * sign, norm.momentum)
        norm.running_var.lerp_(var * (real / (real - 1)), norm.momentum)  # unbiased, as torch's
        pooled: Tensor = out
        return pooled

    def _folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the convolution with the batch norm in them: in eval mode the same function."""
        assert self.conv.bias is not None
        if self.norm is None:
            return self.conv.weight, self.conv.bias
        assert self.norm.running_mean is not None and self.norm.running_var is not None
        scale = self.norm.weight * torch.rsqrt(self.norm.running_var + self.norm.eps)  # [C']
        bias = (self.conv.bias - self.norm.running_mean) * scale + self.norm.bias  # [C']
        return self.conv.weight * scale[:, None, None, None], bias

    def fold(self) -> None:
        """Merge the batch norm into the convolution, permanently: for analysis."""
        weight, bias = self._folded()
        self.conv.weight, self.conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
        self.norm = None


class SelfAttention(nn.Module):
    """Structured self-attention with one head (Lin et al. 2017): softmax(w₂ tanh(W₁ Hᵀ)), no biases."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = nn.Linear(2 * _HIDDEN, _ATTENTION, bias=False)
        self.w2 = nn.Linear(_ATTENTION, 1, bias=False)

    def forward(self, h: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """h: [B, S, 256], lengths: [B] steps -> vector [B, 256], weights [B, S] (0 in padding, sum 1)."""
        scores = self.w2(torch.tanh(self.w1(h))).squeeze(-1)  # [B, S]
        real = torch.arange(h.shape[1], device=h.device) < lengths[:, None]  # [B, S]
        weights = torch.softmax(scores.masked_fill(~real, float("-inf")), dim=1)  # [B, S]
        return torch.bmm(weights.unsqueeze(1), h).squeeze(1), weights  # [B, 256], [B, S]


class Encoder(nn.Module):
    """CNN, BLSTM and self-attention: an utterance of any length -> one vector, and attention weights.

    bins: frequency bins of its input: all 400 (Table 2), or fewer bands on the mel scale, which cost less.
    """

    def __init__(self, bins: int = BINS) -> None:
        super().__init__()
        self.bands: Tensor | None
        self.register_buffer("bands", None if bins == BINS else mel_bands(bins), persistent=False)  # [400, F]
        self.conv1 = ConvBlock(1, 16, (12, 16), stride=2)
        self.conv2 = ConvBlock(16, 24, (8, 12), stride=1)
        self.conv3 = ConvBlock(24, 32, (5, 7), stride=1)
        self.blstm = nn.LSTM(32 * (bins // FRAMES_PER_STEP), _HIDDEN, batch_first=True, bidirectional=True)
        self.attention = SelfAttention()

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """x: [B, T, 400] z-normalised, lengths: [B] real frames -> vector [B, 256], weights [B, S].

        S = T // 16 of the longest. An utterance shorter than one step counts as one step whose missing
        frames are 0 in the normalised domain, the training mean, rather than digital silence (SPEC.md).
        """
        rows, x = laid_out(x, lengths)  # [R, T, 400]
        if self.bands is not None:
            x = x @ self.bands  # [R, T, 80], and a fifth of each F below
        x = x.transpose(1, 2).unsqueeze(1)  # [R, 1, 400, T]
        if self.conv1.conv.weight.is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous(memory_format=torch.channels_last)  # [R, 1, 400, T]
        x, rows = self.conv1(x, rows)  # [R, 16, 100, T/4]
        x, rows = self.conv2(x, rows)  # [R, 24, 50, T/8]
        x, rows = self.conv3(x, rows)  # [R, 32, 25, T/16]
        h = x.permute(0, 3, 1, 2).flatten(2)  # [R, T/16, 800]
        h = self._bidirectional(h.to(self.attention.w1.weight.dtype), rows)  # [B, S, 256]
        vector, weights = self.attention(h, rows.ends.to(h.device))
        return vector, weights  # [B, 256], [B, S]

    def _bidirectional(self, h: Tensor, rows: Layout) -> Tensor:
        """The BLSTM's output [B, S, 256] for h [R, T/16, 800]; undefined in padding.

        Each direction runs separately, the second on sequences reversed within their own lengths. Packed
        sequences would give the same, but cell by cell, where these use torch's fused kernels.
        """
        reversing = rows.reversing.to(h.device)  # [B, S]
        forwards = rows.cut(h)  # [B, S, 800]
        backwards = torch.take_along_dim(forwards, reversing[:, :, None], dim=1)  # [B, S, 800]
        start = h.new_zeros(1, len(reversing), _HIDDEN), h.new_zeros(1, len(reversing), _HIDDEN)
        weights: list[Tensor] = [*self.blstm.parameters()]  # four of each direction
        # autocast on a GPU supports recurrent layers in fp16 only
        low = torch.is_autocast_enabled("cpu") and not h.is_cuda
        with torch.autocast(h.device.type, enabled=low):
            ahead, back = (
                torch.lstm(x, start, own, True, 1, 0.0, self.training, False, True)[0]  # [B, S, 128]
                for x, own in ((forwards, weights[:4]), (backwards, weights[4:]))
            )
        return torch.cat([ahead, torch.take_along_dim(back, reversing[:, :, None], dim=1)], dim=2)


class Classifier(nn.Module):
    """Two dense layers on one encoder's vector, or on several concatenated ones: logits [B, 4].

    On one frozen encoder it is Figure 2(b), on two 2(c): the part that fine-tuning trains. It starts from
    fresh random weights there, not from the pre-trained model's dense layers (reading).
    """

    def __init__(self, encoders: int = 1) -> None:
        super().__init__()
        self.dense1 = nn.Linear(VECTOR * encoders, _DENSE)
        self.dense2 = nn.Linear(_DENSE, len(CLASSES))

    def forward(self, vector: Tensor) -> Tensor:
        """vector: [B, 256 · encoders] -> logits [B, 4] (softmax: dominant, sigmoid: existence)."""
        hidden = F.relu(self.dense1(vector))  # [B, 64]
        logits: Tensor = self.dense2(hidden)  # [B, 4]
        return logits


class Network(nn.Module):
    """Figure 2(a) and MLEE: one encoder and its classifier, trained together."""

    def __init__(self, bins: int = BINS) -> None:
        super().__init__()
        self.encoder = Encoder(bins)
        self.classifier = Classifier()

    def fold(self) -> Network:
        """Prepare for analysis, permanently: eval mode, norms folded, channels last. Returns itself."""
        self.eval()
        for block in (self.encoder.conv1, self.encoder.conv2, self.encoder.conv3):
            block.fold()
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """x: [B, T, 400], lengths: [B] frames -> logits [B, 4], attention weights [B, S]."""
        vector, weights = self.encoder(x, lengths)  # [B, 256], [B, S]
        return self.classifier(vector), weights  # [B, 4], [B, S]


def pad(features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Utterances [Tᵢ, 400] -> batch [B, max T, 400], padded with zeros at the end, and lengths [B]."""
    lengths = torch.tensor([len(f) for f in features])  # [B]
    return nn.utils.rnn.pad_sequence(list(features), batch_first=True), lengths  # [B, T, 400], [B]
