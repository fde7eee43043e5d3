"""Leaky integrators that become synapses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import CapacityError
from neuedge_nir.network.connect import Delay, Operator
from neuedge_nir.network.model import LI, LIF, CubaLI, CubaLIF, Network, Neuron, ResetMode, Signal
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.rewrite.call import PassCall
from tests import dyadic
from tests.dyadic import DT, after, assert_same
from tests.sampling import examples
from tests.worlds import conv, dense, network, pool, real, wire

RESETS = st.sampled_from(ResetMode)


def li(tau: float = 2 * DT, r: float = 2.0, leak: float = 0.0) -> LI:
    return LI(np.asarray(tau), np.asarray(r), np.asarray(leak))


def lif(tau: float = 2 * DT) -> LIF:
    return LIF(np.asarray(tau), np.asarray(2.0), np.asarray(0.0), np.asarray(0.5), np.asarray(0.0))


def with_neurons(net: Network, **neurons: Neuron) -> Network:
    populations = tuple(replace(p, neuron=neurons.get(p.name, p.neuron)) for p in net.populations)
    spiking = {p.name: p.spiking for p in populations}
    projections = (
        replace(p, signal=Signal.SPIKE if spiking.get(p.source, True) else Signal.ANALOG) for p in net.projections
    )
    return dyadic.dyadic(replace(net, populations=populations, projections=tuple(projections)))


def filtered(
    *before: Operator, tau: float = 2 * DT, r: float = 2.0, leak: float = 0.0, target: Neuron | None = None
) -> Network:
    """i -> a (LIF) -> s (LI) -> b."""
    shape = before[-1].output_shape if before else (5,)
    size = int(np.prod(shape))
    made = network(
        {"a": 5, "s": shape, "b": 3},
        wire("i", "a", dense(5, 4)),
        wire("a", "s", *before, signal=Signal.SPIKE),
        wire("s", "b", dense(3, size, 1), signal=Signal.ANALOG),
        inputs={"i": 4},
    )
    return with_neurons(made, a=lif(), s=li(tau, r, leak), b=target or lif())


@settings(max_examples=examples(150), deadline=None)
@given(dyadic.networks(), st.integers(0, 99), RESETS)
def test_folding_keeps_every_spike(net: Network, seed: int, reset: ResetMode) -> None:
    new = after("fold-li", net)
    assert_same(net, new, seed, reset)
    assert after("fold-li", new) is new


@settings(max_examples=examples(60), deadline=None)
@given(
    st.sampled_from([DT, 2 * DT]),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
    RESETS,
)
def test_an_integrator_becomes_a_synapse(
    tau: float, r: float, delayed: bool, readout: bool, seed: int, reset: ResetMode
) -> None:
    before = (Delay("d", np.asarray(2 * DT), (5,)), dense(6, 5, 3)) if delayed else ()
    net = filtered(*before, tau=tau, r=r, target=li(DT, 1.0) if readout else lif())
    new = after("fold-li", net)
    assert [p.model for p in new.populations] == ["LIF", "CubaLI" if readout else "CubaLIF"]
    assert_same(net, new, seed, reset)
    behind = new.population("b").neuron
    assert isinstance(behind, CubaLI | CubaLIF)
    assert (float(behind.tau_syn), float(behind.w_in)) == (tau, r)


def test_convolutions_and_pools_lie_before_the_synapse_too() -> None:
    first = conv((1, 8, 8), 2)
    pooled = pool(first.output_shape, 2)
    second = conv(pooled.output_shape, 3)
    made = network(
        {"s": pooled.output_shape, "b": second.output_shape},
        wire("i", "s", first, pooled),
        wire("s", "b", second),
        inputs={"i": (1, 8, 8)},
    )
    net = with_neurons(made, s=li(), b=lif())
    new = after("fold-li", net)
    assert [len(p.chain) for p in new.projections] == [3, 0]
    assert_same(net, new)


def test_a_loop_through_an_integrator_keeps_its_delay() -> None:
    made = network(
        {"s": 4, "b": 3},
        wire("i", "s", dense(4, 2)),
        wire("b", "s", dense(4, 3, 2), steps=1),
        wire("s", "b", dense(3, 4, 1)),
        inputs={"i": 2},
    )
    net = with_neurons(made, s=li(), b=lif())
    new = after("fold-li", net)
    assert {(p.source, p.target, p.steps) for p in new.projections} == {("i", "b", 0), ("b", "b", 1), ("b", "out", 0)}
    assert_same(net, new)


def changed(net: Network, name: str, **parts: object) -> Network:
    populations = tuple(replace(p, **parts) if p.name == name else p for p in net.populations)  # type: ignore[arg-type]
    return replace(net, populations=populations)


OTHERS: dict[str, tuple[str, dict[str, object]]] = {
    "a bias in front": ("s", {"bias": np.asarray(0.125)}),
    "a bias behind": ("b", {"bias": np.asarray(0.125)}),
    "a leak potential": ("s", {"neuron": li(leak=0.125)}),
    "several tau": ("s", {"neuron": LI(np.array([DT, DT, DT, DT, 2 * DT]), np.asarray(1.0), np.asarray(0.0))}),
    "a synapse already": ("b", {"neuron": CubaLIF(*(np.asarray(v) for v in (DT, DT, 1.0, 0.0, 1.0, 0.5, 0.0)))}),
}


@pytest.mark.parametrize("why", OTHERS)
def test_what_is_no_plain_filter_stays(why: str) -> None:
    name, parts = OTHERS[why]
    net = changed(filtered(), name, **parts)
    assert after("fold-li", net) is net


def test_an_integrator_that_somebody_else_reads_stays() -> None:
    wires = wire("i", "a", dense(5, 4)), wire("a", "s"), wire("s", "b", dense(3, 5, 1))
    sizes: dict[str, int | tuple[int, ...]] = {"a": 5, "s": 5, "b": 3}
    mixed = network(sizes, *wires, wire("a", "b", dense(3, 5, 7)), inputs={"i": 4})
    mixed = with_neurons(mixed, a=lif(), s=li(), b=lif())
    assert after("fold-li", mixed) is mixed
    net = with_neurons(network(sizes, *wires, inputs={"i": 4}), a=lif(), s=li(), b=lif())
    assert after("fold-li", net) is not net
    port = next(p for p in net.projections if p.target == "out")
    read = replace(port, name="s>out", source="s", source_shape=(5,), signal=Signal.ANALOG, chain=(dense(3, 5, 8),))
    both = replace(net, projections=(*net.projections, read))
    assert after("fold-li", both) is both


def test_two_integrators_that_differ_stay() -> None:
    made = network(
        {"s": 4, "t": 4, "b": 3},
        wire("i", "s", dense(4, 2)),
        wire("i", "t", dense(4, 2, 1)),
        wire("s", "b", dense(3, 4, 2)),
        wire("t", "b", dense(3, 4, 3)),
        inputs={"i": 2},
    )
    alike = with_neurons(made, s=li(), t=li(), b=lif())
    assert [p.name for p in after("fold-li", alike).populations] == ["b"]
    assert_same(alike, after("fold-li", alike))
    apart = with_neurons(made, s=li(DT), t=li(), b=lif())
    assert after("fold-li", apart) is apart


def test_a_chip_that_sends_spikes_takes_the_network_then() -> None:
    plan = compile_network(filtered(), real("loihi1"), Options(effort="none", passes=(PassCall.parse("fold-li"),)))
    assert [p.model for p in plan.populations] == ["Input", "LIF", "CubaLIF", "Output"]
    with pytest.raises(CapacityError, match="sends spikes only") as refusal:
        compile_network(filtered(leak=0.25), real("loihi1"), Options(effort="none"))
    assert refusal.value.code == "FIT005"
    assert "fold-li" in str(refusal.value.hint)
