"""The energy of a step, event by event and profile by profile, and the static power."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from neuedge_nir.chip.model import Chip, CostProfile, EnergyKind, RoutingKind
from neuedge_nir.plan.figures import Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import Figure, Given, count, derived, ends, priced, taken, unpublished
from neuedge_nir.report.figures_traffic import by_activity
from neuedge_nir.report.spans import interval, marginal, spanned, summed

UPDATES = "neuron_updates"
ENERGY: Mapping[str, tuple[str, str]] = {
    "synaptic_event_j": ("synaptic_events", "spikes that arrive at synapses"),
    "neuron_step_j": (UPDATES, "neuron updates"),
    "spike_j": ("spikes", "spikes"),
    "message_j": ("messages", "messages to other cores"),
    "hop_j": ("hops", "links crossed"),
    "chip_crossing_j": ("crossings", "messages from chip to chip"),
    "host_message_j": ("host_messages", "messages from the host and to it"),
}
"""The prices of energy, and what each is the price of."""


def energy_figures(chip: Chip, plan: Plan, step: Figure) -> Iterator[Figure]:
    """Events, the energy that they take, that of an idle step, and what an average of the whole chip would give."""
    cost, events = plan.cost, amounts(plan)
    yield from _events(plan)
    titled = "energy of a timestep beyond the static power"
    yield from _by_profile(marginal(chip), plan, "energy.dynamic", titled, cost.dynamic_j_per_step, events, step)
    quiet = {name: events[name] if name == UPDATES else _none(events[name]) for name in events}
    titled = "dynamic energy of a timestep in which nothing spikes"
    yield from _by_profile(_awake(chip), plan, "energy.idle", titled, cost.idle_j_per_step, quiet, step)
    yield from averages(chip, events)
    if all(profile.host_message_j is None for profile in marginal(chip)):
        title = "energy of messages from the host and to it"
        yield unpublished("energy.host", title, "J", f"none is published for {chip.title}: no figure has it")


def averages(chip: Chip, events: Mapping[str, Given]) -> Iterator[Figure]:
    """Cross-checks: what the averages of a whole chip would give. They hold static power and are part of no sum."""
    for profile in chip.costs.profiles:
        if profile.energy_kind is EnergyKind.AVERAGE and profile.synaptic_event_j is not None:
            given, amount = priced("synaptic_event_j", profile.synaptic_event_j), events["synaptic_events"]
            value = interval(*(amount.typical * end for end in (given.low, given.typical, given.high)))
            title = (
                f"cross-check, part of no sum: as many events by the average of a chip as busy as at "
                f"{profile.conditions}; what a chip draws beyond such a share is not in it"
            )
            formula = "synaptic_events * synaptic_event_j"
            yield derived(f"energy.average.{profile.name}", title, "J", value, formula, [amount, given])


def _events(plan: Plan) -> Iterator[Figure]:
    cost = plan.cost
    for name, value, title in (
        ("synaptic_events", cost.synaptic_events_per_step, "spikes that arrive at synapses in a step"),
        (UPDATES, float(cost.neuron_updates_per_step), "neurons updated in a step"),
    ):
        given = count("count", value, "", "the sum over cost.cores of the plan")
        given = given if name == UPDATES else by_activity(plan, given)
        yield derived(f"energy.{name}", title, "", value, "count", [given])


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
    host = count(
        "host_messages", traffic.host_spikes_per_step + traffic.host_reads_per_step, "", notes["host_messages"]
    )
    rated["host_messages"] = by_activity(plan, host)
    updates = replace(count(UPDATES, cost.neuron_updates_per_step, "", notes[UPDATES]), path="energy.neuron_updates")
    return {**rated, UPDATES: updates}


def _awake(chip: Chip) -> list[CostProfile]:
    """The profiles that price what an idle step takes; all, where none does: then it is within the static power."""
    found = marginal(chip)
    return [p for p in found if p.neuron_step_j is not None or p.core_active_w is not None] or found


def _none(given: Given) -> Given:
    """The same of an idle step."""
    note = f"{given.note}: none in an idle step"
    return replace(
        given, low=0.0, typical=0.0, high=0.0, path=None, note=note, confidence="counted", source="this plan"
    )


def _by_profile(
    profiles: Sequence[CostProfile],
    plan: Plan,
    path: str,
    title: str,
    value: Interval,
    events: Mapping[str, Given],
    step: Figure,
) -> Iterator[Figure]:
    """The energy by every profile, kind by kind, and what all profiles span."""
    found: dict[str, Figure] = {}
    for profile in profiles:
        terms = list(terms_of(profile, f"{path}.{profile.name}", events))
        terms += active_term(profile, len(plan.cores), f"{path}.{profile.name}", step)
        if terms:
            found[profile.name] = summed(f"{path}.{profile.name}", f"{title}, by {profile.name}", "J", terms)
            yield from (*terms, found[profile.name])
    yield spanned(path, title, "J", value, found)


def terms_of(profile: CostProfile, path: str, events: Mapping[str, Given]) -> Iterator[Figure]:
    """The energy of every kind of event that has a price."""
    for key, (name, what) in ENERGY.items():
        if (price := getattr(profile, key)) is not None and name in events:
            given, amount = priced(key, price), events[name]
            value = interval(given.low * amount.low, given.typical * amount.typical, given.high * amount.high)
            yield derived(f"{path}.{name}", f"energy of {what}", "J", value, f"{name} * {key}", [amount, given])


def active_term(profile: CostProfile, cores: float, path: str, step: Figure) -> list[Figure]:
    """The energy of so many cores that are in use, where it is one of time and not of events."""
    if profile.core_active_w is None or step.typical is None:
        return []
    watts, typical = priced("core_active_w", profile.core_active_w), ends(step)[1]
    held = replace(taken("step_s", step), low=typical, high=typical, note="the typical time of a step")
    inputs = [count("cores", cores, "cores"), watts, held]
    value = interval(*(cores * w * typical for w in (watts.low, watts.typical, watts.high)))
    return [derived(f"{path}.cores", "energy of cores in use", "J", value, "cores * core_active_w * step_s", inputs)]


def static_figure(plan: Plan) -> Figure:
    """The power of all chips or boards that must be on, whatever they do."""
    path, title, value = "energy.static", "static power of all chips or boards that must be on", plan.cost.static_w
    system = next(s for s in plan.chip.topology.systems if s.name == plan.machine.system)
    if system.boards is not None and plan.mapping.boards_used is not None:
        inputs = [count("boards", plan.mapping.boards_used, "boards"), priced("static_w", system.boards.static_w)]
        return derived(path, title, "W", value, "boards * static_w", inputs)
    power = plan.chip.costs.static_per_chip_w
    if power is None:
        return unpublished(path, title, "W", value.basis)
    inputs = [count("chips", plan.mapping.chips_used, "chips"), priced("static_per_chip_w", power)]
    return derived(path, title, "W", value, "chips * static_per_chip_w", inputs)
