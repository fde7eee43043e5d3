"""Routes: link by link against explicit sets of links, trees that are trees, and tables that hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import AxonWeights, Mesh, Topology
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.fabric import Fabric, Link, Router, Site, fabric_for, largest_system
from neuedge_nir.mapping.pack import partition
from neuedge_nir.mapping.partition import Cluster
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.route import route
from neuedge_nir.mapping.routing.forest import Forest
from neuedge_nir.mapping.routing.mesh import is_deadlock_free, link_loads
from neuedge_nir.mapping.routing.model import Moves, moves_of
from neuedge_nir.mapping.routing.wires import wires_for
from neuedge_nir.mapping.traffic import Flow, flows, host_messages
from neuedge_nir.network.model import Network
from neuedge_nir.network.slices import Slice
from tests.sampling import examples
from tests.test_count import members, unrolled
from tests.worlds import chain, chip, demands_of, hexagonal, networks, system, topology

MESH = topology(columns=6, rows=5)
HALF_FULL = hexagonal(systems=(system(4, 4, (0, 1), (0, 2), (1, 3), (2, 3)),))
"""A hexagonal board with two corners missing, on which some straight ways leave the outline."""

TORUS = hexagonal(systems=(system(4, 3, wraps=True),))


def fabric_of(on: Topology) -> Fabric:
    made = chip(on=on, neurons=9)
    return fabric_for(made, largest_system(made))


def standing(fabric: Fabric, *routers: Router) -> Placement:
    """Cluster k on the first core of the k-th router."""
    return Placement(fabric, tuple(Site(fabric.chip_of(r), r, 0) for r in routers), 0.0)


def routers_of(fabric: Fabric) -> list[Router]:
    return [(x, y) for x in range(fabric.columns) for y in range(fabric.rows) if fabric.fitted((x, y))]


@st.composite
def journeys(draw: st.DrawFn, fabric: Fabric) -> tuple[list[Flow], Placement]:
    """Slices on distinct routers, some with two slices, sending to some of the others and to themselves."""
    at = draw(st.lists(st.sampled_from(routers_of(fabric)), min_size=2, max_size=8, unique=True))
    found = []
    for cluster in range(len(at)):
        for piece in range(draw(st.integers(1, 2))):
            neurons = draw(st.integers(1, 9))
            targets = sorted(draw(st.sets(st.integers(0, len(at) - 1), max_size=5)))
            sent = tuple((t, draw(st.integers(1, neurons))) for t in targets)
            found.append(Flow(cluster, piece, neurons, draw(st.sampled_from([0.25, 1.0, 0.5])), sent))
    return found, standing(fabric, *at)


def moves(*ways: tuple[Router, Router, int], rate: float = 1.0) -> Moves:
    """Messages, each from a slice of its own: source, target, how many."""
    a, b, counts = ([way[k] for way in ways] for k in range(3))
    sources, targets = (np.array(ends, dtype=np.int64).reshape(-1, 2) for ends in (a, b))
    return Moves(np.arange(len(ways)), sources, targets, np.array(counts, dtype=np.int64), np.full(len(ways), rate))


def trips(found: Moves) -> list[tuple[Router, Router, float]]:
    """Source, target and messages a step, one by one."""
    ends = zip(found.sources.tolist(), found.targets.tolist(), found.messages.tolist(), strict=True)
    return [((a, b), (c, d), count) for (a, b), (c, d), count in ends]


def straight(start: Router, end: Router) -> list[Link]:
    """Along the row, then along the column: each link written down."""
    (x, y), (u, v) = start, end
    corner = [(k, y) for k in (range(x, u + 1) if u >= x else range(x, u - 1, -1))]
    column = [(u, k) for k in (range(y, v + 1) if v >= y else range(y, v - 1, -1))]
    return list(pairwise([*corner, *column[1:]]))


# --- Dimension order --------------------------------------------------------------------------------------------------


@given(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_a_message_goes_along_the_row_and_then_along_the_column(a: Router, b: Router) -> None:
    path = fabric_of(topology(columns=10, rows=10)).xy_path(a, b)
    assert (path[0], path[-1]) == (a, b)
    assert list(pairwise(path)) == straight(a, b)
    assert len(path) == abs(a[0] - b[0]) + abs(a[1] - b[1]) + 1


RING = topology(columns=5, rows=4, systems=(system(1, 1),), mesh=Mesh.TORUS)


@given(st.sampled_from(routers_of(fabric_of(RING))), st.sampled_from(routers_of(fabric_of(RING))))
def test_a_message_goes_round_a_torus_the_shorter_way(a: Router, b: Router) -> None:
    torus = fabric_of(RING)
    path = torus.xy_path(a, b)
    rest = [min((q - p) % size, (p - q) % size) for p, q, size in zip(a, b, (5, 4), strict=True)]
    assert (path[0], path[-1], len(path)) == (a, b, sum(rest) + 1)
    assert all(other in set(torus.neighbours(one)) for one, other in pairwise(path))
    along = [one[1] == other[1] for one, other in pairwise(path)]
    assert along == sorted(along, reverse=True), "the row first"
    assert torus.hops(np.array(a), np.array(b)) == sum(rest)


def test_messages_all_the_way_round_a_ring_may_wait_for_each_other() -> None:
    torus = fabric_of(RING)
    round_it = [((x, 0), ((x + 2) % 5, 0), 1) for x in range(5)]
    assert not is_deadlock_free(moves(*round_it), torus)
    assert is_deadlock_free(moves(*round_it[:4]), torus)


@settings(max_examples=examples(50), deadline=None)
@given(journeys(fabric_of(RING)))
def test_the_totals_of_a_torus_are_those_of_its_shorter_ways(drawn: tuple[list[Flow], Placement]) -> None:
    sent, placement = drawn
    found, fabric = route(sent, placement), placement.fabric
    going = trips(moves_of(sent, placement))
    ways = [(count, list(pairwise(fabric.xy_path(a, b)))) for a, b, count in going]
    assert found.loads == {link: load for link, load in walked(going, fabric).items() if load}
    assert found.unicast_hops == sum(len(way) * count for count, way in ways) == sum(found.loads.values())
    assert found.tree_hops == widest(sent, placement)
    assert found.longest_way == max((len(way) for _, way in ways), default=0) <= 4


def walked(going: Iterable[tuple[Router, Router, float]], fabric: Fabric) -> dict[Link, float]:
    """The oracle: every way, link by link over NetworkX's graph of the routers."""
    graph = fabric.graph()
    for source, target, count in going:
        for a, b in pairwise(fabric.xy_path(source, target)):
            graph[a][b]["load"] = graph[a][b].get("load", 0.0) + count
    return {(a, b): load for a, b, load in sorted(graph.edges(data="load", default=-1.0)) if load >= 0}


