"""Signs of failure: cores that stay empty, one link that all waits for, a tick too full, thresholds, accuracy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from neuedge_nir.chip.model import CostProfile, Costs
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.connect import Dense
from neuedge_nir.network.model import Adaptation, Listening, Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.figures import Binding, Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.signs import signs_of
from tests.plan_zoo import QUICK, plan_of
from tests.test_adaptation import layered, population
from tests.worlds import chain, chip, known, network, real, wire


def codes(plan: Plan) -> list[str]:
    return [sign.code for sign in signs_of(plan)]


def on(net: Network, **options: object) -> Plan:
    return compile_network(net, real("loihi2"), replace(QUICK, **options))  # type: ignore[arg-type]


def test_cores_that_stay_empty_are_remarked_on_and_full_ones_are_not() -> None:
    (sign,) = [sign for sign in plan_of("loihi2 two chips")[0].diagnostics if sign.code == "WARN051"]
    assert "the 2 cores with neurons" in sign.message
    tight = compile_network(chain(a=64, b=64, model="IF"), chip(neurons=64), QUICK)
    assert len(tight.cores) == 2
    assert "WARN051" not in codes(tight)


def test_one_core_cannot_be_filled_better() -> None:
    assert "WARN051" not in codes(on(chain(a=6, b=2, model="IF"), dt=1.0))


def test_a_step_that_waits_for_one_link_names_it() -> None:
    plan = plan_of("loihi2 two chips")[0]
    assert "WARN052" not in codes(plan)
    pace = replace(plan.cost.pace, binding=Binding("link", link=((3, 2), (4, 2))))
    (sign,) = [s for s in signs_of(replace(plan, cost=replace(plan.cost, pace=pace))) if s.code == "WARN052"]
    assert "link (3,2)-(4,2)" in sign.message


def test_a_chip_whose_links_are_slow_waits_for_one() -> None:
    profile = CostProfile("p", synaptic_event_s=known(1e-12))
    slow = chip(neurons=8, costs=Costs((profile,), link_rate=known(10.0)))
    plan = compile_network(chain(a=16, b=16, model="IF"), slow, QUICK)
    assert plan.cost.pace.binding.kind == "link"
    assert "WARN052" in [sign.code for sign in plan.diagnostics]


@pytest.mark.parametrize(
    ("high", "typical", "word"),
    [
        (1.5, 0.9, "may need 1.5 times"),
        (3.0, 2.0, "needs 2, and may need 3 times"),
        (1.3, 1.0000000000000002, "may need 1.3 times"),
        (1.00352, 0.7, "may need 1.004 times"),
        (1.0000000000000002, 1.0, ""),
        (0.9, 0.5, ""),
    ],
)
def test_a_tick_that_is_too_full_says_what_happens(high: float, typical: float, word: str) -> None:
    plan = plan_of("spinnaker1 slow")[0]
    pace = replace(plan.cost.pace, load=Interval(typical, typical, high, "made up"))
    found = [s for s in signs_of(replace(plan, cost=replace(plan.cost, pace=pace))) if s.code == "WARN053"]
    assert [word in s.message and "late" in s.message for s in found] == [True] * bool(word)


def overloaded(plan: Plan, binding: Binding, high: float) -> str | None:
    pace = replace(plan.cost.pace, busiest=binding, load=Interval(1.1, 1.1, high, "made up"))
    (sign,) = [s for s in signs_of(replace(plan, cost=replace(plan.cost, pace=pace))) if s.code == "WARN053"]
    return sign.hint


def test_what_gives_a_step_time_is_told_where_it_does() -> None:
    """A chip that fills cores with as many events as a step has time for fills them again when a step is longer."""
    plan = plan_of("spinnaker1 slow")[0]
    assert plan.options.time_scale > 1
    on_core = overloaded(plan, Binding("core", core=0, what="synaptic operations"), 1.3)
    on_link = overloaded(plan, Binding("link", link=((0, 0), (0, 1))), 1.3)
    assert "[[cap]]" in str(on_core)
    assert "--time-scale" not in str(on_core)
    assert f"--time-scale {math.ceil(1.3 * plan.options.time_scale)} " in str(on_link)


def test_no_advice_is_given_that_was_followed() -> None:
    plan, copied = plan_of("spinnaker1 slow")[0], plan_of("loihi1 copies")[0].copies
    told = [
        [sign.hint for sign in signs_of(each) if sign.code == "WARN051"]
        for each in (plan, replace(plan, outcome="feasible"), replace(plan, copies=copied))
    ]
    assert told == [
        ["--copies max may fill them"],
        ["a higher --effort or other --tiles or --copies max may fill them"],
        [None],
    ]


TAU = 4.0


@pytest.mark.parametrize(
    ("rule", "warned"),
    [
        (Adaptation(2.0, 0.2, TAU, Listening.INPUT), False),
        (Adaptation(2.0, 0.2, TAU, Listening.INPUT, homeostatic=True), True),
        (Adaptation(0.0, 0.2, TAU, Listening.INPUT), True),
        (Adaptation(2.0, 0.2, TAU, Listening.INPUT, high=0.8), True),
        (Adaptation(2.0, 0.2, TAU, Listening.SELF), False),
    ],
)
def test_thresholds_rise_when_the_input_is_idle_or_it_is_said(rule: Adaptation, warned: bool) -> None:
    plan = compile_network(population(layered(), "hidden", rule), real("loihi2"), QUICK)
    found = [sign for sign in plan.diagnostics if sign.code == "WARN054"]
    assert [sign.node for sign in found] == ["hidden"] * warned


def remarked(net: Network, spikes: np.ndarray, labels: np.ndarray) -> list[str]:
    samples = Samples({"in": spikes}, labels)
    plan = compile_network(net, real("loihi2"), Options(effort="none", activity=samples, dt=1.0))
    return [sign.message for sign in plan.diagnostics if sign.code == "WARN050"]


@pytest.mark.parametrize(("idle", "lost"), [(2.0, False), (5000.0, True)])
def test_a_network_that_loses_its_answers_on_the_chip_is_told(idle: float, lost: bool) -> None:
    """Beside a weight of thousands, of an input that is never there, the weights that decide are nothing in 8 bits."""
    weights = np.array([[idle, 2.0, 0.0], [idle, 0.0, 2.0]])
    net = network({"last": 2}, wire("in", "last", Dense("d", weights)), inputs={"in": 3}, model="IF", dt=1.0)
    spikes = np.zeros((20, 8, 3))
    spikes[:10, :, 1] = spikes[10:, :, 2] = 1
    found = remarked(net, spikes, np.repeat([0, 1], 10))
    assert ["50.0% of 20 samples, the model in 100.0%" in message for message in found] == [True] * lost
