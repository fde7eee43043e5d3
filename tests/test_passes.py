"""Passes keep what a network computes, and hand back the very network where there is nothing to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.network.connect import Dense, Operator
from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context, configured
from tests.sampling import examples
from tests.worlds import chain, chip, computed, dense, network, random_array, recurrent, scale, wire

TOY = chip(neurons=9)


def after(name: str, net: Network) -> Network:
    return configured(PassCall.parse(name)).run(net, Context(TOY))


def folded(*operators: Operator) -> tuple[Operator, ...]:
    """The operators of one projection after fold-scale."""
    net = network({"a": operators[-1].output_shape}, wire("i", "a", *operators), inputs={"i": operators[0].input_shape})
    return after("fold-scale", net).projections[0].chain


PASSES = ("fold-scale", "drop-dead", "quantise:bits=6")


@pytest.mark.parametrize("name", ["fold-scale", "drop-dead"])
def test_a_pass_with_nothing_to_do_returns_the_very_network(name: str) -> None:
    for net in (chain(a=3, b=4), recurrent()):
        assert after(name, net) is net


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_finds_nothing_to_do_in_what_it_made(name: str) -> None:
    net = network(
        {"a": 3, "dead": 2, "b": 2},
        wire("i", "a", scale(2.0, (4,)), dense(3, 4), scale(random_array(3), (3,))),
        wire("a", "dead", dense(2, 3)),
        wire("a", "b", dense(2, 3)),
        inputs={"i": 4},
    )
    once = after(name, net)
    assert once is not net
    assert after(name, once) is once


# --- drop-dead --------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> Network:
    """Up to six populations, joined at random, some of which no output can see."""
    names = [f"p{k}" for k in range(draw(st.integers(1, 6)))]
    ends = st.sampled_from(names)
    edges = sorted(draw(st.sets(st.tuples(st.sampled_from(["i", *names]), ends), max_size=10)))
    wires = [wire(s, t, dense(2, 2, seed=k), steps=int(s >= t)) for k, (s, t) in enumerate(edges)]
    return network(dict.fromkeys(names, 2), *wires, inputs={"i": 2}, outputs={"out": draw(ends)})


def shown(net: Network, steps: int = 8) -> list[np.ndarray]:
    """What the outputs show step by step, with populations that add up what they receive, a step late."""
    size = {p.name: p.neurons for p in net.populations}
    state = {name: np.zeros(n) for name, n in size.items()}
    result = []
    for step in range(steps):
        held = {**state, **{port.name: random_array(port.neurons, seed=step) for port in net.inputs}}
        received = {name: np.zeros(n) for name, n in size.items()}
        for p in net.projections:
            if p.target in size:
                received[p.target] += computed(p.chain, held[p.source])
        state = {name: np.tanh(state[name] + received[name]) for name in size}
        result.append(np.concatenate([state[p.source] for p in net.projections if p.target not in size]))
    return result


@settings(max_examples=examples(100), deadline=None)
@given(graphs())
def test_dropping_what_no_output_sees_changes_no_output(net: Network) -> None:
    new = after("drop-dead", net)
    np.testing.assert_array_equal(shown(new), shown(net))
    feeds = {p.source for p in new.projections}
    assert {p.name for p in new.populations} <= feeds, "each that is left feeds something that is left"
    assert {name for p in new.projections for name in (p.source, p.target)} <= {
        *(p.name for p in new.populations), *(port.name for port in (*new.inputs, *new.outputs))
    }  # fmt: skip


@settings(max_examples=examples(100), deadline=None)
@given(graphs())
def test_what_is_dropped_has_no_way_to_an_output(net: Network) -> None:
    gone = {p.name for p in net.populations} - {p.name for p in after("drop-dead", net).populations}
    assert not [p for p in net.projections if p.source in gone and p.target not in gone]
    assert after("drop-dead", net) is net or gone


def test_a_loop_that_feeds_only_itself_is_dead() -> None:
    net = network(
        {"loop": 2, "a": 2}, wire("i", "loop", dense(2, 2)), wire("loop", "loop", dense(2, 2), steps=1),
        wire("i", "a", dense(2, 2)), inputs={"i": 2},
    )  # fmt: skip
    new = after("drop-dead", net)
    assert [p.name for p in new.populations] == ["a"]
    assert [(p.source, p.target) for p in new.projections] == [("i", "a"), ("a", "out")]
    assert new.inputs == net.inputs


def test_what_any_of_several_outputs_sees_is_alive() -> None:
    wires = [wire("i", name, dense(2, 2)) for name in "abc"]
    net = network(dict.fromkeys("abc", 2), *wires, inputs={"i": 2}, outputs={"x": "a", "y": "c"})
    assert [p.name for p in after("drop-dead", net).populations] == ["a", "c"]


@pytest.mark.parametrize("name", ["drop-dead", "prune-zero"])
def test_of_a_network_without_outputs_nothing_is_dead(name: str) -> None:
    net = network(
        {"a": 2, "b": 2}, wire("i", "a", dense(2, 2)), wire("a", "b", dense(2, 2)), inputs={"i": 2}, outputs={}
    )
    assert after(name, net) is net


# --- quantise ---------------------------------------------------------------------------------------------------------


@given(st.integers(2, 12), st.sampled_from(["tensor", "channel"]), st.integers(0, 99))
def test_weights_are_rounded_to_the_nearest_level(bits: int, per: str, seed: int) -> None:
    net = network({"a": 3}, wire("i", "a", dense(3, 5, seed=seed)), inputs={"i": 5})
    before, now = (each.projections[0].chain[0] for each in (net, after(f"quantise:bits={bits},per={per}", net)))
    assert isinstance(before, Dense)
    assert isinstance(now, Dense)
    for rows in [slice(None)] if per == "tensor" else [slice(k, k + 1) for k in range(3)]:
        old, new = before.weight[rows], now.weight[rows]
        step = np.abs(old).max() / (2 ** (bits - 1) - 1)
        levels = new / step
        np.testing.assert_allclose(levels, np.round(levels), atol=1e-6)
        assert np.abs(levels).max() <= 2 ** (bits - 1) - 1 + 1e-6
        assert np.abs(new - old).max() <= step * (0.5 + 1e-9)


def test_a_layer_that_two_projections_share_stays_one() -> None:
    layer = dense(3, 5)
    net = network({"a": 3, "b": 3}, wire("i", "a", layer), wire("i", "b", layer), inputs={"i": 5})
    first, second = (p.chain[0] for p in after("quantise:bits=3", net).projections[:2])
    assert first is second
    assert first is not layer


def test_what_rounding_costs_is_told_by_layer() -> None:
    net = network({"a": 2}, wire("i", "a", Dense("w", np.array([[3.0, 4.0], [0.0, 0.0]]))), inputs={"i": 2})
    rounded = after("quantise:bits=2", net)
    (layer,) = rounded.projections[0].chain
    assert isinstance(layer, Dense)
    assert layer.weight.tolist() == [[4.0, 4.0], [0.0, 0.0]]
    assert [(d.code, d.node, d.message) for d in rounded.diagnostics] == [
        ("PASS001", "w", "weights rounded: relative error 0.2")
    ]