def widest(sent: Iterable[Flow], placement: Placement) -> float:
    """Tree hops: over the links of each slice's ways the most messages that a way brings there."""
    total, at = 0.0, placement.sites
    for f in sent:
        most: dict[Link, float] = defaultdict(float)
        for target, messages in f.targets:
            if target != f.cluster:
                for link in pairwise(placement.fabric.xy_path(at[f.cluster].router, at[target].router)):
                    most[link] = max(most[link], messages * f.rate)
        total += sum(most.values())
    return total


@settings(max_examples=examples(100), deadline=None)
@given(journeys(fabric_of(MESH)))
def test_loads_in_closed_form_are_those_of_a_walk(drawn: tuple[list[Flow], Placement]) -> None:
    found = moves_of(*drawn)
    by_hand: dict[Link, float] = defaultdict(float)
    for source, target, count in trips(found):
        for link in straight(source, target):
            by_hand[link] += count  # quarters: exact in any order
    closed = link_loads(found, drawn[1].fabric)
    assert walked(trips(found), drawn[1].fabric) == closed == by_hand
    assert list(closed) == sorted(by_hand)


@settings(max_examples=examples(100), deadline=None)
@given(journeys(fabric_of(MESH)))
def test_the_totals_of_a_mesh_are_those_of_its_messages(drawn: tuple[list[Flow], Placement]) -> None:
    sent, placement = drawn
    found, at = route(sent, placement), placement.sites
    deliveries = unicast = tree = 0.0
    ways = [0]
    for f in sent:
        widest: dict[Link, float] = defaultdict(float)
        for target, messages in f.targets:
            if target != f.cluster:
                way = straight(at[f.cluster].router, at[target].router)
                deliveries, unicast = deliveries + messages * f.rate, unicast + len(way) * messages * f.rate
                ways.append(len(way))
                for link in way:
                    widest[link] = max(widest[link], messages * f.rate)
        tree += sum(widest.values())
    assert (found.deliveries, found.unicast_hops, found.tree_hops) == (deliveries, unicast, tree)
    assert found.unicast_hops == sum(found.loads.values()) >= found.tree_hops
    assert found.longest_way == max(ways)
    assert found.max_load == max(found.loads.values(), default=0.0)
    assert found.hottest == sorted(found.loads.items(), key=lambda item: (-item[1], item[0]))[:10]
    assert found.deadlock_free


