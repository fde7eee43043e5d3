"""What is left out: projections of zeros, neurons that never fire, neurons that nothing reads, small weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.model import Network, Population, ResetMode
from neuedge_nir.network.valid import fault
from tests import dyadic, graphs
from tests.dyadic import after, assert_same, stored
from tests.sampling import examples
from tests.worlds import conv, convnet, dense, network, pool, recurrent, scale, wire

RESETS = st.sampled_from(ResetMode)


def zeroed(layer: Operator, rows: list[int], columns: list[int]) -> Dense | Conv:
    """A layer with zeros for some of its outputs and inputs."""
    assert isinstance(layer, Dense | Conv)
    weight = layer.weight.copy()
    weight[rows] = 0
    weight[:, columns] = 0
    return replace(layer, weight=weight)


def shapes(net: Network) -> dict[str, tuple[int, ...]]:
    return {p.name: p.shape for p in net.populations}


# --- prune-zero


@settings(max_examples=examples(120), deadline=None)
@given(dyadic.sparse(), st.integers(0, 99), RESETS)
def test_leaving_out_what_does_nothing_keeps_every_spike(net: Network, seed: int, reset: ResetMode) -> None:
    new = after("prune-zero", net)
    assert_same(net, new, seed, reset)
    assert after("prune-zero", new) is new
    assert stored(new) <= stored(net)
    assert (new is net) == (not [remark for remark in new.diagnostics if remark.code == "PASS003"])


CHANNELS = st.lists(st.integers(0, 3), max_size=3, unique=True)


@settings(max_examples=examples(60), deadline=None)
@given(CHANNELS, CHANNELS, CHANNELS, st.integers(0, 99))
def test_channels_are_cut_out_of_the_weights_on_both_sides(
    idle: list[int], unread: list[int], late: list[int], seed: int
) -> None:
    """a -> pool, conv -> b -> dense -> c: of a some channels are idle and some unread, of b some are idle."""
    net = dyadic.dyadic(convnet(4))
    first, second, *others = net.projections
    grid, kernel = second.chain
    assert isinstance(kernel, Conv)
    chains = (zeroed(first.chain[0], idle, []),), (grid, zeroed(kernel, late, unread))
    net = replace(net, projections=(replace(first, chain=chains[0]), replace(second, chain=chains[1]), *others))
    new = after("prune-zero", net)
    assert_same(net, new, seed)
    gone, after_it = len({*idle, *unread}), len({*late})
    if gone < 4:
        assert shapes(new) == {"a": (4 - gone, 4, 4), "b": (4 - after_it, 2, 2), "c": (10,)}
        layer = new.projections[2].chain[0]
        assert isinstance(layer, Dense)
        assert layer.weight.shape == (10, (4 - after_it) * 4)


def test_neurons_are_cut_out_of_loops_scales_and_parameters() -> None:
    net = recurrent(6)
    (a, b), (enters, loop, leaves, shown) = net.populations, net.projections
    factor = scale(np.arange(1.0, 7.0), (6,))
    chain = (factor, zeroed(leaves.chain[0], [], [2]))
    projections = (
        replace(enters, chain=(zeroed(enters.chain[0], [0, 5], []),)),
        replace(loop, chain=(zeroed(loop.chain[0], [0], [2]),)),
        replace(leaves, chain=chain),
        shown,
    )
    net = replace(net, populations=(replace(a, bias=np.linspace(0, 0.5, 6)), b), projections=projections, dt=0.5)
    new = after("prune-zero", net)
    assert_same(net, new)
    assert shapes(new) == {"a": (4,), "b": (2,)}, "0 never fires, 2 is unread; 5 hears of the others in the loop"
    np.testing.assert_array_equal(new.populations[0].bias, np.linspace(0, 0.5, 6)[[1, 3, 4, 5]])


@pytest.mark.parametrize("model", ["IF", "LIF", "CubaLIF", "Threshold"])
def test_a_network_without_zeros_is_left_alone(model: str) -> None:
    for net in (convnet(4, model=model), recurrent(model=model)):
        assert after("prune-zero", net) is net


def test_a_layer_that_others_share_is_cut_for_all_or_for_none() -> None:
    layer = zeroed(dense(3, 5), [1], [])
    wires = [wire("i", "a", layer), wire("i", "b", layer)]
    reads = [wire(name, "c", dense(2, 3, seed=k)) for k, name in enumerate("ab")]
    net = network({"a": 3, "b": 3, "c": 2}, *wires, *reads, inputs={"i": 5})
    new = after("prune-zero", net)
    assert shapes(new) == {"a": (2,), "b": (2,), "c": (2,)}
    assert new.projections[0].chain[0] is new.projections[1].chain[0]
    a, b, c = net.populations
    woken = replace(net, populations=(replace(a, bias=np.array([0, 9.0, 0])), b, c))
    assert after("prune-zero", woken) is woken


def test_a_population_that_a_pool_or_nothing_joins_to_another_is_cut_with_it_or_not_at_all() -> None:
    first = zeroed(conv((2, 4, 4), 3), [1], [])
    both = network(
        {"a": (3, 4, 4), "b": (3, 2, 2), "c": 2},
        wire("i", "a", first), wire("a", "b", pool((3, 4, 4))), wire("b", "c", dense(2, 12)), inputs={"i": (2, 4, 4)},
    )  # fmt: skip
    assert shapes(after("prune-zero", both)) == {"a": (2, 4, 4), "b": (2, 2, 2), "c": (2,)}
    shown = network(
        {"a": (3, 4, 4), "b": (3, 2, 2)},
        wire("i", "a", first),
        wire("a", "b", pool((3, 4, 4))),
        inputs={"i": (2, 4, 4)},
    )
    assert after("prune-zero", shown) is shown


def test_groups_are_cut_only_evenly() -> None:
    grouped = conv((2, 4, 4), 4, groups=2)
    for rows, left in (([1], 4), ([1, 2], 2)):
        net = network(
            {"a": (4, 4, 4), "b": 2}, wire("i", "a", zeroed(grouped, rows, [])), wire("a", "b", dense(2, 64)),
            inputs={"i": (2, 4, 4)},
        )  # fmt: skip
        assert shapes(after("prune-zero", net))["a"] == (left, 4, 4)


@st.composite
def alone(draw: st.DrawFn) -> Population:
    """Neurons of any model with parameters and bias of any kind."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bias = draw(graphs.spread(rng, (40,), -0.5)) if draw(st.booleans()) else None
    made = Population("a", draw(graphs.neurons(rng, (40,))), (40,), bias)
    if "v_leak" in made.parameters and draw(st.booleans()):
        made = replace(made, neuron=replace(made.neuron, v_leak=np.asarray(0.0)))  # type: ignore[arg-type]
    return made


