"""What is repaired or assumed aloud, and what is refused by name."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from neuedge_nir.diagnostics import Severity
from neuedge_nir.network.connect import Conv, Dense
from neuedge_nir.network.model import ResetMode
from tests.nirfile import (
    Fields,
    affine,
    chain,
    codes,
    conv2d,
    delay,
    flatten,
    inputs,
    lif,
    linear,
    network,
    notable,
    outputs,
    port,
    refused,
    row,
    row_refused,
    scale,
    unknown,
    without,
)

I2, O2 = ("in", inputs(2)), ("out", outputs(2))
EYE = np.eye(2)


# Quirks.


def test_missing_v_reset_and_w_in_are_assumed_aloud() -> None:
    cuba = {"type": "CubaLIF", **{key: np.ones(2) for key in ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold")}}
    found = row(I2, ("lif", without(lif(2), "v_reset")), ("cuba", cuba), O2)
    assert [(d.code, d.severity, d.node) for d in notable(found)] == [
        ("NIR001", Severity.ASSUMPTION, "cuba"),
        ("NIR001", Severity.ASSUMPTION, "lif"),
    ]
    assert float(found.population("cuba").parameters["w_in"]) == 1
    assert float(found.population("lif").parameters["v_reset"]) == 0


def test_single_number_parameters_take_the_shape_of_what_feeds_them() -> None:
    found = row(I2, ("fc", linear(np.ones((3, 2)))), ("lif", lif()), ("w", linear(np.ones((2, 3)))), ("b", lif(2)), O2)
    assert found.population("lif").shape == (3,)
    assert codes(found) == ["NIR006"]
    mixed = row(I2, ("lif", lif(2, r=np.array(1.0))), O2)
    assert codes(mixed) == ["NIR006"]


def test_single_number_parameters_behind_an_input_take_its_shape() -> None:
    found = row(("in", inputs(1000)), ("lif", lif()), ("out", outputs(1000)))
    assert (found.population("lif").shape, codes(found)) == ((1000,), ["NIR006"])
    recurrent = {"in": inputs(3), "lif": lif(), "w": linear(np.ones((3, 3))), "out": outputs(3)}
    found = network(recurrent, [("in", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "out")])
    assert found.population("lif").shape == (3,)


def test_leading_axes_of_one_are_dropped() -> None:
    conv = conv2d(np.ones((3, 2, 1, 1)))
    found = row(("in", inputs(1, 2, 4, 4)), ("conv", conv), ("lif", lif(1, 3, 4, 4)), ("out", outputs(1, 1, 3, 4, 4)))
    assert found.inputs[0].shape == (2, 4, 4)
    assert found.population("lif").shape == (3, 4, 4)
    assert found.outputs[0].shape == (3, 4, 4)
    assert codes(found) == ["NIR005", "NIR005", "NIR005", "NIR007"]


def test_one_channel_is_no_batch() -> None:
    conv = conv2d(np.ones((1, 1, 1, 1)), input_shape=np.array([4, 4]))
    found = row(("in", inputs(1, 4, 4)), ("conv", conv), ("lif", lif(1, 4, 4)), ("out", outputs(1, 4, 4)))
    assert found.population("lif").shape == (1, 4, 4)
    assert codes(found) == []


@pytest.mark.parametrize("padding", ["same", "valid", np.array(1), np.array([1, 0]), np.array([1.0])])
def test_padding_has_many_forms(padding: Any) -> None:
    conv = conv2d(np.ones((1, 1, 2, 3)), padding=padding)
    like = {"same": (6, 6), "valid": (5, 4)}
    space = like[padding] if isinstance(padding, str) else {(): (7, 6), (2,): (7, 4), (1,): (7, 6)}[padding.shape]
    found = row(("in", inputs(1, 6, 6)), ("conv", conv), ("lif", lif(1, *space)), ("out", outputs(1, *space)))
    (operator,) = found.projections[0].chain
    assert isinstance(operator, Conv)
    assert operator.padding[0] == ((0, 1) if isinstance(padding, str) and padding == "same" else operator.padding[0])
    assert ("NIR009" in codes(found)) == (not isinstance(padding, str) and padding.shape != (2,))


def test_a_one_dimensional_convolution_takes_plain_numbers() -> None:
    conv = {"type": "Conv1d", "weight": np.ones((2, 1, 3)), "bias": np.zeros(2), "stride": 2, "padding": "valid"}
    conv |= {"dilation": 1, "groups": 2, "input_shape": 9}
    found = row(("in", inputs(2, 9)), ("conv", conv), ("lif", lif(2, 4)), ("out", outputs(2, 4)))
    assert codes(found) == []
    assert found.projections[0].chain[0].output_shape == (2, 4)


def test_flags_and_integers_become_numbers_aloud() -> None:
    found = row(I2, ("fc", affine(EYE.astype(int), False)), ("lif", lif(2, r=np.ones(2, int))), O2)
    assert [(d.code, d.node) for d in notable(found)] == [
        ("NIR017", "fc"),
        ("NIR017", "fc"),
        ("NIR017", "lif"),
    ]
    (dense,) = found.projections[0].chain
    assert isinstance(dense, Dense)
    assert dense.weight.dtype == np.float64
    assert row_refused(I2, ("fc", affine(EYE, True)), ("lif", lif(2)), O2).code == "NET017"


def test_nothing_unconnected_is_dropped_in_silence() -> None:
    nodes, edges = chain(I2, ("lif", lif(2)), O2)
    nodes |= {"lone": lif(5), "dead": linear(EYE), "unfed": affine(EYE, [1.0, 2.0]), "lonely": inputs(3)}
    found = network(nodes, [*edges, ("lif", "dead"), ("unfed", "lif")])
    assert [(d.code, d.node) for d in notable(found)] == [
        ("NET050", "lone"),
        ("NET050", "lonely"),
        ("NET051", "dead"),
        ("NET051", "unfed"),
    ]
    assert found.population("lone").shape == (5,)
    bias = found.population("lif").bias
    assert bias is not None
    assert bias.tolist() == [1, 2]


# Reset and timestep.


def test_reset_and_dt_come_from_neuedge_metadata_alone() -> None:
    rows = chain(I2, ("lif", lif(2)), O2)
    assert (unknown(*rows).reset, unknown(*rows, dt="1").dt) == (None, None)
    found = network(*rows, neuedge=json.dumps({"schema": 1, "reset": "subtract", "dt": 1e-3}))
    assert (found.reset, found.dt) == (ResetMode.SUBTRACT, 1e-3)
    on_node = unknown(*chain(I2, ("lif", {**lif(2), "metadata": {"neuedge": '{"schema": 1, "reset": "zero"}'}}), O2))
    assert (on_node.reset, on_node.dt) == (ResetMode.ZERO, None)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schema": 2}',
        "{}",
        '{"schema": 1, "dt": 0}',
        '{"schema": 1, "dt": NaN}',
        '{"schema": 1, "dt": 1' + "0" * 400 + "}",
        '{"schema": 1, "reset": "x"}',
        "[" * 10**5,
        '{"schema": 1, "names": {"lif": "half a character: \\ud800"}}',
        '{"schema": "' + "x" * 10**5 + '"}',
        '{"schema": 1, "reset": "' + "x" * 10**5 + '"}',
        '{"schema": 1, "dt": ' + "[" * 500 + "]" * 500 + "}",
    ],
)
def test_metadata_that_cannot_be_understood_is_refused(text: str) -> None:
    error = refused(*chain(I2, ("lif", lif(2)), O2), neuedge=text)
    assert error.code == "NET020"
    assert len(str(error)) < 200


def test_settings_that_disagree_are_refused() -> None:
    node = {**lif(2), "metadata": {"neuedge": '{"schema": 1, "dt": 2}'}}
    assert refused(*chain(I2, ("lif", node), O2), neuedge='{"schema": 1, "dt": 1}').code == "NET020"


# What is refused.


@pytest.mark.parametrize(
    ("node", "code"),
    [
        (lif(2, tau=np.zeros(2)), "NET015"),
        (lif(2, tau=np.array([1.0, -1.0])), "NET015"),
        (lif(2, tau=np.array([1.0, np.nan])), "NET016"),
        (lif(2, v_threshold=np.array([1.0, np.inf])), "NET016"),
        (lif(2, v_threshold=np.array([1.0, -1.0])), "NET023"),
        (lif(2, v_threshold=np.array([1.0, 1.0]), v_reset=np.array(2.0)), "NET023"),
        (lif(2, tau=np.ones(3)), "NET014"),
        (lif(2, refractory=np.ones(2)), "NET003"),
        (without(lif(2), "tau"), "NET002"),
        ({**lif(2), "type": "ALIF"}, "NET001"),
        (lif(3), "NET009"),
        (linear([[1.0, np.nan], [0.0, 0.0]]), "NET016"),
        (linear([1.0, 2.0]), "NET009"),
        (affine(EYE, [1.0]), "NET017"),
        (affine(EYE, 1.0), "NET017"),
        (delay([-1.0, 0.0]), "NET019"),
        (scale(np.ones(3)), "NET009"),
    ],
)
def test_a_bad_node_is_refused_by_name(node: Fields, code: str) -> None:
    error = row_refused(I2, ("bad", node), ("lif", lif(2)), O2)
    assert error.code == code
    assert error.where is not None
    assert "'bad'" in str(error)


@pytest.mark.parametrize(
    "changed",
    [
        {"groups": 0},
        {"groups": 3},
        {"stride": np.array([0, 1])},
        {"dilation": np.array([0, 1])},
        {"padding": np.array([-1, 0])},
        {"padding": "full"},
        {"padding": "same", "stride": np.array([2, 2])},
        {"stride": np.array([1, 1, 1])},
        {"stride": np.array([1.5, 1.0])},
        {"input_shape": np.array([1, 1])},
    ],
)
def test_a_convolution_that_cannot_be_is_refused(changed: Fields) -> None:
    conv = conv2d(np.ones((4, 2, 2, 2)), **changed)
    assert (
        row_refused(("in", inputs(2, 4, 4)), ("conv", conv), ("lif", lif(4, 3, 3)), ("out", outputs(4, 3, 3))).code
        == "NET018"
    )


@pytest.mark.filterwarnings("error")
def test_a_threshold_far_below_the_reset_is_refused_without_a_warning() -> None:
    assert (
        row_refused(I2, ("lif", lif(2, v_threshold=np.full(2, -1e308), v_reset=np.full(2, 1e308))), O2).code == "NET023"
    )


@pytest.mark.parametrize("length", [0, 1])
def test_a_shape_of_very_many_axes_is_refused_and_not_spelled_out(length: int) -> None:
    endless = np.broadcast_to(np.int8(length), 2**40)
    for first in (("in", port("Input") | {"shape": endless}), ("flat", flatten() | {"input_type": endless})):
        error = row_refused(first, ("lif", lif(2)), O2)
        assert error.code == "NET018"
        assert len(str(error)) < 200


def test_a_bias_of_the_wrong_length_is_refused() -> None:
    conv = conv2d(np.ones((4, 2, 2, 2)), bias=np.zeros(3))
    error = row_refused(("in", inputs(2, 4, 4)), ("conv", conv), ("lif", lif(4, 3, 3)), ("out", outputs(4, 3, 3)))
    assert (error.code, error.where) == ("NET017", "node 'conv' of t.nir")


def test_shapes_that_disagree_name_both_nodes() -> None:
    error = row_refused(I2, ("fc", linear(np.ones((3, 2)))), ("lif", lif(4)), ("out", outputs(4)))
    assert error.message == "'fc' gives (3,), but 'lif' takes (4,)"


def test_stand_in_parameters_can_be_counted_but_not_believed() -> None:
    same = np.array([-1.25, 1.5])
    found = row(I2, ("lif", lif(2, tau=same, r=same, v_leak=same, v_threshold=same)), O2)
    assert [(d.code, d.severity) for d in notable(found)] == [
        ("NET054", Severity.REPAIR),
        ("NET056", Severity.WARNING),
        ("NIR004", Severity.ASSUMPTION),
    ]


def test_a_flatten_of_axes_that_are_not_there_is_refused_where_nothing_shows_what_was_meant() -> None:
    refusal = row_refused(("in", inputs(2, 3)), ("f", flatten(4)), ("lif", lif(2, 3)), ("out", outputs(2, 3)))
    assert (refusal.code, "axes 4..-1 do not exist" in refusal.message) == ("NET009", True)


def test_edges_must_make_sense() -> None:
    nodes, edges = chain(I2, ("lif", lif(2)), O2)
    for extra, code in {
        ("lif", "gone"): "NET004",
        ("in", "lif"): "NET005",
        ("lif", "in"): "NET007",
        ("out", "lif"): "NET007",
    }.items():
        assert refused(nodes, [*edges, extra]).code == code
    assert refused(nodes, []).code == "NIR020"
    loop = {"a": lif(2), "b": lif(2)}
    assert refused(loop, [("a", "b"), ("b", "a")]).code == "NIR015"


def test_names_that_would_clash_are_refused() -> None:
    nodes = {"in": inputs(2), "a": linear(EYE), "a>b": linear(EYE), "b": linear(EYE), "lif": lif(2), "out": outputs(2)}
    edges = [("in", "a"), ("a", "b"), ("b", "lif"), ("in", "a>b"), ("a>b", "lif"), ("lif", "out")]
    assert refused(nodes, edges).code == "NET022"


def test_a_signal_larger_than_the_cap_is_refused() -> None:
    big = 2**20
    assert row_refused(("in", inputs(big, big)), ("out", outputs(big, big))).code == "FILE015"


def test_hostile_names_are_escaped() -> None:
    nasty = "x\x1b[31m\n"
    error = row_refused(I2, (nasty, lif(3)), O2)
    assert "\x1b" not in str(error)
