"""Layers that become one: linear maps in a row or side by side, pools and the layer behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.network.valid import fault
from tests import dyadic
from tests.dyadic import after, assert_same, stored
from tests.sampling import examples
from tests.strategies import convs, pools
from tests.worlds import Shape, computed, conv, dense, network, pool, random_array, wire

RESETS = st.sampled_from(ResetMode)
SHAPES: st.SearchStrategy[Shape] = st.sampled_from([(2, 5), (4, 6), (1, 4, 4), (2, 5, 3), (6, 3, 4)])


def in_a_row(*operators: Operator) -> Network:
    return network(
        {"a": operators[-1].output_shape}, wire("i", "a", *operators), inputs={"i": operators[0].input_shape}
    )


def merged(call: str, *operators: Operator) -> tuple[Operator, ...]:
    new = after(call, in_a_row(*operators))
    assert fault(new) is None
    return new.projections[0].chain


def assert_computes_the_same(new: tuple[Operator, ...], old: tuple[Operator, ...]) -> None:
    signal = random_array(*old[0].input_shape, seed=9)
    np.testing.assert_allclose(computed(new, signal), computed(old, signal), rtol=1e-9, atol=1e-9)


# --- merge-linear


@settings(max_examples=examples(120), deadline=None)
@given(dyadic.networks(), st.integers(0, 99), RESETS, st.sampled_from(["merge-linear", "merge-linear:force=true"]))
def test_merging_layers_keeps_every_spike(net: Network, seed: int, reset: ResetMode, call: str) -> None:
    new = after(call, net)
    assert_same(net, new, seed, reset)
    assert after(call, new) is new
    assert stored(new) <= stored(net) or "force" in call


@st.composite
def with_a_kernel_of_one(draw: st.DrawFn) -> tuple[Conv, Conv]:
    """Two convolutions, one of which has a kernel of 1, without padding, in one group."""
    other = draw(SHAPES.flatmap(convs))
    other = replace(other, weight=random_array(*other.weight.shape, seed=1))
    before = draw(st.booleans())
    shape = other.input_shape if before else other.output_shape
    stride = 1 if before else draw(st.integers(1, 2))
    if before:
        return conv((3, *shape[1:]), shape[0], 1, padding=0), other
    return other, conv(shape, 3, 1, padding=0, stride=stride)


@settings(max_examples=examples(150), deadline=None)
@given(with_a_kernel_of_one())
def test_a_kernel_of_one_is_merged_with_any_convolution(pair: tuple[Conv, Conv]) -> None:
    (one,) = merged("merge-linear:force=true", *pair)
    assert_computes_the_same((one,), pair)
    assert sum(layer.weight.size for layer in merged_layers(*pair)) <= sum(layer.weight.size for layer in pair)


def merged_layers(*operators: Operator) -> list[Dense | Conv]:
    return [layer for layer in merged("merge-linear", *operators) if isinstance(layer, Dense | Conv)]


def test_two_layers_are_merged_where_that_stores_no_more() -> None:
    wide, narrow = (dense(6, 4), dense(3, 6, seed=1)), (dense(2, 8), dense(8, 2, seed=1))
    assert len(merged("merge-linear", *wide)) == 1
    assert merged("merge-linear", *narrow) == narrow
    (one,) = merged("merge-linear:force=true", *narrow)
    assert_computes_the_same((one,), narrow)
    assert one.node == "dense2x8+dense8x2"


def test_a_huge_product_is_not_even_formed() -> None:
    thin = Dense("a", np.broadcast_to(1.0, (1, 10**7))), Dense("b", np.broadcast_to(1.0, (10**7, 1)))
    assert merged("merge-linear", *thin) == thin


@pytest.mark.parametrize(
    "pair",
    [
        (conv((2, 4, 4), 3), conv((3, 4, 4), 2, 1, padding=1)),
        (conv((2, 4, 4), 3, 1, padding=1), conv((3, 6, 6), 2)),
        (conv((2, 4, 4), 3, 1, padding=0, stride=2), conv((3, 2, 2), 2)),
        (conv((2, 4, 4), 3), conv((3, 4, 4), 2)),
    ],
    ids=["padding between", "padding before the kernel", "stride before the kernel", "no kernel of one"],
)
def test_other_convolutions_stay_two(pair: tuple[Conv, Conv]) -> None:
    assert merged("merge-linear:force=true", *pair) == pair


def test_layers_that_two_projections_share_are_merged_once() -> None:
    both = dense(6, 4), dense(3, 6, seed=1)
    net = network({"a": 3, "b": 3}, wire("i", "a", *both), wire("i", "b", *both), inputs={"i": 4})
    (one,), (other,) = (p.chain for p in after("merge-linear", net).projections[:2])
    assert one is other
    (first, second), again = both, dense(3, 6, seed=2)
    apart = network({"a": 3, "b": 3}, wire("i", "a", first, second), wire("i", "b", first, again), inputs={"i": 4})
    assert stored(after("merge-linear", apart)) == 24, "two of 3 x 4, where 6 x 4 was shared"


def test_projections_side_by_side_are_one_unless_they_differ_in_delay() -> None:
    wires = [wire("i", "a", dense(3, 4, seed=k)) for k in range(3)]
    late = wire("i", "a", dense(3, 4, seed=4), steps=1)
    net = network({"a": 3}, *wires, late, inputs={"i": 4})
    new = after("merge-linear", net)
    assert [p.steps for p in new.into("a")] == [0, 1]
    layer = new.projections[0].chain[0]
    assert isinstance(layer, Dense)
    np.testing.assert_allclose(layer.weight, sum(random_array(3, 4, seed=k) for k in range(3)))
    assert after("merge-linear", new) is new


# --- fold-pool


@settings(max_examples=examples(100), deadline=None)
@given(dyadic.networks(), st.integers(0, 99), RESETS)
def test_folding_pools_keeps_every_spike(net: Network, seed: int, reset: ResetMode) -> None:
    new = after("fold-pool", net)
    assert_same(net, new, seed, reset)
    assert after("fold-pool", new) is new


@st.composite
def pools_and_layers(draw: st.DrawFn) -> tuple[Pool, Dense | Conv]:
    """A pool of any stride, padding and overlap, and a layer behind it."""
    pooled = draw(pools(draw(st.sampled_from([(2, 7, 5), (4, 6, 6), (2, 9, 8), (1, 5, 12)]))))
    if draw(st.integers(0, 3)) == 0:
        return pooled, dense(3, int(np.prod(pooled.output_shape)))
    layer = draw(convs(pooled.output_shape))
    return pooled, replace(layer, weight=random_array(*layer.weight.shape, seed=1))


@settings(max_examples=examples(400), deadline=None)
@given(pools_and_layers())
def test_a_pool_and_the_layer_behind_it_are_one_layer_or_stay_two(pair: tuple[Pool, Dense | Conv]) -> None:
    new = merged("fold-pool:growth=1000", *pair)
    assert_computes_the_same(new, pair)
    pooled, layer = pair
    plain = isinstance(layer, Dense) or not any(map(any, layer.padding))
    tight = not isinstance(layer, Dense) and any(
        (n - d * (k - 1) - 1) % s
        for n, k, s, d in zip(pooled.output_shape[1:], layer.kernel, layer.stride, layer.dilation, strict=True)
    )
    assert len(new) == 1 or not plain or tight


def test_pooled_windows_become_a_larger_kernel() -> None:
    pooled = pool((2, 8, 8), kind=PoolKind.AVERAGE)
    layer = conv((2, 4, 4), 3)
    (one,) = merged("fold-pool", pooled, layer)
    assert isinstance(one, Conv)
    assert (one.kernel, one.stride, one.padding) == ((6, 6), (2, 2), ((2, 2), (2, 2)))
    np.testing.assert_allclose(one.weight, np.kron(layer.weight, np.ones((2, 2))) / 4)
    told = after("fold-pool", in_a_row(pooled, layer)).diagnostics
    assert [(d.code, d.message) for d in told] == [("PASS004", "a pool went into these weights: 54 stored -> 216")]


@pytest.mark.parametrize(
    "pair",
    [
        (pool((1, 5, 5)), conv((1, 2, 2), 1)),
        (pool((1, 8, 8), 3, stride=2), conv((1, 3, 3), 1)),
    ],
    ids=["pixels at the edge that the pool leaves out", "windows wider than their stride before padding"],
)
def test_a_pool_stays_where_the_padding_behind_it_would_see_pixels(pair: tuple[Pool, Conv]) -> None:
    assert merged("fold-pool", *pair) == pair
    unpadded = pair[0], conv(pair[1].input_shape, 1, 2, padding=0)
    assert len(merged("fold-pool", *unpadded)) == 1


def test_a_layer_grows_only_as_often_as_it_may() -> None:
    pair = pool((2, 8, 8)), dense(3, 32)
    assert merged("fold-pool:growth=3", *pair) == pair
    assert len(merged("fold-pool:growth=4", *pair)) == 1
