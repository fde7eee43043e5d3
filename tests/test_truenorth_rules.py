"""TrueNorth's own rules on the shipped chip: kept by the mapper, recounted by the checker, seen when broken."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from neuedge_nir import emit
from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import CapacityError, NoPlanError, VerificationError
from neuedge_nir.network.connect import Delay, Dense
from neuedge_nir.network.model import IF, Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.worlds import network, real, wire


def skipping(steps: int, size: int = 6) -> Network:
    """in -> a -> b, and from a to b once more, so many steps later."""
    rng = np.random.default_rng(1)
    some = [Dense(f"d{k}", rng.choice([0.0, 1.0], (size, size))) for k in range(3)]
    wait = Delay("wait", np.asarray(float(steps)), (size,))
    return network(
        {"a": size, "b": size}, wire("in", "a", some[0]), wire("a", "b", some[1]), wire("a", "b", wait, some[2]),
        inputs={"in": size}, model="IF", dt=1.0,
    )  # fmt: skip


def planned(net: Network, on: Chip | None = None, **options: object) -> Plan:
    return compile_network(net, on or real("truenorth"), Options(effort="none", **options))  # type: ignore[arg-type]


def code_of(plan: Plan, net: Network) -> str:
    with pytest.raises(VerificationError) as caught:
        verify(plan, net)
    return caught.value.code


@pytest.mark.parametrize("waits", range(13, 18))
def test_a_chip_waits_1_to_15_ticks_and_relays_wait_the_rest(waits: int) -> None:
    net = skipping(waits)
    plan = planned(net)
    assert all(1 <= p.delay <= 15 for p in plan.projections)
    relays = [p.name for p in plan.populations if p.relay is not None]
    assert relays == (["a.relay1"] if waits + 1 > 15 else [])
    verify(plan, net)


@pytest.mark.parametrize(("delay", "code"), [(0, "PLAN114"), (16, "PLAN115"), (14, "PLAN114")])
def test_another_delay_is_refused(delay: int, code: str) -> None:
    net = skipping(14)
    plan = planned(net)
    at = max(range(3), key=lambda n: plan.projections[n].delay)
    assert plan.projections[at].delay == 15
    held = [replace(p, delay=delay) if n == at else p for n, p in enumerate(plan.projections)]
    assert code_of(replace(plan, projections=tuple(held)), net) == code


def test_a_packet_goes_no_farther_than_its_fields_say() -> None:
    net = skipping(1)
    wide = network(
        {"a": 40, "b": 300}, wire("in", "a", Dense("d", np.eye(40))), wire("a", "b", Dense("e", np.ones((300, 40)))),
        inputs={"in": 40}, model="IF", dt=1.0,
    )  # fmt: skip
    chip = real("truenorth")
    assert chip.topology.max_offset is not None
    assert chip.topology.max_offset.count == 255
    near = replace(chip, topology=replace(chip.topology, max_offset=replace(chip.topology.max_offset, typical=0.0)))
    with pytest.raises(NoPlanError) as caught:
        planned(wide, near)
    assert (caught.value.code, caught.value.available) == ("FIT016", 0)
    assert code_of(replace(planned(wide), chip=near), wide) == "PLAN121"
    planned(net, near)  # all of it on one core


@pytest.mark.parametrize("theta", [1.0, 1.5, 2.0, 2.75])
def test_a_threshold_stands_one_above_the_largest_sum_that_does_not_spike(theta: float) -> None:
    """NIR fires above theta, the chip at its threshold: the whole number is floor(theta in its units) + 1."""
    net = skipping(1)
    own = tuple(replace(p, neuron=IF(np.ones(()), np.asarray(theta), np.zeros(()))) for p in net.populations)
    net = replace(net, populations=own)
    plan = planned(net)
    files = emit(plan, net)
    cells = json.loads(files["network.json"])["cores"][0]["neurons"]
    names = json.loads(files["addresses.json"])["cores"][0]["neurons"]
    for cell, _ in zip(cells, names, strict=False):
        unit = max(cell["weights"])  # a weight of 1
        assert cell["positive_threshold"] == math.floor(theta * unit) + 1
    registers = json.loads(emit(plan, net, "json")["network.json"])["populations"][1]["registers"]
    assert registers["threshold"] == math.floor(theta * registers["v_scale"]) + 1


@pytest.mark.parametrize("model", ["CubaLIF", "CubaLI", "LI", "LIF", "Threshold", "I"])
def test_other_neurons_are_refused_by_name(model: str) -> None:
    net = network({"a": 4}, wire("in", "a", Dense("d", np.eye(4))), inputs={"in": 4}, model=model, dt=1.0)
    with pytest.raises(CapacityError) as caught:
        planned(net)
    assert caught.value.code in ("FIT001", "FIT002")
    assert "'a'" in str(caught.value)
    assert ("approximate-leak" in str(caught.value)) == (model == "LIF")


@pytest.mark.parametrize("model", ["CubaLIF", "LIF", "Threshold"])
def test_a_plan_with_other_neurons_is_refused(model: str) -> None:
    net = skipping(1)
    plan = planned(net)
    other = tuple(replace(p, model=model) if p.name == "a" else p for p in plan.populations)
    renamed = replace(net, populations=tuple(
        replace(p, neuron=network({"x": 1}, model=model).populations[0].neuron) if p.name == "a" else p
        for p in net.populations
    ))  # fmt: skip
    assert code_of(replace(plan, populations=other), renamed) == "PLAN118"


def test_axons_are_counted_with_their_types_and_a_missing_one_is_seen() -> None:
    """Weights of -1, 0 and 1 take two axons an input, of two types that all neurons of a core share."""
    rng = np.random.default_rng(4)
    net = network(
        {"a": 30}, wire("in", "a", Dense("d", rng.choice([-1.0, 0.0, 1.0], (30, 20)))), inputs={"in": 20}, model="IF",
        dt=1.0,
    )  # fmt: skip
    plan = planned(net)
    assert [(p.axons_per_input, plan.cores[0].used["input_axons"]) for p in plan.projections] == [(2, 40)]
    one = tuple(replace(p, axons_per_input=1) for p in plan.projections)
    fewer = tuple(replace(c, used={**c.used, "input_axons": 20}) for c in plan.cores)
    assert code_of(replace(plan, projections=one, cores=fewer), net) == "PLAN117"
    assert code_of(replace(plan, cores=fewer), net) == "PLAN112"
