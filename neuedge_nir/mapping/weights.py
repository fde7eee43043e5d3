"""Weights as a chip stores them, with the error that makes.

Thresholds scale with the weights, so a real factor per target population is free; what is lost is resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.blocks import row_blocks

Weights = NDArray[np.floating]

MAX_AXONS_PER_INPUT = 4
"""An input spends at most one axon per axon type, and TrueNorth has four (Merolla 2014)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How a projection's weights are stored.

    `bits` are those of the largest magnitude used, sign included; `step` the real value of one unit (0 where every
    neuron has its own); `error` is ||stored - wanted|| / ||wanted||, 0 where they are equal.
    """

    bits: int
    step: float
    error: float
    axons_per_input: int = 1


def mantissas(projections: Sequence[Weights], bits: int) -> list[Stored]:
    """Signed mantissas of `bits` bits with one power-of-two exponent per projection into one population.

    The exponents are relative to a scale that the population's threshold absorbs. Weights that lie on a binary grid
    that fits are stored exactly, with no more bits than they need.
    """
    limit = 2 ** (bits - 1) - 1
    grids = [_grid(w, limit) for w in projections]
    if None not in grids:
        return [_stored(w, grid) for w, grid in zip(projections, grids, strict=True) if grid is not None]
    base = max(_largest(w) for w in projections) / limit
    return [
        _stored(w, base * 2.0 ** math.ceil(math.log2(max(_largest(w) / (limit * base), 2.0**-30)))) for w in projections
    ]


def fixed(weights: Weights, bits: int) -> Stored:
    """Signed integers of `bits` bits with one real scale."""
    limit = 2 ** (bits - 1) - 1
    grid = _grid(weights, limit)
    return _stored(weights, grid if grid is not None else _largest(weights) / limit)


def _blocks(weights: Weights) -> Iterator[NDArray[np.float64]]:
    """A weight matrix in double precision, some rows at a time: it may be larger than memory."""
    for _, rows in row_blocks(weights):
        yield np.asarray(rows, dtype=np.float64)


def _largest(weights: Weights) -> float:
    return max((float(np.abs(rows).max(initial=0.0)) for rows in _blocks(weights)), default=0.0) or 1.0


def _grid(weights: Weights, limit: int) -> float | None:
    """The coarsest power of two that every weight is a multiple of, if no multiple exceeds the limit."""
    step, largest = math.inf, 0.0
    for rows in _blocks(weights):
        values = rows[rows != 0]
        if values.size:
            step = min(step, _step(values))
            largest = max(largest, float(np.abs(values).max()))
        if largest > limit * step:
            return None
    return 1.0 if step == math.inf else step


def _step(values: NDArray[np.float64]) -> float:
    fraction, exponent = np.frexp(values)
    integers = np.abs(fraction * 2.0**53).astype(np.int64)
    trailing = np.log2((integers & -integers).astype(np.float64)).astype(np.int64)
    return float(2.0 ** int((exponent - 53 + trailing).min()))


def _stored(weights: Weights, step: float) -> Stored:
    largest, lost, norm = 0.0, 0.0, 0.0
    for rows in _blocks(weights):
        units = np.rint(rows / step)
        largest = max(largest, float(np.abs(units).max(initial=0.0)))
        rest = (units * step - rows).ravel()
        lost, norm = lost + float(rest @ rest), norm + float(np.vdot(rows, rows))
    bits = int(largest).bit_length() + 1
    return Stored(bits, step, math.sqrt(lost / norm) if norm else 0.0)


def _error(stored: Weights, wanted: Weights) -> float:
    norm = float(np.linalg.norm(wanted))
    return float(np.linalg.norm(stored - wanted)) / norm if norm else 0.0


def axon_types(rows: Weights, classes: NDArray[np.int64], bits: int, most_axons: int) -> Stored:
    """One signed weight per neuron and axon type, four types: the finest form that takes at most `most_axons` axons.

    `rows` has shape (neurons or channels, inputs), `classes` (inputs,) says which inputs may take different types
    when each has one axon only. An input that takes k axons, one of each of k types, offers 2^k values:
    4 axons: -8 .. 7 times a unit of the neuron; 2: {0, a, b, a + b}; 1: {0, c}, c by the input's type.
    """
    limit = 2 ** (bits - 1) - 1
    forms: dict[int, Callable[[Weights], Weights]] = {
        4: _sixteen_levels,
        2: lambda w: _two_types(w, limit),
        1: lambda w: _one_type(w, classes, limit),
    }
    found = {k: _error(form(rows), rows) for k, form in forms.items() if k <= most_axons}
    # Rounding noise must not buy axons: equal to twelve digits is equal.
    best = min(found, key=lambda k: (round(found[k], 12), k))
    return Stored(bits, 0.0, found[best], best)


def _sixteen_levels(rows: Weights) -> Weights:
    unit = np.maximum(rows.max(axis=1) / 7, -rows.min(axis=1) / 8)
    unit = np.where(unit > 0, unit, 1.0)[:, None]
    best, best_loss = rows * 0, np.full(len(rows), np.inf)
    for shrink in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):  # a clipped outlier may cost less than a coarse unit
        levels = np.clip(np.rint(rows / (unit * shrink)), -8, 7) * unit * shrink
        loss = ((levels - rows) ** 2).sum(axis=1)
        better = loss < best_loss
        best[better], best_loss[better] = levels[better], loss[better]
    return best


def _two_types(rows: Weights, limit: int) -> Weights:
    """Lloyd's iteration for the levels 0, a, b, a + b of each row, from the means of its positive and negative part."""
    a = _mean(rows, rows > 0)
    b = _mean(rows, rows < 0)
    for _ in range(12):
        with_a, with_b = _nearest_sum(rows, a, b)
        a = _mean(rows - with_b * b[:, None], with_a)
        b = _mean(rows - with_a * a[:, None], with_b)
    unit = np.maximum(np.abs(a), np.abs(b)) / limit
    a, b = _rounded(a, unit), _rounded(b, unit)
    with_a, with_b = _nearest_sum(rows, a, b)
    return np.asarray(with_a * a[:, None] + with_b * b[:, None])


