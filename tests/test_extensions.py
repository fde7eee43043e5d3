"""Delay extensions of SpiNNaker 1: cores that keep spikes longer than ring buffers do, as few as sPyNNaker takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir import emit
from neuedge_nir.chip.model import Chip, DelayExtension
from neuedge_nir.errors import VerificationError
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.connect import Delay
from neuedge_nir.network.model import LIF, Network, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import decode, encode
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.test_emit_pynn import agreement, on_stand_in
from tests.test_emit_ranc import noise
from tests.test_relays import assert_the_same, hasty, legal_of, waiting
from tests.test_retimed import WORLDS, busy
from tests.test_verify import add, changed, named, put
from tests.worlds import dense, known, network, real, wire

LONGEST = 32
__all__ = ["on_stand_in"]  # a fixture


def keeping(longest: int, stages: int) -> Chip:
    """A chip that hardly delays, with delay extensions of so many stages."""
    found = hasty(longest)
    able = replace(found.capabilities, delay_extension=DelayExtension(known(stages, "stages")))
    return replace(found, capabilities=able)


def late(*steps: int, size: int = 600) -> Network:
    """in -> a, and from a into one population of 200 neurons for each number of steps that spikes wait on the chip."""
    names = [f"b{k}" for k in range(len(steps))]
    wires = [
        wire("a", name, Delay(f"wait{k}", np.asarray(float(n + 1)), (size,)), dense(200, size, seed=k))
        for k, (name, n) in enumerate(zip(names, steps, strict=True))
    ]
    sizes = {"a": size, **dict.fromkeys(names, 200)}
    found = network(sizes, wire("in", "a", dense(size, 6)), *wires, inputs={"in": 6}, dt=1.0)
    cell = LIF(np.asarray(4.0), np.asarray(2.0), np.zeros(()), np.ones(()), np.zeros(()))
    return named(replace(found, populations=tuple(replace(p, neuron=cell) for p in found.populations)))


@cache
def world() -> tuple[Plan, Network]:
    net = late(5, 40, 100)
    return compile_network(net, real("spinnaker1"), Options(effort="none", activity=0.01)), net


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize(("longest", "stages"), [(1, 1), (1, 3), (2, 2)])
def test_extensions_change_no_spike(name: str, longest: int, stages: int) -> None:
    net = busy(WORLDS[name]())
    legal = legal_of(net, keeping(longest, stages))
    assert_the_same(net, legal, longest * (stages + 1), ResetMode.ZERO, 3)


@settings(max_examples=examples(60))
@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.integers(1, 5), st.integers(1, 4))
def test_one_extension_serves_all_as_long_as_it_has_stages(steps: list[int], longest: int, stages: int) -> None:
    net = waiting(*steps)
    legal = legal_of(net, keeping(longest, stages))
    most = max(n + legal_of(net, hasty(99)).timing.lags[f"b{k}"] - 1 for k, n in enumerate(steps))
    if most > longest * (stages + 1):
        assert not legal.relays.stages  # populations of neurons repeat them
    elif most > longest:
        assert legal.relays.stages == {"a.delay1": -(-most // longest) - 1}
        assert legal.relays.sources == {"a.delay1": "a"}
        assert legal.timing.lags["a.delay1"] == legal.timing.lags["a"] + 1
    else:
        assert not legal.relays.sources


@pytest.mark.parametrize(("steps", "stages"), [(32, 0), (33, 1), (64, 1), (65, 2), (288, 8)])
def test_spinnaker1_takes_the_stages_that_spynnaker_takes(steps: int, stages: int) -> None:
    net = late(steps, size=20)
    plan = compile_network(net, real("spinnaker1"), Options(effort="none", activity=0.01))
    assert [p.relay.stages for p in plan.populations if p.relay is not None] == [stages] * bool(stages)


@pytest.mark.parametrize(("neurons", "longest"), [(256, 32), (600, 32), (129, 32), (128, 64), (10, 512), (1, 8192)])
def test_a_small_population_keeps_spikes_longer(neurons: int, longest: int) -> None:
    for steps, extended in ((longest, False), (longest + 1, True)):
        wait = Delay("wait", np.asarray(steps + 1.0), (3,))
        wires = wire("in", "a", dense(3, 2)), wire("a", "b", wait, dense(neurons, 3))
        net = named(network({"a": 3, "b": neurons}, *wires, inputs={"in": 2}, dt=1.0))
        plan = compile_network(net, real("spinnaker1"), Options(effort="none", activity=0.01))
        assert any(p.relay is not None for p in plan.populations) == extended


def test_longer_waits_than_its_stages_are_relayed_by_neurons() -> None:
    plan = compile_network(late(289, size=20), real("spinnaker1"), Options(effort="none", activity=0.01))
    relays = [p.relay for p in plan.populations if p.relay is not None]
    assert len(relays) == -(-289 // LONGEST) - 1
    assert {relay.stages for relay in relays} == {0}


def test_an_extension_has_a_core_for_256_sources_and_counts_as_relay() -> None:
    plan, net = world()
    verify(plan, net)
    verify(plan, None)
    assert decode(encode(plan), "plan") == plan
    kept = [p for p in plan.populations if p.relay is not None]
    assert [(p.name, p.relay.of, p.relay.stages) for p in kept if p.relay] == [("a.delay1", "a", 3)]
    assert plan.mapping.cores_relay_or_copy == 3  # of 600
    delays = {p.target: (p.source, p.delay) for p in plan.projections}
    assert delays["b0"] == ("a", 5)
    assert delays["b1"] == ("a.delay1", 39)
    assert delays["b2"] == ("a.delay1", 99)
    assert [d.code for d in plan.diagnostics if d.node == "a"] == ["WARN036"]


def test_a_target_keeps_spikes_of_an_extension_no_longer_than_a_buffer_does() -> None:
    plan, _ = world()
    bits = {core.slices[0].population: core.used["ring_buffer_index"] for core in plan.cores}
    assert (bits["b0"], bits["b1"], bits["b2"]) == (8 + 1 + 3, 8 + 1 + 5, 8 + 1 + 5)


def test_an_extension_has_keys_for_every_stage() -> None:
    plan, _ = world()
    assert plan.keys is not None
    assert plan.keys.atom_bits["a"] == 8
    assert plan.keys.atom_bits["a.delay1"] == 8 + 2


def at(name: str) -> int:
    return next(i for i, p in enumerate(world()[0].populations) if p.name == name)


def into(name: str) -> int:
    return next(i for i, p in enumerate(world()[0].projections) if p.target == name)


def moved(plan: Plan, name: str, steps: int) -> Plan:
    """The lag of a population, and with it all delays around it."""
    plan = changed(plan, ("populations", at(name), "lag"), add(steps))
    for i, p in enumerate(plan.projections):
        plan = changed(plan, ("projections", i, "delay"), add(steps * ((p.target == name) - (p.source == name))))
    found: Plan = changed(plan, ("schedule", "offsets", name), add(steps))
    return found


def staged(plan: Plan, stages: int) -> Plan:
    found: Plan = changed(plan, ("populations", at("a.delay1"), "relay", "stages"), put(stages))
    return found


def able(plan: Plan, extension: DelayExtension | None) -> Plan:
    found: Plan = changed(plan, ("chip", "capabilities", "delay_extension"), put(extension))
    return found


DAMAGES: Mapping[str, tuple[str, Callable[[Plan], Plan]]] = {
    "a stage too few": (
        "PLAN115",
        lambda plan: staged(plan, 2),
    ),
    "a stage too many": (
        "PLAN183",
        lambda plan: staged(plan, 4),
    ),
    "stages below none": (
        "PLAN115",
        lambda plan: staged(plan, -1),
    ),
    "no extension, but neurons": (
        "PLAN115",
        lambda plan: staged(plan, 0),
    ),
    "a chip without extensions": (
        "PLAN183",
        lambda plan: able(plan, None),
    ),
    "a chip of fewer stages": (
        "PLAN183",
        lambda plan: changed(
            plan, ("chip", "capabilities", "delay_extension"), put(DelayExtension(known(2, "stages")))
        ),
    ),
    "an extension that hears its source late": ("PLAN183", lambda plan: moved(plan, "a.delay1", 1)),
    "what a buffer could keep": (
        "PLAN183",
        lambda plan: changed(plan, ("projections", into("b0"), "source"), put("a.delay1")),
    ),
    "bits of a buffer that has few slots": (
        "PLAN112",
        lambda plan: changed(
            plan,
            ("cores", next(i for i, c in enumerate(plan.cores) if c.slices[0].population == "b1"), "used"),
            lambda used: {**used, "ring_buffer_index": used["ring_buffer_index"] + 1},
        ),
    ),
    "keys of one stage": (
        "PLAN180",
        lambda plan: changed(plan, ("keys", "atom_bits", "a.delay1"), put(8)),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_an_extension_that_is_amiss_is_refused(name: str) -> None:
    plan, net = world()
    code, damage = DAMAGES[name]
    with pytest.raises(VerificationError) as refusal:
        verify(damage(plan), net)
    assert refusal.value.code == code


def test_the_script_leaves_extensions_to_spynnaker() -> None:
    plan, net = world()
    told: dict[str, Any] = json.loads(emit(plan, net, format="pynn")["network.json"])
    assert {one["population"] for one in told["populations"]} == {"a", "b0", "b1", "b2"}
    delays = {(one["target"].split("[")[0], one["delay"]) for one in told["projections"] if one["source"][0] == "a"}
    assert delays == {("b0", 5), ("b1", 40), ("b2", 100)}


def test_the_same_spikes_come_of_the_script(on_stand_in: Callable[..., Any]) -> None:
    """With and without the long way, for the last population, which is read."""
    net = late(5, 40, size=30)
    spikes = noise(net, 3, samples=1, steps=60)
    plan = compile_network(net, real("spinnaker1"), Options(effort="none", activity=0.01))
    found, _ = on_stand_in(emit(plan, net, format="pynn", samples=Samples(spikes)), "--sample", "0")
    assert agreement(net, found, spikes, 0) > 0.97
    assert len(found["b1.times"]) > 20
