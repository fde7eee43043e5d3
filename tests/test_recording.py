"""What SpiNNaker 1 records shares its SDRAM with the rows of synapses: counted as soon as the run's length is known."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.errors import VerificationError
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.network.activity import Duration
from neuedge_nir.network.model import Network
from neuedge_nir.network.slices import Run
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from neuedge_nir.report.contract import report_of
from tests.test_verify import add, changed, named
from tests.worlds import demands_of, dense, network, real, wire

STEPS = 30


def net(last: str = "LIF") -> Network:
    """in -> a -> b of 70 neurons, which is read."""
    wires = wire("in", "a", dense(40, 8)), wire("a", "b", dense(70, 40))
    return named(network({"a": 40, "b": 70}, *wires, inputs={"in": 8}, model={"a": "LIF", "b": last}))


def plan_of(model: Network, steps: int | None = STEPS) -> Plan:
    options = Options(effort="none", tiles={"a": "40", "b": "35"}, steps_per_sample=steps)
    return compile_network(model, real("spinnaker1"), options)


def sdram(plan: Plan, name: str) -> list[int]:
    return [core.used["sdram"] for core in plan.cores if [piece.population for piece in core.slices] == [name]]


@pytest.mark.parametrize(("last", "row"), [("LIF", 4 + 4 * math.ceil(35 / 32)), ("LI", 4 + 4 * 35)])
def test_a_population_that_is_read_is_recorded_step_by_step(last: str, row: int) -> None:
    model = net(last)
    rows = 40 * 4 * (3 + 35)
    assert sdram(plan_of(model, None), "b") == [rows, rows]
    depth = 2  # b runs two steps behind the input
    assert sdram(plan_of(model), "b") == [rows + (STEPS + depth) * row] * 2
    assert sdram(plan_of(model), "a") == sdram(plan_of(model, None), "a")


def test_recording_is_named_as_not_checked_until_the_run_has_a_length() -> None:
    for steps, named_so in ((None, True), (STEPS, False)):
        plan = plan_of(net(), steps)
        assert ("recording" in {limit.name for limit in plan.not_checked}) is named_so
        told = report_of(plan)["not_checked"]
        assert isinstance(told, list)
        assert ("recording" in {limit["name"] for limit in told}) is named_so
        assert plan.scope == "published limits only"  # the rest of the SDRAM


@pytest.mark.parametrize("amount", [-4, 4])
def test_a_record_that_is_misstated_is_refused(amount: int) -> None:
    model = net()
    plan = plan_of(model)
    at = next(i for i, core in enumerate(plan.cores) if core.slices[0].population == "b")
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plan, ("cores", at, "used", "sdram"), add(amount)), model)
    assert refusal.value.code == "PLAN112"


def test_a_plan_of_longer_samples_needs_more_than_it_says() -> None:
    model, plan = net(), plan_of(net())
    longer = changed(plan, ("options", "steps_per_sample"), add(1))
    longer = changed(changed(longer, ("schedule", "steps"), add(1)), ("schedule", "period"), add(1))
    with pytest.raises(VerificationError) as refusal:
        verify(longer, model)
    assert refusal.value.code == "PLAN112"


@given(st.sets(st.integers(1, 69), max_size=5), st.sampled_from(["LIF", "LI"]))
def test_no_cut_records_less_than_the_least(inside: set[int], last: str) -> None:
    found = demands_of(net(last), real("spinnaker1"))
    demands = Demands(found.legal, replace(found.activity, duration=Duration(STEPS, STEPS)))
    index = next(i for i, limit in enumerate(demands.limits) if limit.name == "sdram")
    pieces = [Piece("b", Run(a, b)) for a, b in itertools.pairwise([0, *sorted(inside), 70])]
    parts = sum(demands.of(piece, demands.uncut())[index] for piece in pieces)
    assert 0 < demands.least("b", index, demands.uncut()) <= parts
