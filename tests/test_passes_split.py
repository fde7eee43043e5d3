"""Wide layers in two stages: what is summed is what was summed, and the relays follow it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuedge_nir.errors import CapacityError
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.network.connect import Conv, Dense
from neuedge_nir.network.equal import difference
from neuedge_nir.network.model import Network, ResetMode, Signal
from neuedge_nir.network.valid import fault
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.call import PassCall
from tests.dyadic import after
from tests.worlds import Shape, computed, dense, network, pool, random_array, real, recurrent, wire
from tests.written import again


def wide(shape: Shape = (24,), outputs: int = 3) -> Network:
    size = int(np.prod(shape))
    net = network({"a": outputs}, wire("i", "a", dense(outputs, size)), inputs={"i": shape}, model="I", dt=0.5)
    projections = (net.projections[0], replace(net.projections[1], signal=Signal.ANALOG))
    return replace(net, reset=ResetMode.SUBTRACT, projections=projections)


@pytest.mark.parametrize("shape", [(24,), (12, 2), (4, 2, 3)])
@pytest.mark.parametrize("limit", [8, 12, 23])
def test_the_parts_sum_what_the_layer_summed_and_none_is_too_wide(shape: Shape, limit: int) -> None:
    net = wide(shape)
    new = after(f"split-fan-in:limit={limit},tell=true", net)
    assert fault(new) is None
    assert after(f"split-fan-in:limit={limit},tell=true", new) is new
    signal = random_array(*shape, seed=3)
    first = [p for p in new.projections if p.source == "i"]
    sums = [computed(p.chain, signal).reshape(p.target_shape).sum(axis=0) for p in first]
    np.testing.assert_allclose(sums[0], computed(net.projections[0].chain, signal))
    np.testing.assert_allclose(sums[1], -sums[0])
    for layer in (op for p in new.projections for op in p.chain if isinstance(op, Dense | Conv)):
        assert layer.weight[0].size <= limit


@pytest.mark.parametrize("seed", range(5))
def test_relays_that_tell_each_other_follow_sums_that_move_slowly(seed: int) -> None:
    """The target integrates; it is off by at most two thresholds for each part, whichever way the sums went."""
    net = wide()
    new = after("split-fan-in:limit=8,tell=true,threshold=5", net)
    (q,) = {float(p.parameters["v_threshold"]) for p in new.populations if p.model == "IF"}
    spikes = np.random.default_rng(seed).random((4, 200, 24)) < 0.5
    due, found = (simulate(each, spikes).outputs["out"] for each in (net, new))
    assert np.abs(due).max() > 6 * q
    assert np.abs(found / 0.5 - due / 0.5).max() <= 3 * 2 * q + 1e-9


def test_networks_without_wide_layers_are_left_alone() -> None:
    for net in (replace(recurrent(), dt=1.0), wide()):
        assert after("split-fan-in", net) is net


def test_a_layer_without_small_equal_parts_stays_and_is_told_once() -> None:
    for shape in ((24,), (4, 2, 3), (1, 24), (23,)):
        net = wide(shape)
        new = after("split-fan-in:limit=7", net)
        assert new.projections is net.projections
        assert [(d.code, d.message.partition(":")[0]) for d in new.diagnostics] == [
            ("PASS005", f"its {net.inputs[0].neurons} inputs stay together")
        ]
        assert after("split-fan-in:limit=7", new) is new


def test_what_stands_before_and_behind_the_layer_stays_there() -> None:
    image = (2, 6, 6)
    layer = dense(32, 18)
    behind = pool((2, 4, 4))
    net = network({"a": (2, 2, 2)}, wire("i", "a", pool(image), layer, behind, steps=1), inputs={"i": image}, dt=1.0)
    new = after("split-fan-in:limit=9", net)
    assert fault(new) is None
    enters = next(p for p in new.projections if p.source == "i")
    leaves = next(p for p in new.projections if p.target == "a")
    assert (enters.chain[0], enters.steps, leaves.chain[-1], leaves.steps) == (pool(image), 0, behind, 1)


@pytest.mark.parametrize("tell", ["false", "true"])
@pytest.mark.parametrize("shape", [(24,), (12, 2), (4, 2, 3)])
def test_both_stages_are_written_and_read_again_as_they_were(shape: Shape, tell: str, tmp_path: Path) -> None:
    new = after(f"split-fan-in:limit=8,tell={tell}", wide(shape))
    found = again(new, tmp_path)
    assert difference(new, found) is None
    spikes = np.random.default_rng(2).random((5, 30, *shape)) < 0.4
    due, seen = (simulate(net, spikes, record=["dense3x24.less"]) for net in (new, found))
    np.testing.assert_array_equal(due.outputs["out"], seen.outputs["out"])
    np.testing.assert_array_equal(due.recorded["dense3x24.less"], seen.recorded["dense3x24.less"])
    assert due.recorded["dense3x24.less"].any()


@pytest.mark.parametrize("tell", ["false", "true"])
def test_wide_layers_that_close_a_cycle_are_written_too(tell: str, tmp_path: Path) -> None:
    loops = wire("a", "b", dense(12, 12)), wire("b", "a", dense(12, 12, seed=1), steps=1)
    net = network({"a": 12, "b": 12}, wire("i", "a", dense(12, 4)), *loops, inputs={"i": 4}, model="IF", dt=1.0)
    new = after(f"split-fan-in:limit=6,tell={tell}", net)
    assert fault(new) is None
    assert sum(p.model == "IF" for p in new.populations) == 6
    assert difference(new, again(new, tmp_path)) is None


def test_a_layer_that_truenorth_refuses_fits_in_two_stages() -> None:
    net = network({"a": 20}, wire("i", "a", dense(20, 576)), inputs={"i": 576}, model="IF", dt=1.0)
    net = replace(net, reset=ResetMode.SUBTRACT)
    with pytest.raises(CapacityError) as caught:
        compile_network(net, real("truenorth"), Options(effort="quick"))
    assert caught.value.code == "FIT010"
    plan = compile_network(net, real("truenorth"), Options(passes=(PassCall.parse("split-fan-in"),), effort="quick"))
    verify(plan, after("split-fan-in", net))
    assert plan.counts.neurons == 140