def test_messages_between_chips_are_counted_where_they_cross() -> None:
    fabric = fabric_of(topology(columns=2, rows=2, systems=(system(3, 2),)))
    placement = standing(fabric, (0, 0), (5, 3), (1, 1))
    found = route([Flow(0, 0, 4, 0.5, ((1, 4), (2, 2)))], placement)
    assert found.interchip == 3 * 2.0
    assert found.transit == {fabric.chip_of(r) for r in ((0, 0), (2, 0), (4, 0), (4, 2))}
    assert (found.longest_way, found.unicast_hops) == (8, 8 * 2.0 + 2 * 1.0)


def test_what_stays_on_a_core_or_is_never_sent_crosses_no_link() -> None:
    placement = standing(fabric_of(MESH), (0, 0), (1, 0))
    silent = Flow(0, 1, 5, 0.0, ((1, 5),))
    found = route([Flow(0, 0, 5, 1.0, ((0, 5),)), silent], placement)
    assert (found.loads, found.deliveries, found.unicast_hops, found.tree_hops) == ({}, 0, 0, 0)
    assert found.deadlock_free


def test_a_straight_way_over_a_missing_chip_is_refused() -> None:
    fabric = fabric_of(topology(columns=1, rows=1, systems=(system(3, 2, (0, 0), (0, 2)),)))
    with pytest.raises(NoPlanError) as caught:
        link_loads(moves(((0, 0), (2, 1), 1)), fabric)
    assert caught.value.code == "FIT016"


def test_a_message_farther_than_a_packet_can_say_is_no_plan() -> None:
    fabric = fabric_of(topology(columns=6, rows=1, max_offset=3))
    with pytest.raises(NoPlanError):
        route([Flow(0, 0, 1, 1.0, ((1, 1),))], standing(fabric, (0, 0), (5, 0)))


# --- Deadlock ---------------------------------------------------------------------------------------------------------


def turns_of(fabric: Fabric) -> networkx.DiGraph:
    """Which link waits for which: the turns of all ways between all routers."""
    routers = routers_of(fabric)
    ways = [list(pairwise(fabric.xy_path(a, b))) for a in routers for b in routers]
    return networkx.DiGraph([turn for way in ways for turn in pairwise(way)])


def test_ways_in_dimension_order_never_wait_in_a_circle() -> None:
    fabric = fabric_of(topology(columns=5, rows=6, systems=(system(1, 1),)))
    assert networkx.is_directed_acyclic_graph(turns_of(fabric))
    ends = routers_of(fabric)
    assert is_deadlock_free(moves(*((a, b, 1) for a in ends for b in ends if a != b)), fabric)


def test_ways_round_a_torus_wait_in_a_circle_where_networkx_finds_one() -> None:
    fabric = fabric_of(RING)
    assert not networkx.is_directed_acyclic_graph(turns_of(fabric))


# --- Multicast --------------------------------------------------------------------------------------------------------


def assert_is_a_tree(links: Sequence[Link], source: Router, ends: set[Router], fabric: Fabric) -> None:
    """Connected outwards from the source, every router entered once, every leaf a target, every link a wire."""
    entered = [b for _, b in links]
    assert len(set(entered)) == len(entered)
    assert source not in entered
    reached = {source}
    for a, b in links:  # listed from the source outwards
        assert a in reached
        assert b in set(fabric.neighbours(a))
        reached.add(b)
    assert ends <= reached
    leaves = reached - {a for a, _ in links} - {source}
    assert leaves <= ends


