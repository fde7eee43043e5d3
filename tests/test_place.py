"""Placements: one cluster a core, on the chips there are, and never worse than where they started."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip, Topology
from neuedge_nir.errors import NoPlanError
from neuedge_nir.events import Event, Progress
from neuedge_nir.mapping.chips.choose import chips_for
from neuedge_nir.mapping.fabric import CROSSING_WEIGHT, Fabric, Router, Site, fabric_for, largest_system
from neuedge_nir.mapping.partition import Cluster, Piece, Role
from neuedge_nir.mapping.place import (
    Placement,
    _Board,
    _cost,
    _orders,
    _pairs,
    _start,
    hilbert_index,
    one_place_a_chip,
    place,
)
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.network.slices import Run
from neuedge_nir.pipeline import Options, compile_network
from tests.sampling import examples
from tests.worlds import HEX_BOARD, REAL_CHIPS, chip, hexagonal, limit, real, recurrent, system, topologies, topology


def clusters_using(bytes_each: Sequence[int], formula: str = "row_table_bytes") -> list[Cluster]:
    return [Cluster(Role.NEURONS, (Piece("p", Run(k, k + 1)),), {formula: used}) for k, used in enumerate(bytes_each)]


def flow(source: int, *targets: tuple[int, int], rate: float = 1.0, neurons: int = 1) -> Flow:
    return Flow(source, 0, neurons, rate, targets)


@st.composite
def traffic(draw: st.DrawFn, count: int) -> list[Flow]:
    """A slice a cluster, sending to some of the others and perhaps to its own."""
    ends = st.integers(0, count - 1)
    return [
        flow(k, *sorted({t: draw(st.integers(1, 9)) for t in draw(st.lists(ends, max_size=4))}.items()), rate=0.5)
        for k in range(count)
    ]


def sharing(on: Topology, most: int) -> Chip:
    return chip(on=on, neurons=99, rules=[limit("row_table_bytes", most, shared=True)])


def placed(clusters: Sequence[Cluster], flows: Sequence[Flow], on: Chip, effort: str = "quick") -> Placement:
    try:
        return place(clusters, flows, on, largest_system(on), effort)
    except NoPlanError as error:
        assert error.needed is not None
        assert error.needed > (error.available or 0)
        assume(False)
        raise


def used_by_chip(clusters: Sequence[Cluster], sites: Sequence[Site]) -> Counter[int]:
    used: Counter[int] = Counter()
    for cluster, site in zip(clusters, sites, strict=True):
        used[site.chip] += cluster.used["row_table_bytes"]
    return used


def is_on_its_chip(site: Site, fabric: Fabric) -> bool:
    """The router belongs to the chip that the site names, and has that many cores."""
    topology_ = fabric.chip.topology
    column, row = fabric.positions[site.chip]
    x, y = site.router
    inside = column * topology_.columns.count <= x < (column + 1) * topology_.columns.count
    inside = inside and row * topology_.rows.count <= y < (row + 1) * topology_.rows.count
    return inside and 0 <= site.slot < topology_.cores_per_router.count


@settings(max_examples=examples(150), deadline=None)
@given(st.data(), topologies(), st.lists(st.integers(1, 50), min_size=1, max_size=25), st.integers(50, 200))
def test_every_cluster_stands_alone_on_a_core_of_its_machine(
    data: st.DataObject, on: Topology, uses: list[int], most: int
) -> None:
    clusters, made = clusters_using(uses), sharing(on, most)
    found = placed(clusters, data.draw(traffic(len(uses))), made)
    fabric, sites = found.fabric, found.sites
    assert len(sites) == len(clusters) == len(set(sites))
    assert fabric.system in on.systems
    assert all(0 <= site.chip < fabric.system.chips == len(set(fabric.positions)) for site in sites)
    assert all(is_on_its_chip(site, fabric) and fabric.chip_of(site.router) == site.chip for site in sites)
    assert max(Counter(site.chip for site in sites).values()) <= on.cores_per_chip.count
    assert max(used_by_chip(clusters, sites).values()) <= most


@settings(max_examples=examples(60), deadline=None)
@given(st.data(), topologies(), st.integers(2, 20))
def test_swaps_never_make_the_way_longer(data: st.DataObject, on: Topology, count: int) -> None:
    clusters, flows = clusters_using([1] * count), data.draw(traffic(count))
    made = sharing(on, 1000)
    assume(not one_place_a_chip(made))
    moved, pairs = placed(clusters, flows, made, "quick"), _pairs(flows)
    chosen = chips_for(clusters, flows, made, largest_system(made), "quick")
    assert (chosen.fabric.system, chosen.fabric.positions) == (moved.fabric.system, moved.fabric.positions)
    chip_of, fabric = chosen.chip_of, chosen.fabric
    sites = fabric.sites([chip_of.count(c) for c in range(max(chip_of) + 1)])
    starts = [_cost(pairs, _start(chip_of, sites, order), sites, fabric) for order in _orders(sites)]
    assert moved.cost <= min(starts) * (1 + 1e-12)
    assert moved.cost == pytest.approx(cost_by_hand(flows, moved))


def cost_by_hand(flows: Sequence[Flow], found: Placement) -> float:
    """Hops of all messages, and what leaving a chip weighs, message by message."""
    fabric, total = found.fabric, 0.0
    size = fabric.chip.topology.columns.count, fabric.chip.topology.rows.count
    for f in flows:
        for target, messages in f.targets:
            a, b = found.sites[f.cluster].router, found.sites[target].router
            borders = sum(abs(a[k] // size[k] - b[k] // size[k]) for k in (0, 1))
            total += messages * f.rate * (hops_by_search(fabric, a, b) + CROSSING_WEIGHT * borders)
    return total


def hops_by_search(fabric: Fabric, start: Router, end: Router) -> int:
    """The shortest way over links, chips missing or not."""
    steps, front, seen = 0, {start}, {start}
    while end not in front:
        ahead = {(x + dx, y + dy) for x, y in front for dx, dy in fabric.steps}
        if fabric.wraps:
            ahead = {(x % fabric.columns, y % fabric.rows) for x, y in ahead}
        front, steps = ahead - seen, steps + 1
        seen |= front
    return steps


@settings(max_examples=examples(60), deadline=None)
@given(st.data(), topologies(), st.integers(2, 12))
def test_what_a_move_is_said_to_gain_is_what_it_gains(data: st.DataObject, on: Topology, count: int) -> None:
    pairs = _pairs(data.draw(traffic(count)))
    weights = pairs.matrix(count)
    made = chip(on=on, neurons=9)
    chips = math.ceil(count / on.cores_per_chip.count)
    assume(chips <= largest_system(made))
    fabric = fabric_for(made, chips)
    sites = fabric.sites([min(count - k * on.cores_per_chip.count, on.cores_per_chip.count) for k in range(chips)])
    seats = data.draw(st.permutations(range(len(sites))))[:count]
    board = _Board.set_up(list(seats), weights, sites, fabric)
    for _ in range(6):
        before = _cost(pairs, [int(s) for s in board.seats], sites, fabric)
        cluster, spot = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, len(sites) - 1))
        assume(spot != board.seats[cluster])
        gain = board.gains(cluster)[spot]
        board.swap(cluster, spot)
        after = _cost(pairs, [int(s) for s in board.seats], sites, fabric)
        assert gain == pytest.approx(after - before, abs=1e-9)
        np.testing.assert_allclose(board.pull, weights @ board.far[board.at[board.seats]], atol=1e-9)
        assert [int(board.tenant[s]) for s in board.seats] == list(range(count))
        assert int((board.tenant >= 0).sum()) == count


def test_two_that_talk_most_end_up_side_by_side() -> None:
    flows = [flow(0, (7, 100)), *(flow(k, (k + 1, 1)) for k in range(1, 7))]
    found = place(clusters_using([0] * 8), flows, sharing(topology(columns=3, rows=3), 9), 1)
    (x, y), (u, v) = found.sites[0].router, found.sites[7].router
    assert abs(x - u) + abs(y - v) == 1


def test_swaps_reach_the_best_of_all_arrangements_of_a_small_chain() -> None:
    flows = [flow(k, ((k * 3 + 1) % 6, 5)) for k in range(6)]
    found = place(clusters_using([0] * 6), flows, sharing(topology(columns=3, rows=2), 9), 1, "high")
    assert found.cost == pytest.approx(sum(f.targets[0][1] for f in flows if f.targets[0][0] != f.cluster))


def test_too_few_chips_are_no_proof_that_it_cannot_be_done() -> None:
    with pytest.raises(NoPlanError, match="takes 5 chips, 4 are available; whether fewer do is not proved") as caught:
        place(clusters_using([0] * 9), [], sharing(topology(columns=2, rows=1), 10), 4)
    assert (caught.value.code, caught.value.needed, caught.value.available) == ("FIT014", 5, 4)


def test_the_smallest_machine_that_holds_the_chips_is_taken() -> None:
    made = sharing(topology(columns=1, rows=1, systems=(system(4, 4), system(1, 1), system(2, 2))), 9)
    assert [place(clusters_using([0] * n), [], made, 16).fabric.system.name for n in (1, 2, 4, 5)] == [
        "1x1",
        "2x2",
        "2x2",
        "4x4",
    ]


def test_progress_is_told_sweep_by_sweep() -> None:
    told: list[Event] = []
    flows = [flow(k, ((k + 3) % 8, 1)) for k in range(8)]
    place(clusters_using([0] * 8), flows, sharing(topology(columns=4, rows=4), 9), 1, observer=told.append)
    assert told
    assert all(isinstance(event, Progress) and event.stage == "place" for event in told)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_hilbert_curve_visits_every_point_of_its_square_step_by_step(order: int) -> None:
    side = 1 << order
    points = sorted(((x, y) for x in range(side) for y in range(side)), key=lambda p: hilbert_index(p, order))
    assert sorted(hilbert_index(p, order) for p in points) == list(range(side * side))
    assert all(abs(a - u) + abs(b - v) == 1 for (a, b), (u, v) in pairwise(points))
    assert points[0] == (0, 0)


@given(st.integers(0, 255), st.integers(0, 255))
def test_near_the_origin_the_order_of_the_curve_does_not_matter_to_who_is_near(x: int, y: int) -> None:
    """Along a curve of any even order difference the first points are the same."""
    assert hilbert_index((x, y), 8) == hilbert_index((x, y), 10)


@settings(max_examples=examples(100), deadline=None)
@given(topologies(), st.data())
def test_a_fabric_offers_as_many_cores_as_each_chip_must_hold(on: Topology, data: st.DataObject) -> None:
    fabric = fabric_for(chip(on=on, neurons=9), 1)
    held = data.draw(st.lists(st.integers(0, on.cores_per_chip.count), min_size=1, max_size=fabric.system.chips))
    sites = fabric.sites(held)
    assert len(set(sites)) == len(sites)
    offered = Counter(site.chip for site in sites)
    assert all(count <= offered[k] <= on.cores_per_chip.count for k, count in enumerate(held))


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_the_first_chips_of_every_published_machine_stand_together(name: str) -> None:
    for machine in real(name).topology.systems:
        fabric = fabric_for(real(name), machine.chips)
        assert len(set(fabric.positions)) == machine.chips
        for n in range(2, min(machine.chips, 60)):
            near = fabric.positions[: n - 1]
            x, y = fabric.positions[n - 1]
            assert any(abs(x - a) <= 1 and abs(y - b) <= 1 for a, b in near)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.sampled_from([hexagonal(), hexagonal(systems=(system(5, 4, wraps=True),)), topology(columns=4, rows=4)]),
    st.data(),
)
def test_hops_in_closed_form_are_those_of_a_search(on: Topology, data: st.DataObject) -> None:
    fabric = fabric_for(chip(on=on, neurons=9), 1)
    point = st.tuples(st.integers(0, fabric.columns - 1), st.integers(0, fabric.rows - 1))
    a, b = data.draw(point), data.draw(point)
    assert int(fabric.hops(np.array(a), np.array(b))) == hops_by_search(fabric, a, b)


def test_on_the_board_of_a_spinnaker_no_chip_stands_outside_its_outline() -> None:
    fabric = fabric_for(chip(on=hexagonal(), neurons=9), 48)
    assert len(fabric.positions) == 48 == HEX_BOARD.chips
    assert not any(fabric.fitted(router) for router in ((5, 0), (7, 2), (0, 4), (3, 7)))
    assert all(fabric.fitted(router) for router in ((0, 0), (4, 0), (7, 3), (4, 7), (7, 7)))


@pytest.mark.parametrize(
    ("chips", "available", "block"),
    [(1, 8, (1, 1)), (3, 8, (1, 3)), (3, 3, (1, 3)), (4, 8, (2, 2)), (5, 8, (2, 3)), (5, 5, None), (7, 8, (2, 4))],
)
def test_messages_that_turn_at_corners_cross_no_chip_that_holds_nothing(
    chips: int, available: int, block: tuple[int, int] | None
) -> None:
    """Chips stand in a rectangle; five of five would be a row longer than this machine."""
    fabric = fabric_for(chip(on=topology(systems=(system(4, 4),)), neurons=9), chips, available)
    if block is None:
        return
    width, height = max(x for x, _ in fabric.positions[: block[0] * block[1]]) + 1, 0
    height = block[0] * block[1] // width
    assert {width, height} == set(block)
    assert set(fabric.positions[: width * height]) == {(x, y) for x in range(width) for y in range(height)}
    assert sorted(fabric.positions) == [(x, y) for x in range(4) for y in range(4)], "no chip is lost"


def test_fewer_chips_than_messages_cross_are_no_plan() -> None:
    on = topology(columns=1, rows=1, systems=(system(2, 2),))
    net = recurrent(52)
    with pytest.raises(NoPlanError) as caught:
        compile_network(net, chip(on=on, neurons=18), Options(effort="none", chips=3))
    assert (caught.value.code, caught.value.needed, caught.value.available) == ("FIT014", 4, 3)
