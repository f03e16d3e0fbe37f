"""A batch as one strip: utterances end to end along time, with zeros between them instead of padding.

A padded batch computes as much for a short utterance as for the longest. On a strip each takes its own
length and a gap so wide that no convolution of the encoder reaches from one utterance into the next. The
gaps are set to zero again after every layer, which is just what an utterance alone sees beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

FRAMES_PER_STEP = 16
"""One attention step: stride 2 and three 2 × 2 poolings."""

_GAP = 24
"""Frames, 6 columns at a quarter of their rate: so far conv 2 looks ahead; the others look less far."""

_ROUND = 128
"""A strip of several utterances is a multiple of so many frames: few shapes, which oneDNN all remembers."""


@dataclass(frozen=True)
class Strip:
    """Where the utterances lie, in columns of one layer; the first layer's columns are frames.

    starts, lengths: B each. columns: in all. Starts are multiples of an attention step.
    """

    starts: tuple[int, ...]
    lengths: tuple[int, ...]
    columns: int

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Strip:
        """From frames an utterance. What is shorter than one attention step counts as one."""
        counted = [max(length, FRAMES_PER_STEP) for length in lengths]
        slots = [_up(length - length % 4 + _GAP, FRAMES_PER_STEP) for length in counted[:-1]]
        starts = tuple(accumulate(slots, initial=0))
        columns = starts[-1] + _up(counted[-1], FRAMES_PER_STEP)
        return cls(starts, tuple(counted), columns if len(counted) == 1 else _up(columns, _ROUND))

    def halved(self) -> Strip:
        """Behind a layer that halves time; an utterance's odd last column is dropped."""
        return Strip(
            tuple(n // 2 for n in self.starts), tuple(n // 2 for n in self.lengths), self.columns // 2
        )

    @cached_property
    def real(self) -> int:
        """Columns that belong to utterances."""
        return sum(self.lengths)

    def clear(self, x: Tensor) -> None:
        """Set x [..., columns] to 0 in the gaps, in place."""
        ends = (*self.starts[1:], self.columns)
        for start, length, end in zip(self.starts, self.lengths, ends, strict=True):
            if start + length < end:
                x[..., start + length : end] = 0

    def lay(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """Utterances x [B, T, F], of which `lengths` are real, onto a strip [columns, F]."""
        if len(lengths) == 1 and lengths[0] == x.shape[1] == self.columns:
            return x[0]
        strip = x.new_zeros(self.columns, x.shape[2])  # [columns, F]
        for row, start, length in zip(x, self.starts, lengths, strict=True):
            strip[start : start + length] = row[:length]
        return strip

    def cut(self, strip: Tensor) -> Tensor:
        """The strip [columns, F] back into utterances [B, longest, F]; behind each stands what is there."""
        steps = torch.arange(max(self.lengths))  # [longest]
        index = (torch.tensor(self.starts)[:, None] + steps).clamp_max(self.columns - 1)  # [B, longest]
        return strip[index.to(strip.device)]


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
