"""What a plan costs: traffic, energy, time, and an inference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from neuedge_nir.chip.model import Chip, CostProfile, RoutingKind
from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.figures import CoreEvents, CostReport, Inference, Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import (
    Bounds,
    Figure,
    Given,
    count,
    derived,
    ends,
    priced,
    taken,
    tally,
    unpublished,
)
from neuedge_nir.report.figures_traffic import by_activity, traffic_figures

UPDATES = "neuron_updates"
ENERGY: Mapping[str, tuple[str, str]] = {
    "synaptic_event_j": ("synaptic_events", "spikes that arrive at synapses"),
    "neuron_step_j": (UPDATES, "neuron updates"),
    "spike_j": ("spikes", "spikes"),
    "message_j": ("messages", "messages to other cores"),
    "hop_j": ("hops", "links crossed"),
    "chip_crossing_j": ("crossings", "messages from chip to chip"),
}
"""The prices of energy, and what each is the price of."""

TIME: Mapping[str, tuple[str, Callable[[CoreEvents], float]]] = {
    "synaptic_event_s": ("synaptic_events", lambda c: c.synaptic_events),
    "neuron_step_s": (UPDATES, lambda c: c.neuron_updates),
    "message_s": ("messages", lambda c: c.messages_out),
    "spike_s": ("spikes", lambda c: c.spikes),
}
"""The prices of time of a core, and what each is the price of."""


def cost_figures(plan: Plan) -> Iterator[Figure]:
    """All of them, traffic first."""
    yield from traffic_figures(plan)
    chip, cost = slowed(plan.chip, plan.options.time_scale), plan.cost
    yield tally(
        "schedule.depth", "the largest lag: steps by which the last output comes later", plan.schedule.depth, "steps"
    )
    static = _static(plan)
    time = list(_time(chip, plan))
    step = time[-1]
    energy = list(_energy(chip, plan, step))
    yield from _events(plan)
    yield from energy
    yield static
    yield from time
    if cost.inference is not None:
        by_path = {figure.path: figure for figure in (*energy, static, *time)}
        yield from _inference(plan, cost.inference, by_path)


def _events(plan: Plan) -> Iterator[Figure]:
    cost = plan.cost
    for name, value, title in (
        ("synaptic_events", cost.synaptic_events_per_step, "spikes that arrive at synapses in a step"),
        (UPDATES, float(cost.neuron_updates_per_step), "neurons updated in a step"),
    ):
        given = count("count", value, "", "the sum over cost.cores of the plan")
        given = given if name == UPDATES else by_activity(plan, given)
        yield derived(f"energy.{name}", title, "", value, "count", [given])


# --- energy


def amounts(plan: Plan) -> dict[str, Given]:
    """What of every kind of event happens in a step, by the kind's name."""
    cost, traffic = plan.cost, plan.cost.traffic
    multicast = plan.chip.topology.routing is RoutingKind.MULTICAST
    hops = traffic.tree_hops_per_step if multicast else traffic.unicast_hops_per_step
    found = {
        "synaptic_events": (cost.synaptic_events_per_step, "energy.synaptic_events"),
        "spikes": (traffic.spikes_per_step, "traffic.spikes"),
        "messages": (traffic.deliveries_per_step, "traffic.deliveries"),
        "hops": (hops, "traffic.tree_hops" if multicast else "traffic.unicast_hops"),
        "crossings": (traffic.interchip_spikes_per_step, "traffic.interchip"),
    }
    notes = dict(ENERGY.values())
    rated = {k: replace(by_activity(plan, count(k, v, "", notes[k])), path=path) for k, (v, path) in found.items()}
    updates = replace(count(UPDATES, cost.neuron_updates_per_step, "", notes[UPDATES]), path="energy.neuron_updates")
    return {**rated, UPDATES: updates}


