"""Traffic, utilisation, energy and time, added up again from cores and routes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from neuedge_nir.chip.model import CostProfile, LimitScope, Quantity, RoutingKind
from neuedge_nir.plan.check_inference import check_inference
from neuedge_nir.plan.check_links import Grid, board_of, usable
from neuedge_nir.plan.check_pace import check_pace
from neuedge_nir.plan.check_rules import agree, at_most, refuse, same
from neuedge_nir.plan.check_spread import check_spread
from neuedge_nir.plan.check_totals import Totals
from neuedge_nir.plan.figures import Interval, Link
from neuedge_nir.plan.model import Plan

Figures = tuple[float, ...] | None
"""Low, typical, high; None where nobody published what it takes."""

RANGE = ("low", "typical", "high")
MEASURES = {
    "neurons": ("neurons", "neuron_copies"),
    "synapse_memory": (
        "packed_row_words",
        "blocked_row_bits",
        "entry_row_words",
        "weight_bytes",
        "row_table_bytes",
        "row_and_record_bytes",
    ),
    "axons_in": ("input_axons", "merged_input_axons", "lava_input_axons"),
}
HOTTEST = 10


def check_traffic(plan: Plan, totals: Totals) -> None:
    """Messages, hops, link loads and table entries."""
    stated, walked, topology = plan.cost.traffic, totals.walked, plan.chip.topology
    agree(
        "PLAN122",
        stated,
        spikes_per_step=totals.spikes,
        host_spikes_per_step=totals.host if totals.counted else stated.host_spikes_per_step,
        host_reads_per_step=totals.reads if totals.counted else stated.host_reads_per_step,
        deliveries_per_step=walked.deliveries,
        unicast_hops_per_step=walked.unicast_hops,
        tree_hops_per_step=walked.tree_hops,
        interchip_spikes_per_step=walked.interchip,
    )
    agree("PLAN123", stated, max_link_load=max(walked.loads.values(), default=0.0))
    _check_hottest(stated.hottest_links, walked.loads)
    check_spread(plan, walked.loads)
    agree("PLAN124", stated, table_entries_max=walked.entries)
    if topology.table_entries is not None:
        at_most("PLAN124", "routing table entries of a chip", walked.entries, topology.table_entries.count)
    # Along x first and then along y, on a mesh that does not wrap, no ring of links can wait for each other; there
    # are no turns to look at then.
    agree("PLAN125", stated, deadlock_free=_untangled(walked.turns) if topology.routing is RoutingKind.XY else None)


def _untangled(turns: Set[tuple[Link, Link]]) -> bool:
    """Whether the links can be put in an order that every message keeps."""
    behind: dict[Link, set[Link]] = {}
    for first, second in turns:
        behind.setdefault(second, set()).add(first)
        behind.setdefault(first, set())
    try:
        TopologicalSorter(behind).prepare()
    except CycleError:
        return False
    return True


def _check_hottest(stated: Sequence[tuple[Link, float]], loads: Mapping[Link, float]) -> None:
    hottest = sorted((load for load in loads.values() if load > 0), reverse=True)[:HOTTEST]
    same("PLAN123", "number of hottest links", len(stated), len(hottest))
    same("PLAN123", "distinct hottest links", len({link for link, _ in stated}), len(hottest))
    same("PLAN123", "order of the hottest links", list(stated), sorted(stated, key=lambda one: (-one[1], one[0])))
    for (link, load), ranked in zip(stated, hottest, strict=True):
        same("PLAN123", "load of a hottest link", load, loads.get(link, 0.0), str(link))
        same("PLAN123", "load at this rank", load, ranked, str(link))


def boards_on(plan: Plan, grid: Grid, totals: Totals) -> int | None:
    """How many boards the chips in use, or crossed, stand on; None where chips are powered one by one."""
    if grid.system.boards is None:
        return None
    return len({board_of(grid.system, plan.machine.chips[chip]) for chip in totals.walked.chips})


def check_utilisation(plan: Plan, grid: Grid, totals: Totals) -> None:
    """Shares of what the allocated cores and chips have."""
    stated = plan.mapping.utilisation
    have = sum(usable(plan, grid.system, plan.machine.chips[chip]) for chip in totals.walked.chips)
    agree("PLAN127", stated, cores=len(plan.cores) / have if have else 0.0)
    for measure, formulas in MEASURES.items():
        share = _share(plan, formulas)
        same("PLAN127", measure.replace("_", " "), getattr(stated, measure), share)
        same("PLAN127", "a reason for no figure", bool(stated.why.get(measure)), share is None, measure)
    same("PLAN127", "figures with a reason for none", sorted({*stated.why} - {*MEASURES}), [])


def _share(plan: Plan, formulas: Sequence[str]) -> float | None:
    limit = next((limit for limit in plan.chip.limits if limit.formula in formulas), None)
    if limit is None:
        return None
    busy = [core for core in plan.cores if core.role == "neurons"]
    places = plan.mapping.chips_used if limit.scope is LimitScope.CHIP else len(busy)
    have = places * limit.limit.typical
    return sum(core.used[limit.name] for core in busy) / have if have else 0.0


def check_costs(plan: Plan, grid: Grid, totals: Totals) -> None:
    """Energy, static power and time of a step."""
    stated, costs = plan.cost, plan.chip.costs
    agree("PLAN130", stated, neuron_updates_per_step=totals.slots)
    if totals.counted:
        agree("PLAN130", stated, synaptic_events_per_step=totals.events)
    if (tick := _range(costs.timestep_s, 1)) is not None:
        _check_interval("PLAN132", "time of a step", stated.step_s, tick)
    step = check_pace(plan, grid, totals)
    _check_interval("PLAN132", "time of a step", stated.step_s, step)
    events = totals.events if totals.counted else stated.synaptic_events_per_step
    marginal = [profile for profile in costs.profiles if profile.energy_kind.value == "marginal"]
    energy = _combined([_energy(profile, plan, totals, events, step) for profile in marginal])
    _check_interval("PLAN130", "dynamic energy", stated.dynamic_j_per_step, energy)
    silent = replace(totals.walked, deliveries=0.0, unicast_hops=0.0, tree_hops=0.0, interchip=0.0)
    quiet = replace(totals, spikes=0.0, host=0.0, reads=0.0, events=0.0, walked=silent)
    awake = [profile for profile in marginal if profile.neuron_step_j or profile.core_active_w]
    idle = _combined([_energy(profile, plan, quiet, 0.0, step) for profile in awake or marginal])
    _check_interval("PLAN130", "energy of an idle step", stated.idle_j_per_step, idle)
    boards, on = grid.system.boards, boards_on(plan, grid, totals)
    whole = None if boards is None or on is None else _range(boards.static_w, on)
    static = whole or _range(costs.static_per_chip_w, plan.mapping.chips_used)
    _check_interval("PLAN131", "static power", stated.static_w, static)
    check_inference(plan)


def _check_interval(code: str, what: str, stated: Interval, counted: Figures) -> None:
    agree(code, stated, what, **dict(zip(RANGE, counted or (None,) * 3, strict=True)))
    if not stated.basis.strip():
        refuse(code, f"{what}: what the figure rests on is not said")


def _range(price: Quantity | None, amount: float) -> Figures:
    return None if price is None else (price.low * amount, price.typical * amount, price.high * amount)


def _sum(*terms: tuple[Quantity | None, float | None]) -> Figures:
    """The sum of the terms whose price is known."""
    known = [_range(price, amount) or () for price, amount in terms if price is not None and amount is not None]
    return tuple(math.fsum(column) for column in zip(*known, strict=True)) if known else None


def _combined(profiles: Sequence[Figures]) -> Figures:
    """The lowest, the mean and the highest, where sources disagree."""
    known = [figures for figures in profiles if figures is not None]
    if not known:
        return None
    low, typical, high = zip(*known, strict=True)
    return min(low), math.fsum(typical) / len(known), max(high)


def _told(plan: Plan, totals: Totals) -> float:
    """Messages of the host as the plan tells them; none in a step in which nothing is sent."""
    traffic = plan.cost.traffic
    return (
        traffic.host_spikes_per_step + traffic.host_reads_per_step if totals.walked.deliveries or totals.spikes else 0.0
    )


def _energy(profile: CostProfile, plan: Plan, totals: Totals, events: float, step: Figures) -> Figures:
    walked, multicast = totals.walked, plan.chip.topology.routing is RoutingKind.MULTICAST
    return _sum(
        (profile.synaptic_event_j, events),
        (profile.neuron_step_j, totals.slots),
        (profile.spike_j, totals.spikes),
        (profile.message_j, walked.deliveries),
        (profile.hop_j, walked.tree_hops if multicast else walked.unicast_hops),
        (profile.chip_crossing_j, walked.interchip),
        (profile.host_message_j, totals.host + totals.reads if totals.counted else _told(plan, totals)),
        (profile.core_active_w, len(plan.cores) * step[1] if step else None),
    )
