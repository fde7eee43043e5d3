"""Weights by axon type, recounted: a neuron has a whole number for each type of axon, its weights are sums of them.

An input that takes four axons has one of every type and offers -8 .. 7 times a unit of the neuron; one with two offers
0, a, b and a + b; one with a single axon 0 and c, which the neuron has for that axon's type: all neurons see an axon
with the same type, so that inputs share one by the mean of their weights. All projections into a population are one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import AxonWeights
from neuedge_nir.network.connect import Dense
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.plan.check_irregular import irregular
from neuedge_nir.plan.check_parts import Ints
from neuedge_nir.plan.check_rules import refuse, same
from neuedge_nir.plan.check_weights import SQUARABLE, effective
from neuedge_nir.plan.model import Plan

Floats = NDArray[np.float64]

ROUNDS = 12
"""In so many rounds levels and the inputs that take them are fitted to each other."""

BLOCK = 1 << 15
"""Weights that are looked at together."""

CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Shares of the unit that holds the largest weight: with less of it large weights are cut, and small ones finer."""


def check_types(plan: Plan, network: Network) -> None:
    """The error of all weights into each population is that of its axons. Raises PLAN117 or PLAN260."""
    able = plan.chip.capabilities
    if able.weights is not AxonWeights.AXON_TYPES:
        return
    held = {projection.name: projection for projection in plan.projections}
    types = able.axon_types.count if able.axon_types else 1
    for population in network.populations:
        into = network.into(population.name)
        each = {held[wire.name].axons_per_input for wire in into}
        if len(each) > 1:
            refuse("PLAN260", f"its inputs take {sorted(each)} axons each", population.name)
        if into:
            error = error_of(into, each.pop(), types, 2 ** (able.weight_bits.count - 1) - 1)
        for wire in into:
            where, told = f"projection {wire.name!r}", held[wire.name]
            same("PLAN117", "a weight step of neurons with weights of their own", told.weight_step, 0.0, where)
            if not math.isclose(error, told.weight_error, rel_tol=1e-6, abs_tol=1e-9):
                refuse("PLAN117", f"a weight error of {told.weight_error}, it is {error}", where, error)


