"""Runs in chips' own numbers: against brute force, against the reference where nothing is lost, and at their limits."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_models.digits import DIGITS
from neuedge_nir import emulate, read
from neuedge_nir.chip.arithmetic import KINDS
from neuedge_nir.chip.model import AdaptiveThresholds, Arithmetic, Chip, Confidence
from neuedge_nir.chip.rules import FORMS, LISTENING
from neuedge_nir.emulation import loihi
from neuedge_nir.emulation.agreement import agreement
from neuedge_nir.emulation.float32 import SingleState
from neuedge_nir.emulation.numbers import Tally
from neuedge_nir.emulation.run import quantised, run_integers
from neuedge_nir.errors import CapacityError, InputError, NoPlanError, UsageError
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.network.connect import Conv, Dense, Operator
from neuedge_nir.network.model import (
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    Network,
    Neuron,
    Population,
    ResetMode,
    Signal,
    Threshold,
)
from tests import brute_fixed
from tests.graphs import adapting
from tests.sampling import examples
from tests.test_simulate import SHARED, trace
from tests.worlds import chip, dense, known, network, networks, real, wire

SIZES: Mapping[str, Mapping[str, int]] = {
    "loihi": {
        "state_bits": 24,
        "input_bits": 16,
        "input_shift": 6,
        "weight_exponent": 1,
        "decay_bits": 12,
        "threshold_bits": 17,
        "threshold_shift": 6,
        "bias_bits": 13,
        "bias_exponent": 7,
    },
    "integer-leak": {"state_bits": 20, "threshold_bits": 18, "leak_bits": 9},
    "accum": {"state_bits": 32, "fraction_bits": 15, "input_bits": 16, "decay_bits": 32},
    "float32": {},
}
"""Those of the real chips."""
SMALL: Mapping[str, Mapping[str, int]] = {
    "loihi": {**SIZES["loihi"], "state_bits": 16, "input_bits": 10, "threshold_bits": 10},
    "integer-leak": {"state_bits": 11, "threshold_bits": 10, "leak_bits": 6},
    "accum": {**SIZES["accum"], "state_bits": 14, "input_bits": 12},
    "float32": {},
}
"""So small that numbers overflow."""
BITS = {"loihi": 8, "integer-leak": 9, "accum": 16, "float32": 8}
MODELS = {
    "loihi": ("IF", "LIF", "CubaLIF", "LI", "CubaLI", "Threshold"),
    "integer-leak": ("IF",),
    "accum": ("IF", "LIF", "CubaLIF", "LI", "CubaLI"),
    "float32": ("IF", "LIF", "CubaLIF", "LI", "CubaLI"),
}
KIND = st.sampled_from(sorted(KINDS))


def toy(kind: str, sizes: Mapping[str, int] | None = None) -> Chip:
    """A chip with this arithmetic, and nothing else that could be in the way."""
    parameters = {name: known(value) for name, value in (SIZES[kind] if sizes is None else sizes).items()}
    late = known(2, "timesteps")
    follows = AdaptiveThresholds(LISTENING, FORMS, "made up", Confidence.ASSUMED, late)
    plain = chip(weights=KINDS[kind].weights, weight_bits=BITS[kind], models=MODELS[kind], max_delay=62, neurons=99)
    able = replace(plain.capabilities, adaptation=follows)
    return replace(plain, capabilities=able, arithmetic=Arithmetic(kind, "made up", Confidence.ASSUMED, parameters))


def of_model(model: str, rng: np.random.Generator, shape: tuple[int, ...]) -> Neuron:
    """A neuron with parameters that fit no grid; now and then one for each neuron."""

    def some(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, shape if rng.random() < 0.3 else ())

    tau, syn, r, leak, w_in = some(0.5, 9), some(0.5, 5), some(0.4, 2), some(-1, 1), some(0.4, 2)
    theta, zero = some(0.1, 3), np.zeros(())
    match model:
        case "IF":
            return IF(r, theta, zero)
        case "LIF":
            return LIF(tau, r, leak, theta, zero)
        case "CubaLIF":
            return CubaLIF(syn, tau, r, leak, w_in, theta, zero)
        case "LI":
            return LI(tau, r, leak)
        case "CubaLI":
            return CubaLI(syn, tau, r, leak, w_in)
        case _:
            return Threshold(theta)


@st.composite
def worlds(draw: st.DrawFn, kind: str) -> Network:
    """A network that the kind can hold, spiking but for its last population; biases here and there."""
    net = draw(networks())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found = []
    for population in net.populations:
        reads = {p.target for p in net.out_of(population.name)}
        last = reads <= {port.name for port in net.outputs}
        models = [m for m in MODELS[kind] if last or m not in ("LI", "CubaLI")]
        bias = rng.uniform(-0.5, 0.5, population.shape) if draw(st.booleans()) else None
        neuron = of_model(draw(st.sampled_from(models)), rng, population.shape)
        found.append(replace(population, neuron=neuron, bias=bias))
    return draw(adapting(replace(net, populations=tuple(found), dt=0.5), 0.5))


def spikes_for(net: Network, seed: int, samples: int = 2, steps: int = 15, rate: float = 0.5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {port.name: rng.random((samples, steps, *port.shape)) < rate for port in net.inputs}


CASES = [(kind, size) for kind in sorted(KINDS) for size in ("real", "small") if SIZES[kind] or size == "real"]


@pytest.mark.parametrize(("kind", "size"), CASES)
@settings(max_examples=examples(50), deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), reset=st.sampled_from(ResetMode))
def test_an_emulation_is_its_chips_arithmetic(
    kind: str, size: str, data: st.DataObject, seed: int, reset: ResetMode
) -> None:
    sizes = SIZES if size == "real" else SMALL
    net = data.draw(worlds(kind))
    try:
        integers = quantised(net, toy(kind, sizes[kind]), reset=reset)
    except (CapacityError, NoPlanError) as error:
        assert error.code in ("FIT010", "FIT012", "FIT019", "FIT022")
        return
    names = [p.name for p in net.populations]
    spikes = spikes_for(net, seed, rate=data.draw(st.sampled_from([0.3, 0.9])))
    found = run_integers(integers, spikes, record=names)
    over = {name: Counter[str]() for name in names}
    for sample in range(2):
        expected, overflowed = brute_fixed.outputs(integers, {name: values[sample] for name, values in spikes.items()})
        for name in names:
            over[name] += Counter(overflowed[name])
            ours = found.run.recorded[name][sample].reshape(15, -1)
            np.testing.assert_allclose(ours.astype(float), expected[name], rtol=1e-12, err_msg=name)
    assert found.overflows == {name: dict(counts) for name, counts in over.items()}


# Where nothing is lost, nothing differs.


def on_grid(kind: str, model: str, seed: int, threshold: float) -> Network:
    """Two layers and a loop of small whole weights; half of a potential is kept, or all, and inputs add as they are."""
    rng = np.random.default_rng(seed)
    one, zero, theta = np.ones(()), np.zeros(()), np.asarray(threshold)
    cells: dict[str, Neuron] = {
        "IF": IF(one, theta, zero),
        "LIF": LIF(2 * one, 2 * one, zero, theta, zero),
        "Threshold": Threshold(theta),
    }
    weights = rng.integers(-3, 4, (3, 5, 5)).astype(float)
    if kind == "integer-leak":  # one weight for all axons of a neuron
        weights = 2.0 * (weights > 0)
    into, loop, on = (Dense(f"w{k}", weight) for k, weight in enumerate(weights))
    wires = wire("in", "a", into), wire("a", "a", loop, steps=1), wire("a", "b", on)
    net = network({"a": 5, "b": 5}, *wires, inputs={"in": 5}, dt=1.0)
    return replace(net, populations=tuple(replace(p, neuron=cells[model]) for p in net.populations))


EXACT = [
    (kind, model, reset)
    for kind, model, reset in itertools.product(sorted(KINDS), ("IF", "LIF", "Threshold"), ResetMode)
    # TrueNorth's linear reset subtracts one unit more than NIR's threshold.
    if model in MODELS[kind] and (kind, reset) != ("integer-leak", ResetMode.SUBTRACT)
]


@pytest.mark.parametrize(("kind", "model", "reset"), EXACT)
@settings(max_examples=examples(15), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), threshold=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.5]))
def test_numbers_on_the_grid_lose_nothing(kind: str, model: str, reset: ResetMode, seed: int, threshold: float) -> None:
    net = on_grid(kind, model, seed, threshold)
    spikes = spikes_for(net, seed, steps=6)
    found = emulate(net, spikes, toy(kind), reset=reset, record=["a", "b"])
    wanted = simulate(net, spikes, reset=reset, record=["a", "b"])
    for name in ("a", "b"):
        assert (found.run.recorded[name] == wanted.recorded[name]).all()
        assert (found.run.counts[name] == wanted.counts[name]).all()
    for loss in found.losses:
        assert (loss.weight_max, loss.weight_rms, loss.decay, loss.bias) == (0, 0, 0, 0)
        assert loss.threshold <= (1 / 63 if kind == "integer-leak" else 0)  # no sum lies between it and the real one
    assert agreement(net, wanted, found.run, None).same_class == 1


def rounded(operator: Operator) -> Operator:
    return replace(operator, weight=np.rint(operator.weight)) if isinstance(operator, Dense | Conv) else operator


@settings(max_examples=examples(80), deadline=None)
@given(st.sampled_from(["accum", "float32", "loihi"]), networks(), st.integers(0, 99), st.sampled_from(ResetMode))
def test_chains_of_operators_lose_nothing_on_the_grid(kind: str, net: Network, seed: int, reset: ResetMode) -> None:
    """Convolutions, pools, averages and scales: where every weight is held exactly, so is every spike."""
    whole = tuple(replace(p, chain=tuple(map(rounded, p.chain))) for p in net.projections)
    net = replace(net, projections=whole, dt=1.0)
    integers = quantised(net, toy(kind), reset=reset)
    assume(not any(error for loss in integers.losses for error in loss.errors))
    spikes, names = spikes_for(net, seed), [p.name for p in net.populations]
    found, wanted = run_integers(integers, spikes, record=names), simulate(net, spikes, reset=reset, record=names)
    assert all((found.run.recorded[name] == wanted.recorded[name]).all() for name in names)


@pytest.mark.parametrize("kind", [kind for kind in sorted(KINDS) if "LI" in MODELS[kind]])
def test_a_readout_tells_its_potential_in_the_models_own_units(kind: str) -> None:
    one, zero = np.ones(()), np.zeros(())
    net = network({"a": 4}, wire("in", "a", dense(4, 6)), inputs={"in": 6}, dt=1.0)
    net = replace(net, populations=(replace(net.populations[0], neuron=LI(4 * one, one, zero)),))
    spikes = spikes_for(net, 3, steps=30)
    wanted, found = simulate(net, spikes).outputs["out"], emulate(net, spikes, toy(kind)).run.outputs["out"]
    assert 0 < np.abs(wanted - found).max() < 0.02 * np.abs(wanted).max()


# What quantisation costs is told.

ERRORS = {"loihi": 1 / 254, "accum": 1 / 2000, "float32": 0.5 / 127}
"""Half of a unit over the largest weight; Loihi's mantissas have units of 2."""


