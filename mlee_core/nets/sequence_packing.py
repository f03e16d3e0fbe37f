"""A batch in rows of equal length, where short utterances share a row instead of being padded.

A padded batch computes as much for a short utterance as for the longest. Here utterances follow one another
in a row, with a gap of zeros so wide that no convolution of the encoder reaches from one into the next. The
gaps are set to zero after every layer, which equals the padding of an utterance alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from ..audio.frames import FRAMES_PER_STEP

_GAP = 24
"""Frames, which are 6 columns at a quarter of their rate: the reach of conv 2, the widest."""


@dataclass(frozen=True)
class Rows:
    """Places of the utterances, in columns of one layer; the first layer's columns are frames.

    rows, starts, lengths: B each; starts are multiples of an attention step.
    count, columns: of rows, and of columns in each row.
    """

    rows: tuple[int, ...]
    starts: tuple[int, ...]
    lengths: tuple[int, ...]
    count: int
    columns: int

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Rows:
        """From the frames of each utterance: the longest first, each in the first row with enough space.

        An utterance shorter than one attention step counts as one.
        """
        counted = [max(length, FRAMES_PER_STEP) for length in lengths]
        columns = _up(max(counted), FRAMES_PER_STEP)
        free: list[int] = []  # the first free column of each row
        rows, starts = [0] * len(counted), [0] * len(counted)
        for n in sorted(range(len(counted)), key=lambda n: -counted[n]):
            fitting = (row for row, start in enumerate(free) if start + counted[n] <= columns)
            rows[n] = next(fitting, len(free))
            if rows[n] == len(free):
                free.append(0)
            starts[n] = free[rows[n]]
            free[rows[n]] += _up(counted[n] - counted[n] % 4 + _GAP, FRAMES_PER_STEP)
        return cls(tuple(rows), tuple(starts), tuple(counted), len(free), columns)

    def halved(self) -> Rows:
        """After a layer that halves time; an utterance's odd last column is dropped."""
        starts, lengths = (tuple(n // 2 for n in what) for what in (self.starts, self.lengths))
        return Rows(self.rows, starts, lengths, self.count, self.columns // 2)

    @cached_property
    def real(self) -> int:
        """Number of columns that belong to utterances, in all rows."""
        return sum(self.lengths)

    def clear(self, x: Tensor) -> None:
        """Set x [count, ..., columns] to 0 in the gaps, in place: 100 times cheaper than a product."""
        ends = [self.columns] * self.count  # of the gap after an utterance, in each row from the last one on
        places = zip(self.rows, self.starts, self.lengths, strict=True)
        for row, start, length in sorted(places, key=lambda place: -place[1]):
            if start + length < ends[row]:
                x[row, ..., start + length : ends[row]] = 0
            ends[row] = start

    def lay(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """Utterances x [B, T, F], of which `lengths` are real, into rows [count, columns, F]."""
        if all(n == x.shape[1] == self.columns for n in lengths):
            return x
        laid = x.new_zeros(self.count, self.columns, x.shape[2])
        for one, row, start, length in zip(x, self.rows, self.starts, lengths, strict=True):
            laid[row, start : start + length] = one[:length]
        return laid

    @cached_property
    def ends(self) -> Tensor:
        """lengths as a tensor [B]."""
        return torch.tensor(self.lengths)

    def cut(self, laid: Tensor) -> Tensor:
        """Rows [count, columns, F] back into utterances [B, longest, F]; undefined after each one's end."""
        steps = torch.arange(max(self.lengths))  # [longest]
        starts = torch.tensor(self.starts) + torch.tensor(self.rows) * self.columns  # [B]
        index = (starts[:, None] + steps).clamp_max(self.count * self.columns - 1)  # [B, longest]
        return laid.flatten(0, 1)[index.to(laid.device)]

    @cached_property
    def reversing(self) -> Tensor:
        """Column indices [B, longest] that reverse each utterance and keep the columns after it."""
        return _reversing(self.ends, max(self.lengths))


@dataclass(frozen=True)
class Padded:
    """One utterance a row, for a GPU, where padding costs less than a kernel for each utterance.

    Their ends are known on the GPU only, so that the host never waits for them.

    ends: real columns [B]. columns: of each row.
    """

    ends: Tensor
    columns: int

    def halved(self) -> Padded:
        return Padded(self.ends // 2, self.columns // 2)

    @cached_property
    def real(self) -> Tensor:
        return self.ends.sum().double()  # a share of it would be fp32

    def clear(self, x: Tensor) -> None:
        padding = torch.arange(self.columns, device=x.device) >= self.ends[:, None]  # [B, columns]
        x.masked_fill_(padding[:, None, None, :], 0)

    def cut(self, laid: Tensor) -> Tensor:
        return laid

    @cached_property
    def reversing(self) -> Tensor:
        return _reversing(self.ends, self.columns)


Layout = Rows | Padded


def laid_out(x: Tensor, lengths: Tensor) -> tuple[Layout, Tensor]:
    """Utterances x [B, T, F] of lengths [B] in rows [R, columns, F] with zeros between them."""
    if not x.is_cuda:
        frames: list[int] = lengths.tolist()
        rows = Rows.of(frames)
        return rows, rows.lay(x, frames)
    return padded(x, lengths.to(x.device, non_blocking=True))


def padded(x: Tensor, lengths: Tensor) -> tuple[Padded, Tensor]:
    """`laid_out` for a GPU; x and lengths are on one device."""
    columns = max(FRAMES_PER_STEP, _up(x.shape[1], FRAMES_PER_STEP))
    x = F.pad(x, (0, 0, 0, columns - x.shape[1]))  # [B, columns, F]
    padding = torch.arange(columns, device=x.device) >= lengths[:, None]  # [B, columns]
    return Padded(lengths.clamp_min(FRAMES_PER_STEP), columns), x.masked_fill(padding.unsqueeze(2), 0)


def _reversing(ends: Tensor, columns: int) -> Tensor:
    steps, ends = torch.arange(columns, device=ends.device), ends[:, None]
    return torch.where(steps < ends, ends - 1 - steps, steps)  # [B, columns]


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
