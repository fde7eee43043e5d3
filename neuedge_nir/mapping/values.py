"""Parameters that a core keeps in tables: the different values that the neurons of a slice have."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Limit
from neuedge_nir.network.model import IF, LI, LIF, CubaLI, CubaLIF, FloatArray, Neuron, Population, Threshold
from neuedge_nir.network.slices import Slice, boxes


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The values of a population's neurons: `keys`, and for each neuron the number of its own; None: all share one."""

    keys: tuple[Hashable, ...]
    numbers: NDArray[np.int64] | None = None

    @property
    def all(self) -> frozenset[Hashable]:
        return frozenset(self.keys)

    def of(self, part: Slice) -> frozenset[Hashable]:
        """Those of a slice, which is not empty."""
        if self.numbers is None:
            return self.all
        there = (self.numbers[tuple(slice(*span) for span in box)] for box in boxes(part, self.numbers.shape))
        return frozenset(self.keys[number] for each in there for number in np.unique(each).tolist())


NO_VALUES = Values(())


def decay_profiles(population: Population, limit: Limit) -> Values:
    """The different (tau_mem, tau_syn)."""
    bits = limit.parameters["significant_bits"].count
    return _values([rounded(tau, bits) for tau in _decays(population.neuron)], population.shape, None)


def threshold_values(population: Population, limit: Limit) -> Values:
    """The different thresholds, in units of what an input of 1 adds."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = _threshold(population.neuron)
    if found is None:
        return Values((None,))
    found = np.where(np.isnan(found), math.inf, found)  # nobody reaches what is beyond all numbers: one value more
    return _values([rounded(found, limit.parameters["significant_bits"].count)], population.shape, population.name)


DISTINCT: dict[str, Callable[[Population, Limit], Values]] = {
    "decay_profiles": decay_profiles,
    "threshold_values": threshold_values,
}
"""The formulas that count different values."""

GATHERED = {"decay_profiles": "decays", "threshold_values": "thresholds"}
"""The option of the pass cluster-parameters that leaves fewer of them."""


def gather(formula: str, most: int) -> str:
    """The words of a command that leave a population so many different values; empty where no pass does."""
    return f"--pass cluster-parameters:{GATHERED[formula]}={most}" if formula in GATHERED else ""


def rounded(values: FloatArray, bits: int) -> FloatArray:
    """Numbers to so many significant bits."""
    fraction, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    return np.asarray(np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits))


def _decays(neuron: Neuron) -> tuple[FloatArray, FloatArray]:
    """tau_mem and tau_syn: infinite where nothing leaks, 0 where nothing is kept."""
    none, forever = np.zeros(()), np.full((), math.inf)
    match neuron:
        case LIF(tau=tau) | LI(tau=tau):
            return tau, none
        case CubaLIF(tau_mem=tau, tau_syn=synapse) | CubaLI(tau_mem=tau, tau_syn=synapse):
            return tau, synapse
        case Threshold():
            return none, none
    return forever, none


def _threshold(neuron: Neuron) -> FloatArray | None:
    match neuron:
        case IF(r=r, v_threshold=high):
            return _real(high) / _real(r)
        case LIF(r=r, v_threshold=high, tau=tau):
            return _real(high) * _real(tau) / _real(r)
        case CubaLIF(r=r, v_threshold=high, tau_mem=tau, tau_syn=synapse, w_in=w_in):
            return _real(high) * _real(tau) * _real(synapse) / (_real(r) * _real(w_in))
        case Threshold(threshold=high):
            return _real(high)
    return None


def _real(values: FloatArray) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _values(columns: list[FloatArray], shape: tuple[int, ...], owner: str | None) -> Values:
    """Values that are tuples of the columns, each broadcastable to the shape; those of an owner are nobody else's."""
    if all(column.size == 1 for column in columns):
        return Values(((owner, *(float(column.reshape(())) for column in columns)),))
    rows = np.stack([np.broadcast_to(column, shape).ravel() for column in columns], axis=1)
    different, numbers = np.unique(rows, axis=0, return_inverse=True)
    return Values(tuple((owner, *row) for row in different.tolist()), numbers.reshape(shape))