@pytest.mark.parametrize("kind", sorted(ERRORS))
@settings(max_examples=examples(30), deadline=None)
@given(seed=st.integers(0, 999), tau=st.floats(1.0, 50.0), threshold=st.floats(0.2, 5.0))
def test_errors_are_those_of_rounding(kind: str, seed: int, tau: float, threshold: float) -> None:
    weight = np.random.default_rng(seed).normal(size=(6, 9))
    cells = LIF(np.asarray(tau), np.asarray(tau), np.zeros(()), np.asarray(threshold), np.zeros(()))
    net = network({"a": 6}, wire("in", "a", Dense("w", weight)), inputs={"in": 9}, dt=1.0)
    integers = quantised(replace(net, populations=(replace(net.populations[0], neuron=cells),)), toy(kind))
    (loss,) = integers.losses
    assert 0 < loss.weight_max <= ERRORS[kind] * 1.0001
    assert loss.decay <= tau / 4096
    assert loss.threshold <= 0.05
    held = integers.network.projections[0].chain[0]
    assert isinstance(held, Dense)
    whole = np.where(held.weight >= 2**26, -held.weight / 2**26, held.weight)
    assert (whole == np.rint(whole)).all()
    assert loss.largest_weight == np.abs(whole).max()
    unit = (whole * weight).sum() / (whole**2).sum()
    assert np.linalg.norm(whole * unit - weight) / np.linalg.norm(weight) == pytest.approx(loss.weight_rms, rel=0.05)


