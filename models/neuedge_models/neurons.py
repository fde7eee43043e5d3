"""Neurons of sinabs as every reference network uses them: what a chip can do and NIR can say.

A neuron fires at most once per timestep, and a spike sets its membrane to 0. sinabs fires where the membrane is at the
threshold or above, NIR above it only; `grid` says why the two agree here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from neuedge_models.grid import THRESHOLD

if TYPE_CHECKING:
    import torch

    from neuedge_nir.network.model import Adaptation

RESET = "zero"
"""All supported chips reset to a value; subtracting the threshold costs some of them two neurons for one."""


def integrate_and_fire(timesteps: int) -> torch.nn.Module:
    """IF neurons, for signals (samples * timesteps, *shape): v += x, a spike where v >= threshold, then v = 0."""
    from sinabs.layers import IAFSqueeze

    neurons: torch.nn.Module = IAFSqueeze(num_timesteps=timesteps, **_firing())
    return neurons


def leaky(timesteps: int, keep: float) -> torch.nn.Module:
    """LIF neurons: v = keep * v + x, a spike where v >= threshold, then v = 0. `keep` lies between 0 and 1."""
    from sinabs.layers import LIFSqueeze

    neurons: torch.nn.Module = LIFSqueeze(num_timesteps=timesteps, norm_input=False, tau_mem=_tau(keep), **_firing())
    return neurons


def following(
    timesteps: int, keep: float = 0.9, rule: Adaptation | None = None, threshold: float = 1.0
) -> torch.nn.Module:
    """LIF neurons whose threshold follows an activity by the rule, if there is one; a spike subtracts a constant.

    Not of sinabs, which has no such neurons. Raises `InputError` TRAIN040 for a rule of impossible numbers.
    """
    from neuedge_models.following import Following

    return Following(timesteps, keep, rule, threshold)


def readout(timesteps: int, keep: float) -> torch.nn.Module:
    """LI neurons, which never fire: v = keep * v + (1 - keep) * x; v is what the host reads."""
    from sinabs.layers import ExpLeakSqueeze

    neurons: torch.nn.Module = ExpLeakSqueeze(num_timesteps=timesteps, norm_input=True, tau_mem=_tau(keep))
    return neurons


def recurrent(neurons: int, timesteps: int, keep: float, damping: float = 1.0) -> torch.nn.Module:
    """LIF neurons that hear each other's spikes of the timestep before, through weights of their own.

    `damping` scales the surrogate gradient, whose peak is 2 / threshold: below 1 it keeps a gradient from growing from
    timestep to timestep on its way back through the neurons' own weights.
    """
    import torch

    from neuedge_models.recurrent import LIFRecurrentSqueeze

    weights = torch.nn.Linear(neurons, neurons, bias=False)
    return LIFRecurrentSqueeze(
        rec_connect=weights, num_timesteps=timesteps, norm_input=False, tau_mem=_tau(keep), **_firing(damping)
    )


def _tau(keep: float) -> float:
    """sinabs' time constant in timesteps: its membranes keep exp(-1 / tau) of themselves."""
    return -1 / math.log(keep)


def _firing(damping: float = 1.0) -> dict[str, Any]:
    import torch
    from sinabs.activation import MembraneReset, SingleExponential, SingleSpike

    # sinabs fires as often as the threshold fits into the membrane, and subtracts it, unless told otherwise.
    return {
        "spike_threshold": torch.tensor(THRESHOLD),
        "spike_fn": SingleSpike,
        "reset_fn": MembraneReset(),
        "surrogate_grad_fn": SingleExponential(grad_scale=damping),
    }
