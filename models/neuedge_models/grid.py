"""Weights that every simulator and every chip with 8-bit weights takes as they are.

Trained weights are rounded to multiples of `WEIGHT_STEP`, and thresholds lie half a step beside them. Two things follow
for inputs that are spikes and neurons without a leak that reset to 0: float sums of weights are exact, so any simulator
in any order of summation finds the same spikes; and no membrane ever equals its threshold, so sinabs, which fires at
>=, and NIR, which fires at >, agree. With a leak sums are rounded; a membrane at its threshold is then a coincidence,
and a test counts none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

WEIGHT_STEP = 1 / 64
WEIGHT_LIMIT = 127 * WEIGHT_STEP
"""Steps and limit of signed 8-bit weights, so that such a chip takes them as they are."""

THRESHOLD = 1 + WEIGHT_STEP / 2


def weights_of(network: torch.nn.Module) -> list[torch.nn.Parameter]:
    """What is trained, in the order of the network.

    By name: sinabs lists the time constants and thresholds of its neurons among the parameters, too.
    """
    return [tensor for name, tensor in network.named_parameters() if name.endswith("weight")]


def rounded(network: torch.nn.Module) -> torch.nn.Module:
    """The same network, its weights on the grid."""
    import torch

    with torch.no_grad():
        for weight in weights_of(network):
            weight.copy_((weight / WEIGHT_STEP).round().mul(WEIGHT_STEP).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT))
    return network
