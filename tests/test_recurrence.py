"""Cycles quicker than the chip: refused, or taken with the fewest late steps, named, measured and rechecked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import CapacityError, UsageError, VerificationError
from neuedge_nir.frontend import write
from neuedge_nir.interpreter.retimed import simulate_late
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.legalise import legalise
from neuedge_nir.mapping.recurrence import least_excess
from neuedge_nir.mapping.timing import balanced, model_delays
from neuedge_nir.network.model import Adaptation, Listening, Network, Origin, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_relays import relayed
from neuedge_nir.plan.figures import TimingError
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import decode, encode
from neuedge_nir.plan.verify import verify
from tests.conftest import Neuedge
from tests.sampling import examples
from tests.test_retimed import busy, busy_neurons
from tests.test_schedule import resetting
from tests.test_timing import Edge, graph
from tests.worlds import REAL_CHIPS, chip, dense, known, network, real, residual, wire


def quick(size: int = 4) -> Network:
    """in -> a -> b -> a: two hops in one step; b -> c, and a skip a -> c."""
    wires = [
        wire("i", "a", dense(size, size)),
        wire("a", "b", dense(size, size, seed=1)),
        wire("b", "a", dense(size, size, seed=2), steps=1),
        wire("b", "c", dense(size, size, seed=3)),
        wire("a", "c", dense(size, size, seed=4)),
    ]
    return replace(busy(network(dict.fromkeys("abc", size), *wires, inputs={"i": size})), dt=0.5)


def least_by_trying(edges: list[Edge]) -> int:
    """The fewest late steps, all on edges that lead back, of all lags up to 7."""
    names = sorted({name for s, t, _ in edges for name in (s, t)})
    best = 10**9
    for lags in product(range(8), repeat=len(names)):
        at = dict(zip(names, lags, strict=True))
        missing = [(1 - d + at[s] - at[t], s >= t) for s, t, d in edges]
        if all(steps <= 0 or back for steps, back in missing):
            best = min(best, sum(max(0, steps) for steps, _ in missing))
    return best


@st.composite
def rings(draw: st.DrawFn, names: str, most: int) -> list[Edge]:
    """Edges at random, many of them in cycles that are too quick. Drawn by a seed: hypothesis' own are mostly loops."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pairs = [rng.choice(list(names), 2, replace=rng.random() < 0.2) for _ in range(draw(st.integers(3, most)))]
    return [(s, t, max(int(rng.choice([0, 0, 1, 4])), int(s >= t))) for s, t in pairs]


@settings(max_examples=examples(200), deadline=None)
@given(rings("abcd", 9))
def test_no_lags_need_fewer_late_steps_and_these_work(edges: list[Edge]) -> None:
    net = graph(edges)
    excess = least_excess(net, model_delays(net, 1.0))
    event(f"{sum(excess.values())} steps")
    assert sum(excess.values()) == least_by_trying(edges)
    back = {p.name for p in net.projections if p.steps}
    assert excess.keys() <= back
    found = balanced(net, 1.0, None, excess)
    assert all(delay >= 1 for delay in found.delays.values())
    assert all(found.delays[name] == 1 for name in excess)
    try:
        assert balanced(net, 1.0).delays == found.delays
        assert not excess
    except CapacityError:
        assert excess


def test_a_long_ring_takes_a_moment() -> None:
    ring = [(f"p{k:04}", f"p{(k + 1) % 3000:04}", 0 if k < 2999 else 1) for k in range(3000)]
    net = graph(ring[::-1])
    started = time.process_time()
    assert least_excess(net, model_delays(net, 1.0)) == {net.projections[0].name: 2999}
    assert time.process_time() - started < 3


def test_a_quick_cycle_is_refused_unless_an_approximation_will_do() -> None:
    with pytest.raises(CapacityError) as caught:
        legalise(quick(), real("loihi1"))
    assert (caught.value.code, caught.value.where) == ("FIT007", "node 'b'")
    assert "--recurrence approximate" in (caught.value.hint or "")
    legal = legalise(quick(), real("loihi1"), approximate=True)
    assert legal.timing.excess == {"b->a#2": 1}
    assert legal.timing.delays["b->a#2"] == 1
    assert [(d.code, d.node, d.message) for d in legal.diagnostics] == [
        ("WARN022", "a", "b->a#2 takes 1 step more than in the model")
    ]


@pytest.mark.parametrize("build", [residual, lambda: network({"a": 2}, wire("a", "a", dense(2, 2), steps=1))])
def test_what_can_be_exact_is_exact_all_the_same(build: Callable[[], Network]) -> None:
    assert not legalise(build(), chip(neurons=99), approximate=True).timing.excess