@settings(max_examples=examples(120), deadline=None)
@given(alone(), st.sampled_from([0.01, 0.1, 0.5]), RESETS)
def test_what_is_called_idle_never_sends_anything(population: Population, dt: float, reset: ResetMode) -> None:
    """All that is left out of a population without inputs is silent for two hundred steps; most of the silent goes."""
    reader = wire("a", "b", dense(1, 40))
    reader = replace(reader, signal=dyadic.signal_of(population))
    net = network({"a": 40, "b": 1}, reader, inputs={"i": 1}, dt=dt)
    net = replace(net, populations=(population, *net.populations[1:]))
    spikes = np.zeros((1, 200, 1))
    sent = simulate(net, spikes, dt, reset, record=["a"]).recorded["a"][0]
    new = after("prune-zero", net)
    left = new.populations[0].neurons if len(new.populations) > 1 else 0
    assert left >= np.count_nonzero(sent.any(axis=0))
    for found in (new, after("prune-zero", replace(net, dt=None))):
        np.testing.assert_array_equal(
            simulate(found, spikes, dt, reset).outputs["out"], simulate(net, spikes, dt, reset).outputs["out"]
        )


@pytest.mark.parametrize(
    ("leak", "bias", "dt", "left"),
    [
        (0.0, 0.0, None, False),
        (0.9, 0.0, 0.5, False),
        (0.5, 0.4, 0.5, False),
        (0.5, 0.4, None, True),
        (0.5, 0.4, 4.0, True),
        (0.5, 0.5, 0.5, True),
        (0.0, 1.1, 0.5, True),
        (-0.5, -0.5, 0.5, False),
    ],
)
def test_a_leaky_neuron_is_left_out_where_leak_and_bias_draw_it_below_its_threshold(
    leak: float, bias: float, dt: float | None, left: bool
) -> None:
    """tau is 1 and so is the threshold."""
    net = network({"a": 1, "b": 1}, wire("a", "b", dense(1, 1)), inputs={"i": 1}, dt=dt)
    a, b = net.populations
    neuron = replace(a.neuron, v_leak=np.asarray(leak))  # type: ignore[arg-type]
    net = replace(net, populations=(replace(a, neuron=neuron, bias=np.asarray(bias)), b))
    assert ("a" in shapes(after("prune-zero", net))) == left


def test_what_stays_only_because_its_channel_does_still_gets_what_it_got() -> None:
    """Of b, whose channels are cut whole, c reads one pixel; the other one alone reads the neuron 3 of a."""
    onto = np.zeros((4, 4))
    onto[0, :3], onto[1, 3], onto[2] = 2.0, 2.0, 2.0
    reads = np.zeros((2, 4))
    reads[:, 0] = 2.0
    net = network(
        {"a": 4, "b": (2, 2), "c": 2}, wire("i", "a", Dense("w", 2 * np.eye(4))), wire("a", "b", Dense("on", onto)),
        wire("b", "c", Dense("of", reads)), inputs={"i": 4}, dt=dyadic.DT,
    )  # fmt: skip
    new = after("prune-zero", net)
    assert_same(net, new)
    assert shapes(new) == {"a": (4,), "b": (1, 2), "c": (2,)}
    assert dyadic.run_of(new).counts["b"].all()


