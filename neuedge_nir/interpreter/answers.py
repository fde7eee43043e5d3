"""What a network answers and spends: on all of a sample, on its first timesteps alone, or until it is sure.

A class is the place of the greatest output, summed over the timesteps. A run is causal, so that what it answers after
some steps is what a run over just these would: one run shows every shorter window, and every early exit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network, ResetMode

Floats = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The class of each sample, and means per sample: spikes that entered, spikes of neurons, timesteps used."""

    classes: Classes
    input_spikes: float
    neuron_spikes: float
    steps: float

    @property
    def spikes(self) -> float:
        return self.input_spikes + self.neuron_spikes

    def accuracy(self, labels: Classes) -> float:
        """The share of samples whose class is their label."""
        return float((self.classes == labels).mean())

    def agreement(self, other: Answers) -> float:
        """The share of samples that two networks put into the same class."""
        return float((self.classes == other.classes).mean())


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A run seen from step to step: summed outputs (samples, steps, outputs), spikes so far (samples, steps)."""

    outputs: Floats
    input_spikes: Floats
    neuron_spikes: Floats

    @classmethod
    def of(cls, network: Network, samples: Samples, dt: float | None = None, reset: ResetMode | None = None) -> Course:
        """The course of a network on samples. Raises what `simulate` raises."""
        return cls.of_run(network, simulate(network, samples.of(network), dt, reset))

    @classmethod
    def of_run(cls, network: Network, run: Run) -> Course:
        spiking = [p.name for p in network.populations if p.spiking]
        entered = _so_far(run, [port.name for port in network.inputs])
        return cls(np.cumsum(_in_a_row(run), axis=1, dtype=np.float64), entered, _so_far(run, spiking))

    @classmethod
    def joined(cls, parts: Sequence[Course]) -> Course:
        """The course of samples that ran in parts."""
        whole = zip(*((each.outputs, each.input_spikes, each.neuron_spikes) for each in parts), strict=True)
        return cls(*(np.concatenate(arrays) for arrays in whole))

    def whole(self) -> Answers:
        """What it answers at the end."""
        return self.after(self.outputs.shape[1])

    def after(self, steps: int) -> Answers:
        """What it answers after so many timesteps: the control for anything that saves spikes."""
        return self._at(np.full(len(self.outputs), steps - 1))

    def exit_at(self, margin: float) -> Answers:
        """What it answers if it stops where the greatest summed output leads the next by the margin (early exit)."""
        return self._at(self.last_step(margin))

    def last_step(self, margin: float) -> Classes:
        """The timestep at which each sample stops then, counted from 0; the last where none leads so."""
        best = np.sort(self.outputs, axis=2)
        lead = best[..., -1] - best[..., -2] if best.shape[2] > 1 else np.full(best.shape[:2], math.inf)
        sure = lead >= margin
        last = self.outputs.shape[1] - 1
        found: Classes = np.where(sure.any(axis=1), sure.argmax(axis=1), last)
        return found

    def _at(self, step: Classes) -> Answers:
        sample = np.arange(len(self.outputs))
        return Answers(
            self.outputs[sample, step].argmax(axis=1).astype(np.int64),
            float(self.input_spikes[sample, step].mean()),
            float(self.neuron_spikes[sample, step].mean()),
            float(step.mean()) + 1,
        )


def classes(run: Run) -> Classes:
    """The class of each sample after all steps of a run; ties go to the first."""
    return np.asarray(_in_a_row(run).sum(axis=1).argmax(axis=1))


def accuracy(run: Run, labels: Classes) -> float:
    """The share of samples whose class is their label, over all steps of a run."""
    return float((classes(run) == labels).mean())


def _in_a_row(run: Run) -> NDArray[Any]:
    """All outputs, (samples, steps, outputs), in the network's order; one that is 0 where there are none."""
    rows = [out.reshape(run.samples, run.steps, -1) for out in run.outputs.values()]
    return np.concatenate(rows, axis=2) if rows else np.zeros((run.samples, run.steps, 1))


def _so_far(run: Run, names: list[str]) -> Floats:
    total = np.zeros((run.samples, run.steps))
    for name in names:
        total += run.per_sample[name]
    return np.cumsum(total, axis=1)


def information(answered: Classes, labels: Classes) -> float:
    """Bits that the answers tell of the labels, I(label; class) = H(label) + H(class) - H(both), from N samples.

    An entropy of counts is too small by about (K - 1) / (2 N ln 2) bits, K the values that were seen (Miller and
    Madow): added to each of the three. Never below 0.
    """
    size = int(max(answered.max(), labels.max())) + 1
    joint = np.zeros((size, size))
    np.add.at(joint, (labels, answered), 1)
    share = joint / joint.sum()
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    seen = share > 0
    bits = float((share[seen] * np.log2(share[seen] / np.outer(rows, columns)[seen])).sum())
    missing = int((rows > 0).sum()) + int((columns > 0).sum()) - int(seen.sum()) - 1
    return max(0.0, bits + missing / (2 * len(labels) * math.log(2)))
