"""The time of a step, resource by resource: cores, links, the longest way, the barrier, the host; and what binds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from neuedge_nir.chip.model import CostProfile, Quantity
from neuedge_nir.plan.check_links import Grid, board_of
from neuedge_nir.plan.check_rules import TOLERANCE, agree, refuse, same
from neuedge_nir.plan.check_totals import Load, Totals
from neuedge_nir.plan.figures import Binding, Interval, Link
from neuedge_nir.plan.model import Plan

Kind = TypeVar("Kind")
Ends = tuple[float, float, float]
NONE: Ends = (0.0, 0.0, 0.0)
WORK = {
    "synaptic operations": ("synaptic_event_s", "events"),
    "neuron updates": ("neuron_step_s", "slots"),
    "messages": ("message_s", "messages"),
    "spikes": ("spike_s", "spikes"),
}
"""What a core does, the price of its time, and where a load counts it."""


def check_pace(plan: Plan, grid: Grid, totals: Totals) -> Ends | None:
    """What every core does, what a step waits for, and how long it takes: returned, None where nobody published it."""
    _check_loads(plan, totals)
    loads = _believed(plan, totals)
    _check_links(plan, grid, totals)
    tick, profiles = plan.chip.costs.timestep_s, [p for p in plan.chip.costs.profiles if _timed(p)]
    times = list(_times(profiles, loads))
    if tick is None:
        _check_binding(plan, profiles, times)
        same("PLAN273", "a load of a tick", (plan.cost.pace.load, plan.cost.pace.busiest), (None, None))
        found = [_step(plan, profile, loads) for profile in profiles]
        return _spanned(found)
    same("PLAN272", "what a step waits for", plan.cost.pace.binding, Binding("tick"))
    _check_busiest(plan, tick, profiles, loads, times)
    return tick.low, tick.typical, tick.high


def _check_loads(plan: Plan, totals: Totals) -> None:
    """What every core does in a step; its synaptic events only where there was a network to count them with."""
    same("PLAN270", "cores with events", len(plan.cost.cores), len(totals.loads))
    for index, (stated, load) in enumerate(zip(plan.cost.cores, totals.loads, strict=True)):
        where = f"core {index}"
        agree("PLAN270", stated, where, neuron_updates=load.slots, messages_out=load.messages, spikes=load.spikes)
        if totals.counted:
            agree("PLAN270", stated, where, synaptic_events=load.events)
        elif not 0.0 <= stated.synaptic_events < math.inf:
            refuse("PLAN270", f"{stated.synaptic_events} synaptic events", where)
    stated_into, all_of_them = plan.cost.events_into, plan.cost.synaptic_events_per_step
    inner = sorted(p.name for p in plan.populations if p.model not in ("Input", "Output"))
    same("PLAN270", "populations that events reach", sorted(stated_into), inner)
    for name in inner if totals.counted else ():
        same("PLAN270", "events that reach it", stated_into[name], totals.into.get(name, 0.0), name)
    if not totals.counted:
        own = math.fsum(stated.synaptic_events for stated in plan.cost.cores)
        same("PLAN270", "synaptic events of all cores", all_of_them, own)
        if min(stated_into.values(), default=0.0) < 0:
            refuse("PLAN270", "fewer events than none reach a population")
        same("PLAN270", "synaptic events of all populations", all_of_them, math.fsum(stated_into.values()))


def _believed(plan: Plan, totals: Totals) -> Sequence[Load]:
    """The loads of all cores; without the network, the events as the plan tells them, which `_check_loads` has seen."""
    if totals.counted:
        return totals.loads
    both = zip(totals.loads, plan.cost.cores, strict=True)
    return [Load(load.slots, load.messages, load.spikes, stated.synaptic_events) for load, stated in both]


def _check_links(plan: Plan, grid: Grid, totals: Totals) -> None:
    """Tiles, the longest way, the busiest link of either kind, and the ports of the host."""
    pace, traffic = plan.cost.pace, plan.cost.traffic
    tiles = len({core.router for core in plan.cores})
    agree("PLAN271", pace, longest_way=totals.walked.longest, tiles=tiles, ports=_ports(plan, grid, totals))
    same("PLAN271", "host", pace.host, (traffic.host_spikes_per_step + traffic.host_reads_per_step) / pace.ports)
    kinds: dict[bool, dict[Link, float]] = {False: {}, True: {}}
    for link, load in totals.walked.loads.items():
        if load > 0:
            kinds[grid.position(link[0]) != grid.position(link[1])][link] = load
    for stated, loads in ((pace.link, kinds[False]), (pace.chip_link, kinds[True])):
        same("PLAN271", "a busiest link", stated is not None, bool(loads))
        if stated is not None:
            same("PLAN271", "load of a link", stated[1], loads.get(stated[0], 0.0), str(stated[0]))
            most = max(loads.values()) * (1 - TOLERANCE)
            same("PLAN271", "the busiest link", stated[0], min(link for link, load in loads.items() if load >= most))


def _ports(plan: Plan, grid: Grid, totals: Totals) -> int:
    if grid.system.boards is None:
        return 1
    return len({board_of(grid.system, plan.machine.chips[chip]) for chip in totals.walked.chips})


# --- times


def _timed(profile: CostProfile) -> bool:
    return any(getattr(profile, key) is not None for key, _ in WORK.values())


def _price(price: Quantity | None, amount: float) -> Ends:
    return NONE if price is None else (price.low * amount, price.typical * amount, price.high * amount)


def _plus(*terms: Ends) -> Ends:
    low, typical, high = (math.fsum(column) for column in zip(*terms, strict=True))
    return low, typical, high


def _most(terms: Sequence[Ends]) -> Ends:
    low, typical, high = (max(column) for column in zip(*terms, NONE, strict=True))
    return low, typical, high


def _busy(profile: CostProfile, load: Load) -> Ends:
    return _plus(NONE, *(_price(getattr(profile, key), getattr(load, field)) for key, field in WORK.values()))


def _crossing(plan: Plan) -> dict[str, Ends]:
    """How long the busiest link of either kind takes, and the host, where a rate is published."""
    costs, pace = plan.chip.costs, plan.cost.pace
    amounts = {
        "link": (pace.link and pace.link[1], costs.link_rate),
        "chip link": (pace.chip_link and pace.chip_link[1], costs.chip_link_rate or costs.link_rate),
        "host": (pace.host, costs.host_rate),
    }
    return {
        kind: (amount / rate.high, amount / rate.typical, amount / rate.low)
        for kind, (amount, rate) in amounts.items()
        if amount and rate is not None
    }


def _barrier(plan: Plan, profile: CostProfile) -> Ends:
    """By straight lines through the published points: tiles of one chip, a full chip and more chips."""
    if profile.barrier_s is not None:
        return _price(profile.barrier_s, 1)
    tiles = {point.tiles: point.time_s for point in profile.barrier if point.tiles is not None}
    chips = {point.chips: point.time_s for point in profile.barrier if point.chips is not None}
    if not tiles:
        return NONE
    if plan.mapping.chips_used > 1:
        return _on_lines({1: tiles[max(tiles)], **chips}, plan.mapping.chips_used)
    return _on_lines(tiles, min(max(plan.cost.pace.tiles, min(tiles)), max(tiles)))


def _on_lines(points: Mapping[int, Quantity], at: int) -> Ends:
    if at in points or len(points) == 1:
        return _price(points.get(at, next(iter(points.values()))), 1)
    known = sorted(points)
    upper = next((place for place in known if place >= at), known[-1])
    lower = known[known.index(upper) - 1]
    weight = (upper - at) / (upper - lower)
    return _plus(_price(points[lower], weight), _price(points[upper], 1 - weight))


def _step(plan: Plan, profile: CostProfile, loads: Sequence[Load]) -> Ends:
    waits = _crossing(plan)
    host = waits.pop("host", NONE)
    longest = _most([*(_busy(profile, load) for load in loads), *waits.values()])
    way = _price(profile.hop_s, plan.cost.pace.longest_way)
    return _most([host, _plus(longest, way, _barrier(plan, profile))])


def _spanned(found: Sequence[Ends]) -> Ends | None:
    if not found:
        return None
    return min(f[0] for f in found), math.fsum(f[1] for f in found) / len(found), max(f[2] for f in found)


# --- what binds


def _times(profiles: Sequence[CostProfile], loads: Sequence[Load]) -> Iterator[tuple[Binding, float]]:
    """The typical time of every resource but the host, the mean of the profiles: named as in a report."""
    if not profiles:
        return
    many = len(profiles)
    for index, load in enumerate(loads):
        shares = {
            what: math.fsum(_price(getattr(p, key), getattr(load, field))[1] for p in profiles) / many
            for what, (key, field) in WORK.items()
        }
        yield Binding("core", index, None, _greatest(shares)), math.fsum(shares.values())


def _named(plan: Plan) -> dict[Binding, float]:
    """The typical time of the links and the host."""
    pace = plan.cost.pace
    links = {"link": pace.link, "chip link": pace.chip_link}
    return {
        Binding(kind, link=link[0] if (link := links.get(kind)) is not None else None): ends[1]
        for kind, ends in _crossing(plan).items()
    }


def _check_binding(plan: Plan, profiles: Sequence[CostProfile], cores: Sequence[tuple[Binding, float]]) -> None:
    stated = plan.cost.pace.binding
    if not profiles:
        same("PLAN272", "what a step waits for", stated, Binding("unknown"))
        return
    many, named = len(profiles), _named(plan)
    host = named.pop(Binding("host"), 0.0)
    waits = {**dict(cores), **named}
    way = math.fsum(_price(p.hop_s, plan.cost.pace.longest_way)[1] for p in profiles) / many
    barrier = math.fsum(_barrier(plan, p)[1] for p in profiles) / many
    inner = max(waits.values()) + way + barrier
    if host > inner:
        same("PLAN272", "what a step waits for", stated, Binding("host"))
        return
    longest = _greatest(waits)
    rest = {longest: waits[longest], Binding("way"): way, Binding("barrier"): barrier}
    same("PLAN272", "what a step waits for", stated, _greatest(rest))


def _greatest(waits: Mapping[Kind, float]) -> Kind:
    """What takes longest; of those that differ by rounding alone, the first."""
    longest = max(waits.values()) * (1 - TOLERANCE)
    return next(name for name, time in waits.items() if time >= longest)


def _check_busiest(
    plan: Plan,
    tick: Quantity,
    profiles: Sequence[CostProfile],
    loads: Sequence[Load],
    cores: Sequence[tuple[Binding, float]],
) -> None:
    """The share of the tick that the busiest resource takes."""
    pace, waits = plan.cost.pace, {**dict(cores), **_named(plan)}
    same("PLAN273", "a load of the tick", pace.load is not None, bool(waits))
    same("PLAN273", "a busiest resource", pace.busiest is not None, bool(waits))
    if pace.load is None or pace.busiest is None:
        return
    same("PLAN273", "what needs most of a tick", pace.busiest, _greatest(waits))
    shared = _most(list(_crossing(plan).values()))
    found = [_most([shared, *(_busy(profile, load) for load in loads)]) for profile in profiles] or [shared]
    ends = _spanned(found) or NONE
    stated: Interval = pace.load
    agree("PLAN273", stated, low=ends[0] / tick.high, typical=ends[1] / tick.typical, high=ends[2] / tick.low)
