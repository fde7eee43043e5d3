"""Synapse cores of SpiNNaker 1: beside a neuron that gets more events than one core has time for, on its chip."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, VerificationError
from neuedge_nir.network.model import LIF, Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan, PlanCore
from neuedge_nir.plan.verify import verify
from neuedge_nir.report.contract import report_of
from neuedge_spinnaker.pynn import pynn
from tests.sampling import examples
from tests.test_verify import add, changed, drop, named, put
from tests.worlds import chain, real


def tired(most: int) -> Chip:
    """SpiNNaker 1 whose cores have time for so many events only."""
    chip = real("spinnaker1")
    limits = tuple(
        replace(each, limit=replace(each.limit, low=float(most), typical=float(most), high=float(most)))
        if each.name == "synaptic_events"
        else each
        for each in chip.limits
    )
    return replace(chip, limits=limits)


def busy() -> Network:
    cell = LIF(np.asarray(4.0), np.asarray(2.0), np.zeros(()), np.ones(()), np.zeros(()))
    net = named(chain(300, a=12, b=3))
    return replace(net, populations=tuple(replace(p, neuron=cell) for p in net.populations), dt=1.0)


@cache
def world() -> tuple[Plan, Network]:
    net = busy()
    return compile_network(net, tired(90), Options(activity=1.0)), net


def test_single_neurons_have_as_many_synapse_cores_as_their_events_take() -> None:
    plan, net = world()
    verify(plan, net)
    verify(plan, None)
    roles = [core.role for core in plan.cores]
    at = roles.index("neurons")
    # 300 events at each neuron of a: four cores of 90 each have time for them. b gets 12: all three on one core.
    assert roles[at : at + 5] == ["neurons", *["synapses"] * 4]
    first = plan.cores[at]
    assert {core.chip for core in plan.cores[at : at + 5]} == {first.chip}
    assert first.used["synaptic_events"] == 75
    assert (plan.mapping.cores_neurons, plan.mapping.cores_synapses) == (12 + 1, 12 * 4)
    assert plan.mapping.cores_used == len(plan.cores) == 1 + 61  # with the sources'
    assert report_of(plan)["mapping"]["cores_synapses"] == 48  # type: ignore[index]
    # Cores in use draw power, whatever they do, by the source that counts it.
    assert plan.cost.idle_j_per_step.high == pytest.approx(62 * 0.034 * 1e-3)


def test_fewer_neurons_on_a_core_come_first() -> None:
    plan = compile_network(busy(), tired(300), Options(activity=1.0))
    assert plan.mapping.cores_synapses == 0
    assert plan.mapping.cores_neurons == 12 + 1


def test_what_all_cores_of_a_chip_cannot_take_is_refused_with_the_least_factor() -> None:
    net = busy()
    with pytest.raises(CapacityError) as refusal:
        compile_network(net, tired(6), Options(activity=1.0))
    told = re.search(r"--time-scale (\d+) ", refusal.value.hint or "")
    assert told is not None
    assert (refusal.value.code, told[1]) == ("FIT041", "4")  # 300 events, 15 cores of 6
    verify(compile_network(net, tired(6), Options(activity=1.0, time_scale=4)), net)
    with pytest.raises(CapacityError):
        compile_network(net, tired(6), Options(activity=1.0, time_scale=3))


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(20, 200), st.integers(8, 120), st.sampled_from([0.25, 0.5, 1.0]))
def test_whatever_the_load_its_plan_is_accepted(inputs: int, most: int, rate: float) -> None:
    net = named(chain(inputs, a=4, b=2))
    try:
        plan = compile_network(net, tired(most), Options(effort="none", activity=rate))
    except CapacityError as error:
        assert error.code == "FIT041"
        return
    verify(plan, net)
    assert all(core.used["synaptic_events"] <= most for core in plan.cores)


def elsewhere(core: PlanCore) -> PlanCore:
    return replace(core, chip=core.chip + 1)


DAMAGES: Mapping[str, tuple[str, tuple[Any, ...], Callable[[Any], Any]]] = {
    "a synapse core lost": ("PLAN184", ("cores",), drop(5)),
    "one of another neuron": ("PLAN184", ("cores",), lambda cores: (*cores[:2], *cores[3:8], cores[2], *cores[8:])),
    "first of all": ("PLAN184", ("cores",), lambda cores: (*cores[2:3], *cores[:2], *cores[3:])),
    "events of one core understated": ("PLAN112", ("cores", 1, "used", "synaptic_events"), add(-1)),
    "all events on the neuron's core": ("PLAN112", ("cores", 1, "used", "synaptic_events"), put(300)),
    "a synapse core that holds a slice": ("PLAN184", ("cores", 2, "slices"), lambda _: world()[0].cores[1].slices),
    "a synapse core that uses something": ("PLAN184", ("cores", 2, "used", "sdram"), put(4)),
    "a software without them": ("PLAN184", ("chip", "capabilities", "synapse_cores"), put(False)),
    "cores miscounted": ("PLAN126", ("mapping", "cores_synapses"), add(1)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_synapse_cores_that_are_amiss_are_refused(name: str) -> None:
    plan, net = world()
    code, path, make = DAMAGES[name]
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plan, path, make), net)
    assert refusal.value.code == code


def test_the_script_asks_for_them() -> None:
    plan, net = world()
    told = json.loads(pynn(plan, net, None)["network.json"])["populations"]
    assert [one["synapse_cores"] for one in told] == [4] * 12 + [0]
