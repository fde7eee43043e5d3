"""Resets between samples: at the lags, in a period that the chip keeps; what that costs; a checker that counts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.api import compile as compiled
from neuedge_nir.chip.model import Chip, Confidence, ResetSchedule
from neuedge_nir.errors import UsageError, VerificationError
from neuedge_nir.frontend import write
from neuedge_nir.interpreter.dynamics import Dynamics, Sent, dynamics
from neuedge_nir.interpreter.operators import Array
from neuedge_nir.interpreter.retimed import retimed
from neuedge_nir.interpreter.run import Setting, run
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.legalise import legalise
from neuedge_nir.mapping.timing import Timing, lag
from neuedge_nir.network.model import Network, Origin, Population, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.figures import Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.schedule import schedule_of
from neuedge_nir.plan.verify import verify
from tests import dyadic
from tests.conftest import Neuedge
from tests.dyadic import DT, STEPS, spikes_for
from tests.test_retimed import PATIENT, WORLDS, busy, long_skip
from tests.worlds import REAL_CHIPS, chain, chip, real, recurrent


def resetting(period: str | None) -> Chip:
    able = None if period is None else ResetSchedule(period, "made up", Confidence.ASSUMED)
    on = chip(neurons=99, max_delay=99)
    return replace(on, capabilities=replace(on.capabilities, reset_schedule=able))


@given(st.integers(1, 5000), st.sampled_from([None, "snip", "power-of-two"]))
def test_a_period_is_the_least_that_the_chip_keeps(steps: int, period: str | None) -> None:
    found = schedule_of(legalise(long_skip(), resetting(period)), steps)
    assert found.depth == 4
    fits = [
        p for p in range(1, 10000) if p >= steps + 4 and (period != "power-of-two" or p in {2**k for k in range(15)})
    ]
    assert found.period == fits[0]


def test_each_population_is_reset_at_its_lag() -> None:
    found = schedule_of(legalise(long_skip(), resetting("snip")), None)
    assert found.offsets == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert (found.steps, found.period, found.rule) == (None, None, "snip")


@dataclass(slots=True)
class Restarting:
    """Neurons that a chip resets in the step of their lag of every period."""

    fresh: Callable[[], Dynamics]
    lag: int
    period: int
    now: int = 0
    neurons: Dynamics | None = field(default=None)

    def step(self, arriving: Array, factor: Array | None = None) -> Sent:
        if self.now % self.period == self.lag % self.period and self.now >= self.lag:
            self.neurons = self.fresh()
        self.now += 1
        return np.zeros_like(arriving) if self.neurons is None else self.neurons.step(arriving, factor)


def one_after_the_other(net: Network, timing: Timing, period: int) -> Mapping[str, np.ndarray]:
    """All samples through the chip in one run, (samples, steps, *shape) by population, each read at its lag."""

    def neurons(population: Population, samples: int) -> Dynamics:
        fresh: Callable[[], Dynamics] = lambda: dynamics(population, samples, DT, ResetMode.ZERO)  # noqa: E731
        return Restarting(fresh, timing.lags[population.name], period)

    late = retimed(net, timing.lags, timing.delays, DT)
    inputs, depth = {}, max(timing.lags.values())
    for name, values in spikes_for(net, 7).items():
        row = np.zeros((1, len(values) * period + depth, *values.shape[2:]), bool)
        for k, sample in enumerate(values):
            row[0, k * period : k * period + STEPS] = sample
        inputs[name] = row
    names = [p.name for p in net.populations]
    found = run(Setting(late, DT, ResetMode.ZERO, neurons), inputs, names).recorded
    starts = {name: [k * period + timing.lags[name] for k in range(3)] for name in names}
    return {name: np.stack([found[name][0, s : s + STEPS] for s in starts[name]]) for name in names}


def biased(net: Network) -> Network:
    return replace(net, populations=tuple(replace(p, bias=np.asarray(0.25)) for p in net.populations))


@pytest.mark.parametrize("name", ["residual", "skip", "pooled"])
@pytest.mark.parametrize("spare", [0, 3])
def test_samples_one_after_the_other_are_as_if_each_were_alone(name: str, spare: int) -> None:
    """Even back to back, with neurons that their bias makes spike between the samples."""
    net = biased(busy(WORLDS[name]()))
    timing = lag(net, PATIENT, DT)
    found, due = one_after_the_other(net, timing, STEPS + spare), dyadic.run_of(net, 7).recorded
    for population, values in found.items():
        np.testing.assert_array_equal(values, due[population])


def test_what_is_on_its_way_in_a_loop_gets_into_the_next_sample_and_is_remarked_on() -> None:
    net = biased(busy(recurrent()))
    found = one_after_the_other(net, lag(net, PATIENT, DT), STEPS + 8)["a"]
    due = dyadic.run_of(net, 7).recorded["a"]
    np.testing.assert_array_equal(found[0], due[0])
    assert (found[1] != due[1]).any()
    plan = compile_network(net, real("loihi1"), Options(effort="none", steps_per_sample=20))
    remark = next(d for d in plan.diagnostics if d.code == "WARN021")
    assert "a->a#1 carries in the last 1 steps" in remark.message
    for other in (Options(effort="none"), Options(effort="none", steps_per_sample=20)):
        known = long_skip() if other.steps_per_sample else net
        assert all(d.code != "WARN021" for d in compile_network(known, real("loihi1"), other).diagnostics)


def named(net: Network) -> Network:
    return replace(net, origin=Origin("net", "ab" * 32, "1.0"))


@cache
def world(target: str = "loihi2") -> tuple[Plan, Network]:
    net = named(long_skip())
    return compile_network(net, real(target), Options(effort="none", steps_per_sample=20)), net


@pytest.mark.parametrize(
    ("target", "period", "resets"),
    [("loihi1", 24, 5.94e-6), ("loihi2", 32, 0.0), ("spinnaker1", 24, 0.0), ("spinnaker2", 24, 0.0)],
)
def test_an_inference_of_20_steps_costs_its_period(target: str, period: int, resets: float) -> None:
    plan, net = world(target)
    verify(plan, net)
    verify(plan, None)
    found, cost = plan.cost.inference, plan.cost
    assert found is not None
    assert (plan.schedule.period, found.period, found.steps, found.depth) == (period, period, 20, 4)
    for name in ("low", "typical", "high"):
        busy_j, idle_j = getattr(cost.dynamic_j_per_step, name), getattr(cost.idle_j_per_step, name)
        step, watts = getattr(cost.step_s, name), getattr(cost.static_w, name)
        assert 0 <= idle_j <= busy_j
        due = None if step is None else (20 * busy_j + (period - 20) * idle_j + resets, period * step)
        assert due is not None
        assert getattr(found.dynamic_j, name) == pytest.approx(due[0])
        assert getattr(found.time_s, name) == pytest.approx(due[1])
        assert getattr(found.static_j, name) == pytest.approx(due[1] * watts)
    assert "neurons are updated and nothing spikes (assumed)" in found.dynamic_j.basis


@pytest.mark.parametrize("target", REAL_CHIPS)
def test_an_idle_step_costs_what_a_step_without_spikes_does(target: str) -> None:
    plan = compile_network(recurrent(model="IF"), real(target), Options(effort="none", activity=0.0))
    for name in ("low", "typical", "high"):
        idle, busy_ = getattr(plan.cost.idle_j_per_step, name), getattr(plan.cost.dynamic_j_per_step, name)
        assert idle == pytest.approx(busy_) if busy_ is not None else idle is None


def early(target: str) -> Plan:
    rng = np.random.default_rng(0)
    net = replace(long_skip(), dt=1.0)
    samples = Samples({"i": rng.random((6, 20, 4)) < 0.5}, None)
    return compile_network(net, real(target), Options(effort="none", activity=samples, early_exit=0.5))


def test_an_early_exit_shortens_a_sample_only_where_no_counter_resets_the_chip() -> None:
    counter, program = early("loihi2"), early("loihi1")
    for plan in (counter, program):
        verify(plan, None)
        assert plan.cost.inference is not None
        assert plan.cost.inference.steps < 20 == plan.schedule.steps
    assert counter.cost.inference is not None
    assert program.cost.inference is not None
    assert counter.cost.inference.period == 32
    assert program.cost.inference.period == program.cost.inference.steps + 4


def schedule(**values: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, schedule=replace(plan.schedule, **values))


def inference(**values: Any) -> Callable[[Plan], Plan]:
    def change(plan: Plan) -> Plan:
        assert plan.cost.inference is not None
        return replace(plan, cost=replace(plan.cost, inference=replace(plan.cost.inference, **values)))

    return change


NOTHING = Interval(0.0, 0.0, 0.0, "nothing")
CORRUPTIONS: Mapping[str, tuple[str, Callable[[Plan], Plan]]] = {
    "a period that is not rounded": ("PLAN151", schedule(period=24)),
    "a period twice as long": ("PLAN151", schedule(period=64)),
    "no period": ("PLAN151", schedule(period=None)),
    "samples of other lengths": ("PLAN151", schedule(steps=21)),
    "samples of no length": ("PLAN151", schedule(steps=None, period=None)),
    "a rule that the chip has not": ("PLAN151", schedule(rule="snip", period=24)),
    "a depth of less": ("PLAN151", schedule(depth=3)),
    "a reset too early": ("PLAN151", schedule(offsets={**world()[0].schedule.offsets, "b": 1})),
    "a population without a reset": ("PLAN151", schedule(offsets={"a": 1})),
    "a cost of the bare steps": ("PLAN135", inference(period=20)),
    "a cost of no energy": ("PLAN135", inference(dynamic_j=NOTHING)),
    "a cost left out": ("PLAN135", lambda plan: replace(plan, cost=replace(plan.cost, inference=None))),
    "idle steps for nothing": ("PLAN130", lambda plan: replace(plan, cost=replace(plan.cost, idle_j_per_step=NOTHING))),
    "an exit that nobody simulated": ("PLAN135", inference(lead=1.0)),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_plan_with_resets_amiss_is_refused(name: str) -> None:
    plan, net = world()
    code, change = CORRUPTIONS[name]
    with pytest.raises(VerificationError) as caught:
        verify(change(plan), net)
    assert caught.value.code == code


def test_the_command_line_says_when_a_chip_is_reset(neuedge: Neuedge, tmp_path: Path) -> None:
    model, plan = tmp_path / "skip.nir", tmp_path / "plan.json"
    write(replace(long_skip(), dt=1.0), model)
    words = ("compile", model, "--target", "loihi2", "--steps-per-sample", "20")
    found = neuedge(*words, "-o", plan, "--json").json
    assert found["schedule"] == {
        "rule": "power-of-two",
        "steps_per_sample": 20,
        "pipeline_steps": 4,
        "period_steps": 32,
        "reset_steps": {"a": 1, "b": 2, "c": 3, "d": 4, "a.relay1": 2, "a.relay2": 3},
    }
    assert found["inference"]["period_steps"] == 32
    assert neuedge("verify", plan, "--model", model).status == 0
    assert neuedge(*words[:4], "--steps", "20", "--json").json["inference"] == found["inference"]
    assert neuedge(*words, "--steps", "21").refusal == (2, "USE001")
    told = neuedge(*words).out
    assert "samples of 20 steps take 32" in told
    assert "Cost of one inference: 20 of 20 timesteps, 32 with resets" in told
    assert "samples take 4 steps more" in neuedge(*words[:4]).out
    assert neuedge("check", model, "--target", "loihi1", "--steps-per-sample", "9", "--json").json["schedule"][
        "period_steps"
    ] == 13  # fmt: skip


@pytest.mark.parametrize(("target", "interval"), [("loihi1", 20), ("loihi2", 32), ("spinnaker2", None)])
def test_latency_and_throughput_are_two_numbers(target: str, interval: int | None) -> None:
    """A program resets behind every sample, a counter at powers of two; where no rule is known, samples do not meet."""
    plan = compiled(replace(long_skip(), dt=1.0), target, Options(effort="none", steps_per_sample=20))
    found, step = plan.cost.inference, plan.cost.step_s
    assert found is not None
    assert found.interval == (20 + found.depth if interval is None else interval)
    for name in ("low", "typical", "high"):
        time = getattr(step, name)
        assert getattr(found.latency_s, name) == pytest.approx(time * (20 + found.depth))
        other = {"low": "high", "high": "low"}.get(name, name)
        assert getattr(found.rate_hz, other) == pytest.approx(1 / (time * found.interval))
        watts = getattr(plan.cost.static_w, name)
        assert getattr(found.pipelined_static_j, name) == pytest.approx(watts * time * found.interval)


def test_samples_say_themselves_how_long_they_are() -> None:
    samples = Samples({"i": np.zeros((1, 5, 4), bool)}, None)
    with pytest.raises(UsageError) as caught:
        Options(activity=samples, steps_per_sample=5)
    assert caught.value.code == "USE001"
    with pytest.raises(UsageError):
        Options(steps_per_sample=0)
    assert compiled(replace(long_skip(), dt=1.0), "loihi2", Options(activity=samples)).schedule.period == 16


def test_the_longest_sample_is_checked_at_once() -> None:
    """The period is the next power of two: found by doubling, not by counting up."""
    net = chain(a=4, model="IF")
    plan = compile_network(net, real("loihi2"), Options(effort="none", steps_per_sample=(1 << 30) + 1))
    assert plan.schedule.period == 1 << 31