def test_a_truenorth_neuron_has_few_weights_and_says_so() -> None:
    net = network({"a": 3}, wire("in", "a", dense(3, 60)), inputs={"in": 60}, model="IF", dt=1.0)
    integers = quantised(net, real("truenorth"))
    held = integers.network.projections[0].chain[0]
    assert isinstance(held, Dense)
    assert all(len(set(row)) <= 16 for row in held.weight.tolist())
    assert np.abs(held.weight).max() <= 255
    assert integers.losses[0].weight_rms == pytest.approx(integers.legal.projections[0].stored.error)


# Numbers that do not fit.


def alone(weight: float, threshold: float, inputs: int = 1, model: str = "IF") -> Network:
    """One neuron on some inputs of one weight."""
    one, zero, theta = np.ones(()), np.zeros(()), np.asarray(threshold)
    slow = CubaLIF(100 * one, 100 * one, one * 1e4, zero, one, theta, zero)
    cells = IF(one, theta, zero) if model == "IF" else slow
    net = network({"a": 1}, wire("in", "a", Dense("w", np.full((1, inputs), weight))), inputs={"in": inputs}, dt=1.0)
    return replace(net, populations=(replace(net.populations[0], neuron=cells),))


def test_a_sum_beyond_sixteen_bits_wraps_on_loihi() -> None:
    found = emulate(alone(1.0, 10.0, inputs=600), np.ones((1, 3, 600)), toy("loihi"))
    # 600 weights of 128 are 76,800, which is 11,264 modulo 2^16, or 88 in units of the weight: above 10 even so.
    assert found.overflows == {"a": {"input wrapped": 3}}
    assert found.run.counts["a"] == 3
    silent = emulate(alone(1.0, 10.0, inputs=400), np.ones((1, 3, 400)), toy("loihi"))
    # 51,200 is -14,336: the neuron that everyone excites is inhibited.
    assert silent.overflows == {"a": {"input wrapped": 3}}
    assert silent.run.counts["a"] == 0


