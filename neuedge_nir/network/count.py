"""Synapses, connections, stored weights and axons of any slice of a target population, in closed form.

Nothing is unrolled: the cost of a count depends on the shape of the slice's outline, not on the synapses in it.
Counts are structural: a weight that happens to be zero still counts.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.axis import AxisMap, AxisReach, Fans, Full, Same, Window, telling, view
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale, irregular_in, weights_of
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.counting import Counting, FanOuts
from neuedge_nir.network.irregular import ProbableCounter, SparseCounter
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.network.reach import (
    Product,
    Region,
    Stage,
    back,
    reshape,
    source_region,
    stages_of,
    target_region,
)
from neuedge_nir.network.slices import Run, Slice, Span, whole

MAX_PREFIX = 1 << 20
"""Populations up to this size keep the prefix sums of their fan-ins, which makes counts of runs cheap."""


@dataclass(frozen=True, eq=False)
class Counter:
    """A projection, or any that connects alike, made ready for counting: its stages, and what was counted before."""

    projection: Projection
    stages: tuple[Stage, ...]

    def axis_view(self, axis: int, span: Span) -> Hashable:
        """What a span of target indices sees along one axis, up to a shift: equal views mean equal counts."""
        near = self.stages[_last_reshape(self.stages) :]
        maps = tuple(m for m in (stage.axes[axis] for stage in near) if not isinstance(m, Same))
        if not maps or (len(maps) == 1 and isinstance(maps[0], Full)):
            return span[1] - span[0]
        return view(maps, range(*span))

    @property
    def first_axis_uniform(self) -> bool:
        """Whether a shift along the first axis of the target (its channels) changes no count."""
        near = self.stages[_last_reshape(self.stages) :]
        return all(isinstance(stage.axes[0], (Same, Full)) for stage in near)

    def sources(self, part: Slice) -> Region:
        """The distinct source elements that reach the slice, as a region of the source's shape."""
        return source_region(self.projection, self.stages, part)

    def axons(self, part: Slice, source_part: Slice | None = None) -> int:
        """The number of distinct source elements that reach the slice, all of them or those of a source slice."""
        return self.sources(part).measure(within=source_part)

    def connections(self, part: Slice) -> int:
        """The number of (source element, target neuron) pairs joined by at least one path."""
        if isinstance(part, Run) and math.prod(self.projection.target_shape) <= MAX_PREFIX:
            ends = self._fan_in_before
            return int(ends[part.stop] - ends[part.start])
        region = target_region(self.projection, self.stages, part)
        joint = _last_reshape(self.stages)
        fan_in = _fan_in(self.stages[joint:], region.shape)
        if not joint:  # the boxes of a slice are disjoint
            return sum(Region(region.shape, (product,)).measure(fan_in) for product in region.products)
        # Behind a change of shape stands an operator that takes everything before it (`_last_reshape` sees to that),
        # so every neuron has the same sources: all that its chain can see.
        seen = source_region(self.projection, self.stages, whole(self.projection.target_shape)).measure()
        return region.measure(tuple(replace(fan, any_at_all=True) for fan in fan_in)) * seen

    @cached_property
    def _fan_in_before(self) -> NDArray[np.int64]:
        """For every neuron, the connections of all neurons before it; one more entry for all."""
        return np.concatenate([[0], np.cumsum(self.fan_ins())])

    def synapses(self, part: Slice) -> int:
        """The weights that the slice's synapses use, each as often as it is used: taps inside the image only.

        Pools and scales in front of or behind a weighted operator add none; a chain without one has its connections.
        """
        weighted = [(stage, region) for stage, region in self._outputs(part) if _is_weighted(stage)]
        if not weighted:
            return self.connections(part)
        return sum(region.measure(_fan_in((stage,), stage.output_shape)) for stage, region in weighted)

    @cached_property
    def all_synapses(self) -> int:
        """`synapses` of the whole target."""
        return self.synapses(whole(self.projection.target_shape))

    @cached_property
    def all_stored_weights(self) -> int:
        """`stored_weights` of the whole target."""
        return self.stored_weights(whole(self.projection.target_shape))

    def fan_ins(self) -> NDArray[np.int64]:
        """The number of sources of every target neuron, in row-major order."""
        fans, times = self.fan_ins_by_axis()
        return _outer([fan.all() for fan in fans]) * times

    def fan_ins_by_axis(self) -> tuple[tuple[Fans, ...], int]:
        """The number of sources of every target neuron: the product of those along the axes, and of one number more."""
        everything = whole(self.projection.target_shape)
        region = target_region(self.projection, self.stages, everything)
        joint = _last_reshape(self.stages)
        fans = _fan_in(self.stages[joint:], region.shape)
        if not joint:
            return fans, 1
        return tuple(replace(fan, any_at_all=True) for fan in fans), self.axons(everything)

    def fan_outs(self, part: Slice) -> FanOuts:
        """How many neurons of the slice the sources that reach it reach: each number with the count of such sources."""
        region = target_region(self.projection, self.stages, part)
        joint = _last_reshape(self.stages)
        if joint:
            return _histogram(
                np.array([self.connections(part) // max(1, self.axons(part))]), np.array([self.axons(part)])
            )
        axes = _axis_reaches(self.stages[joint:], region.shape)
        parts = [_product_fan_outs(axes, product) for product in region.products]
        if len(parts) == 1:
            return _outer_histogram(parts[0])
        values, counts = np.unique(_summed(axes, parts), return_counts=True)
        return _histogram(values, counts * math.prod(axis.size_in for axis in axes if axis.takes_all))

    def longest_fan_out(self, part: Slice) -> int:
        """The most neurons of the slice that any one source reaches."""
        region = target_region(self.projection, self.stages, part)
        joint = _last_reshape(self.stages)
        if joint or len(region.products) == 1:
            return max((reached for reached, _ in self.fan_outs(part)), default=0)
        axes = _axis_reaches(self.stages[joint:], region.shape)
        return int(_summed(axes, [_product_fan_outs(axes, product) for product in region.products]).max(initial=0))

    def stored_weights(self, part: Slice) -> int:
        """The distinct weights that the slice uses: a kernel shared by many neurons counts once."""
        return sum(_stored(stage, region) for stage, region in self._outputs(part))

    def _outputs(self, part: Slice) -> list[tuple[Stage, Region]]:
        """Each stage with the region of its output that reaches the slice."""
        region = target_region(self.projection, self.stages, part)
        found = []
        for stage in reversed(self.stages):
            region = reshape(region, stage.output_shape)
            found.append((stage, region))
            region = back(stage, region) if stage is not self.stages[0] else region
        return found


@lru_cache(maxsize=4096)
def counter(projection: Projection) -> Counting:
    """The counter of a projection. Those that connect alike share one: a file may join branches to 100,000 of them."""
    forms = tuple(map(_form, projection.chain))
    return _counter(_Likeness(projection.source_shape, projection.target_shape, forms, projection))


@dataclass(frozen=True, slots=True)
class _Likeness:
    """All that counts depend on: shapes and windows, not weights and names. `projection` is one that has them."""

    source_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    forms: tuple[Hashable, ...]
    projection: Projection = field(compare=False)


@lru_cache(maxsize=4096)
def _counter(alike: _Likeness) -> Counting:
    match irregular_in(alike.projection.chain):
        case Sparse() as sparse:
            return SparseCounter(alike.projection, sparse)
        case FixedProbability() as probable:
            return ProbableCounter(alike.projection, probable)
        case None:
            pass
    return Counter(alike.projection, stages_of(alike.projection))


@lru_cache(maxsize=4096)
def _form(operator: Operator) -> Hashable:
    """An operator but for its node and the values of its weights."""
    shapes = operator.input_shape, operator.output_shape
    match operator:
        case Conv(weight=w, stride=stride, padding=padding, dilation=dilation, groups=groups):
            return Conv, shapes, w.shape, stride, padding, dilation, groups
        case Pool(kernel=kernel, stride=stride, padding=padding):
            return Pool, shapes, kernel, stride, padding
        case Dense(weight=w) | Scale(factor=w):
            return type(operator), shapes, w.shape
        case Delay():
            return Delay, shapes
        case Sparse():
            return operator  # no two patterns of synapses are compared
        case FixedProbability(p=p):
            return FixedProbability, shapes, p


def total_synapses(network: Network) -> int:
    """The synapses of a network's populations, as its nodes state them; what the host reads out has none."""
    populations = {p.name for p in network.populations}
    return sum(counter(p).all_synapses for p in network.projections if p.target in populations)


def total_weights(network: Network) -> int:
    """The weights stored in a network's nodes, a node that serves several projections counting once.

    Nodes of one name, which only networks built in Python have, are told apart by the shape of what they store.
    """
    sizes = dict[tuple[str, tuple[int, ...]], int]()
    for projection in network.projections:
        for operator in projection.chain:
            weights = weights_of(operator)
            if weights is not None:
                size = math.prod(operator.input_shape) if isinstance(operator, Scale) else weights.size
                sizes[operator.node, operator.input_shape + operator.output_shape] = size
    return sum(sizes.values())


def _is_weighted(stage: Stage) -> bool:
    return isinstance(stage.operator, (Dense, Conv))


def _last_reshape(stages: tuple[Stage, ...]) -> int:
    """The index of the last stage whose input has another shape than what comes before it; 0 where none has.

    Raises `ValueError` where that stage does not take all of its input for every output.
    """
    for k in range(len(stages) - 1, 0, -1):
        if stages[k].input_shape != stages[k - 1].output_shape:
            if not all(isinstance(axis, Full) or axis.size_in == 1 for axis in stages[k].axes):
                raise ValueError(f"node {stages[k].operator.node!r} takes a part of a reshaped signal")
            return k
    return 0


def _fan_in(stages: tuple[Stage, ...], shape: tuple[int, ...]) -> tuple[Fans, ...]:
    """For each axis of the last stage's output: how many input indices of the first stage reach each index."""
    if not stages:
        return tuple(Fans((), size) for size in shape)
    return tuple(_axis_fan_in(tuple(stage.axes[a] for stage in stages)) for a in range(len(stages[-1].axes)))


@lru_cache(maxsize=4096)
def _axis_fan_in(chain: tuple[AxisMap, ...]) -> Fans:
    return Fans(tuple(m for m in chain if not isinstance(m, Same)), chain[-1].size_out)


def most_sources(projections: Sequence[Projection]) -> tuple[int, int]:
    """The first neuron with the most sources over all projections into its population, and how many it has.

    Looks at the neurons near borders, and at one for all others, where the projections see the population in one shape.
    """
    at, most = _most(projections, [1] * len(projections))
    return at, int(most)


def most_events(projections: Sequence[Projection], rates: Sequence[float]) -> int:
    """The first neuron that gets most where each projection's sources are as active as its rate says."""
    return _most(projections, rates)[0]


def _most(projections: Sequence[Projection], each: Sequence[float]) -> tuple[int, float]:
    if not projections:
        return 0, 0
    if any(irregular_in(p.chain) for p in projections):
        return _most_of_all(projections, each)
    fans = [counter(p).fan_ins_by_axis() for p in projections]
    shapes = {tuple(fan.size for fan in axes) for axes, _ in fans}
    if len(shapes) > 1:
        found = np.sum([rate * counter(p).fan_ins() for p, rate in zip(projections, each, strict=True)], axis=0)
        return int(found.argmax()), float(found.max(initial=0))
    (shape,) = shapes
    several = [telling([axes[a] for axes, _ in fans]) for a in range(len(shape))]
    found = sum(
        rate * times * _outer([fan.of(few) for fan, few in zip(axes, several, strict=True)])
        for (axes, times), rate in zip(fans, each, strict=True)
    )
    at = np.unravel_index(int(np.argmax(found)), tuple(map(len, several)))
    index = np.ravel_multi_index([few[i] for few, i in zip(several, at, strict=True)], shape) if shape else 0
    return int(index), float(np.max(found))


def _most_of_all(projections: Sequence[Projection], each: Sequence[float]) -> tuple[int, float]:
    """The same, neuron by neuron."""
    fans = [counter(projection).fan_ins() for projection in projections]
    if not any(fan.strides != (0,) for fan in fans):  # the same is expected of all neurons: one stands for them
        fans = [fan[:1] for fan in fans]
    total = np.zeros(len(fans[0]))
    for fan, rate in zip(fans, each, strict=True):
        total += rate * fan
    return int(total.argmax()), float(total.max(initial=0))


def _axis_reaches(stages: tuple[Stage, ...], shape: tuple[int, ...]) -> tuple[AxisReach, ...]:
    if not stages:
        return tuple(AxisReach((), size) for size in shape)
    chains = [tuple(stage.axes[a] for stage in stages) for a in range(len(stages[-1].axes))]
    return tuple(AxisReach(tuple(m for m in c if not isinstance(m, Same)), c[0].size_in) for c in chains)


FanOut = tuple[int, NDArray[np.int64]]
"""The first input index along an axis that reaches any output, and how many each reaches from there on."""


def _product_fan_outs(axes: tuple[AxisReach, ...], product: Product) -> list[FanOut]:
    return [axis.fan_out(indices) for axis, indices in zip(axes, product, strict=True)]


def _summed(axes: tuple[AxisReach, ...], parts: list[list[FanOut]]) -> NDArray[np.int64]:
    """The fan-outs of the sources that the parts of a slice see; those outside add nothing.

    Along an axis of which every output takes all inputs, one source stands for all.
    """
    columns = list(zip(*parts, strict=True))
    firsts = [min(first for first, _ in column) for column in columns]
    behind = [max(first + len(fans) for first, fans in column) for column in columns]
    sizes = [1 if axis.takes_all else last - first for axis, first, last in zip(axes, firsts, behind, strict=True)]
    total = np.zeros(sizes, dtype=np.int64)
    for part in parts:
        trimmed = [fans[:1] if axis.takes_all else fans for axis, (_, fans) in zip(axes, part, strict=True)]
        starts = [0 if axis.takes_all else at - first for axis, (at, _), first in zip(axes, part, firsts, strict=True)]
        place = tuple(slice(start, start + len(fans)) for start, fans in zip(starts, trimmed, strict=True))
        total[place] += _outer(trimmed).reshape([len(fans) for fans in trimmed])
    return total.ravel()


def _outer(fans: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    fan_out = np.ones(1, dtype=np.int64)
    for axis in fans:
        fan_out = np.multiply.outer(fan_out, axis).ravel()
    return fan_out


def _outer_histogram(fans: list[FanOut]) -> FanOuts:
    values, counts = np.ones(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    for _, axis in fans:
        there, often = _often(axis)
        values, counts = np.multiply.outer(values, there).ravel(), np.multiply.outer(counts, often).ravel()
    return _histogram(values, counts)


def _often(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if not any(values.strides):  # one number for all
        return values[:1], np.full(len(values[:1]), len(values))
    return np.unique(values, return_counts=True)


def _histogram(values: NDArray[np.int64], counts: NDArray[np.int64]) -> FanOuts:
    distinct, which = np.unique(values, return_inverse=True)
    totals = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(totals, which.ravel(), counts)
    return tuple((int(v), int(n)) for v, n in zip(distinct, totals, strict=True) if v and n)


def _stored(stage: Stage, region: Region) -> int:
    match stage.operator:
        case Dense(weight=weight):
            return int(region.measure() * weight.shape[-1])
        case Conv() as conv:
            return int(_kernel_region(stage, region).measure() * conv.weight.shape[1])
        case Scale(factor=factor):
            return _factors(factor, region)
        case _:
            return 0


def _kernel_region(stage: Stage, region: Region) -> Region:
    """The (output channel, tap, tap) elements of a kernel that a region of the output uses."""
    windows = [axis for axis in stage.axes[1:] if isinstance(axis, Window)]
    shape = (stage.output_shape[0], *(w.kernel for w in windows))
    products = tuple(
        (product[0], *(w.taps(indices) for w, indices in zip(windows, product[1:], strict=True)))
        for product in region.products
    )
    return Region(shape, products)


def _factors(factor: NDArray[np.floating], region: Region) -> int:
    """The distinct entries of a broadcast factor that a region uses."""
    padded = (1,) * (len(region.shape) - factor.ndim) + factor.shape
    products = tuple(
        tuple(range(min(1, len(axis))) if n == 1 else axis for axis, n in zip(p, padded, strict=True))
        for p in region.products
    )
    return Region(padded, products).measure()
