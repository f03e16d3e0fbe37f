"""Loss functions (paper, equations 2 and 6; SPEC.md "Losses")."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..config.run_config import StageConfig
from ..labels.targets import class_weights, existence_weights

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_function(config: StageConfig, targets: Sequence[Sequence[float]]) -> Loss:
    """logits [B, 4], targets [B, 4] -> scalar, weighted by the training set's targets (SPEC.md "Losses")."""
    device = config.compute.device
    if config.stage.scheme == "existence":
        pairs = torch.tensor(existence_weights(targets), device=device)  # [4, 2]

        def existence(logits: Tensor, q: Tensor) -> Tensor:  # equation 6
            absent = pairs[:, 0] * (1 - q) * F.logsigmoid(-logits)  # [B, 4]
            return -(pairs[:, 1] * q * F.logsigmoid(logits) + absent).sum(1).mean()

        return existence
    weights = torch.tensor(class_weights(targets), device=device)  # [4]

    def cross_entropy(logits: Tensor, q: Tensor) -> Tensor:  # equation 2
        return -(weights * q * F.log_softmax(logits, dim=1)).sum(1).mean()

    return cross_entropy


def existence_offset(targets: Sequence[Sequence[float]]) -> float:
    """The bias that equation 6's weights add to the logits of existence, as a mean over the classes.

    With weights w₀ and w₁ of the two outcomes, training learns p / (1 - p) too large by w₁ / w₀.
    """
    pairs = existence_weights(targets)
    return sum(math.log(present / absent) for absent, present in pairs) / len(pairs)
