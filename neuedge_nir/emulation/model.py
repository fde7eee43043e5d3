"""The nouns of an emulation: a population in whole numbers, what that lost, and a network of such populations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Arithmetic
from neuedge_nir.emulation.form import Form
from neuedge_nir.emulation.numbers import Tally
from neuedge_nir.interpreter.dynamics import Dynamics
from neuedge_nir.mapping.legalise import LegalNetwork, LegalProjection
from neuedge_nir.network.model import Network, Population, ResetMode

Array = NDArray[np.float64]


class Cells(Protocol):
    """The neurons of a population in the chip's numbers."""

    def start(self, samples: int, tally: Tally, /) -> Dynamics:
        """The neurons at rest for so many samples; what overflows is counted by `tally`."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A population's real numbers as the chip holds them: what each whole number stands for, rounding included."""

    weights: tuple[Array, ...]
    rate: Array
    drive: Array
    threshold: Array | None
    synapse: Array | None


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """A population in whole numbers. `carriers` are the weights of its projections as `cells` want them summed.

    `largest` is the largest whole weight. A carrier may hold more than the weight: see `accum`.
    """

    carriers: tuple[Array, ...]
    largest: int
    cells: Cells
    kept: Kept


@dataclass(frozen=True, slots=True)
class Loss:
    """What a population lost by quantisation, each relative: 0 is exact, 0.01 a hundredth.

    `weight_max` is the largest error over the largest weight, `weight_rms` that of norms; `threshold`, `decay` (of
    dt / tau) and `bias` (a constant leak within) are the worst of the population. `largest_weight` is the largest whole
    weight in use.
    """

    population: str
    largest_weight: int
    weight_max: float
    weight_rms: float
    threshold: float
    decay: float
    bias: float

    @property
    def errors(self) -> tuple[float, ...]:
        return self.weight_max, self.weight_rms, self.threshold, self.decay, self.bias


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """All that an arithmetic needs to know of a population: its equations and its weights, real."""

    legal: LegalNetwork
    population: Population
    form: Form
    incoming: tuple[LegalProjection, ...]
    weights: tuple[Array, ...]

    @property
    def numbers(self) -> Mapping[str, int]:
        """The parameters of the chip's arithmetic."""
        arithmetic = self.legal.chip.arithmetic
        assert isinstance(arithmetic, Arithmetic)
        return {name: value.count for name, value in arithmetic.parameters.items()}

    @property
    def subtracts(self) -> bool:
        return self.legal.reset is ResetMode.SUBTRACT

    @property
    def largest(self) -> float:
        """The largest real weight, 0 where there are none."""
        return max((float(np.abs(w).max(initial=0.0)) for w in self.weights), default=0.0)


Quantise = Callable[[Source], Quantised]


@dataclass(frozen=True, slots=True, eq=False)
class IntegerNetwork:
    """A network whose weights are whole numbers, the neurons of each population, and what each lost."""

    network: Network
    cells: Mapping[str, Cells]
    losses: tuple[Loss, ...]
    legal: LegalNetwork
    dt: float
