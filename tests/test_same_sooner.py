"""What is counted and chosen in a quicker way is what the slower one gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.mapping import choose, split
from neuedge_nir.mapping.demand import DOWNSTREAM, Demands
from neuedge_nir.mapping.fabric import fabric_for
from neuedge_nir.mapping.placing.coarsening import Ladder
from neuedge_nir.mapping.placing.floor import Floor
from neuedge_nir.mapping.placing.graph import Graph
from neuedge_nir.mapping.placing.spectral import Laplacian
from neuedge_nir.mapping.weights import fixed, mantissas
from neuedge_nir.network.area import Area
from neuedge_nir.network.blocks import unrepeated
from neuedge_nir.network.slices import cut
from tests.sampling import examples
from tests.worlds import chip, demands_of, networks, real


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple), st.data())
def test_all_tiles_of_a_grid_are_summed_at_once(shape: tuple[int, ...], data: st.DataObject) -> None:
    tile = tuple(data.draw(st.integers(1, size)) for size in shape)
    grid = cut(shape, tile, data.draw(st.booleans()))
    area = Area(np.arange(np.prod(shape)).reshape(shape) ** 2)
    assert area.tiles(grid).ravel().tolist() == [area.sum(block) for block in grid.blocks()]


@settings(max_examples=examples(30))
@given(networks(), st.sampled_from(sorted(DOWNSTREAM - {"shared_output_axons", "placed_output_axons"})), st.data())
def test_a_grid_needs_what_its_tiles_need(net: Any, formula: str, data: st.DataObject) -> None:
    most: Any = {formula: 1 << 40}
    demands = demands_of(net, chip(**most))
    for population in net.populations:
        _same(population.name, population.shape, demands, data)


def _same(name: str, shape: tuple[int, ...], demands: Demands, data: st.DataObject) -> None:
    grid = cut(shape, tuple(data.draw(st.integers(1, size)) for size in shape), data.draw(st.booleans()))
    targets = demands.uncut()
    listed, found = (way(name, grid, demands, targets) for way in (split._listed, split._tiling))
    assert listed is not None
    assert found is not None
    assert (found.parts, found.demands) == (listed.parts, listed.demands)
    assert (found.axons, found.total) == (listed.axons, listed.total)


@given(st.lists(st.lists(st.tuples(*(st.integers(1, 50),) * 3), min_size=1, max_size=4), min_size=1, max_size=3))
@settings(max_examples=examples(20), deadline=None)  # the solver is loaded by the first
def test_choices_compared_one_by_one_are_as_good_as_a_solvers(told: list[list[tuple[int, int, int]]]) -> None:
    candidates: Any = [[_Cut(*each) for each in options] for options in told]
    for aim in choose.Aim:
        one = choose.compared(candidates, (20,), (0,), aim)
        other, proved = choose.solved(candidates, (20,), (0,), aim, 4.0, 0)
        assert proved
        assert _worth(one, candidates, aim) == _worth(other, candidates, aim)


class _Cut:
    """As much of a tiling as a choice looks at."""

    def __init__(self, slices: int, need: int, axons: int) -> None:
        self.slices, self.total, self.axons = slices, (need * slices // 4,), axons

    def __len__(self) -> int:
        return self.slices


def _worth(pick: Any, candidates: Any, aim: choose.Aim) -> int:
    unit = max(1, sum(max(t.axons for t in options) for options in candidates) // 1000)
    cores = max(1, -(-sum(t.total[0] for t in pick) // 20))
    terms = cores, sum(len(t) for t in pick), sum(t.axons // unit for t in pick)
    return sum(weight * term for weight, term in zip(aim.value, terms, strict=True))


def test_one_row_of_weights_stands_for_all() -> None:
    row = np.array([3.0, -0.5, 0.0, 0.25])
    many = np.broadcast_to(row, (7, 5, 4))
    assert unrepeated(many).size == 4
    assert mantissas([many], 8) == mantissas([many.copy()], 8)
    rough = np.broadcast_to(np.array([1.0, 0.7, -0.3]), (6, 3))
    one, other = fixed(rough, 4), fixed(rough.copy(), 4)
    assert (one.bits, one.step) == (other.bits, other.step)
    assert one.error == pytest.approx(other.error, rel=1e-12)


def test_messages_add_up_in_one_order_with_numba_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    graph = Graph.of(60, rng.integers(0, 60, 900), rng.integers(0, 60, 900), rng.random(900))
    operator, vectors = Laplacian.of(graph, Ladder.of(graph).sizes[0]), rng.normal(size=(5, 60))
    plain = operator.times(vectors)
    monkeypatch.setattr("neuedge_nir.mapping.placing.spectral.WORTH_NUMBA", 0)
    assert operator.times(vectors).tobytes() == plain.tobytes()


def test_ways_add_up_to_the_same_with_numba_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    graph = Graph.of(40, rng.integers(0, 40, 300), rng.integers(0, 40, 300), rng.random(300))
    fabric = fabric_for(real("loihi2"), 2, 2)
    floor = Floor.of(fabric, fabric.sites([20, 20]))
    seats = rng.permutation(40)
    plain = floor.cost(graph, seats)
    monkeypatch.setattr("neuedge_nir.mapping.placing.floor.WORTH_NUMBA", 0)
    assert (floor.plain, floor.crossing > 0) == (True, True)
    assert floor.cost(graph, seats) == plain
