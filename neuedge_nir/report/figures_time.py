"""The time of a step: cores, links, the longest way, the barrier, the host; or the tick, and how full it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from neuedge_nir.chip.model import Chip, CostProfile, Quantity
from neuedge_nir.plan.figures import CoreEvents, Link
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import (
    ASSUMED,
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
    width,
    wire,
)
from neuedge_nir.report.figures_energy import UPDATES
from neuedge_nir.report.figures_traffic import by_activity
from neuedge_nir.report.spans import columns, interval, spanned

TIME: Mapping[str, tuple[str, Callable[[CoreEvents], float]]] = {
    "synaptic_event_s": ("synaptic_events", lambda c: c.synaptic_events),
    "neuron_step_s": (UPDATES, lambda c: c.neuron_updates),
    "message_s": ("messages", lambda c: c.messages_out),
    "spike_s": ("spikes", lambda c: c.spikes),
}
"""The prices of time of a core, and what each is the price of."""


def time_figures(chip: Chip, plan: Plan) -> Iterator[Figure]:
    """The time of a step, and all it follows from."""
    tick, pace = chip.costs.timestep_s, plan.cost.pace
    yield tally("time.tiles", "routers with cores in use", pace.tiles, "tiles")
    yield tally("time.longest_way", "links that a message crosses at most", pace.longest_way, "links")
    yield tally("time.host_ports", "ports of the host: boards powered whole, or one", pace.ports)
    if plan.options.time_scale != 1:
        yield tally("time.scale", "how many times slower the chip is run", plan.options.time_scale)
    crossings = list(_crossings(chip, plan))
    yield from crossings
    crossings = [figure for figure in crossings if figure.typical is not None]
    profiles = [p for p in chip.costs.profiles if any(getattr(p, key) is not None for key in TIME)]
    cores = {profile.name: list(_cores(profile, plan)) for profile in profiles}
    for figures in cores.values():
        yield from figures
    slowest = {name: figures[-1] for name, figures in cores.items()}
    if tick is None:
        steps = {p.name: _step(p, plan, slowest[p.name], crossings) for p in profiles}
        for found in steps.values():
            yield from found
        last = {name: found[-1] for name, found in steps.items()}
        yield spanned("time.step", "time of a timestep", "s", plan.cost.step_s, last)
        return
    step = derived("time.step", "time of a timestep", "s", plan.cost.step_s, "timestep_s", [priced("timestep_s", tick)])
    yield step
    yield from _load(plan, step, slowest, crossings)


def _crossings(chip: Chip, plan: Plan) -> Iterator[Figure]:
    """How long the busiest links and the host take, where a rate is published."""
    pace, costs = plan.cost.pace, chip.costs
    kinds: tuple[tuple[str, str, tuple[Link, float] | None, Quantity | None], ...] = (
        ("link", "link_rate", pace.link, costs.link_rate),
        ("chip_link", "chip_link_rate", pace.chip_link, costs.chip_link_rate or costs.link_rate),
    )
    for name, key, busiest, rate in kinds:
        if busiest is not None:
            (link, load), between = busiest, "between chips" if name == "chip_link" else "within chips"
            given = by_activity(plan, count("messages", load, "messages/step", f"over {wire(link)}"))
            titled = f"messages over the busiest link {between} in a step"
            yield derived(f"traffic.{name}", titled, "messages/step", load, "messages", [given])
            if rate is not None:
                yield _over(f"time.{name}", f"time of the busiest link {between}", given, priced(key, rate), name)
    if costs.host_rate is None:
        title = "time of the messages of the host"
        yield unpublished("time.host", title, "s", f"no rate is published for {chip.title}: no figure has it")
    elif pace.host:
        traffic = plan.cost.traffic
        sent = traffic.host_spikes_per_step + traffic.host_reads_per_step
        given = by_activity(plan, count("messages", sent / pace.ports, "messages/step", "of a port, dealt evenly"))
        yield _over("time.host", "time of the messages of the host", given, priced("host_rate", costs.host_rate), None)


def _over(path: str, title: str, given: Given, rate: Given, link: str | None) -> Figure:
    """Messages over a rate: the highest rate takes the least time."""
    load = given.typical
    value = interval(load / rate.high, load / rate.typical, load / rate.low)
    known = given if link is None else replace(given, path=f"traffic.{link}")
    return derived(path, title, "s", value, f"messages / {rate.name}", [known, rate])


# --- cores


def _cores(profile: CostProfile, plan: Plan) -> Iterator[Figure]:
    """The cores that take longest by the low, the typical or the high prices, and the longest of their times."""
    cores = {index: core_time(profile, plan, index) for index in _slowest(profile, plan.cost.cores)}
    yield from cores.values()
    inputs = [taken(f"core.{index}", figure) for index, figure in cores.items()]
    most = interval(*map(max, columns([ends(figure) for figure in cores.values()])))
    formula, why = greatest(inputs), max(cores.values(), key=lambda figure: ends(figure)[2]).why
    yield derived(f"time.cores.{profile.name}", "time of the slowest core", "s", most, formula, inputs, why)


def _slowest(profile: CostProfile, cores: Sequence[CoreEvents]) -> list[int]:
    prices = [(getattr(profile, key), amount) for key, (_, amount) in TIME.items() if getattr(profile, key)]

    def at(end: str) -> int:
        times = [sum(getattr(price, end) * amount(core) for price, amount in prices) for core in cores]
        return times.index(max(times))

    return list(dict.fromkeys(map(at, ("low", "typical", "high"))))


def core_time(profile: CostProfile, plan: Plan, index: int) -> Figure:
    """How long one core works in a step."""
    inputs: list[Given] = []
    values: list[Bounds] = []
    for key, (name, amount) in TIME.items():
        if (price := getattr(profile, key)) is not None:
            given, many = priced(key, price), count(name, amount(plan.cost.cores[index]), "", f"of core {index}")
            inputs += [many if name == UPDATES else by_activity(plan, many), given]
            values.append((many.low * given.low, many.low * given.typical, many.low * given.high))
    formula = " + ".join(f"{inputs[i].name} * {inputs[i + 1].name}" for i in range(0, len(inputs), 2))
    path, title = f"time.core.{index}.{profile.name}", f"time of core {index} in a step, by {profile.name}"
    return derived(path, title, "s", interval(*map(sum, columns(values))), formula, inputs)


# --- a step


def _step(profile: CostProfile, plan: Plan, slowest: Figure, crossings: Sequence[Figure]) -> list[Figure]:
    """The time of a step by one profile, the last; before it what it is the sum of."""
    waits = [taken("slowest_core", slowest)]
    waits += [taken(f.path.removeprefix("time."), f) for f in crossings if f.path in ("time.link", "time.chip_link")]
    longest = greatest(waits)
    values = [tuple(map(max, columns([(w.low, w.typical, w.high) for w in waits])))]
    inputs, formula, before = list(waits), longest, []
    if profile.hop_s is not None:
        way, hop = count("longest_way", plan.cost.pace.longest_way, "links"), priced("hop_s", profile.hop_s)
        inputs, formula = [*inputs, replace(way, path="time.longest_way"), hop], f"{formula} + longest_way * hop_s"
        values.append((way.low * hop.low, way.low * hop.typical, way.low * hop.high))
    if profile.barrier_s is not None or profile.barrier:
        before.append(barrier_figure(profile, plan))
        inputs, formula = [*inputs, taken("barrier", before[0])], f"{formula} + barrier"
        values.append(ends(before[0]))
    whole = tuple(sum(end) for end in zip(*values, strict=True))
    host = next((f for f in crossings if f.path == "time.host"), None)
    if host is not None:
        inputs, formula = [*inputs, taken("host", host)], f"max({formula}, host)"
        whole = tuple(map(max, whole, ends(host)))
    path, title = f"time.step.{profile.name}", f"time of a timestep, by {profile.name}"
    why = width(formula, inputs, whole[0], whole[2])
    why += f"; {slowest.why}" if why.startswith("slowest_core spans most") else ""
    return [*before, derived(path, title, "s", interval(*whole), formula, inputs, why)]


def barrier_figure(profile: CostProfile, plan: Plan) -> Figure:
    """The barrier: published for so many tiles or chips, or on the straight line between two such points."""
    path, title = f"time.barrier.{profile.name}", "time of the barrier at the end of a step"
    if profile.barrier_s is not None:
        price = priced("barrier_s", profile.barrier_s)
        return derived(path, title, "s", interval(price.low, price.typical, price.high), "barrier_s", [price])
    chips = plan.mapping.chips_used
    points = {point.tiles: point.time_s for point in profile.barrier if point.tiles is not None}
    kind, at = "tiles", min(max(plan.cost.pace.tiles, min(points)), max(points))
    if chips > 1:
        last = points[max(points)]
        points = {1: last, **{point.chips: point.time_s for point in profile.barrier if point.chips is not None}}
        kind, at = "chips", chips
    return _interpolated(path, title, kind, at, points)


def _interpolated(path: str, title: str, kind: str, at: int, points: Mapping[int, Quantity]) -> Figure:
    known = sorted(points)
    if at in points or len(known) == 1:
        name = f"barrier.{at if at in points else known[0]}-{kind}"
        price = priced(name, points.get(at, points[known[0]]))
        return derived(path, title, "s", interval(price.low, price.typical, price.high), name, [price])
    upper = next((place for place in known if place >= at), known[-1])
    lower = known[known.index(upper) - 1]
    one, other = (priced(f"barrier.{place}-{kind}", points[place]) for place in (lower, upper))
    note = f"on the straight line between {lower} and {upper} {kind}, our assumption"
    where = Given(kind, at, at, at, kind, "this plan", ASSUMED, note)
    share = (at - lower) / (upper - lower)
    value = interval(
        *(p + (q - p) * share for p, q in ((one.low, other.low), (one.typical, other.typical), (one.high, other.high)))
    )
    formula = f"{one.name} + ({other.name} - {one.name}) * ({kind} - {lower}) / {upper - lower}"
    return derived(path, title, "s", value, formula, [one, other, where])


# --- the load of a tick


def _load(plan: Plan, step: Figure, cores: Mapping[str, Figure], crossings: Sequence[Figure]) -> Iterator[Figure]:
    """The share of the tick that the busiest core, link or host needs."""
    if plan.cost.pace.load is None:
        return
    waits = [f for f in crossings if f.path.startswith("time.")]
    longest: list[Given] = []
    for profile, core in cores.items():
        inputs = [taken("slowest_core", core), *(taken(f.path.removeprefix("time."), f) for f in waits)]
        most = interval(*map(max, columns([ends(figure) for figure in (core, *waits)])))
        path, title = f"time.busy.{profile}", f"time of the busiest resource, by {profile}"
        busy = derived(path, title, "s", most, greatest(inputs), inputs, core.why)
        longest.append(taken(profile, busy))
        yield busy
    known = longest or [taken(f.path.removeprefix("time."), f) for f in waits]
    title = "share of the tick that the busiest resource needs, by what is published"
    formula = f"{greatest(known, 'span' if longest else 'max')} / tick"
    yield derived("time.load", title, "", plan.cost.pace.load, formula, [*known, taken("tick", step)])


def greatest(inputs: Sequence[Given], of: str = "max") -> str:
    """The formula of the greatest of some inputs; of one alone its name."""
    return inputs[0].name if len(inputs) == 1 else f"{of}({', '.join(given.name for given in inputs)})"
