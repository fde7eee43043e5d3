"""Relays: long waits in short hops, the same spikes, as few as possible; and a checker that misses none of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from neuedge_nir.api import emulate
from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError, VerificationError
from neuedge_nir.interpreter.retimed import simulate_late
from neuedge_nir.mapping.legalise import LegalNetwork, legalise
from neuedge_nir.network.connect import Delay, Operator, weights_of
from neuedge_nir.network.edit import with_operators
from neuedge_nir.network.model import LI, Adaptation, Listening, Network, Origin, ResetMode, Signal
from neuedge_nir.network.valid import fault
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_relays import relayed
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import decode, encode
from neuedge_nir.plan.verify import verify
from tests import dyadic
from tests.dyadic import DT, spikes_for
from tests.sampling import examples
from tests.test_retimed import WORLDS, busy, busy_neurons, long_skip
from tests.worlds import REAL_CHIPS, chip, dense, network, real, residual, wire


def hasty(longest: int | None = 1, *models: str) -> Chip:
    """A chip that hardly delays, with some neuron models only."""
    found = chip(neurons=99, max_delay=longest)
    able = replace(found.capabilities, neuron_models=models or found.capabilities.neuron_models)
    return replace(found, capabilities=able)


def waiting(*steps: int, size: int = 3, model: str = "IF") -> Network:
    """in -> a, and from a into one population for each number of steps, that many steps later; the last is read."""
    names = [f"b{k}" for k in range(len(steps))]
    wires = [
        wire("a", name, Delay(f"wait{k}", np.asarray(n * DT), (size,)), dense(size, size, seed=k))
        for k, (name, n) in enumerate(zip(names, steps, strict=True))
    ]
    sizes = {"a": size, **dict.fromkeys(names, size)}
    return busy_neurons(network(sizes, wire("in", "a"), *wires, inputs={"in": size}, model=model, dt=DT))


def with_potentials(net: Network) -> Network:
    """The population a hands on its potential."""
    neuron = network({"x": 1}, model="LI").populations[0].neuron
    return replace(
        net,
        populations=tuple(replace(p, neuron=neuron) if p.name == "a" else p for p in net.populations),
        projections=tuple(replace(p, signal=Signal.ANALOG) if p.source == "a" else p for p in net.projections),
    )


def legal_of(net: Network, on: Chip, reset: ResetMode = ResetMode.ZERO, **options: Any) -> LegalNetwork:
    return legalise(net, on, reset=reset, dt=DT, **options)


def assert_the_same(net: Network, legal: LegalNetwork, longest: int, reset: ResetMode, seed: int) -> None:
    """In the chip's time and read at the lags: the model's spikes, and each relay sends those of its source."""
    assert fault(legal.network) is None
    hosted = {port.name for port in net.inputs}
    delays = {p.name: legal.timing.delays[p.name] for p in legal.network.projections if p.name in legal.timing.delays}
    assert all(
        1 <= delays[p.name] <= longest for p in legal.network.projections if p.name in delays and p.source not in hosted
    )
    names = [p.name for p in legal.network.populations]
    found = simulate_late(
        legal.network, legal.timing.lags, legal.timing.delays, spikes_for(net, seed), DT, reset, record=names
    )
    due = dyadic.run_of(net, seed, reset)
    for name, values in due.outputs.items():
        np.testing.assert_array_equal(found.outputs[name], values)
    for name, values in due.recorded.items():
        np.testing.assert_array_equal(found.recorded[name], values)
    for name, source in legal.relays.sources.items():
        np.testing.assert_array_equal(found.recorded[name], found.recorded[source])


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("longest", [1, 2, 3])
@pytest.mark.parametrize("reset", ResetMode)
@pytest.mark.parametrize("models", [("Threshold", "IF", "LIF"), ("IF", "LIF"), ("LIF",)])
def test_relays_change_no_spike(name: str, longest: int, reset: ResetMode, models: tuple[str, ...]) -> None:
    net = busy(WORLDS[name]())
    assert_the_same(net, legal_of(net, hasty(longest, *models), reset), longest, reset, 3)


@settings(max_examples=examples(150), deadline=None)
@given(dyadic.networks(), st.integers(1, 3), st.sampled_from(ResetMode), st.integers(0, 99))
def test_relays_change_no_spike_of_any_network(net: Network, longest: int, reset: ResetMode, seed: int) -> None:
    on = replace(hasty(longest), capabilities=replace(hasty(longest).capabilities, graded_spikes=True))
    able = replace(on.capabilities, adaptation=real("loihi2").capabilities.adaptation)
    try:
        legal = legal_of(net, replace(on, capabilities=able), reset)
        event(f"{len(legal.relays.sources)} relays")
        assert_the_same(net, legal, longest, reset, seed)
    except (CapacityError, UsageError) as refused:
        event(refused.code)
        assume(False)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=4), st.integers(1, 5))
def test_one_chain_serves_all_and_has_no_relay_too_many(steps: list[int], longest: int) -> None:
    """The lag of each target is 1 more than that of a at least; a target that waits for n steps has no lag."""
    net = waiting(*steps)
    legal = legal_of(net, hasty(longest))
    most = max(n + legal.timing.lags[f"b{k}"] - legal.timing.lags["a"] for k, n in enumerate(steps))
    assert len(legal.relays.sources) == math.ceil(most / longest) - 1
    assert [legal.timing.lags[name] for name in legal.relays.sources] == [
        1 + longest * (k + 1) for k in range(len(legal.relays.sources))
    ]


def test_each_target_is_fed_by_the_relay_that_it_can_wait_for() -> None:
    legal = legal_of(waiting(0, 5, 10), hasty(3))
    fed = {p.target: p.source for p in legal.network.projections}
    assert (fed["b0"], fed["b1"], fed["b2"]) == ("a", "a.relay1", "a.relay2")
    assert legal.relays.sources == {"a.relay1": "a", "a.relay2": "a.relay1"}
    assert legal.timing.lags == {"in": 0, "a": 1, "b0": 2, "b1": 0, "b2": 0, "out": 0, "a.relay1": 4, "a.relay2": 7}
    assert legal.timing.delays["a->b2#3"] == 10 - 7
    assert [(d.code, d.node) for d in legal.diagnostics] == [("WARN020", "a")]
    assert "wait up to 9 steps, and Toy delays 3" in legal.diagnostics[0].message
    assert "2 relay populations of 3 neurons" in legal.diagnostics[0].message


def test_no_relay_where_the_chip_waits_and_the_network_stays_the_same() -> None:
    net = waiting(4)
    legal = legal_of(net, hasty(99))
    assert legal.network is net
    assert not legal.relays.sources


def test_potentials_are_relayed_by_integrators_that_forget() -> None:
    """Where spikes carry values; elsewhere nobody hands on a potential."""
    net = with_potentials(busy(WORLDS["skip"]()))
    on = chip(neurons=99, max_delay=1, graded=True)
    legal = legal_of(net, on)
    assert legal.relays.sources
    relays = {p.name: p.neuron for p in legal.network.populations if p.name in legal.relays.sources}
    assert {type(neuron) for name, neuron in relays.items() if legal.relays.root(name) == "a"} == {LI}
    assert_the_same(net, legal, 1, ResetMode.ZERO, 3)
    plan = compile_network(net, on, Options(effort="none", dt=DT))
    verify(plan, net)
    assert {p.signal for p in plan.projections if p.source == "a"} == {"graded"}
    assert "its potentials wait" in " ".join(d.message for d in plan.diagnostics)
    name = next(p.name for p in plan.populations if p.relay is not None)
    numbers = next(p.relay for p in plan.populations if p.name == name)
    assert numbers is not None
    for wrong in ({"tau": 2 * DT}, {"r": 0.5}, {"v_leak": 1.0}, {"tau": 0.0}):
        slow = replace(numbers, parameters={**numbers.parameters, **wrong})
        with pytest.raises(VerificationError) as caught:
            verify(population(name, relay=slow)(plan), net)
        assert caught.value.code == "PLAN150"
    with pytest.raises(VerificationError) as caught:
        verify(projection(f"a->{name}", signal="spike")(plan), net)
    assert caught.value.code in ("PLAN150", "PLAN105", "PLAN103")


def test_a_threshold_does_not_hear_a_source_twice() -> None:
    rule = Adaptation(1.0, 0.25, 2 * DT, Listening.INPUT)
    twice = wire("a", "b", Delay("wait", np.asarray(5 * DT), (3,)), dense(3, 3, seed=1))
    net = network({"a": 3, "b": 3}, wire("in", "a"), wire("a", "b", dense(3, 3)), twice, inputs={"in": 3})
    follows = replace(net, populations=(net.populations[0], replace(net.populations[1], adaptation=rule)))
    able = replace(hasty(2).capabilities, adaptation=real("loihi2").capabilities.adaptation)
    on = replace(hasty(2), capabilities=able)
    assert len(legal_of(net, on).relays.sources) == 2
    with pytest.raises(CapacityError) as caught:
        legal_of(follows, on)
    assert caught.value.code == "FIT008"


def test_a_delay_of_an_hour_is_answered_in_a_moment() -> None:
    started = time.process_time()
    with pytest.raises(NoPlanError) as caught:
        legal_of(waiting(10**9), hasty(1))
    assert (caught.value.code, caught.value.where, caught.value.available) == ("FIT030", "node 'a'", 4096)
    assert len(legal_of(waiting(4096), hasty(1)).relays.sources) == 4094
    assert time.process_time() - started < 3


def test_a_relay_gets_a_name_that_nothing_has() -> None:
    net = waiting(5)
    taken = replace(net, outputs=(replace(net.outputs[0], name="a.relay1"),),
                    projections=tuple(replace(p, target="a.relay1") if p.target == "out" else p
                                      for p in net.projections))  # fmt: skip
    assert list(legal_of(taken, hasty(2)).relays.sources) == ["a.relay'1"]


def test_an_integrator_that_is_never_emptied_needs_the_length_of_a_step() -> None:
    net = residual(model="IF")
    on = hasty(1, "IF")
    assert legalise(net, on).relays.sources
    with pytest.raises(UsageError, match="length of a step") as caught:
        legalise(net, on, reset=ResetMode.SUBTRACT)
    assert caught.value.code == "USE012"


CASES = [(name, mode) for name in REAL_CHIPS for mode in real(name).capabilities.reset_modes]


@pytest.mark.parametrize(("name", "reset"), CASES)
def test_a_relay_repeats_its_source_in_the_numbers_of_every_chip(name: str, reset: str) -> None:
    """Thirty relays in a row, or eleven, in the chip's own arithmetic: each spike once, none more."""
    size = 200 if name == "spinnaker1" else 3  # a small population keeps spikes longer there
    net = waiting(12 * 30, size=size)
    spikes = np.random.default_rng(5).random((2, 60, size)) < 0.6
    legal = legalise(net, real(name), reset=ResetMode(reset), dt=DT)
    relays = list(legal.relays.sources)
    assert len(relays) >= 12 * 30 // 32
    found = emulate(net, spikes, name, DT, reset, record=["a", *relays]).run
    assert found.recorded["a"].any()
    for relay in relays:
        np.testing.assert_array_equal(found.recorded[relay], found.recorded["a"])


