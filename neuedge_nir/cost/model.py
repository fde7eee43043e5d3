"""What a step of the plan takes of energy. Events times marginal costs, per profile; the interval spans the profiles.

dynamic energy = synaptic events x synaptic_event + neuron updates x neuron_step + spikes x spike + messages x message
                 + hops x hop + chip crossings x chip_crossing + host messages x host_message
                 + active cores x core_active x step time
static power   = chips that must be on x static_per_chip, or boards x static_w where whole boards are powered

Hops are tree hops on a multicast chip and unicast hops elsewhere. An average at an operating point is never a cost
here: static power and hops would be counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from neuedge_nir.chip.model import Chip, CostProfile, EnergyKind, Quantity, System
from neuedge_nir.plan.figures import CoreEvents, Interval, Link


@dataclass(frozen=True, slots=True)
class Events:
    """What happens in one step, on every core and on the way between them; `longest_way` in links.

    `host`: messages that it sends and reads; `tiles`: routers with cores; `link`, `chip_link`: the busiest ones.
    """

    cores: tuple[CoreEvents, ...]
    spikes: float
    messages: float
    hops: float
    crossings: float
    longest_way: int
    chips: int
    boards: int | None = None
    host: float = 0.0
    tiles: int = 1
    link: tuple[Link, float] | None = None
    chip_link: tuple[Link, float] | None = None

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
    "host_message_j": lambda e: e.host,
}
Bounds = tuple[float, float, float]
"""Low, typical, high."""


def static_power(chip: Chip, system: System, events: Events) -> Interval:
    """Static power of the chips or boards that must be on, in watts."""
    if system.boards is not None and events.boards is not None:
        board = system.boards.static_w
        low, typical, high = (events.boards * value for value in bounds(board))
        return Interval(low, typical, high, f"{events.boards} x a board, idle; {board.source} [{board.confidence}]")
    power = chip.costs.static_per_chip_w
    if power is None:
        return Interval(None, None, None, f"no static power of {chip.title} is published")
    low, typical, high = (events.chips * value for value in bounds(power))
    return Interval(low, typical, high, f"{events.chips} x static power per chip; {power.source} [{power.confidence}]")


def dynamic_energy(chip: Chip, events: Events, step: Interval) -> Interval:
    """Energy of one timestep beyond the static power, in joules."""
    found = {p.name: _profile_energy(p, events, step) for p in marginal(chip) if _has_energy(p)}
    return span(found, chip, "events x marginal energy")


def idle_energy(chip: Chip, events: Events, step: Interval) -> Interval:
    """Energy of one timestep in which nothing spikes, beyond the static power, in joules.

    A profile that prices events alone says nothing of it, where another does: it would make it 0.
    """
    quiet = tuple(replace(core, synaptic_events=0.0, messages_out=0.0, spikes=0.0) for core in events.cores)
    idle = replace(events, cores=quiet, spikes=0.0, messages=0.0, hops=0.0, crossings=0.0, host=0.0)
    told = [p for p in marginal(chip) if _has_energy(p)]
    found = {p.name: _profile_energy(p, idle, step) for p in [p for p in told if _prices_idle(p)] or told}
    return span(found, chip, "neuron updates x marginal energy, no events")


def reset_energy(chip: Chip, events: Events) -> Interval | None:
    """Energy of bringing all neurons to rest once, in joules; None where nobody published it."""
    able = chip.capabilities.reset_schedule
    if able is None or able.energy_per_chip_j is None:
        return None
    price = able.energy_per_chip_j
    basis = f"a reset of {events.chips} chip{'s' * (events.chips != 1)}; {price.source} [{price.confidence}]"
    return Interval(*times(price, events.chips), basis)


def bounds(quantity: Quantity) -> Bounds:
    return quantity.low, quantity.typical, quantity.high


def marginal(chip: Chip) -> list[CostProfile]:
    """The profiles whose costs add up. An average at an operating point holds static power and hops already."""
    return [profile for profile in chip.costs.profiles if profile.energy_kind is EnergyKind.MARGINAL]


def _has_energy(profile: CostProfile) -> bool:
    return profile.core_active_w is not None or any(getattr(profile, key) is not None for key in ENERGY)


def _prices_idle(profile: CostProfile) -> bool:
    return profile.neuron_step_j is not None or profile.core_active_w is not None


def _profile_energy(profile: CostProfile, events: Events, step: Interval) -> Bounds:
    terms = [
        times(getattr(profile, key), count(events))
        for key, count in ENERGY.items()
        if getattr(profile, key) is not None
    ]
    if profile.core_active_w is not None and step.typical is not None:
        terms.append(times(profile.core_active_w, len(events.cores) * step.typical))
    return added(terms)


def times(quantity: Quantity, count: float) -> Bounds:
    return quantity.low * count, quantity.typical * count, quantity.high * count


def added(terms: Sequence[Bounds]) -> Bounds:
    return sum(t[0] for t in terms), sum(t[1] for t in terms), sum(t[2] for t in terms)


def span(found: Mapping[str, Bounds], chip: Chip, formula: str) -> Interval:
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
