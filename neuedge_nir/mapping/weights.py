"""Weights as a chip stores them, with the error that makes.

Thresholds scale with the weights, so a real factor per target population is free; what is lost is resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.blocks import row_blocks, unrepeated

Weights = NDArray[np.floating]

MAX_AXONS_PER_INPUT = 4
"""An input spends at most one axon per axon type, and TrueNorth has four (Merolla 2014)."""

MOST_EXPONENT = 400
"""Of two, either way: the squares of such numbers, and the sum of any number of them, are neither infinite nor 0."""


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
    """A weight matrix in double precision, some rows at a time: it may be larger than memory.

    Of one row for all that row alone, as of one number for all: it says all that is asked for.
    """
    for _, rows in row_blocks(unrepeated(weights)):
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
    largest, lost, norm, shift = 0.0, 0.0, 0.0, _shift(step)
    small = math.ldexp(step, shift)
    for rows in _blocks(weights):
        rows = np.ldexp(rows, shift) if shift else rows
        units = np.rint(rows / small)
        largest = max(largest, float(np.abs(units).max(initial=0.0)))
        lost, norm = lost + _squares(units * small - rows), norm + _squares(rows)
    bits = int(largest).bit_length() + 1
    return Stored(bits, step, math.sqrt(lost / norm) if norm else 0.0)


def _shift(largest: float) -> int:
    """The power of two that brings numbers of this size to 1, where their squares would overflow or vanish; else 0."""
    exponent = math.frexp(largest)[1]
    return -exponent if abs(exponent) > MOST_EXPONENT else 0


def _error(stored: Weights, wanted: Weights) -> float:
    shift = _shift(float(np.abs(wanted).max(initial=0.0)))
    stored, wanted = (np.ldexp(values, shift) for values in (stored, wanted)) if shift else (stored, wanted)
    norm = math.sqrt(_squares(wanted))
    return math.sqrt(_squares(stored - wanted)) / norm if norm else 0.0


def _squares(values: Weights) -> float:
    """Their sum. Not by a product of vectors: how BLAS adds that up depends on the number of processors."""
    return float(np.square(values).sum())


@dataclass(frozen=True, slots=True, eq=False)
class AxonTypes:
    """Weights as sums of what a neuron has for each axon type: unit * (sum over its types of weight * use).

    `weights` has shape (rows, types), whole numbers; `unit` (rows,), real; `uses` (types, rows, inputs) says which
    inputs have an axon of which type. `finest` is the factor that the whole numbers can take within their bits, where
    the neuron wants finer units than its weights need. `error` is as in `Stored`.
    """

    weights: NDArray[np.float64]
    unit: NDArray[np.float64]
    uses: NDArray[np.bool_]
    axons_per_input: int
    finest: int = 1
    error: float = 0.0

    def times(self, factor: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """The whole weights (rows, inputs), those of each type multiplied with one factor for each row, and rounded."""
        scaled = np.rint(self.weights * np.reshape(factor, (-1, 1)))
        return np.asarray(sum(used * weight[:, None] for used, weight in zip(self.uses, scaled.T, strict=True)))

    @property
    def real(self) -> NDArray[np.float64]:
        return self.times(1.0) * self.unit[:, None]


def axon_types(rows: Weights, classes: NDArray[np.int64], bits: int, most_axons: int) -> Stored:
    """One signed weight per neuron and axon type, four types: the finest form that takes at most `most_axons` axons."""
    return as_stored(finest_axon_types(rows, classes, bits, most_axons), bits)


def as_stored(types: AxonTypes, bits: int) -> Stored:
    """What a plan tells of weights by axon type."""
    return Stored(bits, 0.0, types.error, types.axons_per_input)


def finest_axon_types(rows: Weights, classes: NDArray[np.int64], bits: int, most_axons: int) -> AxonTypes:
    """The weights of every neuron (or channel) by axon type, in the form with the least error.

    `rows` has shape (neurons or channels, inputs), `classes` (inputs,) says which inputs may take different types
    when each has one axon only. An input that takes k axons, one of each of k types, offers 2^k values:
    4 axons: -8 .. 7 times a unit of the neuron; 2: {0, a, b, a + b}; 1: {0, c}, c by the input's type.
    """
    shift = _shift(float(np.abs(rows).max(initial=0.0)))
    if shift:
        small = finest_axon_types(np.ldexp(rows, shift), classes, bits, most_axons)
        return replace(small, unit=np.ldexp(small.unit, -shift))
    limit = 2 ** (bits - 1) - 1
    forms: dict[int, Callable[[Weights], AxonTypes]] = {
        4: lambda w: _four_types(w, limit),
        2: lambda w: _a_and_b(w, limit),
        1: lambda w: _by_class(w, classes, limit),
    }
    found = {k: form(rows) for k, form in forms.items() if k <= most_axons}
    errors = {k: _error(form.real, rows) for k, form in found.items()}
    # Rounding noise must not buy axons: equal to twelve digits is equal.
    best = min(found, key=lambda k: (round(errors[k], 12), k))
    return replace(found[best], error=errors[best])


def _sixteen_levels(rows: Weights) -> Weights:
    return _four_types(rows, 2**8 - 1).real


def _two_types(rows: Weights, limit: int) -> Weights:
    return _a_and_b(rows, limit).real


def _one_type(rows: Weights, classes: NDArray[np.int64], limit: int) -> Weights:
    return _by_class(rows, classes, limit).real


def _four_types(rows: Weights, limit: int) -> AxonTypes:
    """The levels -8 .. 7 of a unit: weights -8, 4, 2 and 1, as the bits of a signed number have them."""
    unit = np.maximum(rows.max(axis=1) / 7, -rows.min(axis=1) / 8)
    unit = np.where(unit > 0, unit, 1.0)
    best, best_unit, best_loss = np.zeros(rows.shape), unit, np.full(len(rows), np.inf)
    for shrink in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):  # a clipped outlier may cost less than a coarse unit
        levels = np.clip(np.rint(rows / (unit * shrink)[:, None]), -8, 7)
        loss = ((levels * (unit * shrink)[:, None] - rows) ** 2).sum(axis=1)
        better = loss < best_loss
        best[better], best_loss[better] = levels[better], loss[better]
        best_unit = np.where(better, unit * shrink, best_unit)
    bits = best.astype(np.int64) & 15
    uses = np.array([(bits >> place) & 1 for place in (3, 2, 1, 0)], dtype=bool)
    return AxonTypes(np.tile([-8.0, 4.0, 2.0, 1.0], (len(rows), 1)), best_unit, uses, 4, limit // 8)


def _a_and_b(rows: Weights, limit: int) -> AxonTypes:
    """Lloyd's iteration for the levels 0, a, b, a + b of each row, from the means of its positive and negative part."""
    a = _mean(rows, rows > 0)
    b = _mean(rows, rows < 0)
    for _ in range(12):
        with_a, with_b = _nearest_sum(rows, a, b)
        a = _mean(rows - with_b * b[:, None], with_a)
        b = _mean(rows - with_a * a[:, None], with_b)
    unit, whole = _whole(np.stack([a, b], axis=1), limit)
    uses = np.array(_nearest_sum(rows, *(whole * unit[:, None]).T))
    return AxonTypes(whole, unit, uses, 2)