@settings(max_examples=examples(120), deadline=None)
@given(st.data(), st.sampled_from([HALF_FULL, TORUS, hexagonal()]))
def test_multicast_trees_are_trees_and_their_totals_add_up(data: st.DataObject, on: Topology) -> None:
    fabric = fabric_of(on)
    sent, placement = data.draw(journeys(fabric))
    found, at = route(sent, placement), placement.sites
    trees = {(tree.cluster, tree.piece): tree.links for tree in found.trees}
    loads: dict[Link, float] = defaultdict(float)
    unicast = deliveries = 0.0
    for f in sent:
        source = at[f.cluster].router
        away = [t for t, _ in f.targets if t != f.cluster]
        links = trees.get((f.cluster, f.piece), ())
        assert ((f.cluster, f.piece) in trees) == bool(away)
        assert_is_a_tree(links, source, {at[t].router for t in away}, fabric)
        for link in links:
            loads[link] += f.neurons * f.rate
        tree = networkx.DiGraph(links)
        deliveries += len(away) * f.neurons * f.rate
        unicast += sum(networkx.shortest_path_length(tree, source, at[t].router) for t in away) * f.neurons * f.rate
    assert found.loads == {link: load for link, load in sorted(loads.items()) if load}
    assert (found.tree_hops, found.unicast_hops, found.deliveries) == (sum(loads.values()), unicast, deliveries)
    assert found.tree_hops <= found.unicast_hops
    assert found.entries == entries_by_hand(sent, placement, trees)
    assert found.deadlock_free is None


def entries_by_hand(
    sent: Iterable[Flow], placement: Placement, trees: Mapping[tuple[int, int], Sequence[Link]]
) -> dict[int, int]:
    """Per chip: the routers of every tree that a packet does not merely cross straight on, and every source."""
    count: Counter[int] = Counter()
    for f in sent:
        if not f.targets:
            continue
        links = trees.get((f.cluster, f.piece), ())
        own = placement.sites[f.cluster].router
        local = {placement.sites[t].router for t, _ in f.targets}
        for router in {own, *(b for _, b in links)}:
            arriving = [step_of(a, b, placement.fabric) for a, b in links if b == router]
            leaving = [step_of(a, b, placement.fabric) for a, b in links if a == router]
            if router in local or not arriving or arriving != leaving:
                count[placement.fabric.chip_of(router)] += 1
    return dict(sorted(count.items()))


def step_of(a: Router, b: Router, fabric: Fabric) -> Router:
    """The direction of a link, across the edge of a torus too."""
    steps = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1))
    size = (fabric.columns, fabric.rows) if fabric.wraps else (99, 99)
    return next(s for s in steps if all((b[k] - a[k] - s[k]) % size[k] == 0 for k in (0, 1)))


@pytest.mark.parametrize("first", [0, 3])
def test_a_way_straight_across_needs_no_entry_in_between(first: int) -> None:
    """Round the edge of a torus too."""
    fabric = fabric_of(hexagonal(systems=(system(6, 3, wraps=True),)))
    a, b, _, d, e = way = [*(((first + k) % 6, 0) for k in range(4)), ((first + 3) % 6, 1)]
    wires = wires_for(fabric, [(x, y) for x in range(6) for y in range(3)])
    assert wires is not None
    number = wires.number
    forest = Forest(wires, (tuple(wires.links.index(link) for link in pairwise(way)),), np.zeros(0))
    for targets, written in (([e], [a, d, e]), ([e, b], [a, b, d, e])):
        found = forest.written(0, number[a], {number[t] for t in targets})
        assert [wires.routers[n] for n in found] == sorted(written)


def test_a_tree_costs_less_than_a_message_for_each_target() -> None:
    found = route(
        [Flow(0, 0, 10, 1.0, ((1, 10), (2, 10), (3, 10)))],
        standing(fabric_of(hexagonal()), *((k, k) for k in range(4))),
    )
    assert (found.tree_hops, found.unicast_hops) == (30, 60)


def test_a_way_round_a_missing_chip_is_found() -> None:
    fabric = fabric_of(hexagonal(systems=(system(3, 3, (0, 2), (0, 0), (0, 2)),)))
    found = route([Flow(0, 0, 1, 1.0, ((1, 1),))], standing(fabric, (2, 0), (2, 2)))
    (tree,) = found.trees
    assert_is_a_tree(tree.links, (2, 0), {(2, 2)}, fabric)
    assert [b for _, b in tree.links] == [(1, 0), (0, 0), (0, 1), (1, 2), (2, 2)]


def test_chips_that_are_not_connected_are_refused() -> None:
    fabric = fabric_of(hexagonal(systems=(system(5, 1, (0, 0)), system(5, 2, (0, 0), (4, 4)))))
    with pytest.raises(NoPlanError, match="not all connected") as caught:
        route([Flow(0, 0, 1, 1.0, ((1, 1),))], standing(fabric, (0, 0), (4, 1)))
    assert caught.value.code == "FIT016"


