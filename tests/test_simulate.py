"""The interpreter: what networks do, held against their definition and against traces that others published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.frontend import read
from neuedge_nir.interpreter import operators
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.network.connect import Conv, Delay
from neuedge_nir.network.model import LI, LIF, Network, Population, ResetMode
from tests import brute, graphs
from tests.sampling import examples
from tests.strategies import convs
from tests.worlds import chain, dense, network, recurrent, wire

SIGNALS = st.sampled_from([(2, 5), (4, 6), (1, 4, 4), (2, 5, 3), (6, 3, 4)])
SHARED = Path(__file__).parents[2] / "shared"


def spikes_for(net: Network, seed: int, samples: int = 2, steps: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {port.name: (rng.random((samples, steps, *port.shape)) < 0.5).astype(float) for port in net.inputs}


def whole(run: Run) -> dict[str, np.ndarray]:
    """Everything that a run recorded or put out, one row a sample and step."""
    return {
        name: values.reshape(run.samples, run.steps, -1) for name, values in {**run.recorded, **run.outputs}.items()
    }


@settings(max_examples=examples(150), deadline=None)
@given(graphs.networks(), st.integers(0, 2**32 - 1), st.sampled_from(ResetMode), st.sampled_from([0.05, 0.1, 0.7]))
def test_a_network_does_what_it_says(net: Network, seed: int, reset: ResetMode, dt: float) -> None:
    spikes = spikes_for(net, seed)
    run = simulate(net, spikes, dt, reset, record=[p.name for p in net.populations])
    found = whole(run)
    for sample in range(run.samples):
        expected = brute.outputs(net, {name: values[sample] for name, values in spikes.items()}, dt, reset)
        for name, values in found.items():
            np.testing.assert_allclose(values[sample], expected[name], rtol=1e-9, atol=1e-9, err_msg=name)
            if values.dtype == bool:
                assert (values[sample] == expected[name]).all()


@settings(max_examples=examples(50), deadline=None)
@given(graphs.networks(), st.integers(0, 2**32 - 1))
def test_samples_do_not_see_each_other(net: Network, seed: int) -> None:
    spikes = spikes_for(net, seed, samples=3)
    names = [p.name for p in net.populations]
    together = simulate(net, spikes, 0.1, record=names)
    for sample in range(3):
        alone = simulate(net, {name: values[sample : sample + 1] for name, values in spikes.items()}, 0.1, record=names)
        for name, values in whole(alone).items():
            np.testing.assert_allclose(whole(together)[name][sample : sample + 1], values, rtol=1e-12, atol=1e-12)


def test_a_batch_in_parts_is_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    net = recurrent(5)
    spikes = spikes_for(net, 0, samples=7)
    at_once = simulate(net, spikes, 0.1)
    monkeypatch.setattr("neuedge_nir.interpreter.run.PART_BYTES", 2000)
    in_parts = simulate(net, spikes, 0.1)
    for name, values in at_once.outputs.items():
        assert (values == in_parts.outputs[name]).all()
    for name, counts in at_once.counts.items():
        assert (counts == in_parts.counts[name]).all()
        assert (at_once.per_sample[name] == in_parts.per_sample[name]).all()


@settings(max_examples=examples(60), deadline=None)
@given(SIGNALS.flatmap(convs), st.integers(0, 2**32 - 1))
def test_a_convolution_is_its_matrix(conv: Conv, seed: int) -> None:
    signal = np.random.default_rng(seed).normal(size=(3, *conv.input_shape))
    found = operators.applied(conv, signal).reshape(3, -1)
    np.testing.assert_allclose(found, signal.reshape(3, -1) @ brute.matrix(conv).T, rtol=1e-10, atol=1e-10)


@settings(max_examples=examples(40), deadline=None)
@given(SIGNALS.flatmap(convs), st.integers(0, 2**32 - 1))
def test_torch_gives_the_same_convolution(conv: Conv, seed: int) -> None:
    pytest.importorskip("torch")
    signal = np.random.default_rng(seed).normal(size=(3, *conv.input_shape))
    ours, theirs = operators._conv(conv, signal), operators._conv_by_torch(conv, signal)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


# What others published.

REFERENCE = SHARED / "nir" / "lif_reference"
SAME = ("exact", "nengo", "norse", "snntorch", "spinnaker2")
ONE_LATE = ("lava_cpu_fixed", "lava_cpu_float", "lava_loihi_fixed", "spyx")


def trace(name: str) -> np.ndarray:
    """Input, membrane and spikes of a platform, a row a timestep of 0.1 ms."""
    if not REFERENCE.exists():
        pytest.skip("the reference traces are not here")
    return np.loadtxt(REFERENCE / f"lif_{name}.csv", delimiter=",")


def single_lif() -> Network:
    if not REFERENCE.exists():
        pytest.skip("the reference model is not here")
    return read(SHARED / "nir" / "lif_norse.nir")


@pytest.mark.parametrize("name", SAME)
def test_a_single_neuron_spikes_as_on_other_platforms(name: str) -> None:
    given = trace(name)
    run = simulate(single_lif(), given[:, :1][None], dt=1e-4)
    (out,) = run.outputs.values()
    assert (out[0, :, 0] == given[:, 2]).all()
    assert given[:, 2].sum() == 4


@pytest.mark.parametrize("name", ONE_LATE)
def test_some_platforms_spike_one_step_later(name: str) -> None:
    given = trace(name)
    (out,) = simulate(single_lif(), given[:, :1][None], dt=1e-4).outputs.values()
    assert (out[0, :-1, 0] == given[1:, 2]).all()


def test_the_membrane_is_that_of_norse() -> None:
    given = trace("norse")
    net = single_lif()
    (population,) = net.populations
    lif = population.neuron
    assert isinstance(lif, LIF)
    assert given[:460, 2].sum() == 0, "until the first spike it is an integrator"
    readout = replace(population, neuron=LI(lif.tau, lif.r, lif.v_leak))
    (out,) = simulate(replace(net, populations=(readout,)), given[:, :1][None], dt=1e-4).outputs.values()
    np.testing.assert_allclose(out[0, :460, 0], given[:460, 1], atol=5e-5)


# What a run tells.


def test_counts_are_sums_of_what_is_recorded() -> None:
    net = chain(6, lif=5, lif2=4)
    names = [p.name for p in net.populations]
    run = simulate(net, spikes_for(net, 1, samples=3, steps=20), 0.5, record=names)
    for name in names:
        assert (run.counts[name] == run.recorded[name].sum((0, 1))).all()
        assert (run.per_sample[name] == run.recorded[name].sum(2)).all()
        assert run.rate(name) == pytest.approx(run.recorded[name].mean())
    assert run.counts.keys() == {*names, *(port.name for port in net.inputs)}


def test_a_delay_is_rounded_to_whole_steps() -> None:
    delay = Delay("d", np.array([0.0, 0.26, 1.0]), (3,))
    net = network({"a": 3}, wire("in", "a", delay), inputs={"in": 3}, model="LI")
    spikes = np.zeros((1, 12, 3))
    spikes[0, 0] = 1
    run = simulate(net, spikes, dt=0.1, record=["a"])
    assert (run.recorded["a"][0] != 0).argmax(0).tolist() == [0, 3, 10]


def test_the_reset_is_the_networks_unless_another_is_wanted() -> None:
    net = replace(chain(3, lif=2), reset=ResetMode.SUBTRACT, dt=0.5)
    spikes = spikes_for(net, 0)
    assert (simulate(net, spikes).reset, simulate(net, spikes).dt) == (ResetMode.SUBTRACT, 0.5)
    assert simulate(net, spikes, reset="zero").reset is ResetMode.ZERO


# What is refused.


def test_data_that_do_not_fit_are_refused() -> None:
    net = replace(chain(3, lif=2), dt=1.0)
    name = net.inputs[0].name
    for data, code in (
        (np.zeros((1, 5, 4)), "DATA002"),
        (np.zeros(3), "DATA002"),
        (np.zeros((0, 5, 3)), "DATA002"),
        (np.zeros((2, 0, 3)), "DATA002"),
        (np.full((1, 5, 3), np.nan), "DATA003"),
        (np.full((1, 5, 3), "x"), "DATA003"),
        (np.zeros((1, 5, 3), complex), "DATA003"),
        ({"other": np.zeros((1, 5, 3))}, "DATA001"),
        ({}, "DATA001"),
        ({name: np.zeros((1, 5, 3)), "more": np.zeros((1, 5, 3))}, "DATA001"),
    ):
        with pytest.raises(InputError) as caught:
            simulate(net, data)
        assert caught.value.code == code
        assert caught.value.hint


def test_inputs_of_different_length_are_refused() -> None:
    net = network({"n": 2}, wire("a", "n"), wire("b", "n", dense(2, 2)), inputs={"a": 2, "b": 2})
    with pytest.raises(InputError, match="differ"):
        simulate(net, {"a": np.zeros((1, 5, 2)), "b": np.zeros((1, 6, 2))}, 0.1)


def test_an_unknown_timestep_or_population_is_a_usage_error() -> None:
    net = replace(chain(3, lif=2), dt=None)
    with pytest.raises(UsageError, match="how long a timestep"):
        simulate(net, np.zeros((1, 5, 3)))
    for dt in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError):
            simulate(net, np.zeros((1, 5, 3)), dt)
    with pytest.raises(UsageError, match="nobody"):
        simulate(net, np.zeros((1, 5, 3)), 0.1, record=["nobody"])


def test_a_population_that_only_a_bias_drives_runs() -> None:
    lonely = Population("b", LIF(*(np.asarray(x) for x in (1.0, 1.0, 0.0, 0.3, 0.0))), (2,), np.asarray(1.0))
    net = chain(3, lif=2)
    net = replace(net, populations=(*net.populations, lonely))
    run = simulate(net, np.zeros((2, 9, 3)), 0.5, record=["b"])
    assert run.recorded["b"].shape == (2, 9, 2)
    assert run.recorded["b"].any()
