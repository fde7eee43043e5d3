"""The nodes that a network becomes: fields, names, what is shared, and where biases stand."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neuedge_nir.frontend import read, write
from neuedge_nir.frontend.writer import file_of
from neuedge_nir.network.connect import Conv, Dense, Scale
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import IF, LIF, Network, Port
from tests.nirfile import (
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
)
from tests.nirfile import network as raw_network
from tests.worlds import chain as layers
from tests.worlds import conv, convnet, dense, network, random_array, recurrent, wire
from tests.written import (
    EYE,
    I2,
    O2,
    again,
    biased,
    codes,
    content,
    edges,
    kinds,
    opened,
    refused,
    settings_in,
    wired,
    with_reset,
)

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


@pytest.mark.parametrize(
    ("source", "target", "flats"),
    [
        ((2, 2, 2), (8,), {(2, 2, 2): (0, -1)}),
        ((2, 2, 4), (4, 4), {(2, 2, 4): (0, 1)}),
        ((2, 2, 3, 2), (4, 6), {(2, 2, 3, 2): (2, 3), (2, 2, 6): (0, 1)}),
        ((2, 3, 1), (2, 3), {(2, 3, 1): (1, 2)}),
        ((1, 3, 2), (3, 2), {(1, 3, 2): (0, 1)}),
        ((2, 3), (2, 3), {}),
    ],
)
def test_every_change_of_shape_is_a_flatten(
    source: tuple[int, ...], target: tuple[int, ...], flats: dict[tuple[int, ...], tuple[int, int]], tmp_path: Path
) -> None:
    net = wired({"in": source}, target)
    nodes = [node for node in opened(net).values() if node["type"][()] == b"Flatten"]
    axes = ("start_dim", "end_dim")
    assert {tuple(node["input_type"][()]): tuple(int(node[key][()]) for key in axes) for node in nodes} == flats
    assert difference(net, again(net, tmp_path)) is None


def test_a_dense_layer_without_a_bias_adds_zeros_since_sinabs_leaves_out_a_linear() -> None:
    node = opened(wired({"in": (8,)}, (3,), dense(3, 8)))["dense3x8"]
    assert node["type"][()] == b"Affine"
    assert node["bias"][()].tolist() == [0, 0, 0]


def test_a_dense_layer_takes_all_axes_as_one() -> None:
    assert kinds(wired({"in": (2, 2, 2)}, (3,), dense(3, 8))) == {"flatten": "Flatten", "dense3x8": "Linear"}


def test_a_flatten_keeps_the_name_it_was_read_under() -> None:
    net = row(("in", inputs(2, 2)), ("flat", flatten()), ("fc", linear(np.ones((2, 4)))), ("lif", lif(2)), O2)
    assert kinds(net) == {"flat": "Flatten", "fc": "Linear"}
    assert json.loads(settings_in(net)) == {"schema": 1, "reset": "zero", "dt": 1.0}, "nothing about names"


def test_reset_and_timestep_stand_on_the_graph(tmp_path: Path) -> None:
    net = replace(layers(a=2), dt=1e-4)
    assert settings_in(net) == (
        '{"dt": 0.0001, "paths": {"a>out": "a->out#1", "in>dense2x5>a": "in->a#0"}, "reset": "zero", "schema": 1}'
    )
    assert again(net, tmp_path).dt == 1e-4


def test_a_timestep_that_nobody_knows_stays_unknown(tmp_path: Path) -> None:
    net = layers(a=2, model="IF")
    gain = IF(np.array(1000.0), np.ones(()), np.zeros(()))
    net = replace(net, populations=(replace(net.populations[0], neuron=gain),))
    assert read(hinted(net, tmp_path)).dt == 1e-3
    assert json.loads(settings_in(net))["dt"] is None
    assert again(net, tmp_path).dt is None


def hinted(net: Network, folder: Path) -> Path:
    """The file of the network without what neuedge notes in it."""
    place = folder / "hinted.nir"
    write(net, place)
    with h5py.File(place, "a") as file:
        del file["node/metadata"]
    return place


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
    file = h5py.File(io.BytesIO(content(net)), "r")
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