def test_a_late_cycle_is_the_model_with_that_much_delay_in_it() -> None:
    """What is late by a step does what a model does whose feedback takes a step more: exactly."""
    net = quick()
    legal = legalise(net, real("loihi1"), approximate=True)
    slower = replace(net, projections=tuple(replace(p, steps=2) if p.steps else p for p in net.projections))
    spikes = np.random.default_rng(0).random((4, 25, 4)) < 0.5
    names = ["a", "b", "c"]
    late = simulate_late(net, legal.timing.lags, legal.timing.delays, spikes, record=names)
    due, model = simulate(slower, spikes, record=names), simulate(net, spikes, record=names)
    for name in names:
        np.testing.assert_array_equal(late.recorded[name], due.recorded[name])
    assert (late.recorded["a"] != model.recorded["a"]).any()


@settings(max_examples=examples(60), deadline=None)
@given(rings("abcd", 8), st.integers(1, 3), st.sampled_from(["snip", "power-of-two", None]))
def test_any_network_is_planned_and_computes_what_its_late_steps_say(
    edges: list[Edge], longest: int, rule: str | None
) -> None:
    names = sorted({name for s, t, _ in edges for name in (s, t)})
    bare = network(dict.fromkeys(names, 1), *(wire("i", name) for name in names), inputs={"i": 1}, outputs={}, dt=1.0)
    net = busy_neurons(replace(bare, projections=(*bare.projections, *graph(edges).projections)))
    on = resetting(rule)
    on = replace(on, capabilities=replace(on.capabilities, max_delay=known(longest)))
    plan = compile_network(net, on, Options(effort="none", recurrence="approximate", steps_per_sample=5))
    verify(plan, net)
    verify(plan, None)
    late = {p.name: p.excess for p in plan.projections}
    event(f"{sum(late.values())} steps late, {plan.mapping.relay_neurons} relays")
    slower = replace(net, projections=tuple(replace(p, steps=p.steps + late[p.name]) for p in net.projections))
    spikes = np.random.default_rng(0).random((2, 12, 1)) < 0.5
    due = simulate(slower, spikes, record=names)
    lags, delays = {p.name: p.lag for p in plan.populations}, {p.name: p.delay for p in plan.projections}
    found = simulate_late(relayed(plan, net), lags, delays, spikes, reset=ResetMode.ZERO, record=names)
    for name in names:
        np.testing.assert_array_equal(found.recorded[name], due.recorded[name])


def samples(labels: bool = False) -> Samples:
    spikes = np.random.default_rng(1).random((10, 20, 4)) < 0.4
    return Samples({"i": spikes}, np.zeros(10, np.int64) if labels else None)


@cache
def world() -> tuple[Plan, Network]:
    net = replace(quick(), origin=Origin("net", "ab" * 32, "1.0"))
    return compile_network(
        net, real("loihi1"), Options(effort="none", recurrence="approximate", activity=samples())
    ), net


def test_with_samples_the_error_is_measured() -> None:
    plan, net = world()
    verify(plan, net)
    verify(plan, None)
    assert decode(encode(plan), "plan") == plan
    lags, delays = {p.name: p.lag for p in plan.populations}, {p.name: p.delay for p in plan.projections}
    names = ["a", "b", "c"]
    inputs = samples().inputs["i"]
    late = simulate_late(net, lags, delays, inputs, reset=ResetMode.ZERO, record=names)
    model = simulate(net, inputs, record=names)
    error = plan.timing_error
    assert error is not None
    assert error.samples == 10
    one, other = (run.outputs["out"].sum(axis=1).argmax(axis=1) for run in (late, model))
    assert error.same_class == float((one == other).mean())
    for name in names:
        both, either = (f(late.recorded[name], model.recorded[name]).sum() for f in (np.logical_and, np.logical_or))
        assert error.equal[name] == both / either < 1
    remark = next(d for d in plan.diagnostics if d.code == "WARN023")
    assert f"{error.same_class:.2%} of the samples" in remark.message


@pytest.mark.parametrize("target", [name for name in REAL_CHIPS if name != "truenorth"])
def test_without_samples_nothing_is_measured_and_that_is_said(target: str) -> None:
    net = quick()
    plan = compile_network(net, real(target), Options(effort="none", recurrence="approximate"))
    verify(plan, net)
    assert plan.timing_error is None
    assert {p.name: p.excess for p in plan.projections if p.excess} == {"b->a#2": 1}
    assert "not measured" in next(d.message for d in plan.diagnostics if d.code == "WARN023")


