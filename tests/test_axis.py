"""Relations along one axis against looking at each index by itself, and what they cost on very long axes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.network import axis as axes
from neuedge_nir.network.axis import (
    AxisMap,
    AxisReach,
    Fans,
    Full,
    Grouped,
    Indices,
    Ints,
    Spans,
    Window,
    array_of,
    common,
    spans_of,
    telling,
    tidy,
    view,
)
from neuedge_nir.network.connect import Conv, Operator, Scale
from neuedge_nir.network.count import counter, most_sources
from neuedge_nir.network.model import Projection
from neuedge_nir.network.slices import whole


@st.composite
def windows(draw: st.DrawFn, size_in: int) -> Window:
    kernel, stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    padding = draw(st.integers(0, 5))
    room = size_in + 2 * padding - (kernel - 1) * dilation - 1
    return Window(max(1, room // stride + 1), size_in, kernel, stride, padding, dilation)


@st.composite
def chains(draw: st.DrawFn) -> tuple[AxisMap, ...]:
    """One to three relations, each of which takes what the one before gives."""
    size = draw(st.integers(1, 24))
    found: list[AxisMap] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["window", "window", "window", "grouped", "full"]))
        if kind == "window":
            found.append(draw(windows(size)))
        elif kind == "grouped":
            groups = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
            found.append(Grouped(groups * draw(st.integers(1, 3)), size, groups))
        else:
            found.append(Full(draw(st.integers(1, 8)), size))
        size = found[-1].size_out
    return tuple(found)


def sets(size: int) -> st.SearchStrategy[Indices]:
    """Ranges, and sets with gaps."""
    ends = st.tuples(st.integers(0, size), st.integers(0, size)).map(lambda pair: range(min(pair), max(pair)))
    loose = st.sets(st.integers(0, size - 1)).map(lambda found: np.array(sorted(found), dtype=np.int64))
    return ends | loose


def inputs_of(maps: tuple[AxisMap, ...], index: int) -> set[int]:
    """By the definition of each relation, tap by tap."""
    found = {index}
    for axis in reversed(maps):
        match axis:
            case Window(size_in=size, kernel=kernel, stride=stride, padding=padding, dilation=dilation):
                hit = {o * stride - padding + tap * dilation for o in found for tap in range(kernel)}
                found = {i for i in hit if 0 <= i < size}
            case Grouped():
                group = {o // axis.outputs for o in found}
                found = {i for i in range(axis.size_in) if i // axis.inputs in group}
            case Full():
                found = set(range(axis.size_in)) if found else set()
            case _:
                pass
    return found


@given(st.data())
def test_what_reaches_a_set_is_what_reaches_any_of_its_indices(data: st.DataObject) -> None:
    maps = data.draw(chains())
    outputs = data.draw(sets(maps[-1].size_out))
    due = set().union(*(inputs_of(maps, int(index)) for index in outputs))
    found = outputs
    for axis in reversed(maps):
        found = axis.back(found)
    assert array_of(found).tolist() == sorted(due)
    assert isinstance(tidy(array_of(found)), type(found)) or not len(found)


@given(st.data())
def test_the_inputs_of_each_index_are_counted_as_one_by_one(data: st.DataObject) -> None:
    maps = data.draw(chains())
    size = maps[-1].size_out
    due = [len(inputs_of(maps, index)) for index in range(size)]
    fans = Fans(maps, size, data.draw(st.booleans()))
    due = [min(number, 1) for number in due] if fans.any_at_all else due
    assert fans.all().tolist() == due
    outputs = data.draw(sets(size))
    assert fans.total(outputs) == sum(due[int(index)] for index in outputs)
    assert {due[index] for index in fans.inner} <= {fans.usual}
    assert {due[index] for index in telling([fans])} == set(due)


@given(st.data())
def test_intervals_of_inputs_are_disjoint_and_complete(data: st.DataObject) -> None:
    maps = data.draw(chains())
    rows = np.arange(maps[-1].size_out)
    for index, lo, hi in zip(rows, *spans_of(maps, rows), strict=True):
        found = [i for a, b in zip(lo, hi, strict=True) for i in range(a, b)]
        assert sorted(found) == sorted(inputs_of(maps, int(index)))


@given(st.data())
def test_fan_outs_count_the_outputs_of_each_input(data: st.DataObject) -> None:
    maps = data.draw(chains())
    size = maps[-1].size_out
    outputs = data.draw(sets(size).filter(lambda found: isinstance(found, range)))
    assert isinstance(outputs, range)
    first, fans = AxisReach(maps, maps[0].size_in).fan_out(outputs)
    due = [sum(i in inputs_of(maps, o) for o in outputs) for i in range(maps[0].size_in)]
    assert [0] * first + fans.tolist() == due[: first + len(fans)]
    assert not any(due[first + len(fans) :])


@given(st.data())
def test_sets_with_equal_views_see_the_same_but_for_a_shift(data: st.DataObject) -> None:
    maps = data.draw(chains())
    one, other = (data.draw(sets(maps[-1].size_out)) for _ in "ab")
    seen = [[inputs_of(maps, int(index)) for index in outputs] for outputs in (one, other)]
    if view(maps, one) == view(maps, other):
        assert [len(each) for each in seen[0]] == [len(each) for each in seen[1]]
        firsts = [min(set().union(*each), default=0) for each in seen]
        shifted = [[{i - first for i in row} for row in each] for each, first in zip(seen, firsts, strict=True)]
        assert shifted[0] == shifted[1]


@given(st.data())
def test_common_indices_are_those_of_both(data: st.DataObject) -> None:
    one, other = data.draw(sets(12)), data.draw(sets(12))
    assert set(array_of(common(one, other)).tolist()) == {int(i) for i in one} & {int(i) for i in other}


LONG = 2**28


@pytest.mark.parametrize(
    ("operators", "synapses"),
    [
        ((), LONG),
        ((Scale("s", np.array(2.0), (1, LONG)),), LONG),
        ((Conv("c", np.ones((1, 1, 3)), (1, LONG), (1, LONG), (1,), ((1, 1),), (1,), 1),), 3 * LONG - 2),
        ((Conv("c", np.ones((1, 1, 2)), (1, LONG), (1, 2**27), (1,), ((0, 0),), (2**27,), 1),), LONG),
    ],
)
def test_an_axis_of_any_length_is_counted_without_its_indices(
    operators: tuple[Operator, ...], synapses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted index by index, it would take seconds and gigabytes."""
    looked_at: list[int] = []
    spans = axes.spans_of

    def watched(maps: Sequence[AxisMap], outputs: Ints) -> Spans:
        looked_at.append(len(outputs))
        return spans(maps, outputs)

    monkeypatch.setattr(axes, "spans_of", watched)
    shape = operators[-1].output_shape if operators else (1, LONG)
    projection = Projection("p", "a", "b", (1, LONG), shape, operators)
    tracemalloc.start()
    count = counter(projection)
    assert count.synapses(whole(shape)) == synapses
    assert count.axons(whole(shape)) == LONG
    assert most_sources([projection])[0] == (1 if len(operators) and synapses == 3 * LONG - 2 else 0)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert sum(looked_at) < 1000