def error_of(into: Sequence[Projection], axons: int, types: int, most: int) -> float:
    """||stored - wanted|| / ||wanted|| of weights that are whole numbers of at most `most` times a unit of the row."""
    whole = _table(into)
    near = math.frexp(float(np.abs(whole).max(initial=0.0)))[1]
    if abs(near) > SQUARABLE:  # squares overflow or vanish; a power of two changes no error
        whole = np.ldexp(whole, -near)
    kinds = _sorted_in(whole, _groups(into), types) if axons == 1 else np.zeros(0, dtype=np.int64)
    lost = size = 0.0
    step = max(1, BLOCK // max(1, whole.shape[1]))
    for start in range(0, len(whole), step):  # some rows at a time stay in the processor's cache
        wanted = whole[start : start + step]
        stored = _stored(wanted, axons, kinds, most)
        lost += float(((stored - wanted) ** 2).sum())
        size += float((wanted**2).sum())
    return math.sqrt(lost / size) if size else 0.0


def _stored(wanted: Floats, axons: int, kinds: Ints, most: int) -> Floats:
    if axons == 1:
        return _single(wanted, kinds, most)
    return _sums(wanted, most) if axons == 2 else _levels(wanted)


def _table(into: Sequence[Projection]) -> Floats:
    """One row for each neuron, or channel that shares its weights; the projections' inputs side by side."""
    found = [_weights(wire) for wire in into]
    rows = max(len(each) for each in found)
    return np.concatenate([np.broadcast_to(each, (rows, each.shape[1])) for each in found], axis=1)


def _weights(wire: Projection) -> Floats:
    weights, operator = np.asarray(effective(wire), dtype=np.float64), irregular(wire.chain)
    if isinstance(operator, Sparse):
        whole = np.zeros((len(operator.indptr) - 1, math.prod(operator.input_shape)))
        whole[np.repeat(np.arange(len(whole)), np.diff(operator.indptr)), operator.indices] = weights
        return whole
    if not any(isinstance(one, Dense) or hasattr(one, "groups") for one in wire.chain):
        return weights.reshape(-1, 1)
    return weights.reshape(len(weights), -1)


def _groups(into: Sequence[Projection]) -> Ints:
    """By input the number of the axons that it is: a channel's are alike, since each serves many places of a kernel."""
    found: list[Ints] = []
    for wire in into:
        weights = effective(wire)
        matrix = next((one for one in wire.chain if isinstance(one, Dense)), None)
        if irregular(wire.chain) is not None:
            own = np.arange(_weights(wire).shape[1])
        elif matrix is not None and matrix.weight.ndim > 2:
            inputs = np.arange(math.prod(matrix.weight.shape[1:-2]) * matrix.weight.shape[-1])
            places = inputs.reshape(-1, 1, matrix.weight.shape[-1])
            own = np.tile(places, (1, matrix.weight.shape[-2], 1)).ravel()
        elif matrix is None and not any(hasattr(one, "groups") for one in wire.chain):
            own = np.zeros(1, dtype=np.int64)
        else:
            own = np.repeat(np.arange(weights.shape[1]), math.prod(weights.shape[2:]))
        found.append(own + (1 + int(found[-1].max()) if found else 0))
    return np.concatenate(found)


def _sorted_in(wanted: Floats, groups: Ints, types: int) -> Ints:
    """The type of every input: groups in the order of their mean weight, equally many of each type."""
    means = np.zeros(int(groups.max()) + 1)
    np.add.at(means, groups, wanted.mean(axis=0))
    means /= np.bincount(groups)
    rank = np.empty(len(means), dtype=np.int64)
    rank[np.argsort(means, kind="stable")] = np.arange(len(means))
    return rank[groups] * types // len(means)


def _levels(wanted: Floats) -> Floats:
    """Four axons: of all units the one that loses least, the largest of equals."""
    whole = np.maximum(wanted.max(axis=1) / 7, -wanted.min(axis=1) / 8)[:, None]
    whole[whole <= 0] = 1.0
    stored, loss = np.zeros_like(wanted), np.full(len(wanted), math.inf)
    for share in CLIPS:
        unit = whole * share
        tried = np.clip(np.rint(wanted / unit), -8, 7) * unit
        lost = ((tried - wanted) ** 2).sum(axis=1)
        stored[lost < loss] = tried[lost < loss]
        loss = np.minimum(lost, loss)
    return stored


def _sums(wanted: Floats, most: int) -> Floats:
    """Two axons: from the means of what is above 0 and below, each level is what its takers lack without it."""
    first, second = _mean(wanted, wanted > 0), _mean(wanted, wanted < 0)
    for _ in range(ROUNDS):
        takes_first, takes_second = _takers(wanted, first, second)
        before = first, second
        first = _mean(wanted - takes_second * second[:, None], takes_first)
        second = _mean(wanted - takes_first * first[:, None], takes_second)
        if np.array_equal(before, (first, second)):
            break
    levels = _in_units(np.column_stack([first, second]), most)
    takes_first, takes_second = _takers(wanted, levels[:, 0], levels[:, 1])
    return takes_first * levels[:, :1] + takes_second * levels[:, 1:]


def _takers(wanted: Floats, first: Floats, second: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which weights take which of two levels: the nearest of 0, either and both; the first named of equals."""
    nearest, best = np.zeros(wanted.shape, dtype=np.int64), np.abs(wanted)
    for number, level in enumerate((first, second, first + second), start=1):
        away = np.abs(wanted - level[:, None])
        nearest[away < best] = number
        best = np.minimum(best, away)
    return nearest % 2 == 1, nearest >= 2


def _single(wanted: Floats, kinds: Ints, most: int) -> Floats:
    """One axon: for each type the level that its takers have in the mean, from the weight farthest from 0."""
    present = np.unique(kinds)
    levels, taken = np.zeros((len(wanted), len(present))), np.zeros(wanted.shape, dtype=bool)
    for number, kind in enumerate(present):
        rows = wanted[:, kinds == kind]
        high, low = rows.max(axis=1), rows.min(axis=1)
        level = np.where(np.abs(high) >= np.abs(low), high, low)
        for _ in range(ROUNDS):
            level = _mean(rows, np.abs(rows - level[:, None]) < np.abs(rows))
        taken[:, kinds == kind] = np.abs(rows - level[:, None]) < np.abs(rows)
        levels[:, number] = level
    return taken * _in_units(levels, most)[:, np.searchsorted(present, kinds)]


def _mean(rows: Floats, those: NDArray[np.bool_]) -> Floats:
    """Of some entries of every row; 0 of none."""
    return np.asarray((rows * those).sum(axis=1) / np.maximum(those.sum(axis=1), 1))


def _in_units(levels: Floats, most: int) -> Floats:
    """Whole numbers of the unit by which a row's largest level is `most`."""
    unit = np.abs(levels).max(axis=1, initial=0.0) / most
    unit[unit <= 0] = 1.0
    return np.asarray(np.rint(levels / unit[:, None]) * unit[:, None])
