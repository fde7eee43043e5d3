"""Chips of a plan: as few as can be on tiny machines, every limit kept, never more than filling in order takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip, LimitScope
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.chips.choose import Chips, chips_for
from neuedge_nir.mapping.chips.fill import first_fit, fullest, in_order, packed
from neuedge_nir.mapping.chips.ground import Ground
from neuedge_nir.mapping.chips.kernels import SEED, _jitted, cooling, granted
from neuedge_nir.mapping.chips.nets import Nets, nets_of
from neuedge_nir.mapping.chips.outline import orders
from neuedge_nir.mapping.chips.patterns import by_patterns
from neuedge_nir.mapping.chips.room import Units, hardest_first, room_of, units_of
from neuedge_nir.mapping.chips.settle import costs_of, settled, spanning
from neuedge_nir.mapping.chips.share import shared
from neuedge_nir.mapping.fabric import Fabric, fabric_for, largest_system
from neuedge_nir.mapping.partition import Cluster, Piece, Role
from neuedge_nir.mapping.traffic import Flow
from neuedge_nir.network.slices import Run
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from tests.sampling import examples
from tests.worlds import chain, chip, hexagonal, limit, real, system, topology

BYTES = "row_table_bytes"


def clusters_using(bytes_each: Sequence[int], behind: Sequence[int] = ()) -> list[Cluster]:
    """A neuron core for each, `behind[k]` synapse cores behind the k-th."""
    found = []
    for k, used in enumerate(bytes_each):
        found.append(Cluster(Role.NEURONS, (Piece("p", Run(k, k + 1)),), {BYTES: used}))
        found += [Cluster(Role.SYNAPSES, (), {BYTES: 0})] * (behind[k] if k < len(behind) else 0)
    return found


def hexagon(per_chip: int, most: int) -> Chip:
    """A board of chips with one multicast router each, and a limit that a chip's cores share."""
    return chip(on=hexagonal(per_chip), neurons=99, rules=[limit(BYTES, most, shared=True)])


def flow(source: int, targets: Sequence[int], neurons: int = 1, rate: float = 1.0) -> Flow:
    return Flow(source, 0, neurons, rate, tuple((t, neurons) for t in sorted(set(targets))))


def traffic(draw: st.DrawFn, count: int) -> list[Flow]:
    ends = st.lists(st.integers(0, count - 1), max_size=4)
    return [flow(k, draw(ends), draw(st.integers(1, 9))) for k in range(count)]


traffics = st.composite(traffic)


def chosen(clusters: Sequence[Cluster], flows: Sequence[Flow], on: Chip, effort: str = "quick") -> Chips:
    return chips_for(clusters, flows, on, largest_system(on), effort)


def crossings(flows: Sequence[Flow], chip_of: Sequence[int]) -> int:
    """Messages times chips other than their own that they reach: what a multicast tree crosses at least."""
    return sum(f.neurons * len({chip_of[t] for t, _ in f.targets} - {chip_of[f.cluster]}) for f in flows)


def fewest_by_search(uses: Sequence[int], per_chip: int, most: int) -> int:
    """The least number of chips over all assignments."""
    best = len(uses)
    for chip_of in product(range(len(uses)), repeat=len(uses)):
        held, filled = Counter(chip_of), Counter[int]()
        for k, used in enumerate(uses):
            filled[chip_of[k]] += used
        if max(held.values()) <= per_chip and max(filled.values()) <= most:
            best = min(best, len(held))
    return best


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(st.integers(1, 10), min_size=1, max_size=6), st.integers(1, 4))
def test_as_few_chips_as_any_assignment_takes(uses: list[int], per_chip: int) -> None:
    found = chosen(clusters_using(uses), [], hexagon(per_chip, 10))
    assert len(set(found.chip_of)) == fewest_by_search(uses, per_chip, 10)


