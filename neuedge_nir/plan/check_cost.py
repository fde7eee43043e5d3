"""Traffic, energy, time and utilisation, added up again from cores and routes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.chip.model import CostProfile, LimitScope, Quantity, RoutingKind
from neuedge_nir.plan.check_links import Walked
from neuedge_nir.plan.check_rules import close, refuse, same
from neuedge_nir.plan.model import Interval, Link, Plan, Traffic

Figures = tuple[float, float, float] | None
"""Low, typical, high; None where nobody published what it takes."""

MEASURES = {
    "neurons": ("neurons", "neuron_copies"),
    "synapse_memory": ("packed_row_words", "blocked_row_bits", "weight_bytes", "row_table_bytes"),
    "axons_in": ("input_axons", "lava_input_axons"),
}
HOTTEST = 10


@dataclass(frozen=True, slots=True)
class Load:
    """What one core does in a step."""

    slots: int
    messages: float
    spikes: float
    events: float


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums that costs rest on. `events` of the loads are those the checker counted, or all 0 without a network."""

    loads: Sequence[Load]
    spikes: float
    host: float | None
    events: float
    walked: Walked
    counted: bool

    @property
    def slots(self) -> int:
        return sum(load.slots for load in self.loads)


def check_traffic(stated: Traffic, totals: Totals, plan: Plan) -> None:
    """Messages, hops and link loads."""
    walked = totals.walked
    close("PLAN122", "spikes per step", stated.spikes_per_step, totals.spikes)
    if totals.host is not None:
        close("PLAN122", "host spikes per step", stated.host_spikes_per_step, totals.host)
    close("PLAN122", "deliveries per step", stated.deliveries_per_step, walked.deliveries)
    close("PLAN122", "unicast hops per step", stated.unicast_hops_per_step, walked.unicast_hops)
    close("PLAN122", "tree hops per step", stated.tree_hops_per_step, walked.tree_hops)
    close("PLAN122", "spikes between chips per step", stated.interchip_spikes_per_step, walked.interchip)
    close("PLAN123", "load of the busiest link", stated.max_link_load, max(walked.loads.values(), default=0.0))
    _check_hottest(stated.hottest_links, walked.loads)
    same("PLAN124", "routing table entries of the fullest chip", stated.table_entries_max, walked.entries)
    if plan.chip.topology.table_entries is not None and walked.entries > plan.chip.topology.table_entries.count:
        available = plan.chip.topology.table_entries.count
        refuse("PLAN124", f"{walked.entries} routing table entries on a chip that has {available}", None,
               walked.entries, available)  # fmt: skip
    # Links are taken along x first and then along y on a mesh that does not wrap, so no ring of waiting links exists.
    xy = plan.chip.topology.routing is RoutingKind.XY
    same("PLAN125", "freedom from deadlock", stated.deadlock_free, True if xy else None)


def _check_hottest(stated: Sequence[tuple[Link, float]], loads: Mapping[Link, float]) -> None:
    for link, load in stated:
        close("PLAN123", f"load of the link {link}", load, loads.get(link, -1.0))
    if list(stated) != sorted(stated, key=lambda entry: (-entry[1], entry[0])):
        refuse("PLAN123", "the hottest links are not in order")
    same("PLAN123", "distinct hottest links", len(stated), len({link for link, _ in stated}))
    hottest = sorted((load for load in loads.values() if load > 0), reverse=True)[:HOTTEST]
    same("PLAN123", "hottest links", len(stated), len(hottest))
    for (link, load), counted in zip(stated, hottest, strict=True):
        close("PLAN123", f"rank of the link {link} by load", load, counted)


def check_utilisation(plan: Plan) -> None:
    """Shares of what the allocated cores and chips have."""
    stated = plan.mapping.utilisation
    usable = plan.mapping.chips_used * plan.chip.topology.cores_per_chip.count
    close("PLAN127", "share of the cores", stated.cores, plan.mapping.cores_neurons / usable if usable else 0.0)
    for measure, formulas in MEASURES.items():
        share = getattr(stated, measure)
        close("PLAN127", f"share of {measure}", share, _share(plan, formulas))
        if (share is None) != bool(plan.mapping.utilisation.why.get(measure)):
            refuse("PLAN127", f"share of {measure}: a reason is due exactly where there is no figure")


