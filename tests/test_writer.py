"""Whatever network is written is read back as it was, and stock readers see what they can."""

from __future__ import annotations

import io
import json
import math
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given, settings

import neuedge_nir
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.frontend import read, write
from neuedge_nir.frontend.settings import Settings, noted
from neuedge_nir.frontend.writer import file_of
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, PoolKind, Scale
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import LIF, Network, Population, Port, Projection, Signal
from tests.graphs import files, networks
from tests.nirfile import (
    SHARED,
    Nodes,
    affine,
    chain,
    conv2d,
    flatten,
    inputs,
    lif,
    linear,
    outputs,
    pool2d,
    row,
    scale,
    tiny,
)
from tests.nirfile import network as raw_network
from tests.worlds import chain as layers
from tests.worlds import conv, convnet, dense, network, pool, random_array, recurrent, residual, wire

EYE = np.eye(2)
I2, O2 = ("in", inputs(2)), ("out", outputs(2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.nir"


def again(net: Network, folder: Path) -> Network:
    """The network after a stay in a file."""
    place = folder / "net.nir"
    write(net, place)
    return read(place)


def opened(net: Network) -> h5py.Group:
    """The nodes of the file a network makes, by name."""
    return h5py.File(io.BytesIO(file_of(net).content), "r")["node/nodes"]


def kinds(net: Network) -> dict[str, str]:
    """The type of each node of the file that is no port and no neuron."""
    found = {name: node["type"][()].decode() for name, node in opened(net).items()}
    return {name: kind for name, kind in found.items() if kind in STATELESS}


STATELESS = {"Linear", "Affine", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "Scale", "Delay"}


def edges(net: Network) -> set[str]:
    stored = h5py.File(io.BytesIO(file_of(net).content), "r")["node/edges"][()]
    return {f"{source.decode()}>{target.decode()}" for source, target in stored}


def refused(net: Network, **options: str) -> InputError:
    with pytest.raises(InputError) as caught:
        file_of(net, **options)
    assert caught.value.hint
    return caught.value


def codes(net: Network) -> list[tuple[str, str | None]]:
    return [(remark.code, remark.node) for remark in file_of(net).diagnostics]


def with_reset(net: Network, value: Any) -> Network:
    """The network with this reset of its only population."""
    (population,) = net.populations
    assert isinstance(population.neuron, LIF)
    return replace(
        net, populations=(replace(population, neuron=replace(population.neuron, v_reset=np.asarray(value))),)
    )


def biased(net: Network, **biases: Any) -> Network:
    """The network with these biases, and no others."""
    made = tuple(replace(p, bias=np.asarray(biases[p.name]) if p.name in biases else None) for p in net.populations)
    return replace(net, populations=made)


def wired(source: Mapping[str, tuple[int, ...]], target: tuple[int, ...], *operators: Operator) -> Network:
    return network({"a": target}, wire("in", "a", *operators), inputs=dict(source))


# --- the laws


@settings(deadline=None)
@given(networks())
def test_a_network_is_read_back_as_it_was(folder: Path, net: Network) -> None:
    assert difference(net, again(net, folder)) is None


@settings(max_examples=200, deadline=None)
@given(networks(odd=True))
def test_odd_names_shapes_and_paths_are_read_back_and_it_is_known_what_nir_reads(folder: Path, net: Network) -> None:
    file = file_of(net)
    (folder / "odd.nir").write_bytes(file.content)
    assert difference(net, read(folder / "odd.nir")) is None
    assert nir_reads(folder / "odd.nir") == ("1.0.8" in file.readers)


def nir_reads(place: Path) -> bool:
    """Whether the installed nir, 1.0.8 or later, takes the file as it is."""
    try:
        nir.read(place)
    except (ValueError, AssertionError, NotImplementedError, TypeError):
        return False
    return True


@settings(deadline=None)
@given(networks(odd=True))
def test_the_order_of_the_tuples_makes_no_other_bytes(net: Network) -> None:
    turned = replace(net, populations=net.populations[::-1], projections=net.projections[::-1])
    assert file_of(net).content == file_of(turned).content


@settings(max_examples=200)
@given(files(biases=False))
def test_a_graph_is_written_node_for_node_and_edge_for_edge(graph: tuple[Nodes, list[tuple[str, str]]]) -> None:
    net = raw_network(*graph)
    ends = {port.name for port in (*net.inputs, *net.outputs)} | {p.name for p in net.populations}
    used = ends | {operator.node for p in net.projections for operator in p.chain}
    assert opened(net).keys() == used
    assert edges(net) == {f"{a}>{b}" for a, b in graph[1] if {a, b} <= used}


@settings(max_examples=200, deadline=None)
@given(files(biases=True))
def test_biases_that_join_and_part_are_read_back(folder: Path, graph: tuple[Nodes, list[tuple[str, str]]]) -> None:
    net = raw_network(*graph)
    assert difference(net, again(net, folder)) is None


READABLE = sorted(SHARED.glob("*.nir")) if SHARED.is_dir() else []


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the collected .nir files are not at {SHARED}")
@pytest.mark.parametrize("place", READABLE, ids=lambda place: place.stem)
def test_a_real_file_is_written_as_it_was_read(place: Path, tmp_path: Path) -> None:
    try:
        net = read(place)
    except InputError as error:
        pytest.skip(f"refused: {error}")
    found = again(net, tmp_path)
    assert difference(net, found) is None
    assert [p.name for p in net.populations] == [p.name for p in found.populations]
    assert [p.name for p in net.projections] == [p.name for p in found.projections]
    assert nir_reads(tmp_path / "net.nir")
    if any(d.code in ("NIR013", "NIR014") for d in net.diagnostics):
        return  # nodes that were renamed or joined up are others on purpose
    with h5py.File(place) as first, h5py.File(tmp_path / "net.nir") as second:
        neurons = {name for name, node in first["node/nodes"].items() if node["type"][()].decode() not in STATELESS}
        assert neurons == {n for n, node in second["node/nodes"].items() if node["type"][()].decode() not in STATELESS}


# --- fields


def test_parameters_have_the_whole_shape_and_a_reset_to_zero_is_left_out() -> None:
    net = network({"a": (2, 3)}, wire("in", "a"), inputs={"in": (2, 3)})
    node = opened(net)["a"]
    assert {key: value.shape for key, value in node.items()} == {
        "type": (),
        **dict.fromkeys(("tau", "r", "v_leak", "v_threshold"), (2, 3)),
    }
    other = opened(with_reset(net, np.array([[0.0], [-1.0]])))
    assert other["a/v_reset"][()].tolist() == [[0, 0, 0], [-1, -1, -1]]


def test_numbers_are_single_where_that_is_exact() -> None:
    def stored(tau: float, weight: Any, bias: float) -> list[str]:
        neuron = LIF(np.array(tau), *(np.array(value) for value in (1.0, 0.0, 1.0, 0.0)))
        net = biased(layers(2, a=2), a=bias)
        net = replace(net, populations=(replace(net.populations[0], neuron=neuron),))
        first = replace(net.projections[0], chain=(Dense("w", weight),))
        nodes = opened(replace(net, projections=(first, net.projections[1])))
        return [nodes[name].dtype.name for name in ("a/tau", "a/r", "w/weight", "w/bias")]

    assert stored(0.5, EYE.astype(np.float32), 0.25) == ["float32"] * 4
    assert stored(0.1, EYE.astype(np.float32), 0.1) == ["float64", "float64", "float32", "float64"]
    assert stored(0.5, EYE, 0.25) == ["float32", "float32", "float64", "float64"]
    assert stored(0.5, EYE.astype(np.float16), 0.1)[2:] == ["float32", "float64"]


def test_a_convolution_has_all_its_fields() -> None:
    node = opened(convnet())["conv"]
    assert node["input_shape"][()].tolist() == [4, 4]
    assert (node["bias"][()].tolist(), int(node["groups"][()])) == ([0.0] * 4, 1)
    flat = conv((2, 9), 4, groups=2)
    line = network({"a": flat.output_shape}, wire("in", "a", flat), inputs={"in": (2, 9)})
    values = {key: opened(line)["conv"][key][()] for key in ("input_shape", "stride", "padding", "dilation", "groups")}
    assert values == {"input_shape": 9, "stride": 1, "padding": 1, "dilation": 1, "groups": 2}


@pytest.mark.parametrize(
    ("kernel", "padding", "written"),
    [
        ((3, 3), ((1, 1), (1, 1)), [1, 1]),
        ((2, 2), ((0, 1), (0, 1)), "same"),
        ((3, 5), ((1, 1), (2, 2)), "same"),
        ((3, 5), ((1, 1), (1, 1)), [1, 1]),
        ((1, 1), ((0, 0), (0, 0)), [0, 0]),
    ],
)
def test_padding_is_numbers_where_they_can_say_it(kernel: tuple[int, int], padding: Any, written: Any) -> None:
    space = tuple(6 + sum(pad) - k + 1 for k, pad in zip(kernel, padding, strict=True))
    made = Conv("c", random_array(2, 2, *kernel), (2, 6, 6), (2, *space), (1, 1), padding, (1, 1), 1)
    node = opened(network({"a": (2, *space)}, wire("in", "a", made), inputs={"in": (2, 6, 6)}))["c"]
    stored = node["padding"][()]
    assert (stored.decode() if isinstance(stored, bytes) else stored.tolist()) == written


def test_every_change_of_shape_is_a_flatten() -> None:
    net = network(
        {"a": (2, 2, 2), "b": 3, "c": (4, 4), "d": 16},
        wire("in", "a"),
        wire("a", "b", dense(3, 8)),
        wire("big", "c"),
        wire("c", "d"),
        inputs={"in": (2, 2, 2), "big": (2, 2, 4)},
    )
    nodes = opened(net)
    flats = {
        tuple(node["input_type"][()]): (int(node["start_dim"][()]), int(node["end_dim"][()]))
        for node in nodes.values()
        if node["type"][()] == b"Flatten"
    }
    assert flats == {(2, 2, 2): (0, -1), (2, 2, 4): (0, 1), (4, 4): (0, -1)}


def test_a_flatten_keeps_the_name_it_was_read_under() -> None:
    net = row(("in", inputs(2, 2)), ("flat", flatten()), ("fc", linear(np.ones((2, 4)))), ("lif", lif(2)), O2)
    assert kinds(net) == {"flat": "Flatten", "fc": "Linear"}
    note = json.loads(h5py.File(io.BytesIO(file_of(net).content), "r")["node/metadata/neuedge"][()])
    assert note == {"schema": 1, "reset": "zero", "dt": 1.0}, "nothing about names"


def test_reset_and_timestep_stand_on_the_graph(tmp_path: Path) -> None:
    net = replace(layers(a=2), dt=1e-4)
    file = h5py.File(io.BytesIO(file_of(net).content), "r")["node"]
    assert file["metadata/neuedge"][()].decode() == (
        '{"dt": 0.0001, "paths": {"a>out": "a->out#1", "in>dense2x5>a": "in->a#0"}, "reset": "zero", "schema": 1}'
    )
    assert again(net, tmp_path).dt == 1e-4


# --- names


def test_names_of_inner_graphs_come_back_in_their_order(tmp_path: Path) -> None:
    nodes, links = chain(I2, ("sub/b", lif(2)), ("sub/w", linear(EYE)), ("sub.b", lif(2)), ("a", lif(2)), O2)
    net = raw_network(nodes, links)
    found = again(net, tmp_path)
    assert [p.name for p in found.populations] == ["sub/b", "sub.b", "a"]
    assert [p.name for p in found.projections] == [p.name for p in net.projections]
    assert {"sub.b", "sub.b_1", "sub.w"} <= opened(net).keys()
    assert codes(net)[-2:] == [("OUT103", "sub/b"), ("OUT103", "sub/w")]


def test_dots_and_numbers_are_names_as_any(tmp_path: Path) -> None:
    net = row(I2, ("lif1.lif", lif(2)), ("10", linear(EYE)), ("..", lif(2)), ("2", lif(2)), O2)
    assert {"lif1.lif", "10", "..", "2"} <= opened(net).keys()
    assert codes(net) == []
    assert difference(net, again(net, tmp_path)) is None


def test_many_names_take_several_strings(tmp_path: Path) -> None:
    parts = {f"p/{'x' * 900}{number}": 1 for number in range(600)}
    net = network(parts, *(wire("in", name) for name in parts), inputs={"in": 1}, outputs={"out": next(iter(parts))})
    file = h5py.File(io.BytesIO(file_of(net).content), "r")
    assert file["node/metadata/neuedge"].shape[0] > 1
    assert difference(net, again(net, tmp_path)) is None


def test_two_of_one_name_are_refused() -> None:
    net = layers(a=2)
    assert refused(replace(net, inputs=(Port("a", (2,)), *net.inputs))).code == "OUT002"
    assert refused(replace(net, outputs=(*net.outputs, Port("in", (2,))))).code == "OUT002"
    assert refused(replace(net, projections=net.projections * 2)).code == "OUT002"


def test_a_name_that_no_file_can_keep_is_refused() -> None:
    assert refused(network({"n" * 1025: 2}, wire("in", "n" * 1025), inputs={"in": 2})).code == "OUT004"


# --- which paths share a node


def summed() -> Network:
    """Two populations into one layer, whose output goes to two populations."""
    nodes = {"in": inputs(2), "a": lif(2), "b": lif(2), "fc": affine(EYE, [1.0, 3.0]), "c": lif(2), "d": lif(2)}
    nodes |= {"out": outputs(2)}
    pairs = ["in a", "in b", "a fc", "b fc", "fc c", "fc d", "c out", "d out"]
    return raw_network(nodes, [tuple(pair.split()) for pair in pairs])  # type: ignore[misc]


def test_a_node_that_sums_and_spreads_is_written_once() -> None:
    net = summed()
    assert len(net.into("c")) == 2
    assert kinds(net) == {"fc": "Affine"}
    assert edges(net) == {"in>a", "in>b", "a>fc", "b>fc", "fc>c", "fc>d", "c>out", "d>out"}


def test_a_flatten_that_sums_is_written_once() -> None:
    nodes = {"in": inputs(2, 2), "a": lif(2, 2), "b": lif(2, 2), "flat": flatten(), "fc": linear(np.ones((2, 4)))}
    pairs = ["in a", "in b", "a flat", "b flat", "flat fc", "fc out"]
    net = raw_network({**nodes, "out": outputs(2)}, [tuple(pair.split()) for pair in pairs])  # type: ignore[misc]
    assert kinds(net) == {"flat": "Flatten", "fc": "Linear"}
    assert edges(net) == {pair.replace(" ", ">") for pair in pairs}


def test_paths_share_what_they_begin_with_where_they_are_not_all_there(tmp_path: Path) -> None:
    net = summed()
    some = replace(net, projections=tuple(p for p in net.projections if p.name != "b>fc>d"))
    assert kinds(some) == {"fc": "Affine", "fc_1": "Linear"}
    assert edges(some) >= {"a>fc", "fc>c", "fc>d", "b>fc_1", "fc_1>c"}
    assert difference(some, again(some, tmp_path)) is None


def test_operators_of_one_name_that_differ_are_two_nodes(tmp_path: Path) -> None:
    one, other = Dense("w", EYE), Dense("w", 2 * EYE)
    net = network({"a": 2, "b": 2}, wire("in", "a", one), wire("in", "b", other), inputs={"in": 2})
    assert kinds(net) == {"w": "Linear", "w_1": "Linear"}
    assert [p.chain[0].node for p in again(net, tmp_path).projections[:2]] == ["w", "w"]


def test_equal_operators_of_one_name_are_one_node() -> None:
    net = network({"a": 2, "b": 2}, *(wire("in", name, Dense("w", EYE.copy())) for name in "ab"), inputs={"in": 2})
    assert kinds(net) == {"w": "Linear"}


def test_an_operator_twice_in_a_row_is_two_nodes(tmp_path: Path) -> None:
    turn = Dense("w", np.array([[0.0, 1.0], [1.0, 0.0]]))
    net = network({"a": 2}, wire("in", "a", turn, turn), inputs={"in": 2})
    assert edges(net) == {"in>w", "w>w_1", "w_1>a", "a>out"}
    assert difference(net, again(net, tmp_path)) is None


def test_the_same_way_twice_goes_through_a_flatten_that_changes_nothing(tmp_path: Path) -> None:
    net = network({"a": (2, 2)}, *[wire("in", "a")] * 3, wire("a", "a", steps=1), inputs={"in": (2, 2)})
    assert set(kinds(net).values()) == {"Flatten"}
    assert file_of(net).readers == ("1.0.8", "1.0.4")
    assert len(again(net, tmp_path).into("a")) == 4


def test_diamonds_stay_as_small_as_they_are() -> None:
    rows = [("j0", scale([1.0]))]
    links = [("in", "j0")]
    for i in range(10):
        rows += [(f"a{i}", scale([2.0])), (f"b{i}", scale([3.0])), (f"j{i + 1}", scale([1.0]))]
        links += [(f"j{i}", f"{x}{i}") for x in "ab"] + [(f"{x}{i}", f"j{i + 1}") for x in "ab"]
    nodes = {"in": inputs(1), **dict(rows), "lif": lif(1), "out": outputs(1)}
    net = raw_network(nodes, [*links, ("j10", "lif"), ("lif", "out")])
    assert len(net.projections) == 1025
    assert kinds(net).keys() == dict(rows).keys()


# --- biases


def bias_in_file(net: Network, node: str) -> list[float]:
    return list(opened(net)[node]["bias"][()].reshape(-1))


def test_a_bias_stands_at_the_last_layer() -> None:
    net = biased(layers(2, a=3, b=2), a=[1.0, 2.0, 3.0], b=0.5)
    assert kinds(net) == {"dense3x2": "Affine", "dense2x3": "Affine"}
    assert bias_in_file(net, "dense3x2") == [1, 2, 3]
    assert bias_in_file(net, "dense2x3") == [0.5, 0.5]


@pytest.mark.parametrize(("kind", "padding"), [("SumPool2d", 0), ("AvgPool2d", 0), ("SumPool2d", 1), ("AvgPool2d", 1)])
def test_a_bias_goes_back_through_pools_and_scales(kind: str, padding: int, tmp_path: Path) -> None:
    first = conv2d(np.ones((2, 1, 1, 1)), bias=np.array([0.1, -0.7]))
    pooled = 3 + padding
    net = row(
        ("in", inputs(1, 9, 9)),
        ("conv", first),
        ("scale", scale(np.full((2, 9, 9), 0.3))),
        ("pool", pool2d(kind, 3, 3 - padding, padding)),
        ("lif", lif(2, 5 if padding else pooled, 5 if padding else pooled)),
        ("out", outputs(2, 5 if padding else pooled, 5 if padding else pooled)),
    )
    assert net.populations[0].bias is not None
    assert codes(net) == []
    assert bias_in_file(net, "conv") == pytest.approx([0.1, -0.7])
    assert difference(net, again(net, tmp_path)) is None


def test_a_bias_that_others_must_not_get_has_a_layer_of_its_own(tmp_path: Path) -> None:
    nodes = {"in": inputs(2), "fc": linear(EYE), "a": lif(2), "b": lif(2), "out": outputs(2)}
    net = raw_network(nodes, [("in", "fc"), ("fc", "a"), ("fc", "b"), ("fc", "out"), ("a", "out"), ("b", "out")])
    one, both, two = biased(net, a=1.0), biased(net, a=1.0, b=1.0), biased(net, a=1.0, b=2.0)
    assert kinds(one) == {"fc": "Affine", "fc_1": "Linear"}
    assert kinds(both) == {"fc": "Affine", "fc_1": "Affine", "fc_2": "Linear"}
    assert kinds(two) == {"fc": "Affine", "fc_1": "Affine", "fc_2": "Linear"}
    for each in (one, both, two):
        assert codes(each) == [("OUT103", "fc")]
        assert difference(each, again(each, tmp_path)) is None
    quiet = raw_network(nodes, [("in", "fc"), ("fc", "a"), ("fc", "b"), ("a", "out"), ("b", "out")])
    assert kinds(biased(quiet, a=1.0, b=1.0)) == {"fc": "Affine"}


def test_a_layer_of_a_target_is_not_that_of_a_source_of_the_same_name(tmp_path: Path) -> None:
    layer = Dense("fc", EYE)
    wires = [wire(source, target, layer, steps=int(source == target)) for source, target in ("aa", "ac", "bd")]
    net = network(dict.fromkeys("abcd", 2), wire("in", "a"), wire("in", "b"), *wires, inputs={"in": 2})
    net = biased(net, a=1.0)
    assert kinds(net) == {"fc": "Affine", "fc_1": "Linear", "fc_2": "Linear"}
    assert difference(net, again(net, tmp_path)) is None


def test_a_bias_prefers_the_way_forward() -> None:
    net = biased(recurrent(), a=1.0)
    assert {name: kind for name, kind in kinds(net).items() if kind == "Affine"} == {"dense6x3": "Affine"}


@pytest.mark.parametrize(
    "net",
    [
        pytest.param(biased(network({"a": 2}, wire("in", "a"), inputs={"in": 2}), a=[1.0, 2.0]), id="no layer"),
        pytest.param(biased(convnet(), a=random_array(4, 8, 8)), id="a bias for each neuron of a convolution"),
        pytest.param(
            biased(wired({"in": (2,)}, (2,), Dense("w", EYE), Scale("s", np.zeros(2), (2,))), a=1.0),
            id="a scale of zero",
        ),
    ],
)  # fmt: skip
def test_a_bias_without_a_layer_is_an_affine_without_input(net: Network, tmp_path: Path) -> None:
    assert codes(net)[0] == ("OUT102", "a")
    assert kinds(net)["a.bias"] == "Affine"
    assert not opened(net)["a.bias/weight"][()].any()
    assert not any(edge.endswith(">a.bias") for edge in edges(net))
    found = again(net, tmp_path)
    assert difference(net, found) is None
    assert ("NET051", "a.bias") in [(remark.code, remark.node) for remark in found.origin.diagnostics]


# --- what NIR cannot say


def conv_of(padding: tuple[tuple[int, int], ...], axes: int = 2) -> Conv:
    ones, space = (1,) * axes, tuple(3 + sum(pad) for pad in padding)
    return Conv("c", np.ones((1, 1, *ones)), (1, *(3,) * axes), (1, *space), ones, padding, ones, 1)


@pytest.mark.parametrize(
    ("net", "code"),
    [
        (wired({"in": (6,)}, (2, 3)), "OUT001"),
        (wired({"in": (2, 3)}, (3, 2)), "OUT001"),
        (wired({"in": (4,)}, (2, 2), dense(4, 4)), "OUT001"),
        (wired({"in": (1, 3, 3)}, (1, 4, 3), conv_of(((0, 1), (0, 0)))), "OUT003"),
        (wired({"in": (1, 3, 3, 3)}, (1, 3, 3, 3), conv_of(((0, 0),) * 3, 3)), "OUT003"),
        (wired({"in": (2, 2, 2)}, (2, 5), conv((2, 2, 2), 2), Dense("w", random_array(2, 5, 4))), "OUT004"),
        (network({"a": 2}, wire("in", "a", steps=1), inputs={"in": 2}), "OUT004"),
        (network({"a": 2}, wire("in", "a"), wire("a", "a"), inputs={"in": 2}), "OUT004"),
        (network({"a": 2}, wire("in", "a", signal=Signal.GRADED), inputs={"in": 2}), "OUT004"),
        (replace(layers(a=2), outputs=(), projections=layers(a=2).projections[:1]), "OUT004"),
        (replace(layers(a=2), projections=()), "OUT004"),
        (network({"a": ()}, wire("in", "a", dense(1, 2)), inputs={"in": 2}), "OUT001"),
        (wired({"in": (2,)}, (2,), Dense("w", np.array([[np.nan, 1.0], [0.0, 0.0]]))), "OUT004"),
        (wired({"in": (3,)}, (2,), dense(2, 5)), "OUT006"),
        (wired({"in": (3,)}, (2,), Scale("s", np.ones(4), (4,)), dense(2, 3)), "OUT006"),
        (wired({"in": (3,)}, (3,), Scale("s", np.ones(2), (3,))), "OUT006"),
        (replace(layers(a=2), inputs=()), "OUT006"),
        (replace(layers(a=2), inputs=(Port("in", (7,)),)), "OUT006"),
        (biased(layers(a=2), a=np.ones(3)), "OUT006"),
    ],
)  # fmt: skip
def test_what_a_file_cannot_say_is_refused(net: Network, code: str, path: Path) -> None:
    assert refused(net).code == code
    with pytest.raises(InputError):
        write(net, path)
    assert not path.exists()


def test_a_refusal_names_what_would_change() -> None:
    error = refused(network({"a": 2}, wire("in", "a", steps=1), inputs={"in": 2}))
    assert error.message == "NIR cannot say this: projection 'in->a#0': steps: 1 and 0, read again"


def test_axes_of_one_that_appear_need_no_node(tmp_path: Path) -> None:
    image = conv2d(np.ones((2, 1, 1, 1)), input_shape=np.array([3, 3]))
    net = row(("in", inputs(3, 3)), ("a", lif(3, 3)), ("conv", image), ("b", lif(2, 3, 3)), ("out", outputs(2, 3, 3)))
    assert kinds(net) == {"conv": "Conv2d"}
    assert codes(net) == [("OUT101", "conv")]
    assert difference(net, again(net, tmp_path)) is None


# --- versions of nir


def grouped(kernel: tuple[int, int] = (3, 3), groups: int = 2) -> Network:
    weight = random_array(4, 4 // groups, *kernel)
    space = tuple(6 - k + 1 for k in kernel)
    made = Conv("c", weight, (4, 6, 6), (4, *space), (1, 1), ((0, 0), (0, 0)), (1, 1), groups)
    return network({"a": (4, *space)}, wire("in", "a", made), inputs={"in": (4, 6, 6)})


def uneven() -> Network:
    made = Conv("c", random_array(1, 1, 2), (1, 5), (1, 5), (1,), ((0, 1),), (1,), 1)
    return network({"a": (1, 5)}, wire("in", "a", made), inputs={"in": (1, 5)})


@pytest.mark.parametrize(
    ("net", "version", "node", "why"),
    [
        (layers(model="CubaLI", a=2), "1.0.4", "a", "no CubaLI"),
        (with_reset(layers(a=2), -1.0), "1.0.4", "a", "no v_reset"),
        (uneven(), "1.0.4", "c", "padding 'same' of a Conv1d"),
        (grouped(), "1.0.8", "c", "grouped"),
        (grouped((3, 1), 1), "1.0.8", "c", "square"),
        (
            network(
                {"a": (2, 4, 4), "b": (2, 2, 2), "c": 2},
                *(wire("a", "a", steps=1), wire("a", "b", pool((2, 4, 4))), wire("in", "c")),
                inputs={"in": 2},
            ),
            "1.0.8",
            "pool",
            "leads here",
        ),
        (network({"a": 2}, wire("a", "a", steps=1), inputs={"in": 2}), "1.0.8", "a", "signals enter"),
    ],
)
def test_a_version_that_cannot_read_the_file_is_named_with_the_node(
    net: Network, version: str, node: str, why: str
) -> None:
    if net.populations[0].model == "CubaLI":
        net = replace(net, projections=(net.projections[0], replace(net.projections[1], signal=Signal.ANALOG)))
    file = file_of(net)
    assert version not in file.readers
    assert len(file.readers) == 1
    remark = next(remark for remark in file.diagnostics if remark.code == "OUT101")
    assert remark.node == node
    assert remark.message.startswith(f"nir {version} cannot read")
    assert why in remark.message
    error = refused(net, compat=version)
    assert (error.code, error.where) == ("OUT005", f"node {node!r}")
    assert file_of(net, file.readers[0]).content == file.content


def test_an_unknown_version_is_a_wrong_option(path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write(layers(a=2), path, compat="0.9")
    assert caught.value.code == "OUT007"
    assert not path.exists()


def test_nir_sees_the_numbers_as_they_are(path: Path) -> None:
    net = biased(convnet(), a=random_array(4, 1, 1), c=random_array(10))
    write(net, path)
    graph = nir.read(path)
    assert sorted(type(node).__name__ for node in graph.nodes.values()) == [
        *("Affine", "AvgPool2d", "Conv2d", "Conv2d", "Flatten", "Input", "LIF", "LIF", "LIF", "Output")
    ]
    first, second = net.projections[0].chain[0], net.projections[1].chain[1]
    assert isinstance(first, Conv)
    assert isinstance(second, Conv)
    np.testing.assert_array_equal(graph.nodes["conv"].weight, second.weight)
    np.testing.assert_array_equal(graph.nodes["conv_1"].weight, first.weight)
    np.testing.assert_array_equal(graph.nodes["conv_1"].bias, net.populations[0].bias.reshape(-1))  # type: ignore[union-attr]
    np.testing.assert_array_equal(graph.nodes["dense10x64"].bias, net.populations[2].bias)
    assert graph.nodes["a"].v_reset.shape == (4, 8, 8)


# --- the settings of a file


def test_names_that_fit_no_node_are_left_alone() -> None:
    stale = noted(Settings(names={"gone": "x"}, paths={"in>gone>lif": "y"}))
    nodes, links = chain(I2, ("lif", lif(2)), O2)
    net = raw_network(nodes, links, **stale)  # type: ignore[arg-type]
    assert [p.name for p in net.projections] == ["in>lif", "lif>out"]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(names={"a": "b"}),
        Settings(names={"a": "x", "b": "x"}),
        Settings(names={"a": "sub/lif"}),
        Settings(names={"a": "sub"}),
        Settings(names={"a": "n" * 1025}),
        Settings(paths={"in>a": "x", "a>b": "x"}),
        Settings(names={"a": 1}),  # type: ignore[dict-item]
        Settings(paths=["in>a"]),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_names_that_clash_or_are_none_are_refused(settings: Settings) -> None:
    inner = {"type": "NIRGraph", "nodes": {"i": inputs(2), "lif": lif(2), "o": outputs(2)}}
    inner |= {"edges": np.array([[b"i", b"lif"], [b"lif", b"o"]])}
    nodes, links = chain(I2, ("a", lif(2)), ("b", lif(2)), ("sub", inner), O2)
    with pytest.raises(InputError) as caught:
        raw_network(nodes, links, **noted(settings))  # type: ignore[arg-type]
    assert caught.value.code == "NET020"


# --- the file


def test_the_public_name_writes_and_tells(path: Path) -> None:
    remarks = neuedge_nir.write(residual(), str(path))
    assert [remark.code for remark in remarks] == ["OUT103"]
    assert difference(neuedge_nir.read(path), residual()) is None


def test_a_failure_leaves_what_was_there(path: Path) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(InputError):
        write(wired({"in": (6,)}, (2, 3)), path)
    assert path.read_bytes() == b"precious"
    with pytest.raises(UsageError):
        write(layers(a=2), path.parent)
    assert [each.name for each in path.parent.iterdir()] == ["net.nir"]


def test_what_came_from_a_file_on_disk_can_replace_it(tmp_path: Path) -> None:
    place = tiny(tmp_path)
    net = read(place)
    write(net, place)
    assert difference(net, read(place)) is None


def large(side: int = 320, channels: int = 25) -> Network:
    """Five million neurons behind two convolutions."""
    first, second = conv((2, side, side), channels), conv((channels, side, side), channels, seed=1)
    shape = second.output_shape
    small = (channels, side // 32, side // 32)
    shrink = Pool("pool", PoolKind.SUM, shape, small, (32, 32), (32, 32), (0, 0))
    return network(
        {"a": shape, "b": shape, "c": 10},
        wire("in", "a", first),
        wire("a", "b", second),
        wire("b", "c", shrink, dense(10, math.prod(small))),
        inputs={"in": (2, side, side)},
    )


def test_five_million_neurons_take_seconds_and_little_memory(path: Path) -> None:
    net = large()
    assert net.neurons == 5_120_010
    tracemalloc.start()
    started = time.monotonic()
    write(net, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - started < 20
    assert peak < 100 * 2**20
    assert path.stat().st_size < 2**20
    assert difference(net, read(path)) is None


def test_a_long_chain_is_quick(path: Path) -> None:
    count = 3000
    operators = tuple(Delay(f"d{number}", np.array(1.0), (2,)) for number in range(count))
    net = network({"a": 2}, wire("in", "a", *operators), inputs={"in": 2})
    started = time.monotonic()
    write(net, path)
    assert time.monotonic() - started < 20


def test_a_population_read_back_knows_its_node(tmp_path: Path) -> None:
    net = network({"sub/lif": 2}, wire("in", "sub/lif"), inputs={"in": 2})
    found: Population = again(net, tmp_path).populations[0]
    assert (found.name, found.nodes) == ("sub/lif", ("sub/lif",))
    way: Projection = again(net, tmp_path).projections[0]
    assert way.name == "in->sub/lif#0"