@settings(max_examples=examples(60), deadline=None)
@given(st.data(), st.lists(st.integers(0, 50), min_size=2, max_size=30), st.integers(2, 5), st.booleans())
def test_every_limit_is_kept_and_no_chip_more_taken_than_in_order(
    data: st.DataObject, uses: list[int], per_chip: int, mesh: bool
) -> None:
    behind = data.draw(st.lists(st.integers(0, per_chip - 1), max_size=3))
    clusters = clusters_using(uses, behind)
    on = hexagon(per_chip, 60)
    if mesh:
        on = replace(on, topology=topology(columns=3, rows=2, systems=(system(6, 6),), per_chip=per_chip))
    flows = data.draw(traffics(len(clusters)))
    units = units_of(clusters, on)
    found = chosen(clusters, flows, on)
    held, filled = Counter(found.chip_of), Counter[int]()
    for cluster, number in zip(clusters, found.chip_of, strict=True):
        filled[number] += cluster.used[BYTES]
    assert sorted(held) == list(range(len(held)))
    assert all(count <= found.fabric.cores_of(number) for number, count in held.items())
    assert max(filled.values()) <= 60
    assert len(held) <= 1 + max(in_order(units, lambda _: units.most))
    assert len(held) >= units.least_chips
    assert all(found.chip_of[i] == found.chip_of[i - 1] for i, c in enumerate(clusters) if c.role is Role.SYNAPSES)
    assert len(set(found.fabric.positions)) == found.fabric.system.chips
    again = chosen(clusters, flows, on)
    assert (again.chip_of, again.fabric.positions, again.links) == (found.chip_of, found.fabric.positions, found.links)


def test_what_two_resources_fill_together_takes_fewer_chips_than_one_after_the_other() -> None:
    """In order: 6 + 6, 6 + 4, ...; hardest first leaves gaps too; only 6 + 4 and 5 + 5 fill chips."""
    uses = [6, 6, 5, 6, 5, 4, 4, 4]
    units = units_of(clusters_using(uses), hexagon(16, 10))
    assert units.least_chips == 4
    assert 1 + max(in_order(units, lambda _: units.most)) == 6
    assert max(chosen(clusters_using(uses), [], hexagon(16, 10)).chip_of) == 3


def test_the_fullest_choice_is_that_of_all_subsets() -> None:
    uses: dict[tuple[int, ...], int] = {(1, 7): 3, (1, 5): 2, (1, 4): 4, (2, 3): 2}
    waiting = {use: list(range(count)) for use, count in uses.items()}
    for most in range(1, 40):
        taken = fullest(list(waiting), waiting, (4, most), 1)
        full = max(
            sum(n * use[1] for n, use in zip(counts, uses, strict=True))
            for counts in product(*(range(count + 1) for count in uses.values()))
            if sum(n * use[0] for n, use in zip(counts, uses, strict=True)) <= 4
            and sum(n * use[1] for n, use in zip(counts, uses, strict=True)) <= most
        )
        assert sum(count * use[1] for use, count in taken) == full
        assert sum(count * use[0] for use, count in taken) <= 4


def test_small_units_go_where_those_are_that_they_send_to() -> None:
    """Four large ones fill two chips; each of four small ones sends to one of them."""
    clusters = clusters_using([50, 50, 50, 50, 1, 1, 1, 1])
    flows = [flow(4 + k, [3 - k], 9) for k in range(4)]
    on = hexagon(4, 102)
    units = units_of(clusters, on)
    found = packed(units, nets_of(flows, units, on), lambda _: units.most, 2)
    assert found is not None
    assert crossings(flows, found) == 0


@settings(max_examples=examples(60), deadline=None)
@given(st.data(), st.integers(4, 24), st.integers(2, 5))
def test_moves_between_chips_spare_messages_and_keep_rooms(data: st.DataObject, count: int, per_chip: int) -> None:
    clusters, on = (
        clusters_using(data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))),
        hexagon(5, 30),
    )
    flows = data.draw(traffics(count))
    units = units_of(clusters, on)
    nets = nets_of(flows, units, on)
    start = in_order(units, lambda _: (per_chip, 30))
    rooms = [(per_chip, 30)] * (1 + max(start))
    found, _ = shared(units, nets, rooms, start, "quick")
    assert nets.crossing(start) * nets.messages == pytest.approx(crossings(flows, start), abs=0.01)
    assert crossings(flows, found) <= crossings(flows, start)
    assert max(Counter(found).values()) <= per_chip
    assert all(sum(units.uses[k][1] for k in range(count) if found[k] == c) <= 30 for c in set(found))


def chained(count: int) -> Nets:
    """Every chip but the last sends a message to the next."""
    links = range(count - 1)
    return Nets.of(count, tuple((k + 1,) for k in links), tuple(((k, 99),) for k in links), 1 / 99)


def ground_of(fabric: Fabric, count: int) -> Ground:
    return Ground.of(fabric, [fabric.positions[:count]])


def test_a_chain_of_chips_settles_as_well_as_in_any_arrangement() -> None:
    fabric = fabric_for(hexagon(4, 9), 7)
    ground = ground_of(fabric, 7)
    nets = chained(7)
    start = [0, 6, 1, 5, 2, 4, 3]
    found, engine = settled(nets, start, [1] * 7, range(7), ground, "normal")
    best = min(sum(costs_of(nets, each, ground)) for each in permutations(range(7)))
    assert sorted(found) == list(range(7))
    assert engine == "python"
    assert sum(costs_of(nets, start, ground)) > best == sum(costs_of(nets, found, ground)) == 6 * 99


