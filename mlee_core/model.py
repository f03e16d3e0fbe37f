"""The networks of the paper's Figure 2: encoder, classifier, and their two combinations (Table 2).

Shapes: B utterances, T frames (10 ms), F = 400 bins, S = T // 16 attention steps (160 ms), K = 4 classes.
Padding never matters: padded frames enter neither the convolutions' context, batch statistics, the LSTM
nor attention, so an utterance alone and inside a padded batch give the same numbers (SPEC.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .features import BINS
from .labels import CLASSES

FRAMES_PER_STEP = 16
"""One attention step: stride 2 and three 2 × 2 poolings."""

VECTOR = 256
"""Size of an encoder's output: 128 each way."""

_HIDDEN = 128
_ATTENTION = 128  # d_a of Lin et al. 2017 (reading)
_DENSE = 64


def _clear_padding(x: Tensor, lengths: Sequence[int]) -> None:
    """Set x [B, C, F, T] to 0 behind each utterance's length, in place.

    Utterance by utterance: it touches the padding alone, 100 times cheaper than a product with a mask.
    """
    for row, length in zip(x, lengths, strict=True):
        row[..., length:] = 0  # [C, F, T - length]


class _ClearPadding(torch.autograd.Function):
    """Zeros behind each utterance, forward and backward, so that padding neither says nor learns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lengths: Sequence[int]) -> Tensor:
        ctx.lengths = lengths
        ctx.mark_dirty(x)
        _clear_padding(x, lengths)
        return x  # [B, C, F, T]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        grad = grads[0].clone()  # [B, C, F, T]
        _clear_padding(grad, ctx.lengths)
        return grad, None


def _clear(x: Tensor, lengths: Sequence[int]) -> Tensor:
    cleared: Tensor = _ClearPadding.apply(x, lengths)  # type: ignore[no-untyped-call]
    return cleared


class _MaskedBatchNorm(torch.autograd.Function):
    """Batch norm by the statistics of real positions; x [B, C, F, T] must be 0 in padding.

    Written out because autograd through mean and variance keeps several copies of the network's largest
    tensors; here each pass is one of torch's fused kernels. The gradient that comes in must be 0 in padding.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, lengths: Sequence[int], weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        real = sum(lengths) * x.shape[2]  # positions a channel
        share = x.numel() / x.shape[1] / real  # all positions over real ones
        fp32 = torch.zeros_like(weight), torch.ones_like(weight)  # makes the kernel answer in fp32 for bf16 x
        mean, var = torch.batch_norm_update_stats(x, *fp32, 1.0)  # [C], [C] over all positions
        # the zeros of padding added nothing to Σx and Σx²: only the count was wrong
        square = (var + mean.square()) * share  # [C] E[x²]
        mean = mean * share  # [C]
        var = (square - mean.square()).clamp_min(0)  # [C]
        ctx.save_for_backward(x, weight, mean, var)
        ctx.lengths, ctx.real, ctx.eps = lengths, real, eps
        ctx.mark_non_differentiable(mean, var)
        return F.batch_norm(x, mean, var, weight, bias, eps=eps), mean, var

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, var = ctx.saved_tensors
        direct, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            grads[0], x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        # through mean and variance flows γ/σ (Σg / n + x̂ Σ(g x̂) / n): the same affine map of x̂ everywhere
        scale = weight * torch.rsqrt(var + ctx.eps) / ctx.real  # [C]
        direct -= F.batch_norm(
            x, mean, var, scale * grad_weight, scale * grad_bias, eps=ctx.eps
        )  # [B, C, F, T]
        _clear_padding(direct, ctx.lengths)
        return direct, None, grad_weight, grad_bias, None


class MaskedBatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose training statistics leave padding out."""

    def forward(self, x: Tensor, lengths: Sequence[int]) -> Tensor:  # type: ignore[override]
        """x: [B, C, F, T], 0 behind lengths (B of them). Same shape out (not 0 in padding)."""
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        out, mean, var = _MaskedBatchNorm.apply(  # type: ignore[no-untyped-call]
            x, lengths, self.weight, self.bias, self.eps
        )
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        real = sum(lengths) * x.shape[2]
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * (real / max(real - 1, 1)), self.momentum)  # unbiased, as torch's
        normalised: Tensor = out
        return normalised


class ConvBlock(nn.Module):
    """Convolution, batch norm, max-pool 2 × 2, ReLU (pooling first is the same and cheaper).

    Kernel and stride are frequency × time. Padding is "same" by hand: the left side is fixed at
    (kernel - stride) // 2 so that a padded batch cannot shift it; torch's own "same" refuses strides.
    """

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm: nn.Module = MaskedBatchNorm(outputs)
        self.stride = stride
        sides = [((k - stride) // 2, k - stride - (k - stride) // 2) for k in kernel]
        self.padding = (*sides[1], *sides[0])  # F.pad wants the last axis (time) first

    def forward(self, x: Tensor, lengths: Sequence[int]) -> tuple[Tensor, list[int]]:
        """x: [B, C, F, T], 0 behind lengths -> [B, C', F/2s, T/2s], 0 behind the new lengths."""
        x = self.conv(F.pad(x, self.padding))  # [B, C', F/s, T/s]
        lengths = [length // self.stride for length in lengths]
        if self.training:
            x = _clear(x, lengths)  # [B, C', F/s, T/s]: zeros add nothing to the batch statistics
        x = self.norm(x, lengths)  # [B, C', F/s, T/s]
        lengths = [length // 2 for length in lengths]
        x = _clear(F.max_pool2d(x, 2), lengths)  # [B, C', F/2s, T/2s]
        return F.relu(x), lengths

    def fold(self) -> None:
        """Move the batch norm into the convolution: in eval mode the same function, one pass less."""
        assert isinstance(self.norm, MaskedBatchNorm), "a block is folded once"
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = _Folded()


class _Folded(nn.Module):
    """Stands where a batch norm was before it was folded into the convolution."""

    def forward(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        return x


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
    """CNN, BLSTM and self-attention: an utterance of any length -> one vector and where it looked.

    bins: of frequency that it looks at: all 400 (Table 2), or means of neighbours, which halve its work; a
    frame of 40 ms does not tell bins of 10 Hz and 20 Hz apart.
    """

    def __init__(self, bins: int = BINS) -> None:
        super().__init__()
        self.neighbours = BINS // bins
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
        missing = max(-x.shape[1] % FRAMES_PER_STEP, FRAMES_PER_STEP - x.shape[1])
        x = F.pad(x, (0, 0, 0, missing))  # [B, T, 400], T a multiple of 16
        behind = torch.arange(x.shape[1], device=x.device) >= lengths[:, None]  # [B, T]
        x = x.masked_fill(behind.unsqueeze(-1), 0.0)  # [B, T, 400]
        if self.neighbours > 1:
            x = F.avg_pool1d(x, self.neighbours)  # [B, T, 200], and so on with half of each F below
        real = [max(n, FRAMES_PER_STEP) for n in lengths.tolist()]
        x = x.transpose(1, 2).unsqueeze(1)  # [B, 1, 400, T]
        if self.conv1.conv.weight.is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous(memory_format=torch.channels_last)  # [B, 1, 400, T]
        x, real = self.conv1(x, real)  # [B, 16, 100, T/4]
        x, real = self.conv2(x, real)  # [B, 24, 50, T/8]
        x, real = self.conv3(x, real)  # [B, 32, 25, T/16]
        h = x.permute(0, 3, 1, 2).flatten(2).to(self.attention.w1.weight.dtype)  # [B, T/16, 800]
        steps = torch.tensor(real)  # [B]
        if not self.training and len(set(real)) == 1:
            h, _ = self.blstm(h[:, : real[0]])  # [B, S, 256]: without padding torch's fused kernel may run
        else:
            packed = pack_padded_sequence(h, steps, batch_first=True, enforce_sorted=False)
            h, _ = pad_packed_sequence(self.blstm(packed)[0], batch_first=True)  # [B, S, 256]
        vector, weights = self.attention(h, steps.to(h.device))  # [B, 256], [B, S]
        return vector, weights


class Classifier(nn.Module):
    """Two dense layers on one encoder's vector, or on several concatenated ones: logits [B, 4]."""

    def __init__(self, inputs: int = VECTOR) -> None:
        super().__init__()
        self.dense1 = nn.Linear(inputs, _DENSE)
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
        """Make it ready for analysis, for good: eval mode, norms folded, channels last. Returns itself."""
        self.eval()
        for block in (self.encoder.conv1, self.encoder.conv2, self.encoder.conv3):
            block.fold()
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """x: [B, T, 400], lengths: [B] frames -> logits [B, 4], attention weights [B, S]."""
        vector, weights = self.encoder(x, lengths)  # [B, 256], [B, S]
        return self.classifier(vector), weights  # [B, 4], [B, S]


def fused_classifier(encoders: int) -> Classifier:
    """Figure 2(b) with one frozen encoder, 2(c) with two: the part that fine-tuning trains."""
    return Classifier(VECTOR * encoders)


def pad(features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Utterances [Tᵢ, 400] -> batch [B, max T, 400] with zeros behind, lengths [B]."""
    lengths = torch.tensor([len(f) for f in features])  # [B]
    return nn.utils.rnn.pad_sequence(list(features), batch_first=True), lengths  # [B, T, 400], [B]


def parameter_count(module: nn.Module) -> int:
    """Trainable numbers: 1,068,956 for a Network, 16,708 of them in its classifier."""
    return sum(p.numel() for p in module.parameters())
