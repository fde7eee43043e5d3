"""What `inspect` draws from: values, sizes, sub-graphs and loops, each held against a plain definition."""

from __future__ import annotations

import math
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from neuedge_nir.network.connect import Conv, Delay, Dense, Pool, PoolKind
from neuedge_nir.network.model import Network
from neuedge_nir.plan.build import counts
from neuedge_nir.report.loops import Loop, loops_of
from neuedge_nir.report.outline import Group, Kernel, Spread, Vertex, Weights, group_of, outline_of, spread_of
from tests.nirfile import affine, graph, inputs, li, lif, linear, outputs
from tests.nirfile import network as read
from tests.worlds import dense, network, networks, wire

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SHAPES = arrays.array_shapes(max_dims=3, max_side=5)


# --- values


@given(arrays.arrays(np.float64, SHAPES, elements=st.floats(-1e6, 1e6)))
def test_a_spread_is_the_least_the_middle_and_the_greatest(values: np.ndarray) -> None:
    found = spread_of(values)
    assert (found.low, found.high) == (values.min(), values.max())
    assert found.median == pytest.approx(np.median(values), rel=1e-12, abs=1e-300)


@given(arrays.arrays(np.float64, SHAPES, elements=st.floats(-9, 9)), st.integers(1, 4))
def test_what_is_repeated_changes_no_spread(values: np.ndarray, times: int) -> None:
    repeated = np.broadcast_to(values, (times, *values.shape))
    assert spread_of(repeated) == spread_of(repeated.copy()) == spread_of(values)


@given(arrays.arrays(np.float64, SHAPES, elements=FINITE))
def test_a_spread_is_finite_and_in_order_however_large_the_values(values: np.ndarray) -> None:
    found = spread_of(values)
    assert found.low <= found.median <= found.high
    assert math.isfinite(found.median)


def test_the_middle_of_values_too_large_to_be_added_is_still_a_number() -> None:
    assert spread_of(np.array([1.5e308, 1.75e308])).median == 1.625e308
    assert spread_of(np.array([5e-324, 5e-324, 1.0, 2.0])).low == 5e-324


def test_a_zero_has_no_sign() -> None:
    assert str(spread_of(np.array([-0.0])).low) == str(spread_of(np.array([-0.0, 1.0])).low) == "0.0"


def test_equal_values_are_looked_at_once_however_many_they_are() -> None:
    assert spread_of(np.broadcast_to(np.float32(0.5), (10**6, 10**6, 10**6))) == Spread(0.5, 0.5, 0.5)


def test_weights_have_a_range_and_a_share_of_zeros() -> None:
    found = outline_of(
        network({"a": 2}, wire("in", "a", Dense("fc", np.array([[0.0, -0.0], [3.0, -1.0]]))), inputs={"in": 2})
    )
    arrow, read_out = found.arrows
    assert arrow.steps[0].weights == Weights(-1.0, 3.0, 0.5)
    assert (arrow.weight_range, read_out.weight_range) == ((-1.0, 3.0), None)


# --- operators


def test_an_operator_is_told_with_its_kernel_its_shapes_and_its_values() -> None:
    pool = Pool("p", PoolKind.AVERAGE, (2, 8, 8), (2, 4, 4), (2, 2), (2, 2), (0, 0))
    conv = Conv("c", np.full((4, 1, 3, 3), 0.5), (2, 4, 4), (4, 2, 3), (2, 1), ((1, 1), (0, 1)), (1, 1), 2)
    late = Delay("d", np.asarray(3.0), (4, 2, 3))
    net = network({"a": (4, 2, 3)}, wire("in", "a", pool, conv, late), inputs={"in": (2, 8, 8)})
    first, second, third = outline_of(net).arrows[0].steps
    assert (first.kind, first.kernel) == ("AvgPool", Kernel((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), 1))
    assert (second.kind, second.kernel) == ("Conv", Kernel((3, 3), (2, 1), ((1, 1), (0, 1)), (1, 1), 2))
    assert (second.input_shape, second.output_shape) == ((2, 4, 4), (4, 2, 3))
    assert (first.weights, second.weights, third.weights) == (None, Weights(0.5, 0.5, 0.0), None)
    assert (second.delay, third.delay) == (None, Spread(3.0, 3.0, 3.0))


# --- sizes


@given(networks())
def test_the_totals_are_those_of_the_network(net: Network) -> None:
    found = outline_of(net)
    assert found.totals == counts(net)
    assert sum(arrow.synapses for arrow in found.arrows) == found.totals.synapses
    assert [vertex.size for vertex in found.populations] == [p.neurons for p in net.populations]


@given(networks())
def test_every_population_port_and_projection_is_there_once(net: Network) -> None:
    found = outline_of(net)
    names = [*(p.name for p in net.inputs), *(p.name for p in net.populations), *(p.name for p in net.outputs)]
    assert [vertex.name for vertex in found.vertices] == names
    assert [arrow.name for arrow in found.arrows] == [p.name for p in net.projections]
    assert sorted(v.name for v in found.tree().vertices()) == sorted(v.name for v in found.vertices)


# --- sub-graphs

NAMES = st.lists(
    st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4).map("/".join), unique=True, max_size=12
)


