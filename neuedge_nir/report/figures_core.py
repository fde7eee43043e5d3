"""One core and one link of a plan as figures: made when they are asked for, as there are thousands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from neuedge_nir.chip.model import Chip, LimitScope
from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.check_links import check_sites, walk
from neuedge_nir.plan.figures import Link
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.core_use import neurons_of
from neuedge_nir.report.figure import Figure, Given, count, derived, priced, unpublished, wire
from neuedge_nir.report.figures_energy import UPDATES, terms_of
from neuedge_nir.report.figures_time import TIME, core_time
from neuedge_nir.report.figures_traffic import by_activity
from neuedge_nir.report.spans import interval, marginal, span_of, spanned, summed


def core_figures(plan: Plan, index: int) -> Iterator[Figure]:
    """What a core uses of each limit, what it does in a step, and what energy and time that takes."""
    chip, core, where = slowed(plan.chip, plan.options.time_scale), plan.cores[index], f"cores.{index}"
    for limit in chip.limits:
        if limit.name in core.used:
            chips = [index] if limit.scope is LimitScope.CORE else _beside(plan, core.chip)
            many = sum(plan.cores[each].used[limit.name] for each in chips)
            used, of = count("used", many, limit.limit.unit), priced("limit", limit.limit)
            whose = f"core {index}" if limit.scope is LimitScope.CORE else f"the chip of core {index}"
            titled = f"{limit.name} of {whose}"
            yield derived(f"{where}.used.{limit.name}", titled, used.unit, used.typical, "used", [used])
            share = used.typical / limit.limit.typical
            yield derived(f"{where}.share.{limit.name}", f"share of {titled}", "", share, "used / limit", [used, of])
    events = _events(plan, index)
    for name, given in events.items():
        title = f"{name.replace('_', ' ')} of core {index} in a step"
        yield derived(f"{where}.{name}", title, "", given.typical, "count", [replace(given, name="count")])
    yield from _energy(plan, chip, index, events)
    yield from _time(plan, chip, index)


def _beside(plan: Plan, chip: int) -> list[int]:
    return [index for index, core in enumerate(plan.cores) if core.chip == chip]


def _events(plan: Plan, index: int) -> dict[str, Given]:
    does = plan.cost.cores[index]
    found = {"synaptic_events": does.synaptic_events, "messages": does.messages_out, "spikes": does.spikes}
    rated = {name: by_activity(plan, count(name, value)) for name, value in found.items()}
    return {**rated, UPDATES: count(UPDATES, does.neuron_updates)}


def _energy(plan: Plan, chip: Chip, index: int, events: dict[str, Given]) -> Iterator[Figure]:
    path, title = f"cores.{index}.energy", f"energy of what core {index} does in a step, without hops"
    found: dict[str, Figure] = {}
    for profile in marginal(chip):
        terms = list(terms_of(profile, f"{path}.{profile.name}", events))
        if profile.core_active_w is not None and plan.cost.step_s.typical is not None:
            watts = priced("core_active_w", profile.core_active_w)
            step = count("step_s", plan.cost.step_s.typical, "s", "the typical time of a step")
            value = interval(watts.low * step.low, watts.typical * step.low, watts.high * step.low)
            titled = f"energy of core {index} being in use"
            terms.append(
                derived(f"{path}.{profile.name}.cores", titled, "J", value, "core_active_w * step_s", [watts, step])
            )
        if terms:
            found[profile.name] = summed(f"{path}.{profile.name}", f"{title}, by {profile.name}", "J", terms)
            yield from (*terms, found[profile.name])
    yield spanned(path, title, "J", span_of(found), found) if found else unpublished(path, title, "J", "not published")


def _time(plan: Plan, chip: Chip, index: int) -> Iterator[Figure]:
    path, title = f"cores.{index}.time", f"time that core {index} works in a step"
    profiles = [p for p in chip.costs.profiles if any(getattr(p, key) is not None for key in TIME)]
    found = {p.name: replace(core_time(p, plan, index), path=f"{path}.{p.name}") for p in profiles}
    yield from found.values()
    yield spanned(path, title, "s", span_of(found), found) if found else unpublished(path, title, "s", "not published")


# --- links


def link_loads(plan: Plan) -> dict[Link, float]:
    """Messages per step over every link that any crosses, walked along the routes of the plan."""
    rates, slices = plan.activity.rates, [plan.cores[route.core].slices[route.slice] for route in plan.routes]
    sizes = [neurons_of(piece) for piece in slices]
    walked = walk(plan, check_sites(plan), sizes, [rates[piece.population] for piece in slices])
    return {link: load for link, load in sorted(walked.loads.items()) if load > 0}


def link_figures(plan: Plan, link: Link, load: float) -> Iterator[Figure]:
    """The messages over a link in a step, and the energy and time that they take."""
    where, chip = f"links.{wire(link)}", slowed(plan.chip, plan.options.time_scale)
    given = by_activity(plan, count("hops", load, "messages/step", f"over {wire(link)}"))
    between = _crosses(plan, link)
    title = f"messages over the link {wire(link)} in a step"
    yield derived(f"{where}.messages", title, "messages/step", load, "count", [replace(given, name="count")])
    events = {"hops": given, **({"crossings": replace(given, name="crossings")} if between else {})}
    found: dict[str, Figure] = {}
    for profile in marginal(chip):
        if terms := list(terms_of(profile, f"{where}.energy.{profile.name}", events)):
            found[profile.name] = summed(f"{where}.energy.{profile.name}", f"energy of the {title}", "J", terms)
            yield from (*terms, found[profile.name])
    title = f"energy of the {title}"
    yield (
        spanned(f"{where}.energy", title, "J", span_of(found), found)
        if found
        else unpublished(f"{where}.energy", title, "J", f"no energy of a hop is published for {chip.title}")
    )
    yield _link_time(chip, f"{where}.time", f"time of the {title.removeprefix('energy of the ')}", given, between)


def _crosses(plan: Plan, link: Link) -> bool:
    size = plan.chip.topology.columns.count, plan.chip.topology.rows.count
    one, other = ((x // size[0], y // size[1]) for x, y in link)
    return one != other


def _link_time(chip: Chip, path: str, title: str, given: Given, between: bool) -> Figure:
    costs = chip.costs
    rate = (costs.chip_link_rate or costs.link_rate) if between else costs.link_rate
    if rate is None:
        return unpublished(path, title, "s", f"no rate of such links is published for {chip.title}")
    price, load = priced("link_rate", rate), given.typical
    value = interval(load / rate.high, load / rate.typical, load / rate.low)
    return derived(path, title, "s", value, "hops / link_rate", [given, price])