def relayed_world() -> Network:
    return replace(long_skip(), origin=Origin("net", "ab" * 32, "1.0"))


@cache
def world(target: str = "loihi2") -> tuple[Plan, Network]:
    net = relayed_world()
    return compile_network(net, real(target), Options(effort="none")), net


def even(operator: Operator) -> Operator:
    """All weights one, so that TrueNorth takes one axon per input."""
    weight = weights_of(operator)
    return operator if weight is None else replace(operator, weight=np.ones_like(weight))  # type: ignore[arg-type]


@pytest.mark.parametrize("target", REAL_CHIPS)
def test_every_chip_waits_with_relays_where_it_must(target: str) -> None:
    size = 200 if target == "spinnaker1" else 3  # a small population keeps spikes longer there
    net = replace(waiting(40, model="IF", size=size), origin=Origin("net", "ab" * 32, "1.0"))
    net = with_operators(net, even)
    plan = compile_network(net, real(target), Options(effort="none"))
    verify(plan, net)
    verify(plan, None)
    assert decode(encode(plan), "plan") == plan
    able = real(target).capabilities.max_delay
    delays = [p.delay for p in plan.projections if p.source != "in"]
    relays = [p for p in plan.populations if p.relay is not None]
    extended = any(p.relay.stages for p in relays if p.relay is not None)
    assert extended == (target == "spinnaker1")
    assert max(delays) <= (2 * 32 - 1 if extended else able.count if able else 1)
    assert plan.mapping.relay_neurons == sum(math.prod(p.shape) for p in relays) > 0
    assert plan.counts.populations == 2
    assert plan.counts.neurons == net.neurons
    assert [d.code for d in plan.diagnostics if d.node == "a"] == ["WARN036" if extended else "WARN020"]