def _energy(chip: Chip, plan: Plan, step: Figure) -> Iterator[Figure]:
    cost, events = plan.cost, amounts(plan)
    titled = "energy of a timestep beyond the static power"
    yield from _spanned(chip, plan, "energy.dynamic", titled, cost.dynamic_j_per_step, events, step)
    quiet = {name: events[name] if name == UPDATES else _none(events[name]) for name in events}
    titled = "dynamic energy of a timestep in which nothing spikes"
    yield from _spanned(chip, plan, "energy.idle", titled, cost.idle_j_per_step, quiet, step)


def _none(given: Given) -> Given:
    return replace(
        given,
        low=0.0,
        typical=0.0,
        high=0.0,
        path=None,
        note=f"{given.note}: none",
        confidence="counted",
        source="an idle step",
    )


def _spanned(
    chip: Chip, plan: Plan, path: str, title: str, value: Interval, events: Mapping[str, Given], step: Figure
) -> Iterator[Figure]:
    """The energy by every profile, kind by kind, and what all profiles span."""
    found = []
    for profile in chip.costs.profiles:
        terms = list(_terms(profile, plan, f"{path}.{profile.name}", events, step))
        if terms:
            yield from terms
            sums = tuple(sum(part) for part in zip(*map(ends, terms), strict=True))
            found.append(_sum(f"{path}.{profile.name}", f"{title}, by {profile.name}", "J", sums, terms))
            yield found[-1]
    yield _span(path, title, "J", value, found)


def _terms(profile: CostProfile, plan: Plan, path: str, events: Mapping[str, Given], step: Figure) -> Iterator[Figure]:
    for key, (name, what) in ENERGY.items():
        price = getattr(profile, key)
        if price is not None:
            given, amount = priced(key, price), events[name]
            value = _interval(given.low * amount.low, given.typical * amount.typical, given.high * amount.high)
            yield derived(f"{path}.{name}", f"energy of {what}", "J", value, f"{name} * {key}", [amount, given])
    if profile.core_active_w is not None and step.typical is not None:
        given = priced("core_active_w", profile.core_active_w)
        held = replace(taken("step_s", step), low=step.typical, high=step.typical, note="the typical time of a step")
        inputs = [count("cores", len(plan.cores), "cores"), given, held]
        value = _interval(*(len(plan.cores) * w * step.typical for w in (given.low, given.typical, given.high)))
        yield derived(f"{path}.cores", "energy of cores in use", "J", value, "cores * core_active_w * step_s", inputs)


def _sum(path: str, title: str, unit: str, value: tuple[float, ...], terms: Sequence[Figure]) -> Figure:
    inputs = [taken(term.path.rsplit(".", 1)[-1], term) for term in terms]
    why = _widest(terms) if value[0] < value[-1] else ""
    return derived(path, title, unit, _interval(*value), " + ".join(g.name for g in inputs), inputs, why)


def _widest(terms: Sequence[Figure]) -> str:
    """The term that adds most to the width, and what makes it wide."""
    low, _, high = (sum(end) for end in zip(*map(ends, terms), strict=True))
    term = max(terms, key=lambda t: ends(t)[2] - ends(t)[0])
    share = (ends(term)[2] - ends(term)[0]) / (high - low)
    return f"{share:.0%} of the width is the {term.title}: {term.why}"


def _span(path: str, title: str, unit: str, value: Interval, found: Sequence[Figure]) -> Figure:
    """What the profiles span: the lowest, the mean of what they call typical, the highest."""
    if value.typical is None or not found:
        return unpublished(path, title, unit, value.basis)
    inputs = [taken(_profile(figure), figure) for figure in found]
    formula = inputs[0].name if len(found) == 1 else f"span({', '.join(given.name for given in inputs)})"
    return derived(path, title, unit, value, formula, inputs, _disagreement(found))


def _profile(figure: Figure) -> str:
    return figure.path.split(".", 2)[-1]


