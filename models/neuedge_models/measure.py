"""What an exported file does: read back by the compiler's own reader and run by its interpreter, without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuedge_models.coding import Coding
from neuedge_models.datasets import Split
from neuedge_nir.frontend import read
from neuedge_nir.interpreter.run import Run, simulate

PART = 500
"""Samples that are coded and run at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a file gave on samples.

    outputs: (samples, outputs) spike counts of a classifier, or (samples, timesteps, outputs) of a regression; spikes:
    of all samples, by input and population. `neurons` are those of the network.
    """

    outputs: NDArray[np.float64]
    spikes: Mapping[str, float]
    samples: int
    neurons: int

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """The share of samples whose most active output, the lowest of several, is their label."""
        return float((self.outputs.argmax(axis=1) == labels).mean())

    def error(self, values: NDArray[np.float64]) -> float:
        """The root of the mean squared error of a regression."""
        return float(np.sqrt(np.mean((self.outputs - values) ** 2)))

    def spikes_per_inference(self) -> dict[str, float]:
        """Mean spikes of a sample, by input and population."""
        return {name: round(count / self.samples, 2) for name, count in self.spikes.items()}


def measured(path: Path, data: Split, coding: Coding) -> Measured:
    """Run a file on samples. Raises `InputError` where the file is refused or does not fit them."""
    network = read(path)
    outputs, spikes = [], dict[str, float]()
    silent = {
        each.name for each in network.populations if not each.spiking
    }  # of LI the values that it sent are counted
    for start in range(0, len(data), PART):
        run = simulate(network, coding(data.inputs[start : start + PART]))
        outputs.append(_answers(run, data.is_regression))
        for name, count in ((name, count) for name, count in run.counts.items() if name not in silent):
            spikes[name] = spikes.get(name, 0.0) + float(count.sum())
    return Measured(np.concatenate(outputs), spikes, len(data), sum(each.neurons for each in network.populations))


def _answers(run: Run, regression: bool) -> NDArray[np.float64]:
    (values,) = run.outputs.values()
    numbers = np.asarray(values, dtype=np.float64)
    return numbers if regression else numbers.sum(axis=1)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
