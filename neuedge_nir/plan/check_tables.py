"""The parameters that a core keeps in tables, counted value by value."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from neuedge_nir.network.model import Network, Population
from neuedge_nir.plan.check_entries import SYNAPSE_FORMATS, formats_into
from neuedge_nir.plan.check_wires import Part
from neuedge_nir.plan.model import Plan

TABLES = ("decay_profiles", "threshold_values", SYNAPSE_FORMATS)
"""The formulas that count different values on a core."""


def counted_values(plan: Plan, network: Network, parts: Sequence[Part]) -> Mapping[tuple[int, str], int]:
    """How many different values every core has, by core and limit."""
    populations = {population.name: population for population in network.populations}
    found: dict[tuple[int, str], set[object]] = defaultdict(set)
    for limit in plan.chip.limits:
        if limit.formula == SYNAPSE_FORMATS:
            for name in {part.population for part in parts if part.population in populations}:
                made = formats_into(plan, network, name)
                for part in parts:
                    if part.population == name:
                        found[part.core, limit.name] |= made
        elif limit.formula in TABLES:
            bits = limit.parameters["significant_bits"].count
            for part in parts:
                if part.population in populations:
                    population = populations[part.population]
                    found[part.core, limit.name] |= _values(population, limit.formula, bits, part)
    return {key: len(values) for key, values in found.items()}


def _values(population: Population, formula: str, bits: int, part: Part) -> set[object]:
    """Of one slice. Thresholds belong to their population, those of neurons that never fire to none."""
    if formula == "decay_profiles":
        return set(_tuples(_taus(population), population, part, bits))
    if not population.spiking:
        return {"never"}
    return {(population.name, value) for value in _tuples([_thresholds(population)], population, part, bits)}


def _taus(population: Population) -> tuple[np.ndarray, np.ndarray]:
    """Of membrane and synapse, in infinity where nothing decays, 0 where nothing stays."""
    has = population.parameters
    if population.model == "Threshold":
        return np.zeros(()), np.zeros(())
    tau = has.get("tau", has.get("tau_mem", np.asarray(math.inf)))
    return tau, has.get("tau_syn", np.zeros(()))


def _thresholds(population: Population) -> np.ndarray:
    has = {name: np.asarray(values, dtype=np.float64) for name, values in population.parameters.items()}
    if population.model == "Threshold":
        return has["threshold"]
    one = np.ones(())
    with np.errstate(over="ignore", invalid="ignore"):  # a threshold beyond all numbers is one that none reaches
        above = has["v_threshold"] * has.get("tau", has.get("tau_mem", one)) * has.get("tau_syn", one)
        found = np.asarray(above / (has["r"] * has.get("w_in", one)))
    return np.where(np.isnan(found), math.inf, found)


def _tuples(
    columns: Sequence[np.ndarray], population: Population, part: Part, bits: int
) -> Iterable[tuple[float, ...]]:
    """The values of every neuron of a part to so many significant bits; once where all neurons have the same."""
    if all(values.size == 1 for values in columns):
        return [tuple(_rounded(float(values.reshape(())), bits) for values in columns)]
    arrays = [np.broadcast_to(values, population.shape) for values in columns]
    boxes = [tuple(slice(*span) for span in box) for box in part.boxes]
    each = zip(*(np.concatenate([array[box].ravel() for box in boxes]).tolist() for array in arrays), strict=True)
    return (tuple(_rounded(float(value), bits) for value in row) for row in set(each))


def _rounded(value: float, bits: int) -> float:
    fraction, exponent = math.frexp(value)
    return math.ldexp(round(fraction * 2**bits), exponent - bits) if math.isfinite(value) else value
