"""z-normalisation of features (SPEC.md "Features")."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Normalisation:
    """z-normalisation per frequency bin. mean, std: float32 [400], stored with the encoder they belong to.

    centred: the share of the utterance's own mean that is subtracted as well (Recipe.centred).
    """

    mean: Tensor
    std: Tensor
    centred: float = 0.0

    def apply(self, features: Tensor, off: float = 0.0) -> Tensor:
        """Log power of one utterance [T, 400] -> z-scores [T, 400]. off: added to the share `centred`."""
        scores = (features - self.mean) / self.std  # [T, 400]
        share = self.centred + off
        return scores - share * scores.mean(0) if share and len(scores) else scores
