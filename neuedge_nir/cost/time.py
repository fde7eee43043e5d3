"""How long a step of the plan takes, and what it waits for.

step time = the tick, where the chip has one; otherwise, per profile, the longer of
            max(slowest core, busiest link) + longest way x hop time + barrier   and   host messages / the host's rate
slowest core = max over cores of (synaptic events x time + neuron updates x time + messages out x time + spikes x time)
busiest link = max over links of messages / rate, within chips and between them

A chip with a tick is never late: its load is what the slowest core, link or host needs over the tick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from neuedge_nir.chip.model import Chip, CostProfile, Quantity
from neuedge_nir.cost.model import Bounds, Events, added, bounds, span, times
from neuedge_nir.plan.figures import Binding, CoreEvents, Interval, Pace

TIME: Mapping[str, tuple[str, Callable[[CoreEvents], float]]] = {
    "synaptic_event_s": ("synaptic operations", lambda c: c.synaptic_events),
    "neuron_step_s": ("neuron updates", lambda c: c.neuron_updates),
    "message_s": ("messages", lambda c: c.messages_out),
    "spike_s": ("spikes", lambda c: c.spikes),
}
"""What each price of time is the price of."""

ROUNDING = 1e-9
"""Relative: times that differ by no more are equal, whatever the order of their sums."""

ZERO: Bounds = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Wait:
    """A resource and how long a step waits for it: core by core, link by link."""

    on: Binding
    time: Bounds


def first_greatest(values: Sequence[float]) -> int:
    """Which is the greatest; of those that differ by rounding alone, the first."""
    least = max(values) * (1 - ROUNDING)
    return next(index for index, value in enumerate(values) if value >= least)


def step_time(chip: Chip, events: Events) -> Interval:
    """Duration of one timestep, in seconds."""
    tick = chip.costs.timestep_s
    if tick is not None:
        return Interval(*bounds(tick), f"the chip's tick, whatever the load; {tick.source} [{tick.confidence}]")
    shared, host = _links(chip, events), _host(chip, events)
    found = {p.name: _profile_step(p, events, shared, host) for p in chip.costs.profiles if has_time(p)}
    return span(found, chip, "the slowest core or link, the longest way and the barrier, or the host")


def pace_of(chip: Chip, events: Events) -> Pace:
    """What a step waits for most, by the typical prices, and how full the tick is where there is one."""
    ports = events.boards or 1
    known = (events.tiles, events.longest_way, events.link, events.chip_link, events.host / ports, ports)
    tick = chip.costs.timestep_s
    if tick is None:
        return Pace(*known, _binding(chip, events))
    waits = [*_slowest_cores(chip, events), *_links(chip, events), *_host(chip, events)]
    busiest = waits[first_greatest([wait.time[1] for wait in waits])] if waits else None
    load = None if busiest is None else _load(chip, events, tick)
    return Pace(*known, Binding("tick"), None if busiest is None else busiest.on, load)


def has_time(profile: CostProfile) -> bool:
    """Whether anything that a core does has a time."""
    return any(getattr(profile, key) is not None for key in TIME)


def barrier_of(profile: CostProfile, tiles: int, chips: int) -> Bounds:
    """The time of a barrier: between two published points on the straight line, and beyond the last chips on the last.

    Tiles beyond the last point of a chip take as long as it.
    """
    if profile.barrier_s is not None:
        return bounds(profile.barrier_s)
    of_tiles = [(float(point.tiles), bounds(point.time_s)) for point in profile.barrier if point.tiles]
    if not of_tiles:
        return ZERO
    if chips <= 1:
        return _between(of_tiles, min(max(tiles, of_tiles[0][0]), of_tiles[-1][0]))
    of_chips = [(1.0, of_tiles[-1][1]), *((float(p.chips), bounds(p.time_s)) for p in profile.barrier if p.chips)]
    return _between(of_chips, chips)


def _between(points: Sequence[tuple[float, Bounds]], at: float) -> Bounds:
    if len(points) == 1:
        return points[0][1]
    pairs = list(pairwise(points))
    (a, one), (b, other) = next((pair for pair in pairs if at <= pair[1][0]), pairs[-1])
    share = (at - a) / (b - a)
    low, typical, high = (p + (q - p) * share for p, q in zip(one, other, strict=True))
    return low, typical, high


def _profile_step(profile: CostProfile, events: Events, links: Sequence[Wait], host: Sequence[Wait]) -> Bounds:
    waits = [*(_core(profile, core) for core in events.cores), *(wait.time for wait in links)]
    rest = [_way(profile, events), barrier_of(profile, events.tiles, events.chips)]
    return _largest([added([_largest(waits), *rest]), *(wait.time for wait in host)])


def _largest(found: Sequence[Bounds]) -> Bounds:
    if not found:
        return ZERO
    low, typical, high = (max(end) for end in zip(*found, strict=True))
    return low, typical, high


def _core(profile: CostProfile, core: CoreEvents) -> Bounds:
    return added([times(price, amount(core)) for price, amount in _priced(profile)])


def _priced(profile: CostProfile) -> list[tuple[Quantity, Callable[[CoreEvents], float]]]:
    return [(getattr(profile, key), count) for key, (_, count) in TIME.items() if getattr(profile, key) is not None]


def _way(profile: CostProfile, events: Events) -> Bounds:
    return ZERO if profile.hop_s is None else times(profile.hop_s, events.longest_way)


def _links(chip: Chip, events: Events) -> list[Wait]:
    """The busiest link within chips and the busiest between them, where their rates are published."""
    costs = chip.costs
    between = costs.chip_link_rate or costs.link_rate
    kinds = (("link", events.link, costs.link_rate), ("chip link", events.chip_link, between))
    return [
        Wait(Binding(kind, link=busiest[0]), over(busiest[1], rate))
        for kind, busiest, rate in kinds
        if busiest is not None and rate is not None
    ]


def _host(chip: Chip, events: Events) -> list[Wait]:
    """The messages of a port of the host; they are dealt evenly over the boards."""
    rate = chip.costs.host_rate
    if rate is None or not events.host:
        return []
    return [Wait(Binding("host"), over(events.host / (events.boards or 1), rate))]


def over(messages: float, rate: Quantity) -> Bounds:
    """How long so many messages take at a rate."""
    return messages / rate.high, messages / rate.typical, messages / rate.low


def _slowest_cores(chip: Chip, events: Events) -> list[Wait]:
    """The core that takes longest by the mean of the typical prices of all profiles; none where nothing has a time."""
    profiles = [profile for profile in chip.costs.profiles if has_time(profile)]
    if not profiles or not events.cores:
        return []
    typical = [sum(_core(profile, core)[1] for profile in profiles) / len(profiles) for core in events.cores]
    index = first_greatest(typical)
    return [Wait(_core_binding(profiles, events.cores[index], index), (typical[index],) * 3)]


def _core_binding(profiles: Sequence[CostProfile], core: CoreEvents, index: int) -> Binding:
    """The core, and the kind of event that takes most of its time."""
    kinds = {
        what: sum(getattr(p, key).typical * count(core) for p in profiles if getattr(p, key) is not None)
        for key, (what, count) in TIME.items()
    }
    return Binding("core", core=index, what=list(kinds)[first_greatest(list(kinds.values()))])


def _binding(chip: Chip, events: Events) -> Binding:
    profiles = [profile for profile in chip.costs.profiles if has_time(profile)]
    if not profiles:
        return Binding("unknown")
    mean = [_way(p, events)[1] for p in profiles], [barrier_of(p, events.tiles, events.chips)[1] for p in profiles]
    way, barrier = (sum(each) / len(profiles) for each in mean)
    waits = [*_slowest_cores(chip, events), *_links(chip, events)]
    longest = waits[first_greatest([wait.time[1] for wait in waits])]
    host = _host(chip, events)
    if host and host[0].time[1] > longest.time[1] + way + barrier:
        return host[0].on
    rest = [longest, Wait(Binding("way"), (way,) * 3), Wait(Binding("barrier"), (barrier,) * 3)]
    return rest[first_greatest([wait.time[1] for wait in rest])].on


def _load(chip: Chip, events: Events, tick: Quantity) -> Interval:
    """The share of the tick that is needed by what is published."""
    shared = [wait.time for wait in (*_links(chip, events), *_host(chip, events))]
    profiles = [profile for profile in chip.costs.profiles if has_time(profile)]
    found = [_largest([*(_core(p, core) for core in events.cores), *shared]) for p in profiles] or [_largest(shared)]
    low, typical, high = min(f[0] for f in found), sum(f[1] for f in found) / len(found), max(f[2] for f in found)
    does = chip.costs.overload or "what more than a tick does is not published"
    return Interval(low / tick.high, typical / tick.typical, high / tick.low, f"above 1: {does}")