def test_a_current_beyond_its_bits_wraps_on_loihi() -> None:
    found = emulate(alone(1.0, 1e3, inputs=100, model="CubaLIF"), np.ones((1, 40, 100)), toy("loihi"))
    # 100 * 128 * 64 in every step are 819,200, of which a current keeps 99 %: 2^23 is passed after 11 steps.
    assert found.overflows["a"]["current wrapped"] >= 1


def test_a_potential_saturates_on_loihi_and_truenorth() -> None:
    for kind, weight, most in (("loihi", 128, (2**23 - 1) / 64), ("integer-leak", 255, 2**18 - 1)):
        integers = quantised(alone(-1.0, 1.0, inputs=4), toy(kind))
        assert integers.losses[0].largest_weight == weight
        fitting = int(most // (4 * weight))
        found = run_integers(integers, np.ones((1, fitting + 3, 4)))
        assert found.overflows["a"] == {"potential saturated": 3}
        assert not found.run.counts["a"]


def test_the_ring_buffers_of_spinnaker_do_not_overflow() -> None:
    integers = quantised(alone(1.0, 10.0, inputs=3000), toy("accum"))
    assert integers.losses[0].largest_weight == 16  # 2^4 * 3000 < 2^16 <= 2^5 * 3000
    found = run_integers(integers, np.ones((1, 3, 3000)))
    assert found.overflows == {"a": {}}
    assert found.run.counts["a"] == 3


# Traces that others published.


def test_a_potential_is_that_of_loihi_itself() -> None:
    """The NIR paper's LIF on a Loihi chip, through Lava: the potential bit by bit, which Lava tells a step later."""
    given, wanted = trace("lava_loihi_fixed")[:, 0], trace("lava_loihi_fixed")
    registers = loihi.Registers(**SIZES["loihi"])
    keep, threshold, bias = (np.asarray(value, np.int64) for value in (4096 - 163, 25 << 6, 0))
    cells = loihi.LoihiCells((1,), registers, np.zeros((), np.int64), keep, threshold, None, bias, np.ones(()))
    state = cells.start(1, Tally())
    potentials, spikes = [], []
    for arriving in given:  # a weight of 10, and a decay of 163 of 4096: what Lava made of dt / tau = 0.04
        spikes.append(state.step(np.array([[10.0 * arriving]])).item())
        potentials.append(state.v.item())
    assert (wanted[1:, 2] == spikes[:-1]).all()
    quiet = wanted[1:, 2] == 0  # at a spike the chip's probe saw something on the way
    assert (wanted[1:, 1][quiet] == np.array(potentials[:-1])[quiet]).all()
    assert sum(potentials) > 10_000


@pytest.mark.parametrize("name", ["loihi1", "loihi2", "spinnaker1", "spinnaker2"])
def test_a_single_neuron_spikes_on_chips_as_in_norse(name: str) -> None:
    given = trace("norse")
    net = read(SHARED / "nir" / "lif_norse.nir")
    (out,) = emulate(net, given[:, :1][None], real(name), 1e-4).run.outputs.values()
    assert np.flatnonzero(out[0, :, 0]).tolist() == np.flatnonzero(given[:, 2]).tolist() == [460, 510, 710, 760]


def test_a_potential_is_that_of_spinnaker_2() -> None:
    """Of the NIR paper's run on the chip, through py-spinnaker2, which tells potentials in a unit of its own."""
    wanted, net = trace("spinnaker2"), read(SHARED / "nir" / "lif_norse.nir")
    unit = wanted[wanted[:, 1] > 0, 1][0]
    state = quantised(net, real("spinnaker2"), 1e-4).cells["1"].start(1, Tally())
    assert isinstance(state, SingleState)
    for arriving, potential, spike in wanted:
        fired = state.step(np.array([[arriving]]))
        assert fired.item() == spike
        assert state.v.item() == pytest.approx(potential / unit, rel=1e-6)


@pytest.mark.parametrize("name", ["loihi1", "loihi2", "spinnaker1", "spinnaker2"])
def test_the_bundled_model_loses_nothing_where_its_weights_fit(name: str) -> None:
    net = read(DIGITS.bundled())
    spikes = np.random.default_rng(0).random((40, 16, 64)) < 0.3
    names = [p.name for p in net.populations]
    wanted, found = simulate(net, spikes, record=names), emulate(net, spikes, real(name), record=names)
    told = agreement(net, wanted, found.run, np.zeros(40, np.int64))
    assert {s.equal for s in told.spikes.values()} == {1.0}
    assert told.spikes["if2"].reference == told.spikes["if2"].emulated > 0
    assert (told.same_class, told.accuracy) == (1, told.reference_accuracy)


def test_a_batch_in_parts_is_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    net = alone(1.0, 10.0, inputs=400)
    spikes = np.random.default_rng(0).random((9, 8, 400)) < 0.9
    at_once = emulate(net, spikes, toy("loihi"))
    monkeypatch.setattr("neuedge_nir.interpreter.run.PART_BYTES", 4000)
    in_parts = emulate(net, spikes, toy("loihi"))
    assert (at_once.run.outputs["out"] == in_parts.run.outputs["out"]).all()
    assert at_once.overflows == in_parts.overflows
    assert at_once.overflows["a"]["input wrapped"] > 9


# What is refused.


def test_a_chip_without_an_arithmetic_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        emulate(alone(1.0, 1.0), np.ones((1, 2, 1)), chip(neurons=9))
    assert caught.value.code == "USE029"


def test_what_a_chip_cannot_compute_is_refused_as_a_compilation_is() -> None:
    net = network({"a": 2}, wire("in", "a", dense(2, 2)), inputs={"in": 2}, model="LIF", dt=1.0)
    with pytest.raises(CapacityError) as caught:
        emulate(net, np.ones((1, 2, 2)), real("truenorth"))
    assert caught.value.code == "FIT002"


@pytest.mark.parametrize("value", [2.0, 0.5, -1.0])
def test_a_chip_takes_single_spikes(value: float) -> None:
    with pytest.raises(InputError) as caught:
        emulate(alone(1.0, 1.0), np.full((1, 2, 1), value), toy("loihi"))
    assert caught.value.code == "DATA007"


def test_potentials_that_travel_are_not_emulated() -> None:
    inner = wire("a", "b", dense(2, 2), signal=Signal.ANALOG)
    net = network({"a": 2, "b": 2}, wire("in", "a", dense(2, 2)), inner, inputs={"in": 2}, model={"a": "LI"}, dt=1.0)
    with pytest.raises(UsageError) as caught:
        emulate(net, np.ones((1, 2, 2)), real("loihi2"))
    assert caught.value.code == "USE030"


IMPOSSIBLE: list[tuple[Neuron, str]] = [
    (IF(-np.ones(()), np.ones(()), np.zeros(())), "above zero"),
    (IF(np.ones(()), -np.ones(()), np.zeros(())), "below zero"),
    (IF(np.ones(()), np.full((), 1e12), np.zeros(())), "dwarfs"),
    (LIF(np.full((), 0.4), np.ones(()), np.zeros(()), np.ones(()), np.zeros(())), "shorter"),
]


@pytest.mark.parametrize(
    ("kind", "cells", "what"),
    [
        (kind, cells, what)
        for kind, (cells, what) in itertools.product(sorted(KINDS), IMPOSSIBLE)
        if type(cells).__name__ in MODELS[kind] and (kind, what) != ("float32", "dwarfs")  # which has room
    ],
)
def test_numbers_that_no_scale_brings_together_are_refused(kind: str, cells: Neuron, what: str) -> None:
    net = alone(1.0, 1.0)
    net = replace(net, populations=(replace(net.populations[0], neuron=cells),))
    with pytest.raises(CapacityError, match=what) as caught:
        quantised(net, toy(kind))
    assert caught.value.code == "FIT019"
    assert caught.value.hint


SIZES_OF_NUMBERS = [1e-300, 1e-25, 1.0, 1e25, 1e300]


@pytest.mark.parametrize(
    ("kind", "model"), [(k, m) for k, m in itertools.product(sorted(KINDS), ("IF", "LIF", "CubaLIF")) if m in MODELS[k]]
)
@pytest.mark.filterwarnings("error")
def test_numbers_of_any_size_are_emulated_or_refused(kind: str, model: str) -> None:
    for weight, theta, r, bias in itertools.product([1e-300, 1e-25, 1.0, 1e25], *[SIZES_OF_NUMBERS] * 3):
        t, g, one, zero = np.asarray(theta), np.asarray(r), np.ones(()), np.zeros(())
        cells: dict[str, Neuron] = {"IF": IF(g, t, zero), "LIF": LIF(one / 0.3, g, zero, t, zero)}
        cells["CubaLIF"] = CubaLIF(one * 1e9, one, g, zero, one, t, zero)
        net = alone(weight, 1.0, inputs=2)
        net = replace(net, populations=(replace(net.populations[0], neuron=cells[model], bias=np.full(1, bias)),))
        try:
            run = emulate(net, np.ones((1, 3, 2)), toy(kind)).run
        except CapacityError as error:
            assert error.code == "FIT019"
        else:
            assert run.counts["a"] <= 3


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_population_that_only_a_bias_drives_spikes(kind: str) -> None:
    lonely = Population("b", IF(np.ones(()), np.asarray(1.0), np.zeros(())), (2,), np.asarray(0.3))
    net = alone(1.0, 1.0)
    net = replace(net, populations=(*net.populations, lonely))
    run = emulate(net, np.zeros((1, 40, 1)), toy(kind), record=["b"]).run
    assert run.counts["b"].tolist() == [10, 10]
