"""A network while it learns: its optimiser, its learning rate's cycle, the running mean of its weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .config import StageConfig

WARM_UP = 0.15
"""Share of a cycle in which the learning rate rises."""

LONGEST_GRADIENT = 5.0
"""In a cycle, whose rates are high, longer gradients are cut to this norm."""

_MOMENTS = ("exp_avg", "exp_avg_sq")


class Learner:
    """Adam on a network, as the recipe asks for.

    network: learns. judged: what counts: the running mean of its weights, or itself.
    """

    def __init__(self, config: StageConfig, network: nn.Module) -> None:
        encoder = not config.stage.encoders
        self._config, self.network = config, network
        self._kept = config.recipe.averaging if encoder else 0.0
        self.judged = copy.deepcopy(network) if self._kept else network
        self._optimiser = torch.optim.Adam(
            network.parameters(),
            lr=config.learning_rate,
            weight_decay=config.recipe.weight_decay if encoder else 0.0,
            decoupled_weight_decay=True,
        )
        self._steps = 0

    def step(self, loss: Tensor, at: float) -> None:
        """Follow the gradient of a batch's loss. at: the share of the training that is done, 0 … 1."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self._config.cycled:
            nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT)
            for group in self._optimiser.param_groups:
                group["lr"] = cycle(at) * self._config.learning_rate
        self._optimiser.step()
        self._steps += 1
        if self._kept:
            self._average(min(self._kept, self._steps / (self._steps + 9)))

    def _average(self, kept: float) -> None:
        with torch.no_grad():
            mean, now = self.judged.state_dict(), self.network.state_dict()
            for name, value in mean.items():
                if value.is_floating_point():
                    value.lerp_(now[name], 1 - kept)
                else:  # batch norm counts its batches
                    value.copy_(now[name])

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint needs to go on from, besides the judged network itself."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.network.named_parameters():
            for what, value in self._optimiser.state[parameter].items():
                tensors[f"adam.{what}.{name}"] = value
        if self._kept:
            tensors |= {f"learning.{name}": value for name, value in self.network.state_dict().items()}
            tensors["averaged.steps"] = torch.tensor(self._steps)
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint's tensors; `judged` is filled already. Raises: KeyError, RuntimeError."""
        if self._kept:
            prefix = "learning."
            own = {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
            self.network.load_state_dict(own)
            self._steps = int(tensors["averaged.steps"])
        for name, parameter in self.network.named_parameters():
            state: dict[str, Any] = {"step": tensors[f"adam.step.{name}"]}
            for what in _MOMENTS:
                state[what] = torch.empty_like(parameter).copy_(tensors[f"adam.{what}.{name}"])
            self._optimiser.state[parameter] = state


def cycle(at: float) -> float:
    """The learning rate, as a share of its highest, when a share `at` of the training is done."""
    if at < WARM_UP:
        return max(at / WARM_UP, 1e-3)
    return max(0.5 * (1 + math.cos(math.pi * (at - WARM_UP) / (1 - WARM_UP))), 1e-3)
