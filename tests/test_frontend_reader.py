"""From the graph of a file to the network: real files, chains, recurrence, nested graphs."""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.diagnostics import Severity
from neuedge_nir.errors import InputError
from neuedge_nir.frontend import DEFAULT_CAPS, read
from neuedge_nir.network.connect import Conv, Delay, Dense, Pool, PoolKind, Scale, weights_of
from neuedge_nir.network.model import LIF, Signal
from tests.nirfile import (
    SHARED,
    Nodes,
    chain,
    codes,
    conv2d,
    delay,
    flatten,
    graph,
    inputs,
    li,
    lif,
    linear,
    names,
    network,
    notable,
    outputs,
    pool2d,
    refused,
    row,
    row_refused,
    scale,
    write_nir,
)

I2, O2 = ("in", inputs(2)), ("out", outputs(2))
EYE = np.eye(2)


# Real files.

SOUND = {
    "lif_norse": (1, 1),
    "two_lif_neurons": (2, 2),
    "cnn_sinabs": (8970, 39_584),
    "braille_noDelay_bias_zero": (45, 38 * 12 + 38 * 38 + 7 * 38),
    "braille_noDelay_noBias_subtract": (47, 2360),
    "nirtorch_braille": (45, 38 * 12 + 38 * 38 + 7 * 38),
    "nirtorch_feedback_graph": (2003, 3 * 3 * 2000),
    "nirviz_srnn": (4, 12),
    "pilotnet_lif": (158_509, 349_998),
    # Repaired on the way:
    "lif_rockpool": (1, 1),
    "lif_mixed_shapes": (1, 1),
    "braille_scalar_params": (45, 38 * 12 + 38 * 38 + 7 * 38),
    "lif_time_as_shape": (1, 0),
    "cnn_no_input_shape": (8970, 39_584),
    "braille_stale_edges": (45, 38 * 12 + 38 * 38 + 7 * 38),
    "braille_noDelay_bias_zero_subgraph": (45, 38 * 12 + 38 * 38 + 7 * 38),
    "braille_noDelay_noBias_subtract_subgraph": (47, 2360),
}
REFUSED = {
    "not_hdf5_lfs_pointer": "FILE005",
    "not_hdf5_torch_zip": "FILE006",
    "braille_no_io_nodes": "NET009",
}
needs_files = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the collected .nir files are not at {SHARED}")


@needs_files
@pytest.mark.parametrize("name", SOUND)
def test_a_real_file_becomes_a_network_of_its_size(name: str) -> None:
    found = read(SHARED / f"{name}.nir")
    operators = [operator for projection in found.projections for operator in projection.chain]
    stored = [weights_of(operator) for operator in operators if isinstance(operator, Dense | Conv)]
    assert (found.neurons, sum(weight.size for weight in stored if weight is not None)) == SOUND[name]
    assert found.origin.name == name


