"""Inputs and outputs take cores, and the plan says which: no way in or out is free unless the chip's file says so."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from neuedge_nir.emission.runbook import as_markdown, runbook
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError, VerificationError
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.worlds import REAL_CHIPS, chain, real, recurrent


def planned(net: Network, target: str, **options: object) -> Plan:
    return compile_network(net, real(target), Options(effort="none", **options))  # type: ignore[arg-type]


def refusal(plan: Plan, net: Network | None) -> str:
    with pytest.raises(VerificationError) as refused:
        verify(plan, net)
    return refused.value.code


@pytest.mark.parametrize("name", REAL_CHIPS)
def test_the_kinds_of_cores_are_all_cores(name: str) -> None:
    net = recurrent(40, "IF")
    for way in real(name).io.inputs:
        for out in real(name).io.outputs:
            m = planned(net, name, inputs=way.name, outputs=out.name).mapping
            assert (
                m.cores_used == m.cores_input + m.cores_neurons + m.cores_synapses + m.cores_relay_or_copy + m.cores_io
            )


def test_spinnaker_has_source_cores_and_records_unless_told_otherwise() -> None:
    net = chain(inputs=1200, model="LIF", a=40)
    plan = planned(net, "spinnaker1")
    assert (plan.options.inputs, plan.options.outputs) == ("source-core", "record")
    assert (plan.mapping.cores_input, plan.mapping.cores_io) == (3, 0)  # 500 sources a core
    assert plan.cost.traffic.host_spikes_per_step == plan.cost.traffic.host_reads_per_step == 0.0


def test_a_host_takes_injectors_and_a_gatherer_of_spinnaker() -> None:
    net = chain(inputs=1200, model="LIF", a=300, b=10)
    plan = planned(net, "spinnaker1", inputs="host", outputs="host", activity=0.25)
    assert (plan.mapping.cores_input, plan.mapping.cores_io) == (0, 4)
    assert plan.cost.traffic.host_spikes_per_step == pytest.approx(1200 * 0.25)
    assert plan.cost.traffic.host_reads_per_step == pytest.approx(10 * 0.25)
    gatherer = next(index for index, core in enumerate(plan.cores) if not core.slices)
    senders = {
        (plan.cores[route.core].slices[route.slice].population, count)
        for route in plan.routes
        for core, count in route.targets
        if core == gatherer
    }
    assert senders == {("b", 10)}
    book = runbook(plan, net)
    assert book.most_messages_per_step == 1200
    assert {each.port for each in book.holdings} == {"in"}
    assert "The host takes 2.5 messages per step" in as_markdown(plan, book)


def test_inputs_by_neurons_take_what_neurons_take() -> None:
    net = chain(inputs=9000, model="LIF", a=20)
    by_host, onchip = planned(net, "loihi2"), planned(net, "loihi2", inputs="onchip")
    assert (by_host.mapping.cores_input, onchip.mapping.cores_input) == (0, math.ceil(9000 / 4095))
    assert by_host.mapping.cores_neurons == onchip.mapping.cores_neurons
    assert onchip.cost.neuron_updates_per_step == by_host.cost.neuron_updates_per_step + 9000
    assert onchip.cost.traffic.host_spikes_per_step == 0.0


def test_inputs_are_cut_as_asked() -> None:
    net = chain(inputs=9000, model="LIF", a=20)
    plan = planned(net, "loihi2", inputs="onchip", tiles={"in": "/5"})
    assert plan.mapping.cores_input == 5
    other = replace(plan, options=replace(plan.options, tiles={"in": "/6"}))
    assert refusal(other, net) == "PLAN138"
    with pytest.raises(UsageError) as refused:
        planned(net, "loihi2", tiles={"in": "/5"})
    assert refused.value.code == "USE037"


def test_a_tile_of_inputs_that_no_core_holds_is_refused() -> None:

    with pytest.raises(NoPlanError) as refused:
        planned(chain(inputs=1200, model="LIF", a=40), "spinnaker1", tiles={"in": 501})
    assert (refused.value.code, refused.value.available) == ("FIT023", 500)


def test_the_host_reads_spikes_or_potentials_in_every_step() -> None:
    spiking = planned(chain(inputs=20, model="LIF", a=8), "loihi1", outputs="host", activity=0.25)
    assert spiking.cost.traffic.host_reads_per_step == pytest.approx(2.0)
    potentials = planned(chain(inputs=20, model="LI", a=8), "loihi1", outputs="host", activity=0.25)
    assert potentials.cost.traffic.host_reads_per_step == 8.0


def test_a_potential_does_not_leave_by_spikes() -> None:
    with pytest.raises(CapacityError) as refused:
        planned(chain(inputs=20, model="LI", a=8), "spinnaker1", outputs="host")
    assert refused.value.code == "FIT031"
    assert refused.value.hint == "compile with --output record"


def test_a_way_that_the_chip_lacks_is_refused_with_those_that_it_has() -> None:
    net = chain(inputs=20, model="IF", a=8)
    for options in ({"inputs": "source-core"}, {"outputs": "record"}):
        with pytest.raises(UsageError) as refused:
            planned(net, "truenorth", **options)
        assert refused.value.code == "USE060"
        assert refused.value.hint in ("it has: host, onchip", "it has: host")


def test_two_ways_for_the_inputs_are_refused() -> None:
    with pytest.raises(UsageError) as refused:
        Options(inputs="host", map_inputs=True)
    assert refused.value.code == "USE001"


def gathering() -> tuple[Plan, Network]:
    net = chain(inputs=1200, model="LIF", a=300, b=10)
    return planned(net, "spinnaker1", inputs="host", outputs="host"), net


def test_a_gatherer_left_out_is_found() -> None:
    plan, net = gathering()
    empty = next(index for index, core in enumerate(plan.cores) if not core.slices)
    assert empty == 0
    silent = tuple(replace(r, targets=tuple(t for t in r.targets if t[0] != empty)) for r in plan.routes)
    assert refusal(replace(plan, routes=tuple(r for r in silent if r.targets)), net) == "PLAN119"
    as_input = replace(plan.cores[empty], role="neurons")
    assert refusal(replace(plan, cores=(as_input, *plan.cores[1:])), net) == "PLAN108"
    recorded = replace(plan, options=replace(plan.options, outputs="record"))
    assert refusal(recorded, None) == "PLAN161"


def test_io_miscounted_is_found() -> None:
    plan, net = gathering()
    fewer = replace(plan, mapping=replace(plan.mapping, cores_io=plan.mapping.cores_io - 1))
    assert refusal(fewer, net) == "PLAN126"
    traffic = replace(plan.cost.traffic, host_reads_per_step=0.0)
    assert refusal(replace(plan, cost=replace(plan.cost, traffic=traffic)), net) == "PLAN122"
    as_sources = replace(plan, options=replace(plan.options, inputs="source-core"))
    assert refusal(as_sources, None) == "PLAN108"


def test_a_potential_read_by_spikes_is_found() -> None:
    net = chain(inputs=20, model="LI", a=8)
    plan = planned(net, "spinnaker1")
    io = plan.chip.io
    spikes = replace(io, outputs=tuple(replace(way, potentials=False) for way in io.outputs))
    assert refusal(replace(plan, chip=replace(plan.chip, io=spikes)), net) == "PLAN161"


def test_the_document_lists_the_ways_of_every_chip() -> None:
    text = (Path(__file__).parents[1] / "docs" / "io.md").read_text(encoding="utf-8")
    for name in REAL_CHIPS:
        ways = real(name).io
        row = f"| {name} | {', '.join(w.name for w in ways.inputs)} | {', '.join(w.name for w in ways.outputs)} |"
        assert row in text
