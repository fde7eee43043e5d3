"""sinabs' recurrent neurons for signals (samples * timesteps, neurons), as it has them for all others."""

from __future__ import annotations

from typing import Any

import torch
from sinabs.layers import LIFRecurrent, SqueezeMixin


class LIFRecurrentSqueeze(LIFRecurrent, SqueezeMixin):  # type: ignore[misc]
    """`LIFRecurrent` on signals whose samples and timesteps share an axis."""

    def __init__(self, *, num_timesteps: int, **options: Any) -> None:
        super().__init__(**options)
        self.squeeze_init(None, num_timesteps)

    def forward(self, input_data: torch.Tensor) -> torch.Tensor:
        """Spikes (samples * timesteps, neurons) for weighted inputs of that shape."""
        spikes: torch.Tensor = self.squeeze_forward(input_data, super().forward)
        return spikes
