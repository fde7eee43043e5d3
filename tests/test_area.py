"""Sums over slices against counting one by one."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.network.area import Area, add_members, members
from neuedge_nir.network.axis import tidy
from neuedge_nir.network.parts import Parts
from neuedge_nir.network.reach import Region
from neuedge_nir.network.slices import Run, Slice, cut
from tests.strategies import slices
from tests.test_count import members as elements


def regions(shape: tuple[int, ...]) -> st.SearchStrategy[Region]:
    """Some products, whose sets are ranges where they have no gaps, or might be."""
    sets = (st.sets(st.integers(0, n - 1)).map(lambda s: np.array(sorted(s), dtype=np.int64)) for n in shape)
    product = st.tuples(
        *(st.tuples(found, st.booleans()).map(lambda p: tidy(p[0]) if p[1] else p[0]) for found in sets)
    )
    return st.lists(product, min_size=1, max_size=3).map(lambda found: Region(shape, tuple(found)))


@given(st.data())
def test_overlaps_are_those_counted_one_by_one(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
    region = data.draw(regions(shape))
    parts: list[Slice] = data.draw(st.lists(slices(shape), min_size=1, max_size=4))
    inside = set(np.flatnonzero(members(region)).tolist())
    assert shares(parts, region) == [len(inside & elements(part, shape)) for part in parts]
    assert region.measure() == len(inside)


def shares(parts: list[Slice], region: Region) -> list[int]:
    which, counts = Parts(tuple(parts)).overlaps(region)
    assert (counts > 0).all()
    assert which.tolist() == sorted(set(which.tolist()))
    found = np.zeros(len(parts), dtype=np.int64)
    found[which] = counts
    return list(map(int, found))


@given(st.data())
def test_overlaps_with_the_parts_of_a_cut_are_those_counted_one_by_one(data: st.DataObject) -> None:
    """As mappers cut: runs one behind the other, or a grid of tiles; in any order."""
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple))
    region = data.draw(regions(shape))
    inside = set(np.flatnonzero(members(region)).tolist())
    tile = tuple(data.draw(st.integers(1, n)) for n in shape)
    parts: list[Slice] = list(cut(shape, tile, data.draw(st.booleans())).blocks())
    if data.draw(st.booleans()):
        ends = sorted({0, math.prod(shape), *data.draw(st.lists(st.integers(0, math.prod(shape)), max_size=5))})
        parts = [Run(a, b) for a, b in pairwise(ends)]
    parts = data.draw(st.permutations(parts))
    assert shares(parts, region) == [len(inside & elements(part, shape)) for part in parts]


@given(st.data())
def test_members_are_added_to_their_own_places_only(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
    region = data.draw(regions(shape))
    total = np.arange(math.prod(shape)).reshape(shape)
    due = total + 3 * members(region)
    add_members(total, region, 3)
    assert (total == due).all()


@given(st.data())
def test_the_sum_over_a_slice_is_the_sum_of_its_elements(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
    size = int(np.prod(shape))
    values = np.array(data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))).reshape(shape)
    part = data.draw(slices(shape))
    assert Area(values).sum(part) == sum(values.ravel()[i] for i in elements(part, shape))
    assert Area(values).sum(Run(0, size)) == values.sum()
