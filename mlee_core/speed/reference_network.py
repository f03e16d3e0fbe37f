"""The network in its simplest form: torch's plain layers on a padded batch, in fp32.

`mlee bench` and the tests compare the fast network with it. Parameters have the names of network.py, so that
both load the same state.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..audio.frames import FRAMES_PER_STEP
from ..nets.network import Classifier, SelfAttention


class ReferenceNetwork(nn.Module):
    """Table 2's layers one after the other, with padding masked after every one (SPEC.md "Model")."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Encoder()
        self.classifier = Classifier()

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """x: [B, T, 400], lengths: [B] frames -> logits [B, 4], attention weights [B, S]."""
        vector, weights = self.encoder(x, lengths)  # [B, 256], [B, S]
        return self.classifier(vector), weights


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _Block(1, 16, (12, 16), 2, (7, 7, 5, 5))
        self.conv2 = _Block(16, 24, (8, 12), 1, (5, 6, 3, 4))
        self.conv3 = _Block(24, 32, (5, 7), 1, (3, 3, 2, 2))
        self.blstm = nn.LSTM(32 * 25, 128, batch_first=True, bidirectional=True)
        self.attention = SelfAttention()

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        missing = max(-x.shape[1] % FRAMES_PER_STEP, FRAMES_PER_STEP - x.shape[1])
        x = F.pad(x, (0, 0, 0, missing)).transpose(1, 2).unsqueeze(1)  # [B, 1, 400, T]
        x = x * _mask(x, lengths)
        lengths = lengths.clamp_min(FRAMES_PER_STEP)
        for block in (self.conv1, self.conv2, self.conv3):
            x, lengths = block(x, lengths)
        h = x.permute(0, 3, 1, 2).flatten(2)  # [B, S, 800]
        packed = pack_padded_sequence(h, lengths.cpu(), batch_first=True, enforce_sorted=False)
        h, _ = pad_packed_sequence(self.blstm(packed)[0], batch_first=True)  # [B, S, 256]
        vector, weights = self.attention(h, lengths)  # [B, 256], [B, S]
        return vector, weights


class _Block(nn.Module):
    """Convolution, batch norm over real positions, ReLU, max-pool. padding: F.pad's, time first."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int, padding: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm = nn.BatchNorm2d(outputs)
        self.padding, self.stride = padding, stride

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv(F.pad(x, self.padding))  # [B, C, F, T]
        lengths = lengths // self.stride
        x = self._normalised(x, _mask(x, lengths)) if self.training else self.norm(x)
        x = F.max_pool2d(F.relu(x), 2)  # [B, C, F/2, T/2]
        lengths = lengths // 2
        return x * _mask(x, lengths), lengths

    def _normalised(self, x: Tensor, mask: Tensor) -> Tensor:
        norm = self.norm
        assert norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None
        real = mask.sum() * x.shape[2]  # positions a channel
        mean = (x * mask).sum((0, 2, 3), keepdim=True) / real  # [1, C, 1, 1]
        centred = (x - mean) * mask  # [B, C, F, T]
        var = centred.square().sum((0, 2, 3)) / real  # [C]
        with torch.no_grad():
            norm.running_mean.lerp_(mean.flatten(), norm.momentum)
            norm.running_var.lerp_(var * real / (real - 1), norm.momentum)
        scale = norm.weight * torch.rsqrt(var + norm.eps)  # [C]
        return centred * scale[:, None, None] + norm.bias[:, None, None]


def _mask(x: Tensor, lengths: Tensor) -> Tensor:
    """1 for real columns of x [B, C, F, T] and 0 for padding: [B, 1, 1, T]."""
    real = torch.arange(x.shape[3], device=x.device) < lengths[:, None]  # [B, T]
    return real[:, None, None, :].to(x.dtype)
