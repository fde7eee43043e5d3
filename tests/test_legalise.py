"""What a chip refuses, and what it computes instead: the same function, in its own weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import AxonWeights, Chip
from neuedge_nir.diagnostics import Severity
from neuedge_nir.errors import CapacityError, NeuedgeError
from neuedge_nir.mapping.effective import effective_weights, node_of
from neuedge_nir.mapping.legalise import Kind, LegalNetwork, kind_of, legalise
from neuedge_nir.mapping.weights import Weights
from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, PoolKind, Scale
from neuedge_nir.network.model import Network, Projection, ResetMode, Signal
from tests.sampling import examples
from tests.strategies import convs, pools
from tests.worlds import (
    MODELS,
    REAL_CHIPS,
    Shape,
    chain,
    chip,
    computed,
    conv,
    convnet,
    dense,
    limit,
    network,
    neuron,
    pool,
    random_array,
    real,
    residual,
    scale,
    wire,
)

TYPED = chip(neurons=256, input_axons=256, weights=AxonWeights.AXON_TYPES, weight_bits=9)
LEAKY = ("LIF", "LI", "CubaLIF", "CubaLI")


def refusal(net: Network, on: Chip, reset: ResetMode | None = None) -> CapacityError:
    with pytest.raises(CapacityError) as caught:
        legalise(net, on, reset=reset)
    return caught.value


def projection(source: Shape, *operators: Operator) -> Projection:
    target = operators[-1].output_shape if operators else source
    return Projection("p", "a", "b", source, target, operators)


def stored(legal: LegalNetwork) -> list[tuple[int, float]]:
    return [(p.stored.axons_per_input, p.stored.error) for p in legal.projections]


@pytest.mark.parametrize("name", REAL_CHIPS)
@pytest.mark.parametrize("model", MODELS)
def test_a_chip_takes_the_neurons_it_has_and_refuses_the_others_by_name(name: str, model: str) -> None:
    on, net = real(name), chain(inputs=3, model=model, nn=4)
    if model in on.capabilities.neuron_models:
        assert legalise(net, on).timing.lags["nn"] == 1
        return
    error = refusal(net, on)
    assert error.where == "node 'nn'"
    assert error.code == ("FIT002" if model in LEAKY and not on.capabilities.exponential_leak else "FIT001")
    assert model in error.message


def test_an_exponential_leak_is_refused_where_the_leak_is_constant() -> None:
    error = refusal(chain(lif=4), chip(neurons=9, leaks=False))
    assert (error.code, error.where) == ("FIT002", "node 'lif'")
    assert "LIF leaks exponentially, Toy by a constant" in error.message


def test_a_reset_that_the_chip_lacks_is_refused_with_those_it_has() -> None:
    error = refusal(chain(a=4), chip(neurons=9, resets=("zero",)), ResetMode.SUBTRACT)
    assert error.code == "FIT003"
    assert "cannot reset by subtract" in error.message
    assert "compile with --reset zero" in str(error)


def test_a_reset_to_another_value_is_refused() -> None:
    net = chain(a=4)
    odd = replace(neuron("LIF"), v_reset=np.array([0.0, 0.0, -0.5, 0.0]))  # type: ignore[arg-type]
    net = replace(net, populations=(replace(net.populations[0], neuron=odd),))
    assert (refusal(net, chip(neurons=9)).code, refusal(net, chip(neurons=9)).where) == ("FIT004", "node 'a'")
    assert legalise(net, chip(neurons=9), reset=ResetMode.SUBTRACT).reset is ResetMode.SUBTRACT  # v_reset is not used


def test_the_reset_is_the_users_then_the_files_then_an_assumption() -> None:
    said, silent = chain(a=4), replace(chain(a=4), reset=None)
    subtract = legalise(said, chip(neurons=9), reset=ResetMode.SUBTRACT)
    assert (subtract.reset, subtract.diagnostics) == (ResetMode.SUBTRACT, ())
    assert legalise(said, chip(neurons=9)).diagnostics == ()
    assumed = legalise(silent, chip(neurons=9))
    assert assumed.reset is ResetMode.ZERO
    assert [(d.code, d.severity) for d in assumed.diagnostics] == [("NIR002", Severity.ASSUMPTION)]


def test_a_subtracting_neuron_may_take_two_compartments() -> None:
    on = chip(neurons=9, compartments_subtract=2)
    taken = [legalise(chain(a=4), on, reset=mode).compartments_per_neuron for mode in ResetMode]
    assert dict(zip(ResetMode, taken, strict=True)) == {ResetMode.ZERO: 1, ResetMode.SUBTRACT: 2}


def potential_into_spikes() -> Network:
    onwards = wire("a", "b", dense(2, 4), signal=Signal.ANALOG)
    return network({"a": 4, "b": 2}, wire("i", "a", dense(4, 3)), onwards, inputs={"i": 3}, model={"a": "LI"})


def test_a_potential_handed_to_spiking_neurons_needs_graded_spikes() -> None:
    error = refusal(potential_into_spikes(), chip(neurons=9))
    assert (error.code, error.where) == ("FIT005", "node 'a'")
    assert "hands its potential to 'b'" in error.message
    assert legalise(potential_into_spikes(), chip(neurons=9, graded=True)).projections


def test_a_potential_read_by_an_output_is_no_matter_to_the_chip() -> None:
    net = chain(inputs=3, model="LI", a=4)
    analog = [replace(p, signal=Signal.ANALOG) if p.target == "out" else p for p in net.projections]
    assert legalise(replace(net, projections=tuple(analog)), chip(neurons=9)).projections


def test_an_input_of_values_is_refused() -> None:
    net = network({"a": 4}, wire("i", "a", dense(4, 3), signal=Signal.ANALOG), inputs={"i": 3})
    assert (refusal(net, chip(neurons=9)).code, refusal(net, chip(neurons=9)).where) == ("FIT005", "node 'i'")


def test_two_layers_without_neurons_between_are_refused_by_name() -> None:
    first, second = replace(dense(5, 3), node="fc1"), replace(dense(2, 5), node="fc2")
    error = refusal(network({"a": 2}, wire("i", "a", first, second), inputs={"i": 3}), chip(neurons=9))
    assert (error.code, error.where) == ("FIT006", "node 'fc2'")
    assert "'fc1' and 'fc2' follow each other" in error.message


def test_two_layers_before_an_output_are_the_hosts_business() -> None:
    net = chain(a=4)
    read = replace(net.projections[-1], chain=(dense(3, 4), dense(2, 3)), target_shape=(2,))
    assert legalise(replace(net, projections=(net.projections[0], read)), chip(neurons=9)).projections


def test_a_fan_in_beyond_the_wall_is_refused_with_both_figures() -> None:
    net = chain(inputs=784, model="IF", fc=10)
    error = refusal(net, real("truenorth"))
    assert error.code == "FIT010"
    assert "needs 784 axons on one core, IBM TrueNorth (28 nm) has 256" in error.message
    assert (error.needed, error.available, error.resource) == (784, 256, "input_axons")
    assert error.where == "node 'dense10x784'"


def test_a_fan_in_up_to_the_wall_is_taken_and_leaves_one_axon_per_input() -> None:
    assert [k for k, _ in stored(legalise(chain(inputs=256, model="IF", fc=10), real("truenorth")))] == [1]
    assert [k for k, _ in stored(legalise(chain(inputs=128, model="IF", fc=10), real("truenorth")))] == [2]
    assert [k for k, _ in stored(legalise(chain(inputs=64, model="IF", fc=10), real("truenorth")))] == [4]


def test_the_fan_in_counts_all_projections_into_a_population() -> None:
    wires = [wire("i", "a", dense(10, 200)), wire("j", "a", dense(10, 100, seed=1))]
    error = refusal(network({"a": 10}, *wires, inputs={"i": 200, "j": 100}, model="IF"), real("truenorth"))
    assert (error.code, error.needed) == ("FIT010", 300)


def test_weights_shared_differently_cannot_meet_where_a_neuron_has_four() -> None:
    kernel = conv((1, 4, 4), 2)
    both = network(
        {"a": (2, 4, 4)}, wire("i", "a", kernel), wire("j", "a", dense(32, 5)), inputs={"i": (1, 4, 4), "j": 5}
    )
    error = refusal(both, TYPED)
    assert (error.code, error.where) == ("FIT012", "node 'a'")


def test_neurons_that_share_weights_alike_may_meet() -> None:
    wires = [wire("i", "a", dense(6, 5)), wire("a", "a", dense(6, 6), steps=1)]
    legal = legalise(network({"a": 6}, *wires, inputs={"i": 5}), TYPED)
    assert len(set(stored(legal))) == 1


def test_coarse_weights_are_remarked_on() -> None:
    legal = legalise(chain(inputs=256, model="IF", fc=10), real("truenorth"))
    assert [(d.code, d.node) for d in legal.diagnostics] == [("WARN001", "dense10x256")]
    assert f"{legal.projections[0].stored.error:.0%}" in legal.diagnostics[0].message
    assert legalise(chain(inputs=256, model="IF", fc=10), real("loihi2")).diagnostics == ()


def test_parameters_that_differ_from_neuron_to_neuron_are_remarked_on() -> None:
    net = chain(a=3)
    uneven = replace(neuron("LIF"), tau=np.array([1.0, 2.0, 3.0]))  # type: ignore[arg-type]
    net = replace(net, populations=(replace(net.populations[0], neuron=uneven),))
    assert [(d.code, d.node) for d in legalise(net, chip(neurons=9)).diagnostics] == [("WARN002", "a")]


@pytest.mark.parametrize(("width", "remarks"), [(256, []), (257, [("WARN008", "conv")])])
def test_a_convolution_that_sees_more_than_coordinates_count_is_remarked_on(width: int, remarks: list[object]) -> None:
    image = (1, 4, width)
    wide = wire("in", "a", conv(image, 2))
    net = replace(network({"a": (2, 4, width)}, wide, inputs={"in": image}), reset=ResetMode.ZERO)
    assert [(d.code, d.node) for d in legalise(net, real("loihi2")).diagnostics] == remarks
    assert legalise(net, real("loihi1")).diagnostics == ()


def test_projections_are_kept_in_order_by_target_and_by_source() -> None:
    legal = legalise(residual(), chip(neurons=9, max_delay=9))
    assert [p.projection.source for p in legal.into("c")] == ["b", "a"]
    assert [p.projection.target for p in legal.out_of("a")] == ["b", "c"]
    assert [p.delay for p in legal.into("c")] == [1, 2]
    assert legal.into("out") == legal.out_of("c") == ()


def test_the_kind_of_a_projection_is_that_of_the_operator_with_the_synapses() -> None:
    image = (2, 4, 4)
    assert kind_of(projection(image, pool(image), dense(3, 8))) is Kind.DENSE
    assert kind_of(projection(image, conv(image, 3), pool((3, 4, 4)))) is Kind.CONV
    assert kind_of(projection(image, pool(image))) is Kind.POOL
    assert kind_of(projection(image, scale(2.0, image))) is kind_of(projection(image)) is Kind.ONE_TO_ONE


def test_a_projection_is_called_after_the_layer_with_its_weights_or_its_target() -> None:
    image = (2, 4, 4)
    assert node_of(projection(image, pool(image), replace(dense(3, 8), node="fc"))) == "fc"
    assert node_of(projection(image, pool(image))) == "b"


@st.composite
def weighted_chains(draw: st.DrawFn) -> Projection:
    """A conv or a dense layer, or none, with scales of every form and average pools around it."""
    source: Shape = draw(st.sampled_from([(2, 4, 4), (3, 3, 3), (4, 2, 4)]))
    operators: list[Operator] = []
    shape = source
    for kind in draw(st.permutations(["scale", "pool", "layer", "scale", "pool"]))[: draw(st.integers(1, 5))]:
        if kind == "scale":
            forms: list[Shape] = [(), shape, (shape[0], *(1 for _ in shape[1:]))]
            operators.append(scale(random_array(*draw(st.sampled_from(forms)), seed=len(operators)), shape))
        elif kind == "pool" and len(shape) == 3:
            operators.append(draw(pools(shape)))
        elif kind == "layer" and draw(st.booleans()):
            operators.append(dense(draw(st.integers(1, 6)), math.prod(shape)))
        elif kind == "layer" and len(shape) == 3:
            made = draw(convs(shape))
            operators.append(replace(made, weight=random_array(*made.weight.shape)))
        shape = operators[-1].output_shape if operators else shape
    return Projection("p", "a", "b", source, shape, tuple(operators))


def with_weights(chain: Sequence[Operator], weights: Weights) -> list[Operator]:
    """A chain whose weights are given, whose scales are one and whose pools sum."""
    layered = any(isinstance(op, (Dense, Conv)) for op in chain)
    bare: list[Operator] = []
    for op in chain:
        match op:
            case Dense() | Conv():
                bare.append(replace(op, weight=weights))
            case Pool():
                bare.append(replace(op, kind=PoolKind.SUM))
            case Scale() if not layered:
                pass
            case _:
                pass
    return bare


@settings(max_examples=examples(150), deadline=None)
@given(weighted_chains())
def test_the_effective_weights_alone_compute_what_the_chain_computes(p: Projection) -> None:
    try:
        weights = effective_weights(p)
    except CapacityError as error:
        assert error.code == "FIT011"
        assume(False)
    signal = random_array(*p.source_shape, seed=9)
    bare = with_weights(p.chain, weights)
    result = computed(bare, signal)
    if not any(isinstance(op, (Dense, Conv)) for op in p.chain):
        result = result * np.repeat(weights.ravel(), result.size // weights.size)
    np.testing.assert_allclose(result, computed(p.chain, signal), rtol=1e-9, atol=1e-9)


def test_a_scale_per_pixel_cannot_share_a_kernel() -> None:
    image = (2, 4, 4)
    net = network(
        {"a": (3, 4, 4)}, wire("i", "a", scale(random_array(*image), image), conv(image, 3)), inputs={"i": image}
    )
    error = refusal(net, chip(neurons=9))
    assert (error.code, error.where) == ("FIT011", "node 'conv'")


PER_CHANNEL = {
    "conv, scale per channel, pool": [conv((4, 8, 8), 6), scale(random_array(6, 1, 1), (6, 8, 8)), pool((6, 8, 8))],
    "scale per channel, pool, conv": [scale(random_array(4, 1, 1), (4, 8, 8)), pool((4, 8, 8)), conv((4, 4, 4), 6)],
    "scale per channel, dense": [scale(random_array(4, 1, 1), (4, 8, 8)), dense(10, 256)],
    "scale per channel, conv in groups": [scale(random_array(4, 1, 1), (4, 8, 8)), conv((4, 8, 8), 8, groups=4)],
    "conv, scale per channel": [conv((4, 8, 8), 6), scale(random_array(6, 1, 1), (6, 8, 8))],
    "scale per channel, conv": [scale(random_array(4, 1, 1), (4, 8, 8)), conv((4, 8, 8), 6)],
}
"""What batch normalisation becomes: it folds exactly, since pools and kernels treat a channel alike."""


@pytest.mark.parametrize("name", PER_CHANNEL)
def test_a_scale_per_channel_folds_into_the_weights(name: str) -> None:
    p = projection((4, 8, 8), *PER_CHANNEL[name])  # type: ignore[arg-type]
    signal = random_array(4, 8, 8)
    result = computed(with_weights(p.chain, effective_weights(p)), signal)
    np.testing.assert_allclose(result, computed(p.chain, signal), rtol=1e-9, atol=1e-9)


def test_a_population_one_to_one_has_a_weight_per_neuron() -> None:
    """Every neuron of TrueNorth has its own four weights: one axon each and no error."""
    shape = (2, 2, 3)
    net = network({"a": shape}, wire("i", "a", scale(random_array(*shape), shape)), inputs={"i": shape}, model="IF")
    assert stored(legalise(net, real("truenorth"))) == [(1, pytest.approx(0, abs=1e-12))]  # type: ignore[comparison-overlap]


def test_an_input_that_has_cores_of_its_own_keeps_the_chips_delay() -> None:
    net = network(
        {"a": 2, "b": 2}, wire("i", "a", dense(2, 2)), wire("a", "b", dense(2, 2)), wire("i", "b", dense(2, 2)),
        inputs={"i": 2},
    )  # fmt: skip
    assert legalise(net, chip(neurons=9, max_delay=1)).timing.delays["i->b#2"] == 2
    mapped = legalise(net, chip(neurons=9, max_delay=1), mapped_inputs=True)
    assert mapped.timing.delays["i->b#2"] == 1
    assert mapped.relays.sources == {"i.relay1": "i"}


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_a_small_image_classifier_is_legal_or_refused_by_a_proof(name: str) -> None:
    try:
        legal = legalise(convnet(model="IF"), real(name))
    except NeuedgeError as error:
        pytest.fail(f"{name} refuses a network of 3 layers: {error}")
    assert [p.kind for p in legal.projections] == [Kind.CONV, Kind.CONV, Kind.DENSE]
    assert all(0 <= p.stored.error < 1 for p in legal.projections)


def test_a_limit_without_the_axons_formula_leaves_four_axons_per_input() -> None:
    on = chip(rules=[limit("neurons", 10)], weights=AxonWeights.AXON_TYPES)
    assert [k for k, _ in stored(legalise(chain(inputs=1000, a=3), on))] == [4]