@pytest.mark.parametrize("target", ["loihi2", "spinnaker2"])
@pytest.mark.parametrize("name", ["skip", "two in a loop"])
def test_a_plan_and_its_model_say_what_the_chip_computes(target: str, name: str) -> None:
    """From the plan alone: its relays, its lags, its delays; and that is the model."""
    net = busy(WORLDS[name]())
    plan = compile_network(net, real(target), Options(effort="none"))
    chips = relayed(plan, net)
    assert fault(chips) is None
    assert len(chips.populations) > len(net.populations)
    lags, delays = {p.name: p.lag for p in plan.populations}, {p.name: p.delay for p in plan.projections}
    found = simulate_late(chips, lags, delays, spikes_for(net, 4), DT, record=[p.name for p in chips.populations])
    for population, values in dyadic.run_of(net, 4).recorded.items():
        np.testing.assert_array_equal(found.recorded[population], values)


def test_cores_of_relays_alone_are_counted_apart() -> None:
    net = waiting(6, size=99)
    plan = compile_network(net, hasty(1), Options(effort="none", dt=DT))
    verify(plan, net)
    m = plan.mapping
    assert (m.cores_neurons, m.cores_relay_or_copy, m.cores_used, m.cores_lower_bound) == (2, 4, 6, 2)
    assert plan.outcome == "feasible"
    whole = compile_network(waiting(6, size=3), hasty(1), Options(effort="none", dt=DT))
    assert (whole.mapping.cores_neurons, whole.mapping.cores_relay_or_copy, whole.outcome) == (1, 0, "optimal")


