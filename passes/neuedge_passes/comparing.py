"""What a pass shows of a network beside its original: answers and spikes on samples, and a guard for the accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.interpreter.answers import Answers, Course, information
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Cell, Context

SPARE = 2.0
"""Standard errors between the loss on the calibration data and what is allowed: other data would show another loss."""
SOUGHT_ON = 1000
"""Samples that a search among many candidates sees at most: where the best of them looks better than it is. What it
finds is held against the rest."""
HEADER = ("", "input", "neurons", "all", "fewer", "steps", "accuracy %", "same class %", "mbit/spike")


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """How much worse than the original an answer may be."""

    original: Answers
    samples: Samples
    max_loss: float

    def right(self, answers: Answers) -> NDArray[np.float64]:
        """1 for samples that are answered as they should be: by their label, else as the original answers."""
        due = self.original.classes if self.samples.labels is None else self.samples.labels
        found: NDArray[np.float64] = (answers.classes == due).astype(np.float64)
        return found

    def loss(self, answers: Answers) -> float:
        """Points lost."""
        return 100 * float(self.right(self.original).mean() - self.right(answers).mean())

    def kept(self, answers: Answers, spare: float = SPARE) -> bool:
        """Whether the loss is allowed with so many of its standard errors to spare; negative ones are a grace."""
        lost = self.right(self.original) - self.right(answers)
        error = _standard_error(int((lost > 0).sum()), int((lost < 0).sum()), len(lost))
        return self.loss(answers) + spare * 100 * error <= self.max_loss

    @property
    def least(self) -> int:
        """The fewest samples on which no loss at all keeps the guard; 0 where no number would do."""
        spare = SPARE * 100 * math.sqrt(2)
        return math.ceil(spare / self.max_loss) - 2 if self.max_loss else 0


def _standard_error(lost: int, won: int, count: int) -> float:
    """Of the difference of two shares of the same samples, of which so many are right in one of both alone.

    One is added to each of these, and two to the count, so that few samples that agree prove little: Bonett and Price
    2012, British Journal of Mathematical and Statistical Psychology 65(3), the adjusted Wald interval.
    """
    total, more, less = count + 2, lost + 1, won + 1
    return math.sqrt(more + less - (more - less) ** 2 / total) / total


def apart(calibration: Samples) -> tuple[Samples, Samples]:
    """What a search sees, a third of the samples and `SOUGHT_ON` at most, and those on which its finds must stand.

    Both are all samples where there are fewer than three.
    """
    seen = min(calibration.count // 3, SOUGHT_ON)
    return (calibration.part(slice(seen)), calibration.part(slice(seen, None))) if seen else (calibration, calibration)


def answers_of(network: Network, samples: Samples, context: Context) -> Answers:
    return Course.of(network, samples, context.dt, context.reset).whole()


def row(name: str, answers: Answers, original: Answers, samples: Samples) -> tuple[Cell, ...]:
    """Bits are those that the classes tell of the labels (Eq. 8), or of the original's classes where none are known."""
    due = original.classes if samples.labels is None else samples.labels
    accuracy = None if samples.labels is None else 100 * answers.accuracy(samples.labels)
    bits = 1000 * information(answers.classes, due) / answers.spikes if answers.spikes else None
    fewer = original.spikes / answers.spikes if answers.spikes else None
    spikes = answers.input_spikes, answers.neuron_spikes, answers.spikes
    return (name, *spikes, fewer, answers.steps, accuracy, 100 * answers.agreement(original), bits)
