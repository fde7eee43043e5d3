"""Sums over slices against counting one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.network.area import Area, Parts, members
from neuedge_nir.network.reach import Region
from neuedge_nir.network.slices import Run, Slice
from tests.strategies import slices
from tests.test_count import members as elements


def regions(shape: tuple[int, ...]) -> st.SearchStrategy[Region]:
    product = st.tuples(
        *(st.sets(st.integers(0, n - 1)).map(lambda s: np.array(sorted(s), dtype=np.int64)) for n in shape)
    )
    return st.lists(product, min_size=1, max_size=3).map(lambda found: Region(shape, tuple(found)))


@given(st.data())
def test_overlaps_are_those_counted_one_by_one(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
    region = data.draw(regions(shape))
    parts: list[Slice] = data.draw(st.lists(slices(shape), min_size=1, max_size=4))
    inside = set(np.flatnonzero(members(region)).tolist())
    assert Parts(tuple(parts)).overlaps(region).tolist() == [len(inside & elements(part, shape)) for part in parts]
    assert region.measure() == len(inside)


@given(st.data())
def test_the_sum_over_a_slice_is_the_sum_of_its_elements(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
    size = int(np.prod(shape))
    values = np.array(data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))).reshape(shape)
    part = data.draw(slices(shape))
    assert Area(values).sum(part) == sum(values.ravel()[i] for i in elements(part, shape))
    assert Area(values).sum(Run(0, size)) == values.sum()