def test_inputs_with_cores_are_relayed_and_those_of_the_host_are_not() -> None:
    net = relayed_world()
    hosted = compile_network(net, real("loihi2"), Options(effort="none"))
    mapped = compile_network(net, real("loihi2"), Options(effort="none", map_inputs=True))
    verify(mapped, net)
    names = [[p.relay.of for p in plan.populations if p.relay] for plan in (hosted, mapped)]
    assert ["i" in found for found in names] == [False, True]


Change = Callable[[Plan], Plan]


def population(name: str, **values: Any) -> Change:
    def change(plan: Plan) -> Plan:
        found = tuple(replace(p, **values) if p.name == name else p for p in plan.populations)
        assert found != plan.populations
        return replace(plan, populations=found)

    return change


def relay_is(name: str, **values: Any) -> Change:
    def change(plan: Plan) -> Plan:
        relay = next(p.relay for p in plan.populations if p.name == name)
        assert relay is not None
        return population(name, relay=replace(relay, **values))(plan)

    return change


def projection(name: str, **values: Any) -> Change:
    def change(plan: Plan) -> Plan:
        found = tuple(replace(p, **values) if p.name == name else p for p in plan.projections)
        assert found != plan.projections
        return replace(plan, projections=found)

    return change


def without(plan: Plan) -> Plan:
    """The last relay is missing: what it fed is fed by the one before, one step more away."""
    last = "a.relay2"
    kept = tuple(p for p in plan.projections if p.target != last)
    moved = tuple(replace(p, source="a.relay1", delay=p.delay + 1) if p.source == last else p for p in kept)
    cores = tuple(replace(c, slices=tuple(s for s in c.slices if s.population != last)) for c in plan.cores)
    rates = {name: rate for name, rate in plan.activity.rates.items() if name != last}
    return replace(
        plan,
        populations=tuple(p for p in plan.populations if p.name != last),
        projections=moved,
        cores=cores,
        activity=replace(plan.activity, rates=rates),
    )


