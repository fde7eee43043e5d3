"""What of a plan stands beside a measurement: figures of the plan, and what a few more sums make of them.

A quotient takes the low of one and the high of the other for its ends, as if nothing were known of both together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from neuedge_nir.errors import InputError
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figures import Figure
from neuedge_nir.validation.model import Case

Bounds = tuple[float, float, float]
"""Low, typical, high."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A plan of a case under one activity, with its figures by path."""

    case: Case
    label: str
    network: Network
    plan: Plan
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Found:
    """Our number, and what makes its interval as wide as it is."""

    low: float
    typical: float
    high: float
    why: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """`fixed`: no spike changes it. `kind`: "mapping" or "cost"."""

    title: str
    unit: str
    kind: str
    fixed: bool
    formula: str
    of: Callable[[Ran], Found]


def _figure(path: str) -> Callable[[Ran], Found]:
    def found(ran: Ran) -> Found:
        bounds, why = _ends(ran, path)
        return Found(*bounds, why)

    return found


def _ends(ran: Ran, path: str) -> tuple[Bounds, str]:
    figure = ran.figures.get(path)
    if figure is None or figure.low is None or figure.typical is None or figure.high is None:
        raise _unknown(ran, f"{path} of {ran.plan.chip.title}")
    return (figure.low, figure.typical, figure.high), figure.why


def _unknown(ran: Ran, what: str) -> InputError:
    message = f"nobody published {what}, so that nothing can be compared with it"
    return InputError("USE109", message, where=ran.case.id, hint="leave out what was measured of it")


def _dynamic(ran: Ran) -> tuple[Bounds, str]:
    """The energy of a step beyond the static power, of as many such networks as fill the chip."""
    (low, typical, high), why = _ends(ran, "energy.dynamic")
    times = ran.case.mapping.times
    return (low * times, typical * times, high * times), why


def _cores(ran: Ran) -> Found:
    stated = ran.case.network
    if stated is not None and all(layer.tiles for layer in stated.layers):
        return _exact(sum(len(core.slices) for core in ran.plan.cores))
    return _exact(ran.plan.mapping.cores_neurons + ran.plan.mapping.cores_input)


def _chips(ran: Ran) -> Found:
    return _exact(ran.plan.mapping.chips_used)


def _exact(value: float) -> Found:
    return Found(value, value, value, "")


def _sample_dynamic(ran: Ran) -> Found:
    (low, typical, high), why = _dynamic(ran)
    steps = ran.case.mapping.steps
    return Found(low * steps, typical * steps, high * steps, why)


def _sample_time(ran: Ran) -> Found:
    (low, typical, high), why = _ends(ran, "time.step")
    steps = ran.case.mapping.steps
    return Found(low * steps, typical * steps, high * steps, why)


def _sample_energy(ran: Ran) -> Found:
    dynamic, apart, (static, _) = _sample_dynamic(ran), _sample_time(ran), _ends(ran, "energy.static")
    low, typical, high = static[0] * apart.low, static[1] * apart.typical, static[2] * apart.high
    return Found(dynamic.low + low, dynamic.typical + typical, dynamic.high + high, apart.why)


def _dynamic_power(ran: Ran) -> Found:
    (dynamic, energy), (step, time) = _dynamic(ran), _ends(ran, "time.step")
    low, typical, high = dynamic[0] / step[2], dynamic[1] / step[1], dynamic[2] / step[0]
    return Found(low, typical, high, f"energy: {energy}; over time: {time}" if step[0] < step[2] else energy)


def _power(ran: Ran) -> Found:
    dynamic, (static, why) = _dynamic_power(ran), _ends(ran, "energy.static")
    why = dynamic.why if dynamic.high - dynamic.low > static[2] - static[0] else why
    return Found(static[0] + dynamic.low, static[1] + dynamic.typical, static[2] + dynamic.high, why)


def _paced_power(ran: Ran) -> Found:
    dynamic, (static, why), hz = _sample_dynamic(ran), _ends(ran, "energy.static"), ran.case.mapping.hz
    low, typical, high = (energy * hz for energy in (dynamic.low, dynamic.typical, dynamic.high))
    why = dynamic.why if high - low > static[2] - static[0] else why
    return Found(static[0] + low, static[1] + typical, static[2] + high, why)


