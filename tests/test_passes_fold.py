"""What is folded into weights: scales, averages, the gains of neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, PoolKind, Scale
from neuedge_nir.network.model import LIF, Network, Population, Projection, ResetMode
from tests import dyadic
from tests.dyadic import after, assert_same, stored
from tests.sampling import examples
from tests.strategies import convs, pools
from tests.worlds import Shape, computed, conv, dense, network, pool, random_array, scale, wire

RESETS = st.sampled_from(ResetMode)
IMAGE: Shape = (2, 4, 4)


def folded(*operators: Operator) -> tuple[Operator, ...]:
    """The operators of one projection after fold-scale."""
    net = network({"a": operators[-1].output_shape}, wire("i", "a", *operators), inputs={"i": operators[0].input_shape})
    return after("fold-scale", net).projections[0].chain


# --- fold-scale -------------------------------------------------------------------------------------------------------


@st.composite
def scaled_chains(draw: st.DrawFn) -> Projection:
    """Up to five operators, most of them scales of every form."""
    source: Shape = draw(st.sampled_from([(2, 4, 4), (3, 3, 3), (4, 2, 4)]))
    operators: list[Operator] = []
    shape = source
    for k in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["scale", "scale", "pool", "conv", "dense"]))
        if kind == "dense":
            operators.append(dense(draw(st.integers(1, 6)), int(np.prod(shape)), seed=k))
        elif kind == "scale" or len(shape) < 3:
            forms: list[Shape] = [(), shape, (shape[0], *(1 for _ in shape[1:]))]
            operators.append(scale(random_array(*draw(st.sampled_from(forms)), seed=k), shape))
        elif kind == "pool":
            operators.append(draw(pools(shape)))
        else:
            made = draw(convs(shape))
            operators.append(replace(made, weight=random_array(*made.weight.shape, seed=k)))
        shape = operators[-1].output_shape
    return Projection("p", "a", "b", source, shape, tuple(operators))


@settings(max_examples=examples(150), deadline=None)
@given(scaled_chains())
def test_folding_scales_keeps_what_a_chain_computes(p: Projection) -> None:
    chain_after = folded(*p.chain)
    signal = random_array(*p.source_shape, seed=9)
    np.testing.assert_allclose(computed(chain_after, signal), computed(p.chain, signal), rtol=1e-9, atol=1e-9)
    kinds = [[type(op) for op in c if not isinstance(op, Scale)] for c in (chain_after, p.chain)]
    assert kinds[0] == kinds[1], "nothing but scales is left out"
    assert len(chain_after) <= len(p.chain)


def test_a_scale_before_or_behind_a_dense_layer_is_folded_row_by_row() -> None:
    (layer,) = folded(scale(random_array(4), (4,)), dense(3, 4), scale(random_array(3), (3,)))
    assert isinstance(layer, Dense)
    due = random_array(3)[:, None] * random_array(3, 4) * random_array(4)
    np.testing.assert_allclose(layer.weight, due)


def test_a_uniform_scale_is_folded_into_a_kernel() -> None:
    (layer,) = folded(conv(IMAGE, 3), scale(0.5, (3, 4, 4)))
    assert isinstance(layer, Conv)
    np.testing.assert_allclose(layer.weight, conv(IMAGE, 3).weight / 2)


def test_a_scale_per_pixel_stays_beside_a_kernel_and_any_scale_where_no_layer_is() -> None:
    for operators in (
        (scale(random_array(*IMAGE), IMAGE), conv(IMAGE, 3)),
        (scale(0.5, IMAGE), pool(IMAGE)),
    ):
        assert folded(*operators) == operators


def test_several_scales_before_a_layer_are_all_folded() -> None:
    assert [type(op) for op in folded(scale(2.0, (4,)), scale(3.0, (4,)), dense(3, 4))] == [Dense]


def test_other_projections_stay_the_objects_they_were() -> None:
    net = network(
        {"a": 3, "b": 2}, wire("i", "a", scale(2.0, (4,)), dense(3, 4)), wire("a", "b", dense(2, 3)), inputs={"i": 4}
    )
    new = after("fold-scale", net)
    assert [a is b for a, b in zip(new.projections, net.projections, strict=True)] == [False, True, True]
    assert new.populations is net.populations


@settings(max_examples=examples(150), deadline=None)
@given(dyadic.networks(), st.integers(0, 99), RESETS)
def test_folding_scales_keeps_every_spike(net: Network, seed: int, reset: ResetMode) -> None:
    new = after("fold-scale", net)
    assert_same(net, new, seed, reset)
    assert after("fold-scale", new) is new
    assert stored(new) <= stored(net)


def per_channel(shape: Shape, seed: int = 0) -> Scale:
    return scale(random_array(shape[0], *(1 for _ in shape[1:]), seed=seed), shape)


def test_a_batch_normalisation_goes_into_the_kernel_before_it_through_pools_and_delays() -> None:
    first = conv(IMAGE, 3)
    pooled = pool(first.output_shape, kind=PoolKind.AVERAGE)
    late = Delay("late", np.asarray(2.0), pooled.output_shape)
    normal = per_channel(pooled.output_shape)
    layer, summed, waits = folded(first, pooled, late, normal)
    assert isinstance(layer, Conv)
    np.testing.assert_allclose(layer.weight, first.weight * normal.factor.reshape(3, 1, 1, 1) / 4)
    assert isinstance(summed, Pool)
    assert summed.kind is PoolKind.SUM
    assert waits is late


def test_a_scale_per_channel_goes_into_the_input_channels_of_a_grouped_kernel_behind_it() -> None:
    behind = conv((4, 5, 5), 6, groups=2)
    (layer,) = folded(scale(np.array([1.0, 2.0, 4.0, 8.0]).reshape(4, 1, 1), (4, 5, 5)), behind)
    assert isinstance(layer, Conv)
    factors = np.array([[1, 2]] * 3 + [[4, 8]] * 3)
    np.testing.assert_allclose(layer.weight, behind.weight * factors[:, :, None, None])


def test_scales_that_no_layer_takes_become_one() -> None:
    (one,) = folded(scale(random_array(*IMAGE), IMAGE), scale(3.0, IMAGE), per_channel(IMAGE))
    assert isinstance(one, Scale)
    np.testing.assert_allclose(one.factor, random_array(*IMAGE) * 3.0 * random_array(2, 1, 1))
    rows = scale(random_array(1, 4, 1), IMAGE)
    assert len(folded(per_channel(IMAGE), rows)) == 2, "together they would be more numbers than apart"


def test_a_scale_by_one_is_left_out() -> None:
    assert folded(scale(1.0, IMAGE), pool(IMAGE)) == (pool(IMAGE),)


def test_an_average_without_a_layer_stays() -> None:
    average = pool(IMAGE, kind=PoolKind.AVERAGE)
    assert folded(average) == (average,)


def test_a_layer_that_two_projections_share_is_folded_once_and_stays_shared() -> None:
    layer, factor = dense(3, 5), scale(random_array(5), (5,))
    net = network({"a": 3, "b": 3}, wire("i", "a", factor, layer), wire("i", "b", factor, layer), inputs={"i": 5})
    (first,), (second,) = (p.chain for p in after("fold-scale", net).projections[:2])
    assert first is second


def test_a_layer_that_another_projection_needs_as_it_is_stays() -> None:
    layer = dense(3, 5)
    net = network({"a": 3, "b": 3}, wire("i", "a", scale(2.0, (5,)), layer), wire("i", "b", layer), inputs={"i": 5})
    assert after("fold-scale", net) is net
    other = wire("i", "a", scale(2.0, (5,)), layer, dense(3, 3, seed=1))
    moved = after(
        "fold-scale",
        replace(net, projections=(network({"a": 3}, other, inputs={"i": 5}).projections[0], *net.projections[1:])),
    )
    assert moved.projections[0].chain[0] is moved.projections[1].chain[0] is layer
    assert len(moved.projections[0].chain) == 2, "the uniform scale went on to the next layer"


@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_what_would_overflow_or_vanish_is_left_alone(factor: float) -> None:
    operators = (scale(factor, (2,)), Dense("w", np.full((1, 2), factor)))
    assert folded(*operators) == operators


def test_single_precision_is_kept_where_it_holds_the_product() -> None:
    layer = Dense("w", random_array(3, 4).astype(np.float32))
    halves, thirds = (folded(scale(f, (4,)), layer)[0] for f in (0.5, 1 / 3))
    assert isinstance(halves, Dense)
    assert isinstance(thirds, Dense)
    assert [layer.weight.dtype.name for layer in (halves, thirds)] == ["float32", "float64"]


def test_equal_weights_that_are_stored_once_are_not_spelled_out() -> None:
    wide = Dense("w", np.broadcast_to(np.float64(3), (1000, 1000)))
    (layer,) = folded(scale(0.5, (1000,)), wide)
    assert isinstance(layer, Dense)
    assert layer.weight.strides == (0, 0)
    assert layer.weight[0, 0] == 1.5


# --- fold-gain


@settings(max_examples=examples(150), deadline=None)
@given(dyadic.networks(), st.integers(0, 99), RESETS, st.sampled_from(["fold-gain", "fold-gain:to=step"]))
def test_folding_gains_keeps_every_spike(net: Network, seed: int, reset: ResetMode, call: str) -> None:
    new = after(call, net)
    assert_same(net, new, seed, reset)
    assert after(call, new) is new
    assert stored(new) == stored(net)
    named = {remark.node for remark in new.diagnostics if remark.code == "PASS002"}
    for old, population in zip(net.populations, new.populations, strict=True):
        assert unit(population, call) or (population is old and population.name in named)
        for name in {*population.parameters} - {"r", "w_in"}:
            assert population.parameters[name] is old.parameters[name]


def unit(population: Population, call: str) -> bool:
    """Whether the gains of a population are those that were asked for."""
    held = population.parameters
    gains = {"r": held.get("tau", held.get("tau_mem")), "w_in": held.get("tau_syn")}
    due = {name: 1 if "step" not in call else (1.0 if tau is None else tau) / dyadic.DT for name, tau in gains.items()}
    return all((held[name] == due[name]).all() for name in gains.keys() & held.keys())


def gained(shape: Shape, r: np.ndarray, *operators: Operator, source: Shape) -> Network:
    """One population of leaky neurons with a gain and a bias."""
    net = network({"a": shape}, wire("i", "a", *operators), inputs={"i": source}, dt=0.5)
    (leaky,) = net.populations
    neuron = LIF(np.asarray(2.0), r, np.zeros(()), np.ones(()), np.zeros(()))
    return replace(net, populations=(replace(leaky, neuron=neuron, bias=np.asarray(3.0)),))


def test_a_gain_for_each_neuron_goes_into_the_rows_of_a_dense_layer_and_into_the_bias() -> None:
    r = np.array([1.0, 2.0, 4.0])
    new = after("fold-gain", gained((3,), r, dense(3, 5), source=(5,)))
    layer, (population,) = new.projections[0].chain[0], new.populations
    assert isinstance(layer, Dense)
    np.testing.assert_array_equal(layer.weight, dense(3, 5).weight * r[:, None])
    np.testing.assert_array_equal(population.bias, 3 * r)
    assert population.parameters["r"] == 1
    step = after("fold-gain:to=step", new).populations[0]
    assert [float(step.parameters[name]) for name in ("r", "tau")] == [4, 2]
    np.testing.assert_array_equal(step.bias, 3 * r / 4)


def test_a_gain_for_each_neuron_of_a_convolution_stays_and_is_told_once() -> None:
    net = gained((3, 4, 4), random_array(3, 4, 4) + 3, conv(IMAGE, 3), source=IMAGE)
    new = after("fold-gain", net)
    assert [(remark.code, remark.node) for remark in new.diagnostics] == [("PASS002", "a")]
    assert new.projections is net.projections
    assert after("fold-gain", new) is new
    channels = gained((3, 4, 4), random_array(3, 1, 1) + 3, conv(IMAGE, 3), source=IMAGE)
    assert after("fold-gain", channels).diagnostics == ()


def test_a_gain_of_one_is_nothing_to_do() -> None:
    net = gained((3,), np.ones(3), dense(3, 5), source=(5,))
    assert after("fold-gain", net) is net


def test_gains_that_make_an_input_move_the_membrane_by_its_weight_need_a_timestep() -> None:
    net = replace(gained((3,), np.ones(()), dense(3, 5), source=(5,)), dt=None)
    with pytest.raises(UsageError) as caught:
        after("fold-gain:to=step", net)
    assert caught.value.code == "USE026"
    assert after("fold-gain:to=step", net, dt=0.5).populations[0].parameters["r"] == 4