def test_an_inlined_graph_is_a_group_where_its_first_member_stands() -> None:
    deep = graph({"i": inputs(2), "n": lif(2), "o": outputs(2)}, [("i", "n"), ("n", "o")])
    inner = graph(
        {"i": inputs(2), "n": lif(2), "deep": deep, "m": lif(2), "o": outputs(2)},
        [("i", "n"), ("n", "deep"), ("deep", "m"), ("m", "o")],
    )
    nodes = {"in": inputs(2), "block": inner, "fc": affine(np.eye(2), [1.0, 2.0]), "last": li(2), "out": outputs(2)}
    edges = [("in", "block"), ("block", "fc"), ("fc", "last"), ("last", "out")]
    found = outline_of(read(nodes, edges))
    assert drawn(found.tree()) == ["in", ["block/n", ["block/deep/n"], "block/m"], "last", "out"]
    assert [(g.name, g.neurons) for g in found.tree().groups()] == [("block", 6), ("block/deep", 2)]
    assert [vertex.inner_name for vertex in found.populations] == ["n", "n", "m", "last"]
    assert found.populations[-1].bias == Spread(1.0, 1.5, 2.0)
    assert [vertex.spiking for vertex in found.populations] == [True, True, True, False]


def drawn(group: Group) -> list[object]:
    return [member.name if isinstance(member, Vertex) else drawn(member) for member in group.members]


@given(NAMES)
def test_every_vertex_lies_in_the_groups_of_its_name(names: list[str]) -> None:
    tree = outline_of(network(dict.fromkeys(names, 1), outputs={})).tree()
    for group in (tree, *tree.groups()):
        for member in group.members:
            if isinstance(member, Vertex):
                assert group_of(member.name) == group.path
                assert member.name == "/".join((*group.path, member.inner_name))
            else:
                assert member.path[:-1] == group.path
    paths = [group.path for group in tree.groups()]
    assert len(paths) == len(set(paths))


def test_a_name_of_slashes_alone_nests_no_deeper_than_a_file_could() -> None:
    net = network({"/" * 5000: 1}, outputs={})
    assert len(list(outline_of(net).tree().groups())) < 100


# --- loops


@st.composite
def tangles(draw: st.DrawFn) -> Network:
    """Populations with projections between any of them, those backwards a step later."""
    count = draw(st.integers(1, 7))
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=14))
    wires = [wire(f"p{a}", f"p{b}", dense(1, 1), steps=int(a >= b)) for a, b in pairs]
    return network({f"p{k}": 1 for k in range(count)}, *wires, outputs={})


def multigraph(net: Network) -> nx.MultiDiGraph:
    found = nx.MultiDiGraph()
    found.add_nodes_from(p.name for p in net.populations)
    found.add_edges_from((p.source, p.target) for p in net.projections)
    return found


@given(tangles())
def test_loops_are_the_parts_that_reach_themselves(net: Network) -> None:
    plain = multigraph(net)
    parts = [part for part in nx.strongly_connected_components(plain) if plain.subgraph(part).number_of_edges()]
    assert {frozenset(loop.populations) for loop in loops_of(net)} == {frozenset(part) for part in parts}


@given(tangles())
def test_a_loop_names_a_way_round_and_what_closes_it(net: Network) -> None:
    plain, order = multigraph(net), [p.name for p in net.populations]
    for loop in loops_of(net):
        ends = [*loop.cycle[1:], loop.cycle[0]]
        assert all(plain.has_edge(a, b) for a, b in zip(loop.cycle, ends, strict=True))
        assert len(set(loop.cycle)) == len(loop.cycle)
        assert list(loop.populations) == [name for name in order if name in loop.populations]
        inside = [p for p in net.projections if {p.source, p.target} <= set(loop.populations)]
        assert list(loop.closed_by) == [p.name for p in inside if p.steps]
    closing = [p.name for p in net.projections if p.steps and nx.has_path(plain, p.target, p.source)]
    assert sorted(name for loop in loops_of(net) for name in loop.closed_by) == sorted(closing)


def test_the_way_round_leads_through_several_populations_where_one_does() -> None:
    back, self_loop = wire("b", "a", dense(1, 1), steps=1), wire("a", "a", dense(1, 1), steps=1)
    net = network({"a": 1, "b": 1, "c": 1}, self_loop, wire("a", "b", dense(1, 1)), back, outputs={})
    assert loops_of(net) == (Loop(("a", "b"), ("a->a#0", "b->a#2"), ("a", "b")),)


def test_a_long_chain_closed_to_one_loop_is_found_without_recursion() -> None:
    many = 3000
    names = [f"p{k}" for k in range(many)]
    wires = [wire(a, b, dense(1, 1)) for a, b in pairwise(names)]
    net = network(dict.fromkeys(names, 1), *wires, wire(names[-1], names[0], dense(1, 1), steps=1), outputs={})
    assert loops_of(net)[0].cycle == tuple(names)


def test_a_feed_forward_network_has_no_loop() -> None:
    assert outline_of(read({"in": inputs(2), "fc": linear(np.eye(2)), "n": lif(2), "out": outputs(2)},
                           [("in", "fc"), ("fc", "n"), ("n", "out")])).loops == ()  # fmt: skip
