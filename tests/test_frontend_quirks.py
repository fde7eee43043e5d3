"""The quirks of real exporters, one test each: what is made of them, under which code, and how loudly."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuedge_nir import frontend
from neuedge_nir.codes import explanations
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.frontend import Caps, read
from neuedge_nir.frontend.settings import Settings
from neuedge_nir.network.connect import Conv, Dense
from neuedge_nir.network.model import Network, ResetMode
from tests.nirfile import (
    Fields,
    affine,
    chain,
    codes,
    conv2d,
    flatten,
    graph,
    inputs,
    li,
    lif,
    linear,
    network,
    outputs,
    pool2d,
    row,
    unknown,
    without,
    write_nir,
)

I2, O2 = ("in", inputs(2)), ("out", outputs(2))
QUIRKS = [f"NIR{number:03}" for number in range(1, 23)]


def told(found: Network, code: str) -> list[Diagnostic]:
    return [remark for remark in found.diagnostics if remark.code == code]


def only(found: Network, code: str) -> Diagnostic:
    (remark,) = told(found, code)
    return remark


@pytest.mark.parametrize("code", QUIRKS)
def test_every_quirk_has_its_function_and_its_explanation(code: str) -> None:
    folder = Path(frontend.__file__).parent
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.py"))]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert any((ast.get_docstring(node) or "").startswith(f"{code}: ") for node in functions), "no function is about it"
    assert explanations()[code].split(".")[0].split(",")[0].split(" or ")[0] in (
        *("Assumption", "Repair", "Refusal", "Warning", "Information"),
    )


# NIR002, NIR003, NIR004: reset and time.


def test_an_unknown_reset_is_assumed_aloud_and_a_known_one_is_not() -> None:
    nodes = chain(I2, ("lif", lif(2)), O2)
    assert only(unknown(*nodes), "NIR002").severity is Severity.ASSUMPTION
    assert not told(network(*nodes), "NIR002")
    assert not told(unknown(*chain(I2, ("li", li(2)), O2)), "NIR002"), "nothing is ever reset"


def cuba(neurons: int, dt: float, tau_syn: float, tau_mem: float) -> dict[str, Any]:
    like = {"tau_syn": tau_syn, "tau_mem": tau_mem, "w_in": tau_syn / dt, "r": tau_mem / dt}
    like |= {"v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return {"type": "CubaLIF", **{key: np.full(neurons, value) for key, value in like.items()}}


def integrate(neurons: int, r: float) -> dict[str, Any]:
    like = {"r": r, "v_threshold": 1.0, "v_reset": 0.0}
    return {"type": "IF", **{key: np.full(neurons, value) for key, value in like.items()}}


def gained(neurons: int, tau: float, r: float) -> Fields:
    return lif(neurons, tau=np.full(neurons, tau), r=np.full(neurons, r))


@pytest.mark.parametrize(
    ("node", "dt", "evidence"),
    [
        (gained(2, 2e-3, 20.0), 1e-4, "tau/r of 'n'"),
        (gained(2, 2.5e-3, 24.019737), 1e-4, "r = tau exp(-dt/tau) / dt of 'n'"),
        (cuba(2, 1e-4, 2e-4, 1e-3), 1e-4, "tau_syn/w_in of 'n' and 1 more"),
        (integrate(2, 1e3), 1e-3, "1/r of 'n'"),
        (integrate(2, 1.0), 1.0, "1/r of 'n'"),
        (lif(2, tau=np.array([1e-3, 3e-3]), r=np.array([1.0, 3.0])), 1e-3, "tau/r of 'n'"),
    ],
)
def test_the_timestep_is_had_back_from_gains_that_were_made_of_it(node: Fields, dt: float, evidence: str) -> None:
    found = unknown(*chain(I2, ("n", node), O2))
    assert found.dt == pytest.approx(dt, rel=1e-5)
    remark = only(found, "NIR003")
    assert remark.severity is Severity.ASSUMPTION
    assert evidence in remark.message


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tau", [1e-323, 1e-310, 1e300])
@pytest.mark.parametrize("r", [1e-323, 1e-310, 2.0, 1e300])
def test_numbers_at_the_end_of_their_range_are_no_trouble(tau: float, r: float) -> None:
    rows = chain(I2, ("n", gained(2, tau, r)), O2)
    assert (unknown(*rows).dt or 1.0) > 0
    assert unknown(*rows, Settings(ResetMode.ZERO, 1e300)).dt == 1e300


def test_a_timestep_in_the_metadata_counts() -> None:
    assert unknown(*chain(I2, ("n", lif(2)), O2), dt=np.array(0.5)).dt == 0.5


@pytest.mark.parametrize("dt", ["1e-3", np.array(np.nan), np.array(0.0), np.array([1.0, 2.0]), np.array(True)])
def test_a_timestep_in_the_metadata_that_is_none_is_told(dt: Any) -> None:
    found = unknown(*chain(I2, ("n", lif(2)), O2), dt=dt)
    assert found.dt is None
    assert [d.message for d in told(found, "NIR003")][1] == "the metadata 'dt' of t.nir is no positive number: not used"


@pytest.mark.parametrize(
    "nodes",
    [
        [("a", lif(2))],
        [("a", gained(2, 1e-3, 10.0)), ("b", gained(2, 1e-3, 1.7))],
        [("a", lif(2)), ("b", integrate(2, 1.0))],
        [("a", lif(2, tau=np.array([1.0, 2.0]), r=np.array([3.0, 3.0])))],
    ],
)
def test_an_unknown_timestep_is_not_guessed(nodes: list[tuple[str, Fields]]) -> None:
    found = unknown(*chain(I2, *nodes, O2))
    assert found.dt is None
    remark = only(found, "NIR003")
    assert remark.severity is Severity.WARNING
    assert remark.hint is not None
    assert "--dt" in remark.hint


def test_a_timestep_that_the_file_contradicts_is_told(tmp_path: Path) -> None:
    path = write_nir(tmp_path / "m.nir", *chain(I2, ("n", gained(2, 2e-3, 20.0)), O2))
    assert not told(read(path, dt=1e-4, reset="zero"), "NIR003")
    found = read(path, dt=1e-3, reset=ResetMode.SUBTRACT)
    assert (found.dt, found.reset) == (1e-3, ResetMode.SUBTRACT)
    assert "implies 0.0001" in only(found, "NIR003").message
    with pytest.raises(UsageError, match="no positive time"):
        read(path, dt=0.0)


def test_the_time_constants_of_norse_are_recognised_and_left_alone() -> None:
    """A true 10 ms at dt = 1 ms is written as 10 us."""
    found = unknown(*chain(I2, ("n", gained(2, 1e-5, 1.0)), O2))
    remark = next(remark for remark in told(found, "NIR003") if remark.node == "n")
    assert remark.hint is not None
    assert "Norse" in remark.hint
    assert "0.01 at dt = 0.001" in remark.hint
    assert float(found.population("n").parameters["tau"]) == 1e-5
    assert not [r for r in told(unknown(*chain(I2, ("n", gained(2, 1e-2, 1.0)), O2)), "NIR003") if r.node == "n"]


def test_gains_are_told_as_what_an_input_does() -> None:
    found = unknown(*chain(I2, ("n", gained(2, 2e-3, 20.0)), ("m", gained(2, 2e-3, 20.0)), O2))
    assert [remark.node for remark in told(found, "NIR004")] == ["m", "n"]
    assert "by 1 in a timestep" in told(found, "NIR004")[0].message


# NIR005: time where neurons belong.


def test_axes_of_time_before_a_known_shape_are_dropped() -> None:
    found = row(("in", inputs(256, 2)), ("fc", linear(np.ones((3, 2)))), ("lif", lif(3)), ("out", outputs(256, 3)))
    assert (found.inputs[0].shape, found.outputs[0].shape) == ((2,), (3,))
    assert codes(found) == ["NIR005", "NIR005"]


@pytest.mark.parametrize(("version", "neurons"), [("0.1.1", 1), ("0.2.0", 1000), ("1.0.8", 1000), ("x", 1000)])
def test_a_lone_neuron_of_an_old_file_is_not_a_thousand(version: str, neurons: int) -> None:
    nodes, edges = chain(("in", inputs(1000)), ("lif", lif()), ("out", outputs(1000)))
    found = unknown(nodes, edges, version=version)
    assert (found.neurons, found.inputs[0].neurons) == (neurons, neurons)
    assert ("NIR005" in codes(found)) == (neurons == 1)


# NIR008: grouped and non-square convolutions.


def test_shapes_that_nir_infers_wrongly_do_not_count() -> None:
    grouped = conv2d(np.ones((8, 1, 3, 3)), groups=4, input_shape=np.array([6, 6]))
    found = row(("in", inputs(1, 6, 6)), ("c", grouped), ("lif", lif(8, 4, 4)), ("out", outputs(8, 4, 4)))
    assert found.inputs[0].shape == (4, 6, 6)
    assert [remark.severity for remark in told(found, "NIR008")] == [Severity.INFO, Severity.REPAIR]
    wide = conv2d(np.ones((4, 2, 3, 5)), input_shape=np.array([10, 12]))
    found = row(("in", inputs(2, 10, 12)), ("c", wide), ("lif", lif(4, 8, 8)), ("out", outputs(4, 8, 8)))
    assert only(found, "NIR008").severity is Severity.INFO
    readout = row(("in", inputs(2, 10, 12)), ("lif", lif(2, 10, 12)), ("c", wide), ("out", outputs(4, 8, 10)))
    assert readout.outputs[0].shape == (4, 8, 8)


# NIR010: Flatten.


@pytest.mark.parametrize(("start", "end"), [(1, -1), (1, 3), (2, -1)])
def test_a_flatten_that_counts_a_batch_flattens_all(start: int, end: int) -> None:
    node = {**flatten(start, end), "input_type": np.array([1, 2, 3, 4])}
    found = row(
        ("in", inputs(2, 3, 4)), ("lif", lif(2, 3, 4)), ("f", node), ("fc", linear(np.ones((5, 24)))), ("b", lif(5)),
        ("out", outputs(5)),
    )  # fmt: skip
    assert [remark.severity for remark in told(found, "NIR010")] == [Severity.REPAIR]
    assert found.projections[1].chain[0].input_shape == (24,)


def test_a_flatten_that_makes_sense_is_left_alone() -> None:
    found = row(("in", inputs(2, 3, 4)), ("f", flatten(1)), ("lif", lif(2, 12)), ("out", outputs(2, 12)))
    assert codes(found) == []


# NIR011, NIR012: pools and names.


def test_pools_are_told_for_what_they_hand_on() -> None:
    for kind, severity in (("SumPool2d", Severity.INFO), ("AvgPool2d", Severity.ASSUMPTION)):
        found = row(("in", inputs(1, 4, 4)), ("p", pool2d(kind)), ("lif", lif(1, 2, 2)), ("out", outputs(1, 2, 2)))
        remark = only(found, "NIR011")
        assert (remark.severity, remark.node) == (severity, "p")
        assert "4" in remark.message


def test_unusual_names_are_kept() -> None:
    names = ["lif1.lif", "a b", "\x1b[31m", "0", "plain_1"]
    found = row(I2, *((name, lif(2)) for name in names), O2)
    assert [p.name for p in found.populations] == names
    assert sorted(str(remark.node) for remark in told(found, "NIR012")) == sorted(names[:3])


# NIR013, NIR014, NIR015, NIR020: edges.


def recurrent(inner: str, called: str, *shape: int) -> dict[str, Any]:
    nodes = {"input": inputs(*shape), inner: lif(2), "lin": linear(np.eye(2)), "output": outputs(*shape)}
    return graph(nodes, [("input", called), (called, "lin"), ("lin", called), (called, "output")])


def test_an_inner_node_of_another_name_is_found() -> None:
    found = row(I2, ("lif1", recurrent("lif1", "lif", 2)), O2)
    assert only(found, "NIR013").node == "lif1/lif1"
    assert [(p.source, p.target, p.steps) for p in found.projections][1] == ("lif1/lif1", "lif1/lif1", 1)


def test_an_inner_port_of_another_shape_takes_what_arrives() -> None:
    found = row(I2, ("lif1", recurrent("lif", "lif", 12)), O2)
    assert {remark.node for remark in told(found, "NIR013")} == {"lif1/input", "lif1/output"}
    assert found.neurons == 2


def test_a_slip_in_a_name_at_the_top_is_not_guessed() -> None:
    with pytest.raises(InputError) as caught:
        network({"in": inputs(2), "a": lif(2), "out": outputs(2)}, [("in", "aa"), ("aa", "out")])
    assert caught.value.code == "NET004"


def test_two_names_too_many_are_not_guessed() -> None:
    nodes = {"in": inputs(2), "a": lif(2), "b": lif(2), "out": outputs(2)}
    with pytest.raises(InputError) as caught:
        network(nodes, [("in", "x"), ("x", "y"), ("y", "out")])
    assert caught.value.code == "NET004"


def test_edges_to_a_flattened_graph_lead_through_it() -> None:
    nodes = {"in": inputs(2), "l.input": inputs(2), "l.lif": lif(2), "l.w": linear(np.eye(2)), "l.output": outputs(2)}
    nodes |= {"fc": linear(np.ones((3, 2))), "b": lif(3), "out": outputs(3)}
    edges = [("in", "l"), ("l", "l"), ("l", "fc"), ("fc", "b"), ("b", "out"), ("l.input", "l.lif")]
    edges += [("l.lif", "l.w"), ("l.w", "l.lif"), ("l.lif", "l.output")]
    found = network(nodes, edges)
    assert only(found, "NIR014").node == "l"
    assert [(p.source, p.target) for p in found.projections] == [
        ("in", "l.lif"),
        ("l.lif", "l.lif"),
        ("l.lif", "b"),
        ("b", "out"),
    ]
    assert [port.name for port in (*found.inputs, *found.outputs)] == ["in", "out"]


def test_missing_ports_are_added_where_signals_begin_and_end() -> None:
    nodes, edges = chain(("fc", linear(np.ones((3, 2)))), ("lif", lif(3)))
    found = network(nodes, edges)
    assert [(port.name, port.shape) for port in (*found.inputs, *found.outputs)] == [
        ("input_fc", (2,)),
        ("output_lif", (3,)),
    ]
    assert [remark.node for remark in told(found, "NIR015")] == ["fc", "lif"]


# NIR016: transposed weights.


def test_weights_stored_the_other_way_round_are_transposed() -> None:
    first, square, last = np.arange(6.0).reshape(2, 3), np.arange(9.0).reshape(3, 3), np.arange(12.0).reshape(3, 4)
    nodes = [I2, ("a", linear(first)), ("x", lif(3)), ("s", affine(square, np.zeros(3))), ("y", lif(3))]
    found = row(*nodes, ("b", linear(last)), ("z", lif(4)), ("out", outputs(4)))
    assert [remark.node for remark in told(found, "NIR016")] == ["a", "b", "s"]
    weights = [op.weight for p in found.projections for op in p.chain if isinstance(op, Dense)]
    for weight, stored in zip(weights, (first, square, last), strict=True):
        np.testing.assert_array_equal(weight, stored.T)


def test_one_upright_layer_keeps_the_square_ones_as_they_are() -> None:
    nodes = [I2, ("a", linear(np.ones((2, 3)))), ("x", lif(3)), ("s", linear(np.eye(3))), ("y", lif(3))]
    found = row(*nodes, ("b", linear(np.ones((4, 3)))), ("z", lif(4)), ("out", outputs(4)))
    assert [remark.node for remark in told(found, "NIR016")] == ["a"]


def test_weights_that_fit_neither_way_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        row(I2, ("a", linear(np.ones((4, 3)))), ("x", lif(3)), ("out", outputs(3)))
    assert caught.value.code == "NET009"


# NIR019, NIR021, NIR022: what not every chip can do.


def test_analog_neurons_inside_are_pointed_out_and_readouts_are_not() -> None:
    assert only(row(I2, ("li", li(2)), ("lif", lif(2)), O2), "NIR019").node == "li"
    assert not told(row(I2, ("lif", lif(2)), ("li", li(2)), O2), "NIR019")


def test_constant_currents_and_uneven_parameters_are_pointed_out() -> None:
    found = row(I2, ("lif", lif(2, v_leak=np.array([0.0, 1.0]))), ("fc", affine(np.eye(2), [1, 1])), ("b", lif(2)), O2)
    assert [remark.node for remark in told(found, "NIR021")] == ["b", "lif"]
    assert only(found, "NIR022").node == "lif"
    assert {remark.severity for remark in found.diagnostics if remark.code > "NIR020"} == {Severity.INFO}


# Strictness and limits.


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (lif(2, r=np.array([0.0, 1.0])), "r is 0: nothing that arrives moves these neurons"),
        (lif(2, r=np.array([-1.0, 1.0])), "r is negative: what excites inhibits, and the other way round"),
        (
            lif(2, v_threshold=np.array([1.0, 2.0]), v_reset=np.array(1.0)),
            "v_threshold equals v_reset: after one spike the slightest input makes the next",
        ),
    ],
)
def test_neurons_that_nobody_trains_are_pointed_out(node: Fields, words: str) -> None:
    assert only(row(I2, ("n", node), O2), "NET056").message == words


def test_strict_refuses_what_needs_a_repair_but_not_what_is_assumed(tmp_path: Path) -> None:
    assumed = write_nir(tmp_path / "a.nir", *chain(I2, ("n", without(lif(2), "v_reset")), O2))
    assert codes(read(assumed, strict=True)) == ["NIR001", "NIR002", "NIR003"]
    repaired = write_nir(tmp_path / "r.nir", *chain(I2, ("n", lif()), ("m", lif()), O2))
    with pytest.raises(InputError) as caught:
        read(repaired, strict=True)
    assert caught.value.code == "NIR006"
    assert "(and 1 more)" in caught.value.message


def test_limits_are_read_from_text() -> None:
    assert Caps.parse("nodes=7,seconds=2.5") == Caps(nodes=7, seconds=2.5)
    for text in (
        "",
        "nodes",
        "nodes=0",
        "nodes=-1",
        "nodes=2.5",
        "seconds=nan",
        "colour=3",
        "seconds=inf",
        "seconds=1e18",
        f"nodes={10**30}",
    ):
        with pytest.raises(UsageError) as caught:
            Caps.parse(text)
        assert caught.value.code == "USE018"


def test_a_limit_can_be_raised_and_lowered(tmp_path: Path) -> None:
    path = write_nir(tmp_path / "m.nir", *chain(I2, ("n", lif(2)), O2))
    with pytest.raises(InputError, match="nodes: 3 asked for, 2 allowed"):
        read(path, limits=Caps(nodes=2))
    assert read(path, limits=Caps(nodes=3)).neurons == 2


def test_convolutions_without_a_known_size_are_not_called_odd() -> None:
    found = row(
        ("in", inputs(1, 4, 4)), ("c", conv2d(np.ones((2, 1, 3, 3)))), ("l", lif(2, 2, 2)), ("out", outputs(2, 2, 2))
    )
    assert not told(found, "NIR008")
    assert isinstance(found.projections[0].chain[0], Conv)
    assert [a < b for a, b in pairwise(codes(found))] == []
