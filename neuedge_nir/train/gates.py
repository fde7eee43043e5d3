"""Gates that switch neurons or channels off, and learn which: 0 or 1 in every pass, with the gradient of a sigmoid."""

from __future__ import annotations

import torch

GAIN = 10.0
"""A gate's parameter counts so many times, so that it moves as fast as weights at their learning rate need not."""
START = 0.1
"""Where a gate's parameter starts, above 0: on."""


class Gates(torch.nn.Module):
    """One gate a unit: 1 where its parameter is above 0, else 0; that of the largest is always 1.

    Backwards a gate is sigmoid(GAIN * parameter): straight-through. `wanted` (units,) orders the units by how much they
    are worth where the training starts; the least is nearest to being off. None: all alike.
    """

    def __init__(self, units: int, wanted: torch.Tensor | None = None) -> None:
        super().__init__()
        start = torch.full((units,), START)
        if wanted is not None:
            start = START * (0.5 + wanted.argsort().argsort().to(start) / max(1, units - 1))
        self.parameter = torch.nn.Parameter(start)

    def forward(self) -> torch.Tensor:
        """Zeros and ones (units,)."""
        soft = torch.sigmoid(GAIN * self.parameter)
        return self.on().to(soft) + (soft - soft.detach())

    def on(self) -> torch.Tensor:
        """Which are on, (units,)."""
        on = self.parameter.detach() > 0
        return on if bool(on.any()) else torch.arange(len(on), device=on.device) == self.parameter.detach().argmax()