def test_a_population_that_cannot_be_cut_does_not_keep_others_whole() -> None:
    grouped = zeroed(conv((2, 4, 4), 4, groups=2), [1], [])
    net = network(
        {"a": (4, 4, 4), "b": 3, "c": 2}, wire("i", "a", grouped), wire("i", "b", zeroed(dense(3, 32), [0], [])),
        wire("a", "c", dense(2, 64)), wire("b", "c", dense(2, 3)), inputs={"i": (2, 4, 4)},
    )  # fmt: skip
    assert shapes(after("prune-zero", net)) == {"a": (4, 4, 4), "b": (2,), "c": (2,)}


# --- prune-silent


@settings(max_examples=examples(60), deadline=None)
@given(dyadic.sparse(), st.integers(0, 99), RESETS)
def test_leaving_out_silent_neurons_keeps_every_spike_on_the_samples(net: Network, seed: int, reset: ResetMode) -> None:
    data = Samples(dyadic.spikes_for(net, seed))
    new = after("prune-silent", net, samples=data, reset=reset)
    assert_same(net, new, seed, reset)
    assert after("prune-silent", new, samples=data, reset=reset) is new
    assert new.neurons <= after("prune-zero", net).neurons


def test_neurons_that_fired_on_no_sample_are_left_out() -> None:
    weight = np.array([[2.0, 0, 0], [0, 2.0, 0], [0, 0, 0.1]])
    net = network(
        {"a": 3, "b": 2}, wire("i", "a", Dense("w", weight)), wire("a", "b", dense(2, 3)), inputs={"i": 3}, dt=1
    )
    spikes = np.zeros((1, 4, 3))
    spikes[..., 2] = 1
    spikes[0, 0, 1] = 1  # once is enough to stay
    new = after("prune-silent", net, samples=Samples({"i": spikes}))
    assert shapes(new)["a"] == (1,)
    with pytest.raises(UsageError):
        after("prune-silent", net)


# --- prune

SCOPES = ("relative", "global", "layer")


def weights_left(net: Network) -> int:
    layers = {id(op): op for p in net.projections for op in p.chain if isinstance(op, Dense | Conv)}
    return sum(int(np.count_nonzero(layer.weight)) for layer in layers.values())


@settings(max_examples=examples(80), deadline=None)
@given(dyadic.networks(), st.integers(0, 120), st.sampled_from(SCOPES))
def test_no_more_weights_are_left_than_wanted_and_they_are_the_largest(net: Network, most: int, scope: str) -> None:
    call = f"prune:synapses={most},scope={scope}"
    new = after(call, net)
    assert fault(new) is None
    assert weights_left(new) <= most or new is net
    assert (new is net) == (weights_left(net) <= most)
    assert after(call, new) is new
    if scope != "layer" and new is not net:
        assert weights_left(new) == most
    for old, thin in zip(net.projections, new.projections, strict=True):
        for a, b in zip(old.chain, thin.chain, strict=True):
            if isinstance(a, Dense | Conv) and isinstance(b, Dense | Conv):
                stays = b.weight != 0
                np.testing.assert_array_equal(b.weight[stays], a.weight[stays])
                assert np.abs(a.weight[~stays]).max(initial=0) <= np.abs(b.weight[stays]).min(initial=np.inf)


def test_sizes_are_compared_as_the_scope_says_and_of_equal_ones_the_later_goes() -> None:
    small, large = Dense("s", np.array([[0.25, 0.75, 1.0]])), Dense("l", np.array([[4.0], [4.0], [8.0]]))
    net = network({"a": 1, "b": 3}, wire("i", "a", small), wire("a", "b", large), inputs={"i": 3})

    def left(scope: str) -> list[list[float]]:
        new = after(f"prune:synapses=3,scope={scope}", net)
        return [layer.weight.ravel().tolist() for p in new.projections[:2] if isinstance(layer := p.chain[0], Dense)]

    assert left("relative") == [[0, 0.75, 1], [0, 0, 8]]
    assert left("global") == [[0, 0, 0], [4, 4, 8]]
    assert left("layer") == [[0, 0, 1], [0, 0, 8]]
    four = after("prune:synapses=4", net)
    assert four.projections[1].chain[0].weight.ravel().tolist() == [4, 0, 8]  # type: ignore[union-attr]
    assert [(d.code, d.node, d.message) for d in four.diagnostics][1] == (
        "PASS001", "l", "weights pruned: relative error 0.41",
    )  # fmt: skip


def test_a_number_of_synapses_must_be_given() -> None:
    with pytest.raises(UsageError):
        after("prune", recurrent())
