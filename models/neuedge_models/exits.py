"""What an exported network answers if it may stop early, and how sure it must be, chosen on samples that do not test.

A sample is over where the greatest summed output leads the next by a margin (`neuedge_nir.interpreter.answers`). The
host decides that, or whoever reads the outputs: it is a gain of the runtime, not of the network.
"""

from __future__ import annotations

import math

import numpy as np

from neuedge_models.coding import Coding, Hybrid, in_every_step
from neuedge_models.datasets import Split
from neuedge_nir.interpreter.answers import Classes, Course
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.network.model import Network

PART = 500
"""Samples that are coded and run at a time."""
MARGINS = tuple(2.0 ** (k / 2) for k in range(-12, 17))
"""Leads that are tried, times the mean size of a summed output."""


def course(network: Network, data: Split, coding: Coding) -> Course:
    """How a network with one input answers samples from step to step. Raises what `simulate` raises.

    An input with an encoder gets the values of a `Hybrid` coding and codes them itself; any other gets its spikes.
    """
    parts = [_part(network, data.inputs[start : start + PART], coding) for start in range(0, len(data), PART)]
    return Course.joined(parts)


def _part(network: Network, values: np.ndarray, coding: Coding) -> Course:
    if network.inputs[0].encoder is None or not isinstance(coding, Hybrid):
        return Course.of_run(network, simulate(network, coding(values)))
    given = in_every_step(values / coding.brightest, coding.timesteps)
    return Course.of_run(network, simulate(network, given))


def least_lead(found: Course, labels: Classes, accuracy: float) -> float:
    """The smallest margin on which stopping early is right for that share of samples; infinite where none is enough."""
    size = float(np.abs(found.outputs[:, -1]).mean()) or 1.0
    kept = (size * margin for margin in MARGINS if found.exit_at(size * margin).accuracy(labels) >= accuracy)
    return next(kept, math.inf)


def least_steps(found: Course, labels: Classes, accuracy: float) -> int:
    """The fewest timesteps after which that share of samples is right; all of them where no fewer are enough."""
    steps = found.outputs.shape[1]
    return next((n for n in range(1, steps) if found.after(n).accuracy(labels) >= accuracy), steps)
