"""Training state of a network: Adam, the cycle of the learning rate, the running mean of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..config.run_config import StageConfig
from ..nets.tensor_file import under

WARM_UP = 0.15
"""Share of a cycle in which the learning rate rises."""

MAX_GRADIENT_NORM = 5.0
"""In a cycle, whose rates are high, gradients are clipped to this norm."""

_MOMENTS = ("exp_avg", "exp_avg_sq")


class Optimizer:
    """Adam on a network, with the recipe's settings.

    network: is trained. averaged: is evaluated and saved: the running mean of its weights, or itself.
    """

    def __init__(self, config: StageConfig, network: nn.Module) -> None:
        encoder, self._on_gpu = not config.stage.encoders, config.compute.device != "cpu"
        self._config, self.network = config, network
        self._kept = config.recipe.averaging if encoder else 0.0
        self.averaged = copy.deepcopy(network) if self._kept else network
        self._optimiser = torch.optim.Adam(
            network.parameters(),
            lr=self._number(config.learning_rate),
            capturable=self._on_gpu,
            weight_decay=config.recipe.weight_decay if encoder else 0.0,
            decoupled_weight_decay=True,
        )
        self._steps = 0
        self._share_of_new = self._number(0.0)

    def _number(self, value: float) -> float | Tensor:
        """A number that changes at each step; a tensor on a GPU, where a step may be recorded."""
        return torch.tensor(value, device=self._config.compute.device) if self._on_gpu else value

    def schedule(self, at: float) -> None:
        """Set the learning rate and the share of the running mean for the next step, when a share `at` of the
        training is done."""
        self._steps += 1
        self._share_of_new = _set(self._share_of_new, 1 - min(self._kept, self._steps / (self._steps + 9)))
        if self._config.cycled:
            for group in self._optimiser.param_groups:
                group["lr"] = _set(group["lr"], cycle(at) * self._config.learning_rate)

    def apply_gradients(self, loss: Tensor) -> None:
        """One step down the gradient of a loss, as scheduled."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self._config.cycled:
            nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM)
        self._optimiser.step()
        if self._kept:
            self._average()

    def _average(self) -> None:
        with torch.no_grad():
            mean, now = self.averaged.state_dict(), self.network.state_dict()
            for name, value in mean.items():
                if value.is_floating_point():
                    value.lerp_(now[name], self._share_of_new)
                else:  # batch norm counts its batches
                    value.copy_(now[name])

    def changing(self) -> list[Tensor]:
        """All tensors that `apply_gradients` changes; creates Adam's moments where missing."""
        for parameter in self.network.parameters():
            if not self._optimiser.state[parameter]:
                self._optimiser.state[parameter] = {
                    "step": torch.zeros((), device=parameter.device if self._on_gpu else "cpu"),
                    **{moment: torch.zeros_like(parameter) for moment in _MOMENTS},
                }
        moments = [value for state in self._optimiser.state.values() for value in state.values()]
        networks = {id(network): network for network in (self.network, self.averaged)}.values()
        return [tensor for network in networks for tensor in network.state_dict().values()] + moments

    def state(self) -> dict[str, Tensor]:
        """Tensors of a checkpoint that training resumes from, besides the averaged network."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.network.named_parameters():
            for kind, value in self._optimiser.state[parameter].items():
                tensors[f"adam.{kind}.{name}"] = value
        if self._kept:
            tensors |= {f"learning.{name}": value for name, value in self.network.state_dict().items()}
            tensors["averaged.steps"] = torch.tensor(self._steps)
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Resume from a checkpoint's tensors; `averaged` is loaded before. Raises: KeyError, RuntimeError."""
        if self._kept:
            self.network.load_state_dict(under("learning.", tensors))
            self._steps = int(tensors["averaged.steps"])
        for name, parameter in self.network.named_parameters():
            step = tensors[f"adam.step.{name}"]
            state: dict[str, Any] = {"step": step.to(parameter.device) if self._on_gpu else step}
            for moment in _MOMENTS:
                state[moment] = torch.empty_like(parameter).copy_(tensors[f"adam.{moment}.{name}"])
            self._optimiser.state[parameter] = state


def _set(number: float | Tensor, value: float) -> float | Tensor:
    """`value`, written into `number` where that is a tensor, which a recorded step reads."""
    return number.fill_(value) if isinstance(number, Tensor) else value


def cycle(at: float) -> float:
    """The learning rate, as a share of its maximum, when a share `at` of the training is done."""
    if at < WARM_UP:
        return max(at / WARM_UP, 1e-3)
    return max(0.5 * (1 + math.cos(math.pi * (at - WARM_UP) / (1 - WARM_UP))), 1e-3)