def unreached(plan: Plan) -> Plan:
    """As `without`, but the delay is left as it was: then the way is a step too short."""
    short = without(plan)
    return projection("a->d#4", delay=1)(short)


def rated(plan: Plan) -> Plan:
    return replace(plan, activity=replace(plan.activity, rates={**plan.activity.rates, "a.relay1": 0.01}))


def mapped(**values: Any) -> Change:
    return lambda plan: replace(plan, mapping=replace(plan.mapping, **values))


CORRUPTIONS: Mapping[str, tuple[str, Change]] = {
    "a relay is missing": ("PLAN115", without),
    "a relay is missing and the way is too short": ("PLAN114", unreached),
    "a relay that lags more": ("PLAN114", population("a.relay1", lag=3)),
    "a relay called a population": ("PLAN150", population("a.relay1", relay=None)),
    "a relay of nobody": ("PLAN150", relay_is("a.relay1", of="ghost")),
    "a relay of itself": ("PLAN150", relay_is("a.relay1", of="a.relay1")),
    "a relay of another": ("PLAN150", relay_is("a.relay1", of="b")),
    "a relay of an output": ("PLAN150", relay_is("a.relay1", of="out")),
    "a relay of another shape": ("PLAN150", population("a.relay1", shape=(2, 2))),
    "a relay with a threshold of two spikes": ("PLAN150", relay_is("a.relay1", parameters={"threshold": 1.5})),
    "a relay that spikes always": ("PLAN150", relay_is("a.relay1", parameters={"threshold": -1.0})),
    "a relay without parameters": ("PLAN150", relay_is("a.relay1", parameters={})),
    "a relay that leaks": ("PLAN150", population("a.relay1", model="LIF")),
    "a projection at another source's relay": ("PLAN150", projection("b->c#2", source="a.relay1")),
    "a relay fed by another": ("PLAN150", projection("a->a.relay1", source="b")),
    "a relay that is fed otherwise": ("PLAN150", projection("a->a.relay1", kind="dense")),
    "a relay with weights that miss": ("PLAN150", projection("a->a.relay1", weight_error=0.1)),
    "a relay's projection into another": ("PLAN150", projection("a->a.relay1", target="a.relay2")),
    "a relay that is used no more": ("PLAN150", projection("a->d#4", source="a", delay=3)),
    "a relay with a rate of its own": ("PLAN150", rated),
    "relays that nobody counted": ("PLAN126", mapped(relay_neurons=4)),
    "a core of relays that is none": ("PLAN126", mapped(cores_relay_or_copy=1)),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_plan_with_relays_amiss_is_refused(name: str) -> None:
    plan, net = world()
    verify(plan, net)
    code, change = CORRUPTIONS[name]
    with pytest.raises(VerificationError) as caught:
        verify(change(plan), net)
    assert caught.value.code == code


def test_what_no_chip_can_wait_for_is_still_refused_as_not_published() -> None:
    """A source that a threshold would hear twice, on a chip whose delay nobody published: no plan, and no proof."""
    rule = Adaptation(1.0, 0.25, 2 * DT, Listening.INPUT)
    twice = wire("a", "b", Delay("wait", np.asarray(5 * DT), (3,)), dense(3, 3, seed=1))
    net = network({"a": 3, "b": 3}, wire("in", "a"), wire("a", "b", dense(3, 3)), twice, inputs={"in": 3})
    net = replace(net, populations=(net.populations[0], replace(net.populations[1], adaptation=rule)))
    on = chip(neurons=99)
    able = replace(on.capabilities, adaptation=real("loihi2").capabilities.adaptation)
    with pytest.raises(NoPlanError) as caught:
        legal_of(net, replace(on, capabilities=able))
    assert caught.value.code == "FIT008"