def test_a_routing_table_that_overflows_is_refused_with_the_figures() -> None:
    fabric = fabric_of(hexagonal(table_entries=3))
    sent = [Flow(0, piece, 1, 1.0, ((1, 1),)) for piece in range(4)]
    with pytest.raises(NoPlanError, match="needs 4 routing table entries, Toy has 3") as caught:
        route(sent, standing(fabric, (0, 0), (1, 0)))
    assert (caught.value.code, caught.value.needed, caught.value.available) == ("FIT017", 4, 3)
    assert route(sent[:3], standing(fabric, (0, 0), (1, 0))).entries == {0: 3, 1: 3}


# --- Messages ---------------------------------------------------------------------------------------------------------


@settings(max_examples=examples(80), deadline=None)
@given(networks(), st.integers(3, 20), st.booleans(), st.booleans())
def test_every_slice_sends_to_the_cores_that_its_neurons_reach(
    net: Network, room: int, one_destination: bool, mapped_inputs: bool
) -> None:
    on = chip(neurons=room, max_delay=9, one_destination=one_destination)
    demands = demands_of(net, on, mapped_inputs=mapped_inputs)
    clusters = partition(demands, "none").clusters
    found = flows(clusters, demands)
    reach = sources_by_hand(demands)
    assert [(f.cluster, f.piece) for f in found] == [
        (c, p) for c, k in enumerate(clusters) for p in range(len(k.pieces))
    ]
    for f in found:
        piece = clusters[f.cluster].pieces[f.piece]
        neurons = members(piece.part, demands.shapes[piece.population])
        assert f.neurons == len(neurons)
        assert f.targets == messages_by_hand(piece.population, neurons, clusters, demands, reach)
    held = {piece.population for cluster in clusters for piece in cluster.pieces}
    due = sum(
        count * demands.activity.rate(port.name)
        for port in net.inputs
        if port.name not in held
        for _, count in messages_by_hand(port.name, set(range(port.neurons)), clusters, demands, reach)
    )
    assert host_messages(clusters, demands) == due


def sources_by_hand(demands: Demands) -> Callable[[int, Slice], set[int]]:
    """The sources that a slice has in the projection of this index, unrolled once each."""
    projections = [legal.projection for legal in demands.legal.projections]
    return cache(lambda index, part: {source for source, _ in unrolled(projections[index], part)[0]})


def messages_by_hand(
    name: str,
    neurons: set[int],
    clusters: Sequence[Cluster],
    demands: Demands,
    reach: Callable[[int, Slice], set[int]],
) -> tuple[tuple[int, int], ...]:
    """Who of the neurons reaches each core: once, or once per projection where every axon is a message."""
    found = []
    for index, cluster in enumerate(clusters):
        reaching: list[set[int]] = []
        for k, legal in enumerate(demands.legal.projections):
            if legal.projection.source == name:
                parts = [p.part for p in cluster.pieces if p.population == legal.projection.target]
                reaching.append(set().union(*(reach(k, part) for part in parts)) & neurons)
        one_destination = demands.legal.chip.capabilities.one_destination
        count = sum(map(len, reaching)) if one_destination else len(set().union(*reaching))
        if count:
            found.append((index, count))
    return tuple(found)


def test_an_input_that_takes_four_axons_takes_four_messages() -> None:
    net = chain(inputs=5, model="IF", a=6, b=2)
    on = chip(neuron_copies=40, weights=AxonWeights.AXON_TYPES, weight_bits=9, one_destination=True)
    demands = demands_of(net, on, rate=0.5)
    assert [p.stored.axons_per_input for p in demands.legal.projections] == [4, 4]
    clusters = partition(demands, "none").clusters
    assert [f.targets for f in flows(clusters, demands)] == [((0, 24),), ()]
    assert host_messages(clusters, demands) == 5 * 4 * 0.5


def test_slices_that_send_alike_share_their_targets() -> None:
    demands = demands_of(chain(inputs=5, model="IF", a=12, b=6), chip(neurons=3))
    sent = [flow.targets for flow in flows(partition(demands, "none").clusters, demands) if flow.targets]
    assert len(sent) == 4
    assert set(sent) == {((4, 3), (5, 3))}
    assert len({id(targets) for targets in sent}) == 1