def _reset(ran: Ran) -> Found:
    able = ran.plan.chip.capabilities.reset_schedule
    if able is None or able.energy_per_chip_j is None:
        raise _unknown(ran, f"the energy of a reset of {ran.plan.chip.title}")
    each, chips = able.energy_per_chip_j, ran.plan.mapping.chips_used
    return Found(each.low * chips, each.typical * chips, each.high * chips, "")


def _chips_alone(ran: Ran) -> tuple[Bounds, int]:
    """The power of the chips that are powered, without what else is on their boards, and how many these are."""
    price = ran.plan.chip.costs.static_per_chip_w
    if price is None:
        raise _unknown(ran, f"the static power of {ran.plan.chip.title}")
    chips, dynamic = _powered(ran.plan), _dynamic_power(ran)
    return (
        price.low * chips + dynamic.low,
        price.typical * chips + dynamic.typical,
        price.high * chips + dynamic.high,
    ), chips


def _powered(plan: Plan) -> int:
    system = next(each for each in plan.chip.topology.systems if each.name == plan.machine.system)
    if system.boards is None or plan.mapping.boards_used is None:
        return plan.mapping.chips_used
    return plan.mapping.boards_used * sum(last - first + 1 for first, last in system.boards.row_spans)


def _power_of_a_chip(ran: Ran) -> Found:
    (low, typical, high), chips = _chips_alone(ran)
    return Found(low / chips, typical / chips, high / chips, _ends(ran, "energy.dynamic")[1])


def _energy_of_an_event(ran: Ran) -> Found:
    (low, typical, high), _ = _chips_alone(ran)
    step, events = _ends(ran, "time.step")[0], ran.plan.cost.synaptic_events_per_step * ran.case.mapping.times
    why = _ends(ran, "energy.dynamic")[1]
    return Found(low * step[0] / events, typical * step[1] / events, high * step[2] / events, why)


QUANTITIES: Mapping[str, Quantity] = {
    "cores": Quantity("cores", "", "mapping", True, "published tiles, one a core; else mapping.cores_used", _cores),
    "chips": Quantity("chips", "", "mapping", True, "mapping.chips_used", _chips),
    "step_time": Quantity("time of a step", "s", "cost", False, "time.step", _figure("time.step")),
    "sample_time": Quantity("time of a sample", "s", "cost", False, "steps x time.step", _sample_time),
    "load": Quantity("share of the tick in use", "", "cost", False, "time.load", _figure("time.load")),
    "static_power": Quantity("static power", "W", "cost", True, "energy.static", _figure("energy.static")),
    "dynamic_power": Quantity("dynamic power", "W", "cost", False, "energy.dynamic / time.step", _dynamic_power),
    "power": Quantity("power", "W", "cost", False, "energy.static + energy.dynamic / time.step", _power),
    "paced_power": Quantity(
        "power at the stated samples a second", "W", "cost", False, "energy.static + hz x steps x energy.dynamic",
        _paced_power,
    ),
    "sample_dynamic": Quantity(
        "dynamic energy of a sample", "J", "cost", False, "steps x energy.dynamic", _sample_dynamic
    ),
    "sample_energy": Quantity(
        "energy of a sample", "J", "cost", False, "steps x (energy.dynamic + energy.static x time.step)", _sample_energy
    ),
    "reset_energy": Quantity("energy of a reset", "J", "cost", True, "chips x energy of a reset", _reset),
    "chip_power": Quantity(
        "power of a chip, boards left out", "W", "cost", False,
        "static_per_chip_w + energy.dynamic / (time.step x chips)",
        _power_of_a_chip,
    ),
    "event_energy": Quantity(
        "energy over synaptic events, boards left out", "J", "cost", False,
        "(chips x static_per_chip_w x time.step + energy.dynamic) / energy.synaptic_events", _energy_of_an_event,
    ),
}  # fmt: skip
"""What a measurement may be of."""
