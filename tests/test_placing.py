"""The placement engine: ways in closed form, bounds, annealing that is the same with numba and without."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Topology
from neuedge_nir.mapping.fabric import fabric_for
from neuedge_nir.mapping.place import hilbert_index
from neuedge_nir.mapping.placing import annealing
from neuedge_nir.mapping.placing.annealing import Ground, Rooms, Schedule, annealed, curve
from neuedge_nir.mapping.placing.bound import least_hops
from neuedge_nir.mapping.placing.coarsening import Ladder
from neuedge_nir.mapping.placing.engine import EFFORTS, arranged
from neuedge_nir.mapping.placing.floor import Floor
from neuedge_nir.mapping.placing.graph import Graph, Ints
from neuedge_nir.mapping.placing.spreading import Halving, Pull
from tests.sampling import examples
from tests.worlds import chip, hexagonal, system, topologies, topology


def planted(side: int, seed: int = 0) -> tuple[Graph, int]:
    """A grid with weights 1 to 19 under shuffled numbers, and the sum of its weights: what it costs at best."""
    random = np.random.default_rng(seed)
    ids = random.permutation(side * side).reshape(side, side)
    a = np.concatenate([ids[:, :-1].ravel(), ids[:-1].ravel()])
    b = np.concatenate([ids[:, 1:].ravel(), ids[1:].ravel()])
    weights = random.integers(1, 20, len(a))
    graph = Graph.of(side * side, a, b, weights.astype(float))
    return graph, int(graph.weights.sum()) // 2


def random_graph(count: int, edges: int, seed: int) -> Graph:
    random = np.random.default_rng(seed)
    ends = random.integers(0, count, (2, edges))
    return Graph.of(count, ends[0], ends[1], random.integers(1, 9, edges).astype(float))


def least(graph: Graph, per_router: int = 1, hexagonal: bool = False) -> float:
    once = graph.sources < graph.others
    weights = (graph.weights[once] * graph.unit).astype(np.float64)
    return least_hops(graph.count, graph.sources[once], graph.others[once], weights, per_router, hexagonal)


def alone(graph: Graph, floor: Floor) -> Ground:
    return Ground(graph, floor, Rooms.none(graph.count))


WORLDS = st.one_of(
    topologies(),
    st.sampled_from([hexagonal(), hexagonal(systems=(system(5, 4, wraps=True),)), topology(systems=(system(4, 4),))]),
)


@settings(max_examples=examples(100), deadline=None)
@given(WORLDS, st.integers(1, 6), st.integers(0, 999))
def test_a_floor_counts_the_ways_of_its_fabric(on: Topology, chips: int, seed: int) -> None:
    made = chip(on=on, neurons=9)
    assume(any(each.chips >= chips for each in on.systems))
    fabric = fabric_for(made, chips)
    sites = fabric.sites([2] * chips)
    floor = Floor.of(fabric, sites)
    a, b = np.random.default_rng(seed).integers(0, len(sites), (2, 50))
    routers = np.array([site.router for site in sites])
    np.testing.assert_array_equal(floor.ways(a, b), fabric.way_costs(routers[a], routers[b]))
    at = (floor.x[b] - floor.x[a] + floor.width - 1) * (2 * floor.height - 1) + floor.y[b] - floor.y[a]
    np.testing.assert_array_equal(floor.table[at + floor.height - 1], fabric.hops(routers[a], routers[b]))


@settings(max_examples=examples(40), deadline=None)
@given(WORLDS, st.integers(2, 12), st.integers(0, 999))
def test_annealing_counts_what_it_changes_and_keeps_everyone_alone(on: Topology, count: int, seed: int) -> None:
    made = chip(on=on, neurons=9)
    chips = -(-count // on.cores_per_chip.count)
    assume(any(each.chips >= chips for each in on.systems))
    fabric = fabric_for(made, chips)
    floor = Floor.of(fabric, fabric.sites([min(count, on.cores_per_chip.count)] * chips))
    ground = alone(random_graph(count, 3 * count, seed), floor)
    start = np.arange(count)
    found, _ = annealed(ground, start, Schedule(4.0, 0.3, 50, 2, 1e5, 1 + seed))
    assert len(set(found.tolist())) == count
    assert ground.cost(found) <= ground.cost(start)


def test_numba_and_plain_python_end_at_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    graph, _ = planted(12)
    ground, schedule = alone(graph, Floor.mesh(12, 12)), Schedule(4.0, 0.3, 60, 2, 1e6)
    start = np.arange(144)
    compiled, name = annealed(ground, start, schedule)
    monkeypatch.setattr(annealing, "compiled_by_numba", lambda _: None)
    plain, other = annealed(ground, start, schedule)
    assert plain.tobytes() == compiled.tobytes()
    assert ground.cost(plain) < ground.cost(start)
    assert name == other == ""


def test_pulls_by_numba_and_by_numpy_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    pull = Pull.of(random_graph(50, 200, 1))
    at = np.random.default_rng(2).integers(0, 1 << 30, 50)
    plain = pull.smoothed(at, 20)
    monkeypatch.setattr("neuedge_nir.mapping.placing.spreading.MOST_NUMPY", 0)
    np.testing.assert_array_equal(pull.smoothed(at, 20), plain)
    assert plain.std() < at.std() / 2, "partners come near each other"


def test_without_numba_plain_python_does_less_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, _ = planted(8)
    monkeypatch.setattr(annealing, "compiled_by_numba", lambda _: None)
    monkeypatch.setattr(annealing, "MOST_PLAIN_VISITS", 1000)
    monkeypatch.setattr(annealing, "PLAIN_VISITS", 10)
    _, name = annealed(alone(graph, Floor.mesh(8, 8)), np.arange(64), Schedule(2.0, 0.3, 100, 2, 1e5))
    assert name == "python"


def test_a_planted_grid_of_256_is_found_again() -> None:
    graph, optimum = planted(16)
    ground = alone(graph, Floor.mesh(16, 16))
    found, name = arranged(ground, [np.arange(256)], EFFORTS["quick"])
    assert ground.cost(found) <= 1.1 * optimum
    assert least(graph) <= graph.unit * optimum
    assert name == ""


@pytest.mark.slow
def test_a_planted_grid_of_4096_is_found_again_within_a_tenth() -> None:
    graph, optimum = planted(64)
    ground = alone(graph, Floor.mesh(64, 64))
    found, _ = arranged(ground, [np.arange(4096)], EFFORTS["normal"])
    assert ground.cost(found) <= 1.1 * optimum


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(2, 6), st.integers(1, 9), st.integers(0, 999))
def test_no_arrangement_undercuts_the_bound_and_small_ones_are_the_best(count: int, edges: int, seed: int) -> None:
    graph, floor = random_graph(count, edges, seed), Floor.mesh(3, 2)
    ground = alone(graph, floor)
    best = min(ground.cost(np.array(seats)) for seats in permutations(range(6), count))
    assert least(graph) <= best * graph.unit * (1 + 1e-12)
    found, _ = arranged(ground, [np.arange(count)], EFFORTS["normal"])
    assert ground.cost(found) <= best * 1.05


def test_the_bound_of_a_star_puts_four_beside_the_middle_and_the_rest_farther() -> None:
    star = Graph.of(7, np.zeros(6, dtype=np.int64), np.arange(1, 7), np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]))
    # The middle: 4 at one hop, 2 at two; every end: its only partner at one hop.
    assert least(star) == (18 + 2 * 3 + 21) / 2
    assert least(star, 1, True) == 21
    assert least(star, 7) == 0


def test_shared_limits_of_chips_are_kept() -> None:
    made = chip(
        on=topology(
            columns=1,
            rows=1,
            systems=(system(2, 1),),
        ),
        neurons=9,
    )
    fabric = fabric_for(made, 2)
    per_chip = made.topology.cores_per_chip.count
    floor = Floor.of(fabric, fabric.sites([per_chip, per_chip]))
    count = min(4, floor.count)
    graph = random_graph(count, 10, 3)
    uses = np.arange(1, count + 1).reshape(count, 1)
    start = np.arange(count)
    most = Rooms(uses, np.array([0])).used(floor, start).max(axis=0)
    ground = Ground(graph, floor, Rooms(uses, most))
    found, _ = arranged(ground, [start], EFFORTS["high"])
    assert ground.rooms.hold(floor, found)


@given(st.lists(st.tuples(st.integers(0, 1023), st.integers(0, 1023)), min_size=1, max_size=30))
def test_the_curve_of_arrays_is_that_of_points(points: list[tuple[int, int]]) -> None:
    x, y = np.array(points).T
    assert curve(x, y, 10).tolist() == [hilbert_index(point) for point in points]


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.booleans(), st.data())
def test_halving_seats_everyone_once_and_finds_a_grid_again(
    columns: int, rows: int, lying: bool, data: st.DataObject
) -> None:
    floor = Floor.mesh(columns, rows)
    sites = np.array(sorted(data.draw(st.sets(st.integers(0, floor.count - 1), min_size=1))))
    halving = Halving.of(floor, sites, lying)
    shuffled = np.random.default_rng(1).permutation(len(sites))
    x, y = floor.x[sites][shuffled] << 20, floor.y[sites][shuffled] << 20
    assert sorted(halving.seats(x, y).tolist()) == sites.tolist()
    if len(sites) == floor.count:
        np.testing.assert_array_equal(halving.seats(x, y), sites[shuffled])


def test_a_ladder_keeps_every_cluster_and_exchange() -> None:
    graph, _ = planted(32)
    ladder = Ladder.of(graph)
    assert [int(sizes.sum()) for sizes in ladder.sizes] == [1024] * len(ladder.sizes)
    assert len(ladder.graphs) > 1
    inside: Any = graph
    for number, coarse in zip(ladder.numbers, ladder.graphs[1:], strict=True):
        kept = int(inside.weights[number[inside.sources] != number[inside.others]].sum())
        assert int(coarse.weights.sum()) == kept
        inside = coarse


def renamed(graph: Graph, order: Ints) -> Graph:
    return graph.renumbered(order)


def test_renaming_keeps_the_cost() -> None:
    graph, floor = random_graph(9, 20, 5), Floor.mesh(3, 3)
    order = np.random.default_rng(4).permutation(9)
    seats = np.random.default_rng(5).permutation(9)
    assert floor.cost(renamed(graph, order), seats[order]) == floor.cost(graph, seats)


def test_more_pains_are_never_worse_on_small_graphs() -> None:
    ground = alone(random_graph(80, 300, 7), Floor.mesh(9, 9))
    costs = [ground.cost(arranged(ground, [np.arange(80)], EFFORTS[name])[0]) for name in ("quick", "normal")]
    assert costs[1] <= costs[0]


@pytest.mark.filterwarnings("error")
def test_islands_that_exchange_nothing_are_each_laid_side_by_side() -> None:
    pairs = np.arange(400).reshape(2, 200)
    graph = Graph.of(400, pairs[0], pairs[1], np.ones(200))
    assert not len(Ladder.of(graph).graphs[-1].weights)
    fabric = fabric_for(chip(on=topology(columns=20, rows=20), neurons=9), 1)
    ground = alone(graph, Floor.of(fabric, fabric.sites([400])))
    found, _ = arranged(ground, [np.arange(400)], EFFORTS["quick"])
    assert ground.cost(found) <= 1.1 * int(graph.weights.sum()) // 2
