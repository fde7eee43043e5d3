"""SpiNNaker 1 run slower than it could be: more events in a timestep, each one longer; the least factor is told."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, UsageError, VerificationError
from neuedge_nir.network.count import counter, most_events
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from neuedge_nir.report.contract import report_of
from tests.conftest import Neuedge
from tests.sampling import examples
from tests.test_verify import add, changed, named, put
from tests.worlds import chain, dense, network, networks, real, wire


def busy(inputs: int = 300, b: int = 20) -> Network:
    return named(chain(inputs, a=120, b=b))


def slow(most: int) -> Chip:
    """SpiNNaker 1 whose cores have time for so many events only, so that small networks overload it."""
    chip = real("spinnaker1")
    limits = tuple(
        replace(each, limit=replace(each.limit, low=float(most), typical=float(most), high=float(most)))
        if each.name == "synaptic_events"
        else each
        for each in chip.limits
    )
    return replace(chip, limits=limits, capabilities=replace(chip.capabilities, synapse_cores=False))


@cache
def world() -> tuple[Plan, Network]:
    net = busy()
    return compile_network(net, slow(100), Options(effort="none", activity=1.0, time_scale=7)), net


def test_what_one_neuron_gets_is_refused_with_the_least_factor_that_is_enough() -> None:
    with pytest.raises(CapacityError) as refusal:
        compile_network(busy(), slow(100), Options(effort="none", activity=1.0))
    error = refusal.value
    assert (error.code, error.needed, error.available) == ("FIT041", 300, 100)
    assert error.where == "node 'a'"  # of 300 events; those of b get 120
    assert "--time-scale 3 " in str(error.hint)


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(30, 400), st.integers(1, 60), st.sampled_from([0.25, 0.5, 1.0]))
def test_the_factor_works_and_the_one_below_does_not(inputs: int, most: int, rate: float) -> None:
    net, chip = named(chain(inputs, a=9)), slow(most)

    def tried(factor: int) -> CapacityError | None:
        try:
            verify(compile_network(net, chip, Options(effort="none", activity=rate, time_scale=factor)), net)
        except CapacityError as error:
            return error
        return None

    refused = tried(1)
    if refused is None:
        assert math.ceil(inputs * rate) <= most
        return
    told = re.search(r"--time-scale (\d+) ", refused.hint or "")
    assert told is not None
    factor = int(told[1])
    assert tried(factor) is None
    again = tried(factor - 1)
    assert again is not None
    assert again.hint == refused.hint


@settings(max_examples=examples(60), deadline=None)
@given(networks(), st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), min_size=6, max_size=6))
def test_the_neuron_that_is_named_gets_no_fewer_events_than_any(net: Network, rates: list[float]) -> None:
    for population in net.populations:
        incoming = net.into(population.name)
        each = rates[: len(incoming)]
        total = np.sum([rate * counter(p).fan_ins() for p, rate in zip(incoming, each, strict=True)], axis=0)
        assert total[most_events(incoming, each)] == total.max()


def test_a_slower_chip_has_room_and_takes_time() -> None:
    net, chip = busy(), slow(300)
    quick = compile_network(net, chip, Options(effort="none", activity=1.0))
    plan = compile_network(net, chip, Options(effort="none", activity=1.0, time_scale=4))
    assert plan.chip == chip
    assert plan.options.time_scale == 4
    assert plan.mapping.cores_used < quick.mapping.cores_used
    assert max(core.used["neurons"] for core in plan.cores if core.role == "neurons") <= 256  # as many as ever
    assert 300 < max(core.used["synaptic_events"] for core in plan.cores) <= 4 * 300
    for name in ("low", "typical", "high"):
        assert getattr(plan.cost.step_s, name) == pytest.approx(4 * getattr(quick.cost.step_s, name))
    # Cores in use draw their power for four times as long.
    cores = plan.mapping.cores_used * 0.034 * 4e-3
    assert plan.cost.idle_j_per_step.high == pytest.approx(cores)


def test_an_inference_takes_as_much_longer() -> None:
    net, chip = busy(), slow(3000)
    costs = []
    for factor in (1, 5):
        wanted = Options(effort="none", activity=0.1, time_scale=factor, steps_per_sample=10)
        plan = compile_network(net, chip, wanted)
        assert plan.cost.inference is not None
        costs.append(plan.cost.inference)
    once, slower = costs
    assert slower.time_s.typical == pytest.approx(5 * (once.time_s.typical or 0))
    assert slower.static_j.typical == pytest.approx(5 * (once.static_j.typical or 0))


DAMAGES: Mapping[str, tuple[str, tuple[Any, ...], Callable[[Any], Any]]] = {
    "a pace too quick for its events": ("PLAN113", ("options", "time_scale"), put(2)),
    "a pace of none": ("PLAN182", ("options", "time_scale"), put(0)),
    "a slower pace than it is priced for": ("PLAN132", ("options", "time_scale"), add(1)),
    "a step as short as ever": ("PLAN132", ("cost", "step_s", "typical"), lambda seconds: seconds / 7),
    "a chip without a tick": ("PLAN182", ("chip", "costs", "timestep_s"), put(None)),
    "a tick that is slowed down already": (
        "PLAN132",
        ("chip", "costs", "timestep_s"),
        lambda tick: replace(tick, low=7e-3, typical=7e-3, high=7e-3),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_pace_that_is_misstated_is_refused(name: str) -> None:
    plan, net = world()
    code, path, make = DAMAGES[name]
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plan, path, make), net)
    assert refusal.value.code == code


def test_only_a_chip_with_a_tick_is_slowed_down() -> None:
    with pytest.raises(UsageError) as refusal:
        compile_network(busy(), real("loihi2"), Options(effort="none", time_scale=2))
    assert refusal.value.code == "USE070"
    with pytest.raises(UsageError, match="time_scale cannot be 0"):
        Options(time_scale=0)


def test_the_report_tells_the_pace() -> None:
    plan, _ = world()
    assert report_of(plan)["latency"]["time_scale"] == 7  # type: ignore[index]


def test_the_command_line_slows_down(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    words = ("compile", digits, "--target", "spinnaker1", "--dt", "1", "-o", plan, "--time-scale", "3")
    answer = neuedge(*words)
    assert answer.status == 0
    assert "3 times slower (--time-scale): a timestep takes 3 ms" in answer.out
    assert "39,000 events/timestep" in answer.out
    assert neuedge("verify", plan, "--model", digits).status == 0
    folder = tmp_path / "out"
    assert neuedge("emit", plan, "--model", digits, "-o", folder).status == 0
    assert json.loads((folder / "network.json").read_bytes())["time_scale"] == 3


def test_neurons_whose_sources_are_busier_count_more() -> None:
    """b's neurons have 4 quiet sources and 2 busy ones, c's have 5 quiet ones: those of b bind."""
    wires = [wire("quiet", "b", dense(3, 4)), wire("busy", "b", dense(3, 2)), wire("quiet", "c", dense(3, 4))]
    net = named(network({"b": 3, "c": 3}, *wires, inputs={"quiet": 4, "busy": 2}))
    rates = {"quiet": 0.25, "busy": 1.0, "b": 0.0, "c": 0.0}
    with pytest.raises(CapacityError) as refusal:
        compile_network(net, slow(1), Options(effort="none", activity=rates))
    assert (refusal.value.where, refusal.value.needed) == ("node 'b'", 3)
    assert "--time-scale 3 " in str(refusal.value.hint)
