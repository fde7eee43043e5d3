"""What a sample takes: one at a time, until its last output, and one behind the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from neuedge_nir.plan.figures import Inference, Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import ASSUMED, Figure, Given, count, derived, ends, priced, taken, tally, unpublished
from neuedge_nir.report.spans import columns, interval

Known = Mapping[str, Figure]


def inference_figures(plan: Plan, found: Inference, known: Known) -> Iterator[Figure]:
    """All of them, the numbers of steps first."""
    yield from _steps(plan, found)
    yield from _times(found, known, _copies(plan))
    alone, each = (found.dynamic_j, found.static_j), " in each copy" * (_copies(plan) > 1)
    yield from _energies(plan, known, "inference", f"one sample at a time{each}", "period", found.period, alone)
    behind = (found.pipelined_dynamic_j, found.pipelined_static_j)
    how = f"samples behind each other{each}"
    yield from _energies(plan, known, "inference.pipelined", how, "interval", found.interval, behind)


def _steps(plan: Plan, found: Inference) -> Iterator[Figure]:
    how = "as many as a sample has" if found.lead is None else "the mean over samples that ended early"
    yield tally("inference.steps", "timesteps that a sample takes", found.steps, "steps", how)
    yield tally("inference.steps_shown", "timesteps that a sample has", found.shown, "steps")
    if found.lead is not None:
        yield tally("inference.early_exit", "lead of the greatest output that ends a sample", found.lead)
    yield tally("inference.depth", "timesteps by which the last output comes later", found.depth, "steps")
    note = (
        f"{found.shown} + {found.depth}, and what the rule of resets asks for: {plan.schedule.rule or 'not published'}"
    )
    yield tally("inference.period", "timesteps of one sample at a time, resets within", found.period, "steps", note)
    note = f"each population is reset at its lag, by the rule of resets: {plan.schedule.rule or 'not published'}"
    yield tally("inference.interval", "timesteps from one sample to the next at best", found.interval, "steps", note)


def _times(found: Inference, known: Known, copies: int) -> Iterator[Figure]:
    step, every = known["time.step"], f", of all {copies} copies" * (copies > 1)
    titles = {
        "time": ("time of one sample at a time", "s", found.time_s),
        "latency": ("time until the last output of a sample", "s", found.latency_s),
        "rate": (f"samples a second, one behind the other{every}", "1/s", found.rate_hz),
    }
    if step.typical is None:
        for name, (title, unit, _) in titles.items():
            yield unpublished(f"inference.{name}", title, unit, step.why)
        return
    of_step, period = taken("step", step), count("period", found.period, "steps")
    steps, depth = count("steps", found.steps, "steps"), count("depth", found.depth, "steps")
    apart = count("interval", found.interval, "steps")
    ways: dict[str, tuple[str, list[Given]]] = {
        "time": ("period * step", [period, of_step]),
        "latency": ("(steps + depth) * step", [steps, depth, of_step]),
        "rate": ("1 / (interval * step)", [apart, of_step]),
    }
    if copies > 1:
        ways["rate"] = ("copies / (interval * step)", [count("copies", copies), apart, of_step])
    for name, (formula, inputs) in ways.items():
        title, unit, value = titles[name]
        yield derived(f"inference.{name}", title, unit, value, formula, inputs, step.why)


def _energies(
    plan: Plan, known: Known, path: str, how: str, name: str, steps: float, values: tuple[Interval, Interval]
) -> Iterator[Figure]:
    """Dynamic and static energy of a sample, and their sum."""
    dynamic = _dynamic(plan, known, path, how, name, values[0])
    static = _static(known, path, how, [count(name, steps, "steps"), *_shared(plan)], values[1])
    yield from (dynamic, static, _sum(path, how, dynamic, static))


def _copies(plan: Plan) -> int:
    return 1 if plan.copies is None else plan.copies.count


def _shared(plan: Plan) -> list[Given]:
    """The copies that share what all take; nothing where one runs alone."""
    return [count("copies", _copies(plan))] if _copies(plan) > 1 else []


def _sum(path: str, how: str, dynamic: Figure, static: Figure) -> Figure:
    title = f"energy of a sample, {how}"
    if dynamic.typical is None or static.typical is None:
        missing = dynamic if dynamic.typical is None else static
        return unpublished(f"{path}.energy", title, "J", missing.why)
    value = interval(*map(sum, columns([ends(dynamic), ends(static)])))
    inputs = [taken("dynamic", dynamic), taken("static", static)]
    return derived(f"{path}.energy", title, "J", value, "dynamic + static", inputs)


def _static(known: Known, path: str, how: str, counts: Sequence[Given], value: Interval) -> Figure:
    title = f"static energy of a sample, {how}"
    if value.typical is None:
        return unpublished(f"{path}.static", title, "J", value.basis)
    steps, *shared = counts
    inputs = [taken("static", known["energy.static"]), steps, taken("step", known["time.step"]), *shared]
    formula = f"static * {steps.name} * step" + " / copies" * bool(shared)
    return derived(f"{path}.static", title, "J", value, formula, inputs)


def _dynamic(plan: Plan, known: Known, path: str, how: str, name: str, value: Interval) -> Figure:
    title = f"dynamic energy of a sample, {how}"
    found = plan.cost.inference
    if value.typical is None or found is None:
        return unpublished(f"{path}.dynamic", title, "J", value.basis)
    apart = count(name, found.period if name == "period" else found.interval, "steps")
    inputs = [count("steps", found.steps, "steps"), taken("dynamic", known["energy.dynamic"])]
    idle = taken("idle", known["energy.idle"])
    if apart.typical > found.steps:
        idle = replace(idle, confidence=ASSUMED, note=f"{idle.note}: that nothing spikes in idle steps is assumed")
    inputs += [apart, idle]
    formula = f"steps * dynamic + ({name} - steps) * idle"
    able = plan.chip.capabilities.reset_schedule
    if able is not None and able.energy_per_chip_j is not None:
        inputs += [count("chips", plan.mapping.chips_used, "chips"), priced("reset_j", able.energy_per_chip_j)]
        formula += " + chips * reset_j"
    formula = f"({formula}) / copies" if _shared(plan) else formula
    return derived(f"{path}.dynamic", title, "J", value, formula, [*inputs, *_shared(plan)])
