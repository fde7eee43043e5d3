"""The closed-form counts against brute force: every synapse of small projections written out one by one."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Iterator

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, Scale
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.count import counter
from neuedge_nir.network.model import Projection
from neuedge_nir.network.slices import Block, Run, Slice, boxes, cut, runs_of, whole
from tests.sampling import examples
from tests.strategies import projections, slices

Coordinate = tuple[int, ...]
Tap = tuple[Coordinate, Coordinate, Hashable]


def flat(coordinate: Coordinate, shape: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(coordinate, shape)) if shape else 0


def taps(operator: Operator) -> Iterator[Tap]:
    """Every (input, output, weight) triple of an operator, by the definition of the operation."""
    match operator:
        case Dense(weight=w):
            for o, i in itertools.product(range(w.shape[0]), range(w.shape[1])):
                yield (i,), (o,), (o, i)
        case Scale(factor=f, shape=shape):
            for c in np.ndindex(*shape):
                yield c, c, tuple(min(k, n - 1) for k, n in zip(c[len(shape) - f.ndim :], f.shape, strict=True))
        case Conv():
            yield from conv_taps(operator)
        case Sparse(indptr=indptr, indices=indices, input_shape=takes, output_shape=gives):
            for t, c in enumerate(np.ndindex(*gives)):
                for k in range(indptr[t], indptr[t + 1]):
                    yield tuple(map(int, np.unravel_index(indices[k], takes))), c, k
        case Pool():
            for out in np.ndindex(*operator.output_shape):
                for tap in np.ndindex(*operator.kernel):
                    axes = zip(out[1:], operator.stride, operator.padding, tap, strict=True)
                    at = [o * s - p + t for o, s, p, t in axes]
                    if all(0 <= x < n for x, n in zip(at, operator.input_shape[1:], strict=True)):
                        yield (out[0], *at), out, None


def conv_taps(conv: Conv) -> Iterator[Tap]:
    inputs, outputs = conv.input_shape[0] // conv.groups, conv.output_shape[0] // conv.groups
    for out in np.ndindex(*conv.output_shape):
        for channel in range(inputs):
            for tap in np.ndindex(*conv.kernel):
                at = [
                    o * s - p[0] + t * d
                    for o, s, p, t, d in zip(out[1:], conv.stride, conv.padding, tap, conv.dilation, strict=True)
                ]
                if all(0 <= x < n for x, n in zip(at, conv.input_shape[1:], strict=True)):
                    yield (out[0] // outputs * inputs + channel, *at), out, (out[0], channel, *tap)


def members(part: Slice, shape: tuple[int, ...]) -> set[int]:
    """The row-major indices of a slice, by its definition."""
    if isinstance(part, Run):
        return set(range(part.start, part.stop))
    return {flat(c, shape) for c in itertools.product(*(range(lo, hi) for lo, hi in part.spans))}


def unrolled(projection: Projection, part: Slice) -> tuple[set[tuple[int, int]], int, int]:
    """(source, target) pairs, synapses and distinct stored weights of a slice, by walking back through the chain."""
    reached = {target: {target} for target in members(part, projection.target_shape)}
    synapses, stored, weighted = 0, 0, False
    for operator in reversed(projection.chain):
        seen = set().union(*reached.values()) if reached else set()
        incoming: dict[int, set[int]] = {}
        used: list[Hashable] = []
        for source, out, weight in taps(operator):
            o = flat(out, operator.output_shape)
            incoming.setdefault(o, set()).add(flat(source, operator.input_shape))
            if o in seen:
                used.append(weight)
        if isinstance(operator, (Dense, Conv)):
            synapses, weighted = synapses + len(used), True
        if not isinstance(operator, Pool):
            stored += len(set(used))
        reached = {t: set().union(*(incoming.get(o, set()) for o in outs)) for t, outs in reached.items()}
    pairs = {(source, target) for target, sources in reached.items() for source in sources}
    return pairs, synapses if weighted else len(pairs), stored


@settings(max_examples=examples(250), deadline=None)
@given(st.data())
def test_counts_of_any_slice_equal_those_of_the_unrolled_projection(data: st.DataObject) -> None:
    projection = data.draw(projections())
    part = data.draw(slices(projection.target_shape))
    source_part = data.draw(slices(projection.source_shape))
    pairs, synapses, stored = unrolled(projection, part)
    sources = {source for source, _ in pairs}
    count = counter(projection)
    assert count.connections(part) == len(pairs)
    assert count.axons(part) == len(sources)
    assert count.axons(part, source_part) == len(sources & members(source_part, projection.source_shape))
    assert count.synapses(part) == synapses
    if part.neurons == math.prod(projection.target_shape):
        fan_ins = Counter(target for _, target in pairs)
        assert count.fan_ins().tolist() == [fan_ins[t] for t in range(part.neurons)]
    fans = Counter(source for source, _ in pairs)
    assert count.longest_fan_out(part) == max(fans.values(), default=0)
    assert count.fan_outs(part) == tuple(sorted(Counter(fans.values()).items()))
    assert count.stored_weights(part) == stored


@given(st.data())
def test_the_boxes_of_a_slice_are_disjoint_and_together_the_slice(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
    part = data.draw(slices(shape))
    found = [flat(c, shape) for box in boxes(part, shape) for c in itertools.product(*(range(*span) for span in box))]
    assert sorted(found) == sorted(members(part, shape))
    assert part.neurons == len(found)


@given(st.data())
def test_the_runs_of_a_block_are_the_block(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
    part = data.draw(slices(shape))
    assume(isinstance(part, Block))
    assert isinstance(part, Block)
    runs = runs_of(part, shape)
    assert set().union(*(range(r.start, r.stop) for r in runs)) == members(part, shape)
    assert all(a.stop < b.start for a, b in itertools.pairwise(runs))


@given(st.data())
def test_a_cut_covers_the_population_once(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple))
    tile = tuple(data.draw(st.integers(1, n)) for n in shape)
    grid = cut(shape, tile, data.draw(st.booleans()))
    pieces = list(grid.blocks())
    assert len(grid) == len(pieces)
    assert grid.block(grid.middle) == pieces[len(pieces) // 2]
    assert sum(p.neurons for p in pieces) == math.prod(shape)
    assert set().union(*(members(p, shape) for p in pieces)) == set(range(math.prod(shape)))


def test_a_large_convolution_costs_its_kernel_not_its_synapses() -> None:
    shape = (64, 224, 224)
    conv = Conv("conv", np.ones((64, 64, 3, 3)), shape, shape, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    count = counter(Projection("p", "a", "b", shape, shape, (conv,)))
    assert count.synapses(whole(shape)) == 64 * 64 * (224 * 3 - 2) ** 2
    assert count.stored_weights(whole(shape)) == 64 * 64 * 9
    assert count.axons(whole(shape)) == math.prod(shape)