def _disagreement(found: Sequence[Figure]) -> str:
    """Which sources disagree and by how much, or why the one there is has a range."""
    if len(found) == 1:
        return found[0].why
    least, most = (choose(found, key=lambda f: ends(f)[1]) for choose in (min, max))
    ratio = ends(most)[1] / ends(least)[1] if ends(least)[1] else float("inf")
    widest = max(found, key=lambda f: ends(f)[2] - ends(f)[0])
    within = f"; {_profile(widest)} itself: {widest.why}" if ends(widest)[0] < ends(widest)[2] else ""
    return f"the profiles disagree: {_profile(most)} has {ratio:.3g} times what {_profile(least)} has{within}"


def _interval(low: float, typical: float, high: float) -> Interval:
    return Interval(low, typical, high, "")


def _static(plan: Plan) -> Figure:
    path, title, value = "energy.static", "static power of all chips or boards that must be on", plan.cost.static_w
    if value.typical is None:
        return unpublished(path, title, "W", value.basis)
    system = next(s for s in plan.chip.topology.systems if s.name == plan.machine.system)
    if system.boards is not None and plan.mapping.boards_used is not None:
        inputs = [count("boards", plan.mapping.boards_used, "boards"), priced("static_w", system.boards.static_w)]
        return derived(path, title, "W", value, "boards * static_w", inputs)
    power = plan.chip.costs.static_per_chip_w
    if power is None:
        return unpublished(path, title, "W", value.basis)
    inputs = [count("chips", plan.mapping.chips_used, "chips"), priced("static_per_chip_w", power)]
    return derived(path, title, "W", value, "chips * static_per_chip_w", inputs)


# --- time


def _time(chip: Chip, plan: Plan) -> Iterator[Figure]:
    """The time of a step, the last of all."""
    path, title, tick = "time.step", "time of a timestep", chip.costs.timestep_s
    if plan.options.time_scale != 1:
        yield tally("time.scale", "how many times slower the chip is run", plan.options.time_scale)
    if tick is not None:
        yield derived(path, title, "s", plan.cost.step_s, "timestep_s", [priced("timestep_s", tick)])
        return
    found = []
    for profile in chip.costs.profiles:
        if any(getattr(profile, key) is not None for key in TIME):
            *parts, whole = _profile_time(profile, plan)
            yield from (*parts, whole)
            found.append(whole)
    yield _span(path, title, "s", plan.cost.step_s, found)


def _profile_time(profile: CostProfile, plan: Plan) -> Iterator[Figure]:
    cores = {index: _core_time(profile, plan, index, core) for index, core in _slowest(profile, plan.cost)}
    yield from cores.values()
    inputs = [taken(f"core.{index}", figure) for index, figure in cores.items()]
    most = _interval(*(max(end) for end in zip(*map(ends, cores.values()), strict=True)))
    formula = inputs[0].name if len(inputs) == 1 else f"max({', '.join(given.name for given in inputs)})"
    slowest = derived(f"time.cores.{profile.name}", "time of the slowest core", "s", most, formula, inputs)
    yield slowest
    terms, values = [taken("slowest_core", slowest)], [ends(slowest)]
    formula = "slowest_core"
    if profile.hop_s is not None:
        way, hop = count("longest_way", plan.cost.longest_way, "links"), priced("hop_s", profile.hop_s)
        terms, formula = [*terms, way, hop], f"{formula} + longest_way * hop_s"
        values.append((way.low * hop.low, way.low * hop.typical, way.low * hop.high))
    if profile.barrier_s is not None:
        barrier = priced("barrier_s", profile.barrier_s)
        terms, formula = [*terms, barrier], f"{formula} + barrier_s"
        values.append((barrier.low, barrier.typical, barrier.high))
    whole = _interval(*(sum(end) for end in zip(*values, strict=True)))
    yield derived(f"time.step.{profile.name}", f"time of a timestep, by {profile.name}", "s", whole, formula, terms)


