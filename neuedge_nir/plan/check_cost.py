"""Traffic, utilisation, energy and time, added up again from cores and routes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from neuedge_nir.chip.model import CostProfile, LimitScope, Quantity, RoutingKind
from neuedge_nir.plan.check_links import Grid, Walked, board_of, usable
from neuedge_nir.plan.check_rules import agree, at_most, refuse, same
from neuedge_nir.plan.check_spread import check_spread
from neuedge_nir.plan.figures import Inference, Interval, Link
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


@dataclass(frozen=True, slots=True)
class Load:
    """What one core does in a step: neuron slots updated, messages sent, spikes fired, synaptic events."""

    slots: int
    messages: float
    spikes: float
    events: float


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums that costs rest on; `counted`: whether there was a network to count events and host spikes with."""

    counted: bool
    loads: Sequence[Load]
    spikes: float
    host: float
    reads: float
    events: float
    walked: Walked

    @property
    def slots(self) -> int:
        return sum(load.slots for load in self.loads)


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
    _check_loads(plan, totals)
    if totals.counted:
        agree("PLAN130", stated, synaptic_events_per_step=totals.events)
    step = _range(costs.timestep_s, 1)
    if step is None and totals.counted:
        step = _combined([_slowest(profile, totals) for profile in costs.profiles])
    elif step is None and stated.step_s.typical is not None:  # without the events, the time has to be believed
        step = (stated.step_s.low or 0.0, stated.step_s.typical, stated.step_s.high or 0.0)
    _check_interval("PLAN132", "time of a step", stated.step_s, step)
    events = totals.events if totals.counted else stated.synaptic_events_per_step
    energy = _combined([_energy(profile, plan, totals, events, step) for profile in costs.profiles])
    _check_interval("PLAN130", "dynamic energy", stated.dynamic_j_per_step, energy)
    silent = replace(totals.walked, deliveries=0.0, unicast_hops=0.0, tree_hops=0.0, interchip=0.0)
    quiet = replace(totals, spikes=0.0, host=0.0, reads=0.0, events=0.0, walked=silent)
    idle = _combined([_energy(profile, plan, quiet, 0.0, step) for profile in costs.profiles])
    _check_interval("PLAN130", "energy of an idle step", stated.idle_j_per_step, idle)
    boards, on = grid.system.boards, boards_on(plan, grid, totals)
    whole = None if boards is None or on is None else _range(boards.static_w, on)
    static = whole or _range(costs.static_per_chip_w, plan.mapping.chips_used)
    _check_interval("PLAN131", "static power", stated.static_w, static)
    _check_inference(plan)


def _check_loads(plan: Plan, totals: Totals) -> None:
    """What every core does in a step; its synaptic events only where there was a network to count them with."""
    agree("PLAN271", plan.cost, longest_way=totals.walked.longest)
    same("PLAN270", "cores with events", len(plan.cost.cores), len(totals.loads))
    for index, (stated, load) in enumerate(zip(plan.cost.cores, totals.loads, strict=True)):
        events = load.events if totals.counted else stated.synaptic_events
        agree(
            "PLAN270",
            stated,
            f"core {index}",
            synaptic_events=events,
            neuron_updates=load.slots,
            messages_out=load.messages,
            spikes=load.spikes,
        )
        if not 0.0 <= stated.synaptic_events < math.inf:
            refuse("PLAN270", f"{stated.synaptic_events} synaptic events", f"core {index}")
    if not totals.counted:
        own = math.fsum(stated.synaptic_events for stated in plan.cost.cores)
        agree("PLAN270", plan.cost, "synaptic events of all cores", synaptic_events_per_step=own)


def _check_inference(plan: Plan) -> None:
    """A sample's cost from that of a step. How long samples took is believed: the plan does not hold them."""
    found, cost, schedule = plan.cost.inference, plan.cost, plan.schedule
    same("PLAN135", "a cost of an inference", found is not None, schedule.steps is not None)
    if found is None:
        return
    if found.lead is not None and plan.activity.kind != "simulated":
        refuse("PLAN135", f"an early exit, and an activity that is {plan.activity.kind}")
    most = found.shown if found.lead is None else found.steps
    agree("PLAN135", found, depth=schedule.depth, steps=most, shown=schedule.steps, period=_period(plan, found))
    if not (0 < found.steps <= found.shown) or (found.lead is not None and not 0 < found.lead < math.inf):
        refuse("PLAN135", f"an inference of {found.steps} of {found.shown} steps, lead {found.lead}")
    reset = plan.chip.capabilities.reset_schedule
    price = reset.energy_per_chip_j if reset is not None else None
    for index, name in enumerate(RANGE):
        step, watts, joules, rest = (
            getattr(each, name) for each in (cost.step_s, cost.static_w, cost.dynamic_j_per_step, cost.idle_j_per_step)
        )
        time = None if step is None else step * found.period
        static = None if time is None or watts is None else watts * time
        agree("PLAN135", found.time_s, "time of an inference", **{name: time})
        agree("PLAN135", found.static_j, "static energy of an inference", **{name: static})
        bare = None if None in (joules, rest) else joules * found.steps + rest * (found.period - found.steps)
        once = (_range(price, plan.mapping.chips_used) or (0.0,) * 3)[index]
        spent = None if bare is None else bare + once
        agree("PLAN135", found.dynamic_j, "dynamic energy of an inference", **{name: spent})


def _period(plan: Plan, found: Inference) -> float | None:
    """Only where no counter resets the chip, a sample that ends early leaves the chip to the next."""
    if found.lead is not None and plan.schedule.rule != "power-of-two":
        return found.steps + found.depth
    return plan.schedule.period


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


def _energy(profile: CostProfile, plan: Plan, totals: Totals, events: float, step: Figures) -> Figures:
    walked, multicast = totals.walked, plan.chip.topology.routing is RoutingKind.MULTICAST
    return _sum(
        (profile.synaptic_event_j, events),
        (profile.neuron_step_j, totals.slots),
        (profile.spike_j, totals.spikes),
        (profile.message_j, walked.deliveries),
        (profile.hop_j, walked.tree_hops if multicast else walked.unicast_hops),
        (profile.chip_crossing_j, walked.interchip),
        (profile.core_active_w, len(plan.cores) * step[1] if step else None),
    )


def _slowest(profile: CostProfile, totals: Totals) -> Figures:
    """The slowest core, then the longest way, then the barrier."""
    prices = (profile.synaptic_event_s, profile.neuron_step_s, profile.message_s, profile.spike_s)
    if all(price is None for price in prices):
        return None
    amounts = [(load.events, load.slots, load.messages, load.spikes) for load in totals.loads]
    busy = [_sum(*zip(prices, amount, strict=True)) or () for amount in amounts]
    slowest = tuple(max(column) for column in zip(*busy, strict=True)) or (0.0,) * 3
    rest = _sum((profile.hop_s, totals.walked.longest), (profile.barrier_s, 1)) or (0.0,) * 3
    return tuple(a + b for a, b in zip(slowest, rest, strict=True))