def _nearest_sum(rows: Weights, a: Weights, b: Weights) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    zero = np.zeros_like(a)
    choice = np.argmin([np.abs(rows - level[:, None]) for level in (zero, a, b, a + b)], axis=0)
    return (choice == 1) | (choice == 3), (choice == 2) | (choice == 3)


def _by_class(rows: Weights, classes: NDArray[np.int64], limit: int) -> AxonTypes:
    kinds = np.unique(classes)
    levels, uses = np.zeros((len(rows), len(kinds))), np.zeros((len(kinds), *rows.shape), bool)
    for place, kind in enumerate(kinds):
        levels[:, place], uses[place][:, classes == kind] = _on_or_off(rows[:, classes == kind])
    unit, whole = _whole(levels, limit)
    return AxonTypes(whole, unit, uses, 1)


def _whole(levels: Weights, limit: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The unit of each row, by which its largest level is `limit`, and the levels as integers times that unit."""
    unit = np.abs(levels).max(axis=1, initial=0.0) / limit
    unit = np.where(unit > 0, unit, 1.0)
    return unit, np.rint(levels / unit[:, None])


def _on_or_off(rows: Weights) -> tuple[Weights, NDArray[np.bool_]]:
    """The one level of each row, and where it is nearer than zero."""
    c = np.where(np.abs(rows.max(axis=1)) >= np.abs(rows.min(axis=1)), rows.max(axis=1), rows.min(axis=1))
    for _ in range(12):
        on = np.abs(rows - c[:, None]) < np.abs(rows)
        c = _mean(rows, on)
    return c, np.abs(rows - c[:, None]) < np.abs(rows)


def _mean(rows: Weights, where: NDArray[np.bool_]) -> Weights:
    count = where.sum(axis=1)
    return np.asarray((rows * where).sum(axis=1) / np.maximum(count, 1))


def type_classes(rows: Weights, groups: NDArray[np.int64], types: int) -> NDArray[np.int64]:
    """Inputs sorted into axon types by the mean weight of their group (a channel, or the input itself).

    All neurons of a core see an axon with the same type, so the best they can share is the sign and the size.
    """
    shift = _shift(float(np.abs(rows).max(initial=0.0)))  # their sum may be infinite
    rows = np.ldexp(rows, shift) if shift else rows
    means = np.bincount(groups, weights=rows.mean(axis=0)) / np.bincount(groups)
    order = np.argsort(np.argsort(means, kind="stable"), kind="stable")
    return np.asarray(order[groups] * types // len(means))
