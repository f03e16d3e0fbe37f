"""Training steps as CUDA graphs: a whole step is recorded once for each shape of batch and then replayed.

The network is so small that a GPU runs a step faster than Python can launch its several hundred kernels. A
graph launches all of them at once. The tensors that a graph reads and writes must stay at their addresses:
inputs are copied into its own, weights and Adam's moments stay on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .batches import Arrays

COLUMNS = 64
"""Batches of utterances are padded to multiples of so many frames, so that only a few dozen shapes occur."""

_WARM_UP = 2
"""Steps before a recording, in which libraries choose algorithms and allocate workspaces."""


def fixed_shape(inputs: Arrays) -> Arrays:
    """A batch in one of few shapes: the first tensor, if it is x [B, T, 400], is padded along time."""
    x, *rest = inputs
    if x.dim() == 3:
        x = F.pad(x, (0, 0, 0, -x.shape[1] % COLUMNS))  # padding does not change results
    return (x, *rest)


@dataclass(frozen=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: Arrays
    value: Tensor


class RecordedSteps:
    """A step on the GPU, called like the function that it was recorded from.

    Args:
        step: from inputs on the device to a scalar there, without synchronising with the host.
        state: returns all tensors that the step changes, so that the steps of the warm-up can be undone.
    """

    def __init__(self, step: Callable[[Arrays], Tensor], state: Callable[[], Sequence[Tensor]]) -> None:
        self._step, self._state = step, state
        self._recorded: dict[tuple[torch.Size, ...], _Recorded] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, inputs: Arrays) -> Tensor:
        """The step's value; the next call with inputs of this shape overwrites it."""
        shape = tuple(tensor.shape for tensor in inputs)
        if shape not in self._recorded:
            self._recorded[shape] = self._record(inputs)
        recorded = self._recorded[shape]
        for own, tensor in zip(recorded.inputs, inputs, strict=True):
            own.copy_(tensor, non_blocking=True)
        recorded.graph.replay()
        return recorded.value

    def _record(self, inputs: Arrays) -> _Recorded:
        own = tuple(tensor.clone() for tensor in inputs)
        with undone(self._state()):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # libraries must have been used on a stream before it is recorded
                for _ in range(_WARM_UP):
                    self._step(own)
            torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # one memory pool for all graphs: they run one after the other, and only a step's value is kept
        with torch.cuda.graph(graph, pool=self._pool):
            value = self._step(own)
        return _Recorded(graph, own, value)


@contextmanager
def undone(tensors: Sequence[Tensor]) -> Iterator[None]:
    """Restore the tensors' values in place at the end of the context."""
    copies = [tensor.detach().clone() for tensor in tensors]
    yield
    with torch.no_grad():
        for tensor, copy in zip(tensors, copies, strict=True):
            tensor.copy_(copy)