def _slowest(profile: CostProfile, cost: CostReport) -> list[tuple[int, CoreEvents]]:
    """The cores that take longest by the low, the typical or the high prices."""
    priced_ = [(getattr(profile, key), amount) for key, (_, amount) in TIME.items() if getattr(profile, key)]

    def at(end: str) -> int:
        times = [sum(getattr(p, end) * amount(core) for p, amount in priced_) for core in cost.cores]
        return times.index(max(times))

    return [(index, cost.cores[index]) for index in dict.fromkeys(map(at, ("low", "typical", "high")))]


def _core_time(profile: CostProfile, plan: Plan, index: int, core: CoreEvents) -> Figure:
    terms: list[Given] = []
    values: list[Bounds] = []
    for key, (name, amount) in TIME.items():
        if (price := getattr(profile, key)) is not None:
            given, many = priced(key, price), count(name, amount(core), "", f"of core {index}")
            terms += [many if name == UPDATES else by_activity(plan, many), given]
            values.append((many.low * given.low, many.low * given.typical, many.low * given.high))
    value = _interval(*(sum(end) for end in zip(*values, strict=True)))
    formula = " + ".join(f"{terms[i].name} * {terms[i + 1].name}" for i in range(0, len(terms), 2))
    path, title = f"time.core.{index}.{profile.name}", f"time of core {index} in a step, by {profile.name}"
    return derived(path, title, "s", value, formula, terms)


# --- an inference


def _inference(plan: Plan, found: Inference, known: Mapping[str, Figure]) -> Iterator[Figure]:
    how = "as many as a sample has" if found.lead is None else "the mean over samples that ended early"
    yield tally("inference.steps", "timesteps that a sample takes", found.steps, "steps", how)
    yield tally("inference.steps_shown", "timesteps that a sample has", found.shown, "steps")
    if found.lead is not None:
        yield tally("inference.early_exit", "lead of the greatest output that ends a sample", found.lead)
    yield tally("inference.depth", "timesteps by which the last output comes later", found.depth, "steps")
    yield tally(
        "inference.period",
        "timesteps from one sample to the next, resets within",
        found.period,
        "steps",
        f"{found.shown} + {found.depth}, and what the rule of resets asks for: {plan.schedule.rule}",
    )
    step, static, dynamic, idle = (known[p] for p in ("time.step", "energy.static", "energy.dynamic", "energy.idle"))
    period = count("period", found.period, "steps")
    title = "time of an inference"
    if step.typical is None:
        yield unpublished("inference.time", title, "s", step.why)
    else:
        yield derived("inference.time", title, "s", found.time_s, "period * step", [period, taken("step", step)])
    yield from _inference_energy(plan, found, (step, static, dynamic, idle), period)


def _inference_energy(
    plan: Plan, found: Inference, parts: tuple[Figure, Figure, Figure, Figure], period: Given
) -> Iterator[Figure]:
    step, static, dynamic, idle = parts
    title = "static energy of an inference"
    if found.static_j.typical is None:
        yield unpublished("inference.static", title, "J", found.static_j.basis)
    else:
        inputs = [taken("static", static), period, taken("step", step)]
        yield derived("inference.static", title, "J", found.static_j, "static * period * step", inputs)
    title = "dynamic energy of an inference"
    if found.dynamic_j.typical is None:
        yield unpublished("inference.dynamic", title, "J", found.dynamic_j.basis)
        return
    inputs = [count("steps", found.steps, "steps"), taken("dynamic", dynamic), period, taken("idle", idle)]
    formula = "steps * dynamic + (period - steps) * idle"
    able = plan.chip.capabilities.reset_schedule
    if able is not None and able.energy_per_chip_j is not None:
        inputs += [count("chips", plan.mapping.chips_used, "chips"), priced("reset_j", able.energy_per_chip_j)]
        formula += " + chips * reset_j"
    yield derived("inference.dynamic", title, "J", found.dynamic_j, formula, inputs)
