"""What a step of the plan costs. Events times marginal costs, per profile; the interval spans the profiles.

dynamic energy = synaptic events x synaptic_event + neuron updates x neuron_step + spikes x spike + messages x message
                 + hops x hop + chip crossings x chip_crossing + active cores x core_active x step time
static power   = chips that must be on x static_per_chip, or boards x static_w where whole boards are powered
step time      = the tick, where the chip has one; otherwise max over cores of (synaptic events x time + neuron
                 updates x time + messages out x time + spikes x time) + longest way x hop time + barrier

An inference: steps x dynamic energy + idle steps x idle energy + a reset; static power x its time; period x step time.
The period of the schedule holds the steps of a sample, the largest lag of the plan and what the chip's resets ask for;
its steps beyond those of the sample are idle: neurons are updated, nothing spikes.

Hops are tree hops on a multicast chip and unicast hops elsewhere. An average at an operating point is never a cost
here: static power and hops would be counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from neuedge_nir.chip.model import Chip, CostProfile, Quantity, System
from neuedge_nir.network.activity import Duration
from neuedge_nir.plan.figures import CoreEvents, Inference, Interval
from neuedge_nir.plan.model import PlanSchedule


@dataclass(frozen=True, slots=True)
class Events:
    """What happens in one step, on every core and on the way between them; `longest_way` in links."""

    cores: tuple[CoreEvents, ...]
    spikes: float
    messages: float
    hops: float
    crossings: float
    longest_way: int
    chips: int
    boards: int | None = None

    @property
    def synaptic_events(self) -> float:
        return sum(core.synaptic_events for core in self.cores)

    @property
    def neuron_updates(self) -> int:
        return sum(core.neuron_updates for core in self.cores)


ENERGY: Mapping[str, Callable[[Events], float]] = {
    "synaptic_event_j": lambda e: e.synaptic_events,
    "neuron_step_j": lambda e: e.neuron_updates,
    "spike_j": lambda e: e.spikes,
    "message_j": lambda e: e.messages,
    "hop_j": lambda e: e.hops,
    "chip_crossing_j": lambda e: e.crossings,
}
TIME: Mapping[str, Callable[[CoreEvents], float]] = {
    "synaptic_event_s": lambda c: c.synaptic_events,
    "neuron_step_s": lambda c: c.neuron_updates,
    "message_s": lambda c: c.messages_out,
    "spike_s": lambda c: c.spikes,
}
Bounds = tuple[float, float, float]
"""Low, typical, high."""


def static_power(chip: Chip, system: System, events: Events) -> Interval:
    """Static power of the chips or boards that must be on, in watts."""
    if system.boards is not None and events.boards is not None:
        board = system.boards.static_w
        low, typical, high = (events.boards * value for value in _bounds(board))
        return Interval(low, typical, high, f"{events.boards} x a board, idle; {board.source} [{board.confidence}]")
    power = chip.costs.static_per_chip_w
    if power is None:
        return Interval(None, None, None, f"no static power of {chip.title} is published")
    low, typical, high = (events.chips * value for value in _bounds(power))
    return Interval(low, typical, high, f"{events.chips} x static power per chip; {power.source} [{power.confidence}]")


def step_time(chip: Chip, events: Events) -> Interval:
    """Duration of one timestep, in seconds."""
    tick = chip.costs.timestep_s
    if tick is not None:
        return Interval(*_bounds(tick), f"the chip's tick, whatever the load; {tick.source} [{tick.confidence}]")
    found = {p.name: _profile_time(p, events) for p in chip.costs.profiles if _has_time(p)}
    return _span(found, chip, "the slowest core, the longest way and the barrier")


def dynamic_energy(chip: Chip, events: Events, step: Interval) -> Interval:
    """Energy of one timestep beyond the static power, in joules."""
    found = {p.name: _profile_energy(p, events, step) for p in chip.costs.profiles if _has_energy(p)}
    return _span(found, chip, "events x marginal energy")


def idle_energy(chip: Chip, events: Events, step: Interval) -> Interval:
    """Energy of one timestep in which nothing spikes, beyond the static power, in joules."""
    quiet = tuple(replace(core, synaptic_events=0.0, messages_out=0.0, spikes=0.0) for core in events.cores)
    idle = replace(events, cores=quiet, spikes=0.0, messages=0.0, hops=0.0, crossings=0.0)
    found = {p.name: _profile_energy(p, idle, step) for p in chip.costs.profiles if _has_energy(p)}
    return _span(found, chip, "neuron updates x marginal energy, no events")


def reset_energy(chip: Chip, events: Events) -> Interval | None:
    """Energy of bringing all neurons to rest once, in joules; None where nobody published it."""
    able = chip.capabilities.reset_schedule
    if able is None or able.energy_per_chip_j is None:
        return None
    price = able.energy_per_chip_j
    basis = f"a reset of {events.chips} chip{'s' * (events.chips != 1)}; {price.source} [{price.confidence}]"
    return Interval(*_times(price, events.chips), basis)


@dataclass(frozen=True, slots=True)
class PerStep:
    """What a timestep costs: its dynamic energy, that of an idle one, the static power, its time."""

    dynamic: Interval
    idle: Interval
    static: Interval
    time: Interval


def of_inference(duration: Duration, schedule: PlanSchedule, per_step: PerStep, reset: Interval | None) -> Inference:
    """What one sample costs. A counter that resets the chip does not know of an early exit, a program can."""
    fixed = schedule.rule == "power-of-two" or duration.lead is None
    period = schedule.period if fixed and schedule.period is not None else duration.steps + schedule.depth
    idle = period - duration.steps
    time = _scaled(per_step.time, period, f"{_sum_of_steps(duration, schedule, period)} x step time")
    active = _scaled(per_step.dynamic, duration.steps, f"{duration.steps:.6g} steps x dynamic energy of a step")
    waiting = f"{idle:.6g} idle steps, in which neurons are updated and nothing spikes (assumed)"
    dynamic = _added(active, _scaled(per_step.idle, idle, waiting))
    return Inference(
        duration.steps,
        duration.shown,
        duration.lead,
        schedule.depth,
        float(period),
        dynamic if reset is None else _added(dynamic, reset),
        _product(per_step.static, time, "static power x time of an inference"),
        time,
    )


def _sum_of_steps(duration: Duration, schedule: PlanSchedule, period: float) -> str:
    """How the steps of a period come about."""
    shown = duration.shown if period == schedule.period else duration.steps
    padding = period - shown - schedule.depth
    parts = f"{shown:.6g} + {schedule.depth}"
    return f"({parts} steps)" if not padding else f"({parts} + {padding:.6g} = {period:.6g} steps)"


def _added(one: Interval, other: Interval) -> Interval:
    pairs = ((one.low, other.low), (one.typical, other.typical), (one.high, other.high))
    low, typical, high = (None if a is None or b is None else a + b for a, b in pairs)
    return Interval(low, typical, high, f"{one.basis} + {other.basis}")


def _scaled(interval: Interval, factor: float, basis: str) -> Interval:
    low, typical, high = (None if v is None else v * factor for v in (interval.low, interval.typical, interval.high))
    return Interval(low, typical, high, basis)


def _product(one: Interval, other: Interval, basis: str) -> Interval:
    pairs = ((one.low, other.low), (one.typical, other.typical), (one.high, other.high))
    low, typical, high = (None if a is None or b is None else a * b for a, b in pairs)
    return Interval(low, typical, high, basis)


def _bounds(quantity: Quantity) -> Bounds:
    return quantity.low, quantity.typical, quantity.high


def _has_energy(profile: CostProfile) -> bool:
    return profile.core_active_w is not None or any(getattr(profile, key) is not None for key in ENERGY)


def _has_time(profile: CostProfile) -> bool:
    return any(getattr(profile, key) is not None for key in TIME)


def _profile_energy(profile: CostProfile, events: Events, step: Interval) -> Bounds:
    terms = [
        _times(getattr(profile, key), count(events))
        for key, count in ENERGY.items()
        if getattr(profile, key) is not None
    ]
    if profile.core_active_w is not None and step.typical is not None:
        terms.append(_times(profile.core_active_w, len(events.cores) * step.typical))
    return _sum(terms)


def _profile_time(profile: CostProfile, events: Events) -> Bounds:
    priced = [key for key in TIME if getattr(profile, key) is not None]
    cores = [_sum([_times(getattr(profile, key), TIME[key](core)) for key in priced]) for core in events.cores]
    slowest = (
        (max(c[0] for c in cores), max(c[1] for c in cores), max(c[2] for c in cores)) if cores else (0.0, 0.0, 0.0)
    )
    terms = [slowest]
    if profile.hop_s is not None:
        terms.append(_times(profile.hop_s, events.longest_way))
    if profile.barrier_s is not None:
        terms.append(_times(profile.barrier_s, 1))
    return _sum(terms)


def _times(quantity: Quantity, count: float) -> Bounds:
    return quantity.low * count, quantity.typical * count, quantity.high * count


def _sum(terms: Sequence[Bounds]) -> Bounds:
    return sum(t[0] for t in terms), sum(t[1] for t in terms), sum(t[2] for t in terms)


def _span(found: Mapping[str, Bounds], chip: Chip, formula: str) -> Interval:
    """The lowest and highest of all profiles, and the mean of what they call typical."""
    if not found:
        return Interval(None, None, None, f"nothing of the kind is published for {chip.title}")
    each = list(found.values())
    kind = "profiles" if chip.costs.measured else "estimate, never measured on this chip: profiles"
    return Interval(
        min(b[0] for b in each),
        sum(b[1] for b in each) / len(each),
        max(b[2] for b in each),
        f"{formula}; {kind} {', '.join(found)}",
    )
