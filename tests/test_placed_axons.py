"""Axons that depend on where a core is, and those that a reset by subtraction takes on Loihi 1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import NoPlanError, VerificationError
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.worlds import chain, chip, dense, limit, network, real, system, topology, wire

QUICK = Options(effort="none")


def fan_out(most: int, *, per_chip: int = 2) -> tuple[Network, Chip]:
    """Four neurons that drive four others on each of three cores, on chips of so many cores."""
    wires = wire("in", "a", dense(4, 3)), *(wire("a", name, dense(4, 4, seed=n)) for n, name in enumerate("bcd"))
    net = network(dict.fromkeys("abcd", 4), *wires, inputs={"in": 3})
    on = topology(columns=per_chip, rows=1, per_router=1, per_chip=per_chip, systems=(system(1, 1), system(4, 1)))
    return net, chip(on=on, neurons=4, rules=[limit("placed_output_axons", most)])


def entries(plan: Plan) -> dict[str, int]:
    return {core.slices[0].population: core.used["placed_output_axons"] for core in plan.cores}


def test_a_destination_on_another_chip_takes_one_more_entry() -> None:
    net, on = fan_out(most=100)
    plan = compile_network(net, on, QUICK)
    chips = {core.slices[0].population: core.chip for core in plan.cores}
    abroad = sum(chips[name] != chips["a"] for name in "bcd")
    assert abroad == 2
    assert entries(plan)["a"] == 4 * 3 + 4 * abroad


def test_two_projections_into_one_core_have_an_entry_each_and_each_takes_one_more_across_chips() -> None:
    wires = wire("in", "a", dense(4, 3)), wire("a", "b", dense(2, 4)), wire("a", "c", dense(2, 4, seed=1))
    net = network({"a": 4, "b": 2, "c": 2}, *wires, inputs={"in": 3})
    on = topology(columns=1, rows=1, per_router=1, per_chip=1, systems=(system(1, 1), system(4, 1)))
    plan = compile_network(net, chip(on=on, neurons=4, rules=[limit("placed_output_axons", 99)]), QUICK)
    assert (len(plan.cores), entries(plan)["a"]) == (2, 8 + 8)
    verify(plan, net)


def test_on_one_chip_no_entry_is_added() -> None:
    net, on = fan_out(most=12, per_chip=4)
    assert entries(compile_network(net, on, QUICK))["a"] == 12


def test_a_core_that_crossings_overfill_is_cut_again_with_room_for_them() -> None:
    net, on = fan_out(most=18)
    plan = compile_network(net, on, QUICK)  # 12 entries fit, 20 do not
    assert len(plan.cores) > 4
    assert max(core.used["placed_output_axons"] for core in plan.cores) <= 18
    assert plan.mapping.cores_lower_bound == 4, "the bound holds for every placement"
    verify(plan, net)


def test_where_there_is_no_room_for_crossings_no_plan_is_found_and_nothing_is_proved() -> None:
    net, on = fan_out(most=4)
    with pytest.raises(NoPlanError):
        compile_network(net, on, QUICK)


def test_an_entry_to_another_chip_that_is_not_counted_is_refused() -> None:
    net, on = fan_out(most=100)
    plan = compile_network(net, on, QUICK)
    at = next(n for n, core in enumerate(plan.cores) if core.slices[0].population == "a")
    core = plan.cores[at]
    local = replace(core, used={**core.used, "placed_output_axons": 12})
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, cores=(*plan.cores[:at], local, *plan.cores[at + 1 :])), net)
    assert refusal.value.code == "PLAN112"


def test_subtract_reset_takes_compartments_in_groups_and_axons_to_oneself() -> None:
    net = chain(inputs=20, a=9, b=5)
    zero = compile_network(net, real("loihi1"), replace(QUICK, reset=ResetMode.ZERO))
    subtract = compile_network(net, real("loihi1"), replace(QUICK, reset=ResetMode.SUBTRACT))
    (before,), (after,) = zero.cores, subtract.cores
    assert (before.used["neurons"], after.used["neurons"]) == (14, 20 + 12)
    assert (before.used["input_axons"], after.used["input_axons"]) == (29, 29 + 14)
    assert (before.used["output_axons"], after.used["output_axons"]) == (9, 9 + 14)
    assert subtract.mapping.copies == 0
    verify(subtract, net)


@pytest.mark.parametrize("name", ["neurons", "input_axons", "output_axons"])
def test_what_subtract_reset_takes_is_recounted(name: str) -> None:
    net = chain(inputs=20, a=9, b=5)
    plan = compile_network(net, real("loihi1"), replace(QUICK, reset=ResetMode.SUBTRACT))
    (core,) = plan.cores
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, cores=(replace(core, used={**core.used, name: core.used[name] - 2}),)), net)
    assert refusal.value.code == "PLAN112"
