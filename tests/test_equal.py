"""Two networks are equal when nothing tells them apart, and whatever does is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from neuedge_nir.network.connect import Conv, Delay, Dense, Pool, PoolKind, Scale
from neuedge_nir.network.equal import difference, equal
from neuedge_nir.network.model import IF, LIF, Network, Origin, Population, Port, Projection, ResetMode, Signal
from tests.graphs import networks
from tests.worlds import conv, dense, network, pool, scale, wire

SHAPE = (2, 4, 4)


def sample() -> Network:
    """One of each: convolution, pool, scale, delay and dense layers between two populations with a loop."""
    late = Delay("late", np.array(2.0), (2, 2, 2))
    net = network(
        {"a": SHAPE, "b": 3},
        wire("in", "a", conv(SHAPE, 2)),
        wire("a", "b", pool(SHAPE), scale(2.0, (2, 2, 2)), late, dense(3, 8)),
        wire("b", "b", steps=1),
        inputs={"in": SHAPE},
        dt=0.5,
    )
    return replace(net, populations=(replace(net.populations[0], bias=np.array(0.5)), net.populations[1]))


def with_population(change: Callable[[Population], Population]) -> Network:
    net = sample()
    return replace(net, populations=(change(net.populations[0]), net.populations[1]))


def with_projection(number: int, change: Callable[[Projection], Projection]) -> Network:
    net = sample()
    made = list(net.projections)
    made[number] = change(made[number])
    return replace(net, projections=tuple(made))


def with_operator(number: int, place: int, **changed: object) -> Network:
    def change(p: Projection) -> Projection:
        operator = replace(p.chain[place], **changed)  # type: ignore[arg-type]
        return replace(p, chain=(*p.chain[:place], operator, *p.chain[place + 1 :]))

    return with_projection(number, change)


def lif(**changed: float) -> LIF:
    values = {"tau": 1.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, **changed}
    return LIF(**{name: np.array(value) for name, value in values.items()})


@given(networks())
def test_a_network_is_equal_to_itself_in_any_order(net: Network) -> None:
    turned = replace(
        net,
        inputs=net.inputs[::-1],
        outputs=net.outputs[::-1],
        populations=net.populations[::-1],
        projections=net.projections[::-1],
        origin=Origin("elsewhere"),
    )
    assert difference(net, turned) is None


CHANGES: dict[str, Network] = {
    "reset: zero and subtract": replace(sample(), reset=ResetMode.SUBTRACT),
    "dt: 0.5 and None": replace(sample(), dt=None),
    "input 'in': shape: (2, 4, 4) and (32,)": replace(sample(), inputs=(Port("in", (32,)),)),
    "outputs named 'out': 1 and 0": replace(sample(), outputs=()),
    "populations named 'b': 1 and 0": replace(sample(), populations=sample().populations[:1]),
    "population 'a': model: LIF and IF": with_population(
        lambda p: replace(p, neuron=IF(np.ones(()), np.ones(()), np.zeros(())))
    ),
    "population 'a': shape: (2, 4, 4) and (4, 4, 2)": with_population(lambda p: replace(p, shape=(4, 4, 2))),
    "population 'a': tau: the numbers differ": with_population(lambda p: replace(p, neuron=lif(tau=1 + 1e-15))),
    "population 'a': v_reset: the numbers differ": with_population(lambda p: replace(p, neuron=lif(v_reset=-1e-300))),
    "population 'a': bias: the numbers differ": with_population(lambda p: replace(p, bias=None)),
    "projections named 'in->a#0': 1 and 0": with_projection(0, lambda p: replace(p, name="other")),
    "projection 'b->b#2': source: b and a": with_projection(2, lambda p: replace(p, source="a")),
    "projection 'b->b#2': steps: 1 and 0": with_projection(2, lambda p: replace(p, steps=0)),
    "projection 'b->b#2': signal: spike and analog": with_projection(2, lambda p: replace(p, signal=Signal.ANALOG)),
    "projection 'in->a#0': operators: Conv 'conv' and none": with_projection(0, lambda p: replace(p, chain=())),
    "projection 'in->a#0': 'conv': weight: the numbers differ": with_operator(0, 0, weight=np.ones((2, 2, 3, 3))),
    "projection 'in->a#0': 'conv': padding: ((1, 1), (1, 1)) and ((0, 2), (1, 1))": with_operator(
        0, 0, padding=((0, 2), (1, 1))
    ),
    "projection 'a->b#1': 'pool': kind: sum and average": with_operator(1, 0, kind=PoolKind.AVERAGE),
    "projection 'a->b#1': 'scale': factor: the numbers differ": with_operator(1, 1, factor=np.array(3.0)),
    "projection 'a->b#1': 'late': delay: the numbers differ": with_operator(1, 2, delay=np.array(3.0)),
    "projection 'a->b#1': 'dense3x8': weight: shapes (3, 8) and (3, 9)": with_operator(1, 3, weight=np.ones((3, 9))),
}


@pytest.mark.parametrize("told", CHANGES)
def test_what_tells_two_networks_apart_is_told(told: str) -> None:
    assert difference(sample(), CHANGES[told]) == told
    assert not equal(CHANGES[told], sample())


def test_the_operators_of_the_sample_are_of_all_kinds() -> None:
    kinds = {type(operator) for p in sample().projections for operator in p.chain}
    assert kinds == {Dense, Conv, Pool, Scale, Delay}


def test_numbers_count_by_their_values_alone() -> None:
    full = with_population(
        lambda p: replace(p, neuron=replace(lif(), tau=np.ones(SHAPE, np.float32)), bias=np.full((2, 1, 1), 0.5))
    )
    assert equal(sample(), full)
    assert equal(
        with_population(lambda p: replace(p, bias=None)), with_population(lambda p: replace(p, bias=np.zeros(1)))
    )


def test_a_scale_behind_a_flattening_is_the_same_as_before_it() -> None:
    factor = np.arange(8.0)
    before, behind = (
        network({"a": (2, 2, 2), "b": 3}, wire("a", "b", Scale("s", factor.reshape(shape), shape), dense(3, 8)))
        for shape in ((2, 2, 2), (8,))
    )
    assert equal(before, behind)
