"""Training steps as CUDA graphs: a whole step is recorded once for each shape of batch and then replayed.

The network is so small that a GPU does a step faster than Python can ask for its several hundred kernels. A
graph asks for all of them at once. What a graph reads and writes must stay where it was when it was
recorded: the inputs are copied into its own, weights and Adam's moments live on the device throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Arrays = tuple[Tensor, ...]

COLUMNS = 64
"""Frames: batches of utterances are padded to multiples of this, so that a few dozen shapes occur."""

_WARM_UP = 2
"""Steps before a recording, in which the libraries choose algorithms and fetch their workspaces."""


def fixed_shape(inputs: Arrays) -> Arrays:
    """The same batch in one of few shapes: the first tensor, if it is x [B, T, 400], padded along time."""
    x, *rest = inputs
    if x.dim() == 3:
        x = F.pad(x, (0, 0, 0, -x.shape[1] % COLUMNS))  # what stands behind an utterance does not matter
    return (x, *rest)


@dataclass(frozen=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: Arrays
    value: Tensor


class RecordedSteps:
    """A step on the GPU, called like the function that it was recorded from.

    step: from inputs on the device to a scalar there; it waits for nothing and asks for nothing from the
    host. state: says all tensors that it changes; the steps that warm up are undone.
    """

    def __init__(self, step: Callable[[Arrays], Tensor], state: Callable[[], Sequence[Tensor]]) -> None:
        self._step, self._state = step, state
        self._recorded: dict[tuple[torch.Size, ...], _Recorded] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, inputs: Arrays) -> Tensor:
        """The step's value; it is overwritten by the next call with inputs of this shape."""
        shape = tuple(tensor.shape for tensor in inputs)
        known = self._recorded.get(shape)
        if known is None:
            known = self._recorded[shape] = self._record(inputs)
        for own, given in zip(known.inputs, inputs, strict=True):
            own.copy_(given, non_blocking=True)
        known.graph.replay()
        return known.value

    def _record(self, inputs: Arrays) -> _Recorded:
        own = tuple(tensor.clone() for tensor in inputs)
        with undone(self._state()):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # a recording must not be the first use of a stream's libraries
                for _ in range(_WARM_UP):
                    self._step(own)
            torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # one pool for all graphs: they run one after the other, and of a step only its value outlives it
        with torch.cuda.graph(graph, pool=self._pool):
            value = self._step(own)
        return _Recorded(graph, own, value)


@contextmanager
def undone(tensors: Sequence[Tensor]) -> Iterator[None]:
    """Put the tensors back as they were, in place."""
    kept = [tensor.detach().clone() for tensor in tensors]
    yield
    with torch.no_grad():
        for tensor, was in zip(tensors, kept, strict=True):
            tensor.copy_(was)
