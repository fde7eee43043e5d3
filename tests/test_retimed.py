"""What a chip computes in time is what the model does, shifted by the lags: spike for spike, whatever the lags are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import CapacityError, UsageError
from neuedge_nir.interpreter.retimed import retimed, simulate_late
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.mapping.timing import Timing, lag
from neuedge_nir.network.connect import Delay, PoolKind
from neuedge_nir.network.model import Adaptation, Listening, Network, ResetMode
from neuedge_nir.network.valid import fault
from tests import dyadic
from tests.dyadic import DT, STEPS, spikes_for
from tests.sampling import examples
from tests.worlds import chip, conv, dense, network, pool, recurrent, residual, wire

PATIENT = chip(neurons=10, max_delay=999)


def wait(steps: int, size: int) -> Delay:
    """So many steps, once the network was made dyadic."""
    return Delay("wait", np.asarray(float(steps)), (size,))


def pooled() -> Network:
    """A convolution, an average and another convolution, with a skip around both."""
    first, second = conv((2, 4, 4), 4), conv((4, 2, 2), 4, seed=1)
    average = pool(first.output_shape, kind=PoolKind.AVERAGE)
    return network(
        {"a": first.output_shape, "b": second.output_shape, "c": second.output_shape},
        wire("i", "a", first),
        wire("a", "b", average, second),
        wire("b", "c"),
        wire("a", "c", replace(average, kind=PoolKind.SUM)),
        inputs={"i": (2, 4, 4)},
    )


def long_skip() -> Network:
    """a -> b -> c -> d, a -> d, and the input into d too."""
    ends = ("ia", "ab", "bc", "cd", "ad", "id")
    wires = [wire(s, t, dense(4, 4, seed=k)) for k, (s, t) in enumerate(ends)]  # type: ignore[str-unpack]
    return network(dict.fromkeys("abcd", 4), *wires, inputs={"i": 4}, outputs={"out": "d", "peek": "b"})


def looped() -> Network:
    """Two populations that feed each other in two steps, one that feeds itself, a Delay in front."""
    return network(
        {"a": 4, "b": 4, "c": 4},
        wire("i", "a", wait(2, 4), dense(4, 4)),
        wire("a", "b", dense(4, 4, seed=1)),
        wire("b", "a", wait(1, 4), dense(4, 4, seed=2), steps=1),
        wire("b", "b", dense(4, 4, seed=3), steps=1),
        wire("a", "c", dense(4, 4, seed=4)),
        wire("b", "c", wait(3, 4)),
        inputs={"i": 4},
    )


def busy_neurons(net: Network) -> Network:
    """The network with thresholds so low that every population spikes."""
    eager = [replace(p, neuron=replace(p.neuron, v_threshold=np.asarray(0.25))) for p in net.populations]  # type: ignore[arg-type]
    return replace(net, populations=tuple(eager))


def busy(net: Network) -> Network:
    """The same, in numbers that are exact."""
    return dyadic.dyadic(busy_neurons(net))


WORLDS: Mapping[str, Callable[[], Network]] = {
    "residual": residual,
    "skip": long_skip,
    "pooled": pooled,
    "self-loop": recurrent,
    "two in a loop": looped,
}
Record = list[str]


def late(net: Network, timing: Timing, seed: int = 0, reset: ResetMode | None = None) -> Run:
    names = [p.name for p in net.populations]
    return simulate_late(net, timing.lags, timing.delays, spikes_for(net, seed), DT, reset, record=names)


def assert_shifted(net: Network, timing: Timing, seed: int = 0, reset: ResetMode | None = None) -> Run:
    """Spikes and potentials of the retimed network, read at the lags, are those of the network: equal, not close."""
    due, found = dyadic.run_of(net, seed, reset), late(net, timing, seed, reset)
    assert found.steps == due.steps == STEPS
    for these, those in ((found.outputs, due.outputs), (found.recorded, due.recorded)):
        assert these.keys() == those.keys()
        for name in those:
            assert these[name].dtype == those[name].dtype
            np.testing.assert_array_equal(these[name], those[name], err_msg=name)
    return found


def lagging(net: Network, data: st.DataObject) -> Timing:
    """Lags of a chip, or any larger ones that fit together."""
    floors = {p.name: data.draw(st.sampled_from([0, 0, 1, 2, 5]), label=p.name) for p in net.populations}
    return lag(net, PATIENT, DT, at_least=floors)


@pytest.mark.parametrize("name", WORLDS)
@settings(max_examples=examples(15), deadline=None)
@given(data=st.data())
def test_a_network_on_a_chip_spikes_as_the_model_does_only_later(name: str, data: st.DataObject) -> None:
    net = busy(WORLDS[name]())
    reset = data.draw(st.sampled_from(ResetMode))
    assert_shifted(net, lagging(net, data), data.draw(st.integers(0, 99)), reset)


@settings(max_examples=examples(90), deadline=None)
@given(dyadic.networks(), st.data())
def test_so_does_any_network_that_a_chip_can_time(net: Network, data: st.DataObject) -> None:
    try:
        timing = lagging(net, data)
        assert fault(retimed(net, timing.lags, timing.delays, DT)) is None
    except (CapacityError, UsageError) as refused:
        event(refused.code)
        assume(False)
    event(f"lags up to {max(timing.lags.values())}")
    assert_shifted(net, timing, data.draw(st.integers(0, 99)))


def test_these_networks_do_spike_and_a_wrong_lag_shows() -> None:
    """The law can fail: a skip that is not balanced changes spikes, as does a delay forgotten."""
    for name, build in WORLDS.items():
        net = busy(build())
        timing = lag(net, PATIENT, DT)
        changed, last = list(timing.delays)[-1], net.populations[-1].name
        wrong = {**timing.delays, changed: timing.delays[changed] + 1}
        due, found = dyadic.run_of(net), late(net, Timing(timing.lags, wrong))
        assert due.recorded[last].any(), name
        assert (due.recorded[last] != found.recorded[last]).any(), name


def test_a_population_does_nothing_before_its_lag_though_it_has_a_bias() -> None:
    """Without a reset at its lag, a bias would have charged it: then the law would not hold."""
    net = dyadic.dyadic(residual(4, "IF"))
    biased = replace(net, populations=tuple(replace(p, bias=np.asarray(0.5)) for p in net.populations))
    timing = lag(biased, PATIENT, DT)
    assert timing.lags["c"] == 3
    assert_shifted(biased, timing)


@pytest.mark.parametrize("source", Listening)
def test_a_threshold_that_follows_an_activity_hears_it_as_late_as_it_lags(source: Listening) -> None:
    rule = Adaptation(2.0, 0.25, 4 * DT, source)
    net = dyadic.dyadic(residual(4))
    follows = replace(net, populations=(net.populations[0], replace(net.populations[1], adaptation=rule),
                                        net.populations[2]))  # fmt: skip
    timing = lag(follows, PATIENT, DT, at_least={"b": 6})
    assert timing.lags["b"] - timing.lags["a"] == 5
    found = assert_shifted(follows, timing)
    np.testing.assert_array_equal(found.factors["b"], dyadic.run_of(follows).factors["b"])


def test_a_threshold_that_follows_sources_of_several_lags_has_no_retimed_network() -> None:
    rule = Adaptation(2.0, 0.25, 4 * DT, Listening.INPUT)
    net = dyadic.dyadic(residual(4))
    follows = replace(net, populations=(*net.populations[:2], replace(net.populations[2], adaptation=rule)))
    timing = lag(follows, PATIENT, DT)
    with pytest.raises(UsageError, match="lag differently") as caught:
        retimed(follows, timing.lags, timing.delays, DT)
    assert (caught.value.code, caught.value.where) == ("USE050", "node 'c'")


def test_all_of_a_delay_stands_in_front_of_a_chain_and_what_closes_a_cycle_still_does() -> None:
    net = dyadic.dyadic(looped())
    timing = lag(net, PATIENT, DT)
    found = {p.name: p for p in retimed(net, timing.lags, timing.delays, DT).projections}
    for name, projection in found.items():
        delays = [op for op in projection.chain if isinstance(op, Delay)]
        total = projection.steps + sum(round(float(op.delay) / DT) for op in delays)
        assert total == timing.delays.get(name, 0)
        assert [op.node for op in delays] == [f"{name}.wait"] * len(delays)
    assert [found[name].steps for name in ("b->a#2", "b->b#3", "a->b#1")] == [1, 1, 0]


def test_the_same_run_without_lags_is_a_plain_simulation() -> None:
    net = dyadic.dyadic(network({"a": 3}, inputs={"a0": 3}, outputs={"out": "a"}))
    timing = Timing({"a0": 0, "a": 0, "out": 0}, {})
    plain, found = simulate(net, spikes_for(net, 1), DT), simulate_late(net, timing.lags, {}, spikes_for(net, 1), DT)
    np.testing.assert_array_equal(plain.outputs["out"], found.outputs["out"])