def _share(plan: Plan, formulas: Sequence[str]) -> float | None:
    limit = next((limit for limit in plan.chip.limits if limit.formula in formulas), None)
    if limit is None:
        return None
    busy = [core for core in plan.cores if core.role == "neurons"]
    places = plan.mapping.chips_used if limit.scope is LimitScope.CHIP else len(busy)
    have = places * limit.limit.typical
    return sum(core.used[limit.name] for core in busy) / have if have else 0.0


def check_costs(plan: Plan, totals: Totals) -> None:
    """Energy, static power and time of a step."""
    stated = plan.cost
    if totals.counted:
        close("PLAN130", "synaptic events per step", stated.synaptic_events_per_step, totals.events)
    same("PLAN130", "neuron updates per step", stated.neuron_updates_per_step, totals.slots)
    step = step_time(plan, totals)
    if totals.counted or plan.chip.costs.timestep_s is not None:
        _check_interval("PLAN132", "time of a step", stated.step_s, step)
    known = step[1] if step is not None else None
    _check_interval("PLAN130", "dynamic energy", stated.dynamic_j_per_step, _energy(plan, totals, known))
    power = plan.chip.costs.static_per_chip_w
    chips = plan.mapping.chips_used
    static = None if power is None else (chips * power.low, chips * power.typical, chips * power.high)
    _check_interval("PLAN131", "static power", stated.static_w, static)


def _check_interval(code: str, what: str, stated: Interval, counted: Figures) -> None:
    for name, figure, own in zip(
        ("low", "typical", "high"), (stated.low, stated.typical, stated.high), counted or (None,) * 3, strict=True
    ):
        close(code, f"{what}, {name}", figure, own)
    if not stated.basis.strip():
        refuse(code, f"{what}: what the figure rests on is not said")


def _combined(profiles: Sequence[Figures]) -> Figures:
    known = [figures for figures in profiles if figures is not None]
    if not known:
        return None
    typical = math.fsum(figures[1] for figures in known) / len(known)
    return min(figures[0] for figures in known), typical, max(figures[2] for figures in known)


def _energy(plan: Plan, totals: Totals, step_s: float | None) -> Figures:
    multicast = plan.chip.topology.routing is RoutingKind.MULTICAST
    walked = totals.walked
    events = totals.events if totals.counted else plan.cost.synaptic_events_per_step
    hops = walked.tree_hops if multicast else walked.unicast_hops
    awake = len(plan.cores) * step_s if step_s is not None else None

    def of(profile: CostProfile) -> Figures:
        return _sum(
            (profile.synaptic_event_j, events),
            (profile.neuron_step_j, totals.slots),
            (profile.spike_j, totals.spikes),
            (profile.message_j, walked.deliveries),
            (profile.hop_j, hops),
            (profile.chip_crossing_j, walked.interchip),
            (profile.core_active_w, awake),
        )

    return _combined([of(profile) for profile in plan.chip.costs.profiles])


def _sum(*terms: tuple[Quantity | None, float | None]) -> Figures:
    """The sum of the terms whose price is known."""
    known = [(price, amount) for price, amount in terms if price is not None and amount is not None]
    if not known:
        return None
    return (
        math.fsum(price.low * amount for price, amount in known),
        math.fsum(price.typical * amount for price, amount in known),
        math.fsum(price.high * amount for price, amount in known),
    )


def step_time(plan: Plan, totals: Totals) -> Figures:
    """The chip's tick; where it has none, the slowest core, the longest way and the barrier."""
    tick = plan.chip.costs.timestep_s
    if tick is not None:
        return tick.low, tick.typical, tick.high
    return _combined([_slowest(profile, totals) for profile in plan.chip.costs.profiles])


def _slowest(profile: CostProfile, totals: Totals) -> Figures:
    prices = (profile.synaptic_event_s, profile.neuron_step_s, profile.message_s, profile.spike_s)
    if all(price is None for price in prices):
        return None
    busy = [
        _sum(*zip(prices, (load.events, load.slots, load.messages, load.spikes), strict=True)) or (0.0, 0.0, 0.0)
        for load in totals.loads
    ]
    rest = _sum((profile.hop_s, totals.walked.longest), (profile.barrier_s, 1)) or (0.0, 0.0, 0.0)
    low, typical, high = (max((core[at] for core in busy), default=0.0) + rest[at] for at in range(3))
    return low, typical, high