def test_what_cannot_be_run_is_not_measured_and_that_is_said() -> None:
    net = quick()
    rule = Adaptation(1.0, 0.25, 1.0, Listening.INPUT)
    follows = replace(net, populations=(*net.populations[:2], replace(net.populations[2], adaptation=rule)))
    plan = compile_network(
        follows, real("spinnaker1"), Options(effort="none", recurrence="approximate", activity=samples())
    )
    assert plan.timing_error is None
    assert "cannot be measured" in next(d.message for d in plan.diagnostics if d.code == "WARN023")


def held(name: str, **values: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(
        plan, projections=tuple(replace(p, **values) if p.name == name else p for p in plan.projections)
    )


def option(**values: Any) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, options=replace(plan.options, **values))


def error(**values: Any) -> Callable[[Plan], Plan]:
    def change(plan: Plan) -> Plan:
        assert isinstance(plan.timing_error, TimingError)
        return replace(plan, timing_error=replace(plan.timing_error, **values))

    return change


def forward(plan: Plan) -> Plan:
    """b is late instead of what it feeds back: as few steps, and the way forward is no longer the model's."""
    lags = {p.name: p.lag for p in plan.populations}
    moved = replace(
        plan,
        populations=tuple(replace(p, lag=p.lag - 1) if p.name in ("b", "c", "out") else p for p in plan.populations),
    )
    assert lags["b"] == 2
    offsets = {p.name: p.lag for p in moved.populations if p.name in "abc"}
    moved = replace(moved, schedule=replace(plan.schedule, offsets=offsets, depth=2, period=22))
    late = held("b->a#2", excess=0, delay=1)(held("a->b#1", excess=1)(moved))
    return held("a->c#4", delay=1)(late)


CORRUPTIONS: Mapping[str, tuple[str, Callable[[Plan], Plan]]] = {
    "late though nobody asked": ("PLAN152", option(recurrence="exact")),
    "a recurrence unheard of": ("PLAN152", option(recurrence="roughly")),
    "late by more than is said": ("PLAN114", held("b->a#2", excess=0)),
    "late by less than is said": ("PLAN114", held("b->a#2", excess=2)),
    "later than must be": ("PLAN152", held("b->a#2", excess=2, delay=2)),
    "early": ("PLAN152", held("b->c#3", excess=-1)),
    "late where nothing is": ("PLAN114", held("b->c#3", excess=1)),
    "late on the way forward": ("PLAN152", forward),
    "a share beyond all": ("PLAN152", error(same_class=1.5)),
    "measured on nothing": ("PLAN152", error(samples=0)),
    "a population that was not compared": ("PLAN152", error(equal={"a": 0.5})),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_plan_that_is_late_otherwise_is_refused(name: str) -> None:
    plan, net = world()
    code, change = CORRUPTIONS[name]
    with pytest.raises(VerificationError) as caught:
        verify(change(plan), net)
    assert caught.value.code == code


def test_an_error_where_nothing_is_late_is_refused() -> None:
    net = replace(residual(), dt=1.0)
    plan = compile_network(net, real("loihi1"), Options(effort="none"))
    with pytest.raises(VerificationError) as caught:
        verify(replace(plan, timing_error=TimingError(1, 1.0, {"a": 1.0, "b": 1.0, "c": 1.0})), net)
    assert caught.value.code == "PLAN152"


def test_an_option_that_means_nothing_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Options(recurrence="roughly")
    assert caught.value.code == "USE019"


def test_the_command_line_takes_an_approximation(neuedge: Neuedge, tmp_path: Path) -> None:
    model, data, plan = tmp_path / "quick.nir", tmp_path / "data.npz", tmp_path / "plan.json"
    write(quick(), model)
    np.savez(data, x=samples().inputs["i"])
    words = ("compile", model, "--target", "loihi1", "--data", data)
    assert neuedge(*words).refusal == (4, "FIT007")
    found = neuedge(*words, "--recurrence", "approximate", "-o", plan, "--json").json
    assert found["recurrence"]["mode"] == "approximate"
    assert list(found["recurrence"]["late_steps"].values()) == [1]
    assert found["recurrence"]["error"]["samples"] == 10
    assert neuedge("verify", plan, "--model", model).status == 0
    answer = neuedge(*words, "--recurrence", "approximate")
    assert "1 projection late, by 1 step in all; the model's class in" in answer.out
    assert "WARN022" in answer.err
    assert "WARN023" in answer.err
    told = neuedge("check", model, "--target", "loihi1", "--recurrence", "approximate")
    assert told.status == 0
    assert "not measured" in told.err