def _nearest_sum(rows: Weights, a: Weights, b: Weights) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    zero = np.zeros_like(a)
    choice = np.argmin([np.abs(rows - level[:, None]) for level in (zero, a, b, a + b)], axis=0)
    return (choice == 1) | (choice == 3), (choice == 2) | (choice == 3)


def _one_type(rows: Weights, classes: NDArray[np.int64], limit: int) -> Weights:
    levels = np.zeros_like(rows)
    for kind in np.unique(classes):
        levels[:, classes == kind] = _on_or_off(rows[:, classes == kind])
    unit = np.abs(levels).max(axis=1, keepdims=True) / limit
    return _rounded(levels, unit)


def _rounded(values: Weights, unit: Weights) -> Weights:
    """Values as integers times the unit: a neuron's weights are integers of one scale."""
    return np.asarray(np.rint(values / np.where(unit > 0, unit, 1.0)) * unit)


def _on_or_off(rows: Weights) -> Weights:
    c = np.where(np.abs(rows.max(axis=1)) >= np.abs(rows.min(axis=1)), rows.max(axis=1), rows.min(axis=1))
    for _ in range(12):
        on = np.abs(rows - c[:, None]) < np.abs(rows)
        c = _mean(rows, on)
    on = np.abs(rows - c[:, None]) < np.abs(rows)
    return np.asarray(on * c[:, None])


def _mean(rows: Weights, where: NDArray[np.bool_]) -> Weights:
    count = where.sum(axis=1)
    return np.asarray((rows * where).sum(axis=1) / np.maximum(count, 1))


def type_classes(rows: Weights, groups: NDArray[np.int64], types: int) -> NDArray[np.int64]:
    """Inputs sorted into axon types by the mean weight of their group (a channel, or the input itself).

    All neurons of a core see an axon with the same type, so the best they can share is the sign and the size.
    """
    means = np.bincount(groups, weights=rows.mean(axis=0)) / np.bincount(groups)
    order = np.argsort(np.argsort(means, kind="stable"), kind="stable")
    return np.asarray(order[groups] * types // len(means))