@settings(max_examples=examples(40), deadline=None)
@given(st.data(), st.integers(3, 12))
def test_settled_chips_have_no_longer_ways(data: st.DataObject, count: int) -> None:
    ground = ground_of(fabric_for(hexagon(4, 9), 20), 20)
    ends = st.lists(st.integers(0, count - 1), min_size=1, max_size=5, unique=True)
    loads = st.dictionaries(st.integers(0, count - 1), st.integers(1, 99), min_size=1, max_size=3)
    several = data.draw(st.lists(st.tuples(ends.map(sorted), loads), max_size=6))
    sent = tuple(tuple(sorted(load.items())) for _, load in several)
    nets = Nets.of(count, tuple(tuple(reached) for reached, _ in several), sent, 1.0)
    held = data.draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    found, _ = settled(nets, range(count), held, range(20), ground, "quick")
    assert len(set(found)) == count
    assert set(found) <= set(range(20))
    assert sum(costs_of(nets, found, ground)) <= sum(costs_of(nets, range(count), ground))


def test_a_spanning_tree_is_that_of_networkx() -> None:
    networkx = pytest.importorskip("networkx")
    ground = ground_of(fabric_for(hexagon(4, 9), 30), 30)
    for places in ([0, 7, 29, 13], [3, 28, 5, 9, 17, 22], [11]):
        graph = networkx.Graph()
        graph.add_nodes_from(places)
        far = {(a, b): int(ground.ways(a, np.array([b]))[0]) for a in places for b in places if a < b}
        graph.add_weighted_edges_from((a, b, d) for (a, b), d in far.items())
        tree = networkx.minimum_spanning_tree(graph)
        assert spanning(places, ground) == sum(d for _, _, d in tree.edges(data="weight"))


def test_a_full_chip_is_not_moved_to_a_corner_that_has_fewer_cores() -> None:
    fabric = fabric_for(real("spinnaker1"), 10)
    ground = ground_of(fabric, 10)
    corner = next(place for place in range(10) if ground.cores[place] == 15)
    start = [place for place in range(10) if place != corner]
    found, _ = settled(chained(9), start, [16] * 9, range(10), ground, "normal")
    assert corner not in found
    assert len(set(found)) == 9


def by_numba(kernel: Callable[..., Any], wanted: int, effort: str) -> tuple[Callable[..., Any], str, int]:
    """As much work as Python does at quick effort."""
    _, engine, work = granted(kernel, wanted, effort)
    assert engine == "python"
    return _jitted(kernel), "numba", work


@pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
def test_numba_finds_what_python_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 40
    clusters, on = clusters_using([k % 7 for k in range(count)]), hexagon(4, 18)
    flows = [flow(k, [(3 * k + j * j) % count for j in range(4)], 1 + k % 5) for k in range(count)]
    found = [chosen(clusters, flows, on)]
    for module in ("share", "settle"):
        monkeypatch.setattr(f"neuedge_nir.mapping.chips.{module}.granted", by_numba)
    found.append(chosen(clusters, flows, on))
    assert [each.engine for each in found] == ["python", "numba"]
    assert found[0].chip_of == found[1].chip_of
    assert found[0].fabric.positions == found[1].fabric.positions


def test_temperatures_fall_to_none() -> None:
    heats = cooling(1000)
    assert heats == sorted(heats, reverse=True)
    assert (heats[0], heats[-1]) == (1000, 0)
    assert SEED * 48271 < 2**62