@needs_files
@pytest.mark.parametrize("name", REFUSED)
def test_a_real_file_beyond_repair_is_refused_by_code(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read(SHARED / f"{name}.nir")
    assert caught.value.code == REFUSED[name]


@needs_files
def test_the_cnn_is_five_layers_in_order() -> None:
    found = read(SHARED / "cnn_sinabs.nir")
    assert names(found) == ["input>0>1", "1>2>3", "3>4>5>6", "6>7>8>9>10", "10>11>12", "12>output"]
    assert [type(operator).__name__ for operator in found.projections[3].chain] == ["Pool", "Dense"]
    assert all(population.bias is None for population in found.populations)


@needs_files
def test_pilotnet_costs_megabytes() -> None:
    found = read(SHARED / "pilotnet_lif.nir")
    parameters = [value for population in found.populations for value in population.parameters.values()]
    assert {value.shape for value in parameters} == {()}
    assert {p.name: p.bias.shape for p in found.populations if p.bias is not None}["conv1_lif"] == (24, 1, 1)
    assert found.projections[0].chain[0].factor.shape == ()  # type: ignore[union-attr]


# Chains.


def test_stateless_nodes_become_the_chain_of_one_projection() -> None:
    weight = np.ones((3, 2, 3, 3), np.float32)
    found = row(
        ("in", inputs(2, 9, 9)),
        ("conv", conv2d(weight)),
        ("a", lif(3, 7, 7)),
        ("pool", pool2d("AvgPool2d")),
        ("scale", scale(np.full((3, 3, 3), 2.0))),
        ("late", delay(np.full((3, 3, 3), 4.0))),
        ("flat", flatten()),
        ("fc", linear(np.ones((2, 27)))),
        ("b", lif(2)),
        O2,
    )
    conv, deep, last = found.projections
    assert isinstance(conv.chain[0], Conv)
    assert conv.chain[0].weight.dtype == np.float32
    assert deep.name == "a>pool>scale>late>flat>fc>b"
    pool, twice, late, dense = deep.chain
    assert isinstance(pool, Pool)
    assert pool.kind is PoolKind.AVERAGE
    assert (pool.input_shape, pool.output_shape) == ((3, 7, 7), (3, 3, 3))
    assert isinstance(twice, Scale)
    assert (float(twice.factor), twice.factor.shape) == (2.0, ())
    assert isinstance(late, Delay)
    assert float(late.delay) == 4.0
    assert isinstance(dense, Dense)
    assert (last.chain, last.source_shape, last.target_shape) == ((), (2,), (2,))
    assert codes(found) == ["NIR007", "NIR011"]


def test_a_node_behind_a_flatten_takes_the_shape_before_it() -> None:
    values = np.arange(8.0)
    found = row(
        ("in", inputs(2, 2, 2)), ("flat", flatten()), ("scale", scale(values)), ("lif", lif(8)), ("out", outputs(8))
    )
    (operator,) = found.projections[0].chain
    assert isinstance(operator, Scale)
    assert operator.shape == (2, 2, 2)
    np.testing.assert_array_equal(operator.factor, values.reshape(2, 2, 2))


def test_uniform_and_channelwise_parameters_collapse() -> None:
    shape = (3, 4, 5)
    per_channel = np.broadcast_to(np.arange(1.0, 4).reshape(3, 1, 1), shape)
    each = np.arange(60.0).reshape(shape)
    found = row(("in", inputs(*shape)), ("lif", lif(*shape, tau=per_channel, r=each)), ("out", outputs(*shape)))
    parameters = found.populations[0].parameters
    assert parameters["tau"].shape == (3, 1, 1)
    assert parameters["r"].shape == shape
    assert parameters["v_leak"].shape == ()
    assert all(value.dtype == np.float64 and not value.flags.writeable for value in parameters.values())


def test_every_path_between_two_populations_is_a_projection() -> None:
    nodes = {"in": inputs(2), "a": linear(EYE), "b": linear(EYE), "lif": lif(2), "out": outputs(2)}
    found = network(nodes, [("in", "a"), ("in", "b"), ("in", "lif"), ("a", "lif"), ("b", "lif"), ("lif", "out")])
    assert names(found) == ["in>a>lif", "in>b>lif", "in>lif", "lif>out"]


def diamonds(count: int) -> tuple[Nodes, list[tuple[str, str]]]:
    """A row of branches that join again: 2^count paths."""
    nodes: Nodes = {"in": inputs(1), "lif": lif(1), "out": outputs(1), "j0": scale([1.0])}
    edges = [("in", "j0"), (f"j{count}", "lif"), ("lif", "out")]
    for i in range(count):
        nodes |= {f"j{i + 1}": scale([1.0]), f"a{i}": scale([2.0]), f"b{i}": scale([3.0])}
        edges += [(f"j{i}", f"{x}{i}") for x in "ab"] + [(f"{x}{i}", f"j{i + 1}") for x in "ab"]
    return nodes, edges


def test_paths_that_multiply_are_counted_before_they_are_walked() -> None:
    assert len(network(*diamonds(5)).into("lif")) == 32
    error = refused(*diamonds(300))
    assert (error.code, error.available) == ("NET013", DEFAULT_CAPS.operators)
    assert "2^300" in error.message


def test_an_input_may_lead_straight_to_an_output() -> None:
    found = row(I2, O2)
    assert (names(found), found.projections[0].chain, found.populations) == (["in>out"], (), ())


def test_signals_are_spikes_unless_the_source_does_not_spike() -> None:
    found = row(I2, ("li", li(2)), ("fc", linear(EYE)), ("lif", lif(2)), O2)
    assert [p.signal for p in found.projections] == [Signal.SPIKE, Signal.ANALOG, Signal.SPIKE]


def test_only_a_dense_layer_may_follow_a_partial_flatten_between_operators() -> None:
    conv = ("conv", conv2d(np.ones((3, 2, 1, 1))))
    whole = row(
        ("in", inputs(2, 2, 2)), conv, ("flat", flatten()), ("fc", linear(np.ones((2, 12)))), ("lif", lif(2)), O2
    )
    assert [operator.node for operator in whole.projections[0].chain] == ["conv", "fc"]
    batch = np.ones((3, 2, 4))
    error = row_refused(
        ("in", inputs(2, 2, 2)),
        conv,
        ("flat", flatten(1)),
        ("fc", linear(batch)),
        ("lif", lif(3, 2)),
        ("out", outputs(3, 2)),
    )
    assert error.code == "NET012"
    direct = row(
        ("in", inputs(3, 2, 2)), ("flat", flatten(1)), ("fc", linear(batch)), ("lif", lif(3, 2)), ("out", outputs(3, 2))
    )
    assert direct.projections[0].source_shape == (3, 2, 2)


def test_weights_without_a_neuron_are_remarked_on() -> None:
    found = row(
        I2, ("a", linear(EYE)), ("s", scale([2.0, 2.0])), ("b", linear(EYE)), ("lif", lif(2)), ("c", linear(EYE)), O2
    )
    assert [(d.code, d.severity, d.node) for d in notable(found)] == [
        ("NIR018", Severity.WARNING, "b"),
        ("NIR018", Severity.WARNING, "c"),
    ]


# Recurrence.


def ring() -> tuple[Nodes, list[tuple[str, str]]]:
    nodes: Nodes = {"in": inputs(2), "out": outputs(2), **{name: lif(2) for name in "abcd"}, "w": linear(EYE)}
    return nodes, [("in", "b"), ("b", "c"), ("c", "a"), ("a", "b"), ("c", "w"), ("w", "c"), ("c", "d"), ("d", "out")]


def test_the_edges_that_close_a_cycle_take_one_step() -> None:
    found = network(*ring())
    assert {p.name for p in found.projections if p.steps == 1} == {"a>b", "c>w>c"}
    assert [p.name for p in found.populations] == ["b", "c", "a", "d"]


@given(st.randoms(use_true_random=False))
def test_the_order_in_a_file_means_nothing(shuffler: random.Random) -> None:
    nodes, edges = ring()
    shuffled = list(nodes.items())
    shuffler.shuffle(shuffled)
    shuffler.shuffle(edges)
    found, usual = network(dict(shuffled), edges), network(*ring())
    assert [(p.name, p.steps) for p in found.projections] == [(p.name, p.steps) for p in usual.projections]
    assert [p.name for p in found.populations] == [p.name for p in usual.populations]


def test_a_cycle_without_a_neuron_is_refused_by_its_names() -> None:
    nodes = {"in": inputs(2), "a": scale(EYE[0]), "b": linear(EYE), "lif": lif(2), "out": outputs(2)}
    error = refused(nodes, [("in", "a"), ("a", "b"), ("b", "a"), ("b", "lif"), ("lif", "out")])
    assert error.code == "NET011"
    assert "'a' -> 'b' -> 'a'" in error.message


def long_cycle(count: int) -> tuple[Nodes, list[tuple[str, str]]]:
    rows = [(f"{kind}{i}", lif(1) if kind == "n" else linear([[1.0]])) for i in range(count) for kind in ("w", "n")]
    nodes, edges = chain(("in", inputs(1)), *rows, ("back", linear([[1.0]])))
    nodes["out"] = outputs(1)
    return nodes, [*edges, ("back", "n0"), (f"n{count - 1}", "out")]


def test_long_chains_and_cycles_are_quick() -> None:
    started = time.monotonic()
    found = network(*long_cycle(2000))
    assert time.monotonic() - started < 8
    assert len(found.populations) == 2000
    assert [p.name for p in found.projections if p.steps] == ["n1999>back>n0"]


def test_a_file_of_many_nodes_is_read_in_proportion(tmp_path: Path) -> None:
    path = write_nir(tmp_path / "long.nir", *long_cycle(300))
    started = time.monotonic()
    assert len(read(path).populations) == 300
    assert time.monotonic() - started < 8


def test_a_long_chain_without_neurons_is_quick() -> None:
    rows = [(f"s{i}", scale(np.array(1.0))) for i in range(4000)]
    assert len(row(I2, *rows, ("lif", lif(2)), O2).projections[0].chain) == 4000


# Nested graphs.


def test_a_nested_graph_is_inlined_under_its_name() -> None:
    inner = graph(
        {"input": inputs(2), "lif": lif(2), "w": linear(EYE), "output": outputs(2)},
        [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
    )
    found = row(I2, ("fc", linear(EYE)), ("sub", inner), ("fc2", linear(EYE)), ("last", lif(2)), O2)
    assert names(found) == [
        "in>fc>sub/input>sub/lif",
        "sub/lif>sub/w>sub/lif",
        "sub/lif>sub/output>fc2>last",
        "last>out",
    ]
    assert [p.steps for p in found.projections] == [0, 1, 0, 0]


def test_graphs_may_be_nested_deep() -> None:
    inner = graph(*chain(("i", inputs(2)), ("lif", lif(2)), ("o", outputs(2))))
    for _ in range(20):
        inner = graph(*chain(("i", inputs(2)), ("g", inner), ("o", outputs(2))))
    found = row(I2, ("g", inner), O2)
    assert found.populations[0].name == "/".join(["g"] * 21) + "/lif"


def test_an_edge_to_a_nested_graph_of_two_inputs_is_ambiguous() -> None:
    inner = graph(
        {"a": inputs(2), "b": inputs(2), "lif": lif(2), "o": outputs(2)}, [("a", "lif"), ("b", "lif"), ("lif", "o")]
    )
    assert row_refused(I2, ("sub", inner), O2).code == "NET008"


# Origin.


def test_a_file_says_where_it_came_from(tmp_path: Path) -> None:
    nodes, edges = chain(I2, ("lif", lif(2)), O2)
    path = write_nir(tmp_path / "model.nir", nodes, edges, version="0.2.0")
    origin = read(path).origin
    assert (origin.name, origin.nir_version, len(origin.sha256 or "")) == ("model", "0.2.0", 64)
    population = read(str(path)).populations[0]
    assert isinstance(population.neuron, LIF)
    assert population.nodes == ("lif",)


def test_names_cross_the_file_unharmed(tmp_path: Path) -> None:
    odd = ["a b", "..x", "ä", "<b>", "a,b", "1", "10", "2"]
    nodes, edges = chain(I2, *((name, lif(2)) for name in odd), O2)
    found = read(write_nir(tmp_path / "names.nir", nodes, edges))
    assert [p.name for p in found.populations] == odd
    assert all(a != b for a, b in itertools.pairwise(names(found)))
