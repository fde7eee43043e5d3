"""Connections without a shape, the checker's own count: rows written out target by target, chances summed up.

Where pairs are joined by chance, numbers are expected ones, rounded up; whole to six digits is whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Operator, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Irregular, Sparse
from neuedge_nir.network.model import Projection
from neuedge_nir.plan.check_parts import Ints, Patch, Product, Shape, Side, boxes_of, joined

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Expected(Patch):
    """How many elements are expected to reach how much, on the first of them: nobody knows which they are.

    `share` of all elements reach anything; at most half a row is expected to be longer than `longest`.
    """

    share: float
    longest: int


def irregular(chain: Sequence[Operator]) -> Irregular | None:
    for operator in chain:
        if isinstance(operator, Sparse | FixedProbability):
            return operator
    return None


def reached_by(operator: Irregular, part: Patch) -> Patch:
    """For each element that reaches any of a part, which is one in its boxes, how many of its elements it reaches."""
    if isinstance(operator, FixedProbability):
        return _expected(operator, part.total())
    targets = part.where()
    first, sizes = operator.indptr[targets], operator.indptr[targets + 1] - operator.indptr[targets]
    ends = np.cumsum(sizes)
    synapses = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + sizes, sizes)
    found = operator.indices[synapses]
    if not found.size:
        return Patch(operator.input_shape, ())
    low = int(found.min())
    return Patch(operator.input_shape, _products(low, np.bincount(found - low), operator.input_shape))


def _products(first: int, times: Ints, shape: Shape) -> tuple[Product, ...]:
    """Numbers of row-major elements from one on, as products of an array of `shape`."""
    if len(shape) == 1:
        return ((Side(first, times),),)
    found = []
    for number in np.unique(times[times > 0]).tolist():
        boxes = joined(np.flatnonzero(times == number) + first, shape)
        found += [_scaled(box, number) for box in boxes]
    return tuple(found)


def _scaled(box: Sequence[tuple[int, int]], number: int) -> Product:
    first, *rest = (Side.span(*span) for span in box)
    return (first.scaled(number), *rest)


def _expected(operator: FixedProbability, neurons: int) -> Expected:
    p, shape = operator.p, operator.input_shape
    sources = math.prod(shape)
    share = 1.0 - (1.0 - p) ** neurons
    some, synapses = up(sources * share), up(sources * neurons * p)
    products: list[Product] = []
    if some:
        short, longer = divmod(max(some, synapses), some)
        for start, stop, number in ((0, some - longer, short), (some - longer, some, short + 1)):
            products += [_scaled(box, number) for box in boxes_of(start, stop, shape)]
    return Expected(shape, tuple(products), share, _longest(sources, neurons, p))


def up(value: float) -> int:
    return math.ceil(round(value, 6))


def _longest(sources: int, neurons: int, p: float) -> int:
    """The least length that no more than half a row is expected to exceed, all chances of lengths written out.

    Ties are common (p = 1/2), and summed chances never exact: what exceeds a half by less than a third of a millionth
    is one. No simple number lies where that ends.
    """
    if not sources or not neurons or p <= 0:
        return 0
    if p >= 1:
        return neurons
    wide = 40 + 12 * math.sqrt(neurons * p * (1 - p))  # beyond is less than rounding
    lengths = np.arange(max(0, math.floor(neurons * p - wide)), min(neurons, math.ceil(neurons * p + wide)) + 1)
    steps = np.log((neurons - lengths[1:] + 1) / lengths[1:]) + math.log(p / (1 - p))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    chances = np.exp(logs - logs.max())
    longer = np.append(np.cumsum(chances[::-1])[::-1][1:], 0.0) * (sources / chances.sum())
    return int(lengths[np.argmax(longer <= 0.5 + 2**-20 / 3)])


def longest_row(reached: Patch) -> int:
    """The longest row, or the expected one."""
    return reached.longest if isinstance(reached, Expected) else int(reached.tally()[0].max(initial=0))


def everyone(patch: Patch) -> Ints:
    """All elements that may reach anything: those of a chance all alike."""
    if isinstance(patch, Expected):
        return np.arange(math.prod(patch.shape) if patch.share > 0 else 0)
    return patch.where()


def effective_synapses(projection: Projection, operator: Irregular) -> Floats:
    """The weights of synapses with all scales of the projection folded in; the mean of a chance as one number."""
    gains: list[Floats] = [np.ones(math.prod(projection.source_shape)), np.ones(math.prod(projection.target_shape))]
    behind = 0
    for one in projection.chain:
        if one is operator:
            behind = 1
        elif isinstance(one, Scale) and one.factor.size == 1:
            gains[behind] = gains[behind] * float(one.factor.item())
        elif isinstance(one, Scale):
            gains[behind] = gains[behind] * np.broadcast_to(one.factor, one.shape).ravel()
    if isinstance(operator, FixedProbability):
        return np.asarray(float(operator.weight) * gains[0].mean() * gains[1].mean())
    if all(bool((gain == 1).all()) for gain in gains):
        return operator.weights
    return operator.weights * gains[0][operator.indices] * np.repeat(gains[1], np.diff(operator.indptr))