def test_layers_stand_in_strips_over_as_few_boards_as_hold_them() -> None:
    """12 layers of 79 cores, each to all of the next: 60 chips, two boards of the large machine."""
    layers, per_layer = 12, 79
    count = layers * per_layer
    clusters = [Cluster(Role.NEURONS, (), {"sdram": 0}) for _ in range(count)]
    flows = [
        flow(k, range((k // per_layer + 1) * per_layer, (k // per_layer + 2) * per_layer))
        for k in range(count - per_layer)
    ]
    found = chosen(clusters, flows, real("spinnaker1"))
    chips = 1 + max(found.chip_of)
    assert chips == -(-count // 16)
    assert found.fabric.boards_of(range(chips)) == 2
    least = crossings(flows, found.chip_of)
    assert least <= found.links <= 1.15 * least


def test_positions_in_every_order_are_distinct_and_fitted() -> None:
    for name, chips in (("spinnaker1", 3), ("spinnaker1", 40), ("spinnaker1", 100), ("spinnaker2", 20), ("loihi2", 6)):
        fabric = fabric_for(real(name), chips)
        for order in orders(fabric, chips):
            assert len(order) == len(set(order)) >= chips
            assert all(position in fabric.index_of for position in order)


def test_boards_next_to_each_other_are_taken() -> None:
    """Three boards of the large machine form a whole: no chip of one is without a way to the others."""
    fabric = fabric_for(real("spinnaker1"), 144)
    area = list(orders(fabric, 144))[1]
    graph = replace(fabric, positions=area).graph()
    networkx = pytest.importorskip("networkx")
    assert len(area) == 144
    assert networkx.is_strongly_connected(graph)


def memory_bound() -> Chip:
    """Synaptic rows fill a chip's memory long before its 16 cores."""
    made = real("spinnaker1")
    limits = tuple(
        replace(each, limit=replace(each.limit, low=400_000, typical=400_000, high=400_000))
        if each.scope is LimitScope.CHIP
        else each
        for each in made.limits
    )
    return replace(made, limits=limits)


def test_chips_that_their_memory_fills_make_a_plan_that_is_verified() -> None:
    plan = compiled()
    used = Counter[int]()
    for core in plan.cores:
        used[core.chip] += core.used["sdram"]
    assert plan.mapping.chips_used == plan.mapping.chips_lower_bound > 2
    assert plan.mapping.chips_bound_resource == "sdram"
    assert max(used.values()) <= 400_000
    assert sum(used.values()) > 0.8 * 400_000 * len(used)
    assert len(plan.cores) < 8 * len(used), "cores are not what fills them"


def compiled() -> Plan:
    return compile_network(chain(a=700, b=500, c=300), memory_bound(), Options(effort="quick"))


def test_more_chips_than_there_are_is_no_proof() -> None:
    with pytest.raises(NoPlanError, match="takes 3 chips, 2 are available; whether fewer do is not proved") as caught:
        chips_for(clusters_using([5] * 3), [], hexagon(4, 9), 2)
    assert caught.value.code == "FIT014"


def test_a_packing_is_found_where_filling_in_order_takes_more_chips_than_there_are() -> None:
    uses = [6, 6, 5, 6, 5, 4, 4, 4]
    assert max(chips_for(clusters_using(uses), [], hexagon(16, 10), 4).chip_of) == 3


def test_patterns_take_fewer_chips_than_fills_and_keep_both_limits() -> None:
    """Pieces of 151 to 599 on chips of 1000: fills leave gaps that no piece is left for."""
    sizes = [151 + (k * 97) % 449 for k in range(8)]
    uses = tuple(sorted((1, sizes[(k * k + k // 3) % 8]) for k in range(120)))
    units = Units(tuple(range(121)), uses, ("cores", BYTES), (16, 1000))
    known = first_fit(units, lambda _: units.most, hardest_first(units), 120)
    assert known is not None
    found = by_patterns(units, "normal", known)
    assert found is not None
    assert units.least_chips <= 1 + max(found) < 1 + max(known)
    assert all(sum(use[1] for use, c in zip(uses, found, strict=True) if c == chip) <= 1000 for chip in set(found))
    assert found == by_patterns(units, "normal", known)
    assert by_patterns(units, "quick", known) is None, "no solver is asked"


def test_units_keep_synapse_cores_with_their_neuron() -> None:
    units = units_of(clusters_using([1, 2, 3], [0, 2]), hexagon(4, 9))
    assert (units.first, units.uses) == ((0, 1, 4, 5), ((1, 1), (3, 2), (1, 3)))
    assert units.of_cluster == (0, 1, 1, 1, 2)
    assert isinstance(units, Units)
    assert room_of(fabric_for(hexagon(4, 9), 1), 0, units) == (4, 9)


@given(st.data())
@settings(max_examples=examples(30), deadline=None)
def test_without_multicast_every_target_takes_its_own_messages(data: st.DataObject) -> None:
    count = 8
    on = chip(on=topology(columns=2, rows=2, systems=(system(3, 3),)), neurons=99)
    flows = data.draw(traffics(count))
    units = units_of(clusters_using([0] * count), on)
    nets = nets_of(flows, units, on)
    assume(len(nets))
    chip_of = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    sent = sum(n for f in flows for t, n in f.targets if chip_of[t] != chip_of[f.cluster])
    assert nets.crossing(chip_of) * nets.messages == pytest.approx(sent, abs=0.01)
