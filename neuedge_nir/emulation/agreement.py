"""How far a run on a chip's arithmetic agrees with the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.interpreter.answers import accuracy, classes
from neuedge_nir.interpreter.run import Run
from neuedge_nir.network.model import Network


@dataclass(frozen=True, slots=True)
class SpikesOf:
    """The spikes of a population in both runs.

    `equal` is the share of the places (sample, step, neuron) with a spike in either run where both have one; 1 where
    neither spikes.
    """

    reference: int
    emulated: int
    equal: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Both runs side by side. `same_class`: the share of samples to which both give one class; accuracies where
    labels are known.
    """

    spikes: Mapping[str, SpikesOf]
    same_class: float
    accuracy: float | None
    reference_accuracy: float | None


def agreement(network: Network, reference: Run, emulated: Run, labels: NDArray[np.int64] | None) -> Agreement:
    """Two runs of a network on the same samples, all spiking populations recorded. Relays have no reference."""
    spiking = [p.name for p in network.populations if p.spiking and p.name in reference.recorded]
    return Agreement(
        {name: _spikes(reference.recorded[name], emulated.recorded[name]) for name in spiking},
        float((classes(reference) == classes(emulated)).mean()),
        None if labels is None else accuracy(emulated, labels),
        None if labels is None else accuracy(reference, labels),
    )


def _spikes(reference: NDArray[np.bool_], emulated: NDArray[np.bool_]) -> SpikesOf:
    either = int(np.count_nonzero(reference | emulated))
    both = int(np.count_nonzero(reference & emulated))
    return SpikesOf(int(reference.sum()), int(emulated.sum()), both / either if either else 1.0)
