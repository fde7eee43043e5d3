"""What the types of `chip/model.py` cannot say: which numbers are whole, which units hold, what must agree.

Two kinds of rule. `EXPECTED` is about one key alone; `contradictions` is about a whole record, once each of its keys
is sound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from neuedge_nir.chip.arithmetic import KINDS, Range
from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.lines import KeyPath
from neuedge_nir.chip.model import (
    AdaptiveThresholds,
    Arithmetic,
    AxonWeights,
    BarrierPoint,
    Boards,
    Capabilities,
    Chip,
    CostProfile,
    Costs,
    DelayExtension,
    EnergyKind,
    InputCores,
    InputOutput,
    InputWay,
    Keys,
    Limit,
    LimitScope,
    NotChecked,
    OutputWay,
    Quantity,
    ResetSchedule,
    Supply,
    System,
    Topology,
)

NEURON_MODELS = ("IF", "LIF", "CubaLIF", "LI", "CubaLI", "I", "Threshold")
RESET_MODES = ("zero", "subtract")
INPUT_WAYS = ("host", "onchip", "source-core")
OUTPUT_WAYS = ("probe", "host", "record")
LISTENING = ("input", "self", "neuron")
PERIODS = ("power-of-two", "snip")
FORMS = ("literal", "homeostatic")
_DIVISORS = ("word_bits", "header_every", "block", "spikes_per_word")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at `at`. The message is a predicate: it goes behind the name of the key."""

    code: str
    at: KeyPath
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a key must hold, beyond its type: a least number (or length), whole numbers, one unit, known names,
    a plain name.
    """

    least: float = 0
    most: float = math.inf
    whole: bool = False
    unit: str | None = None
    among: tuple[str, ...] = ()
    plain: bool = False


MOST = 2**31
"""No chip has more of anything that is counted in a limit or along an axis; solvers and arrays count so far."""

ANYTHING = Expected()
_UNBOUNDED = 10**300
_WHOLE = Expected(least=1, most=MOST, whole=True)
_COST_UNITS = {"j": "J", "s": "s", "w": "W"}


def _cost_units(record: type) -> dict[tuple[type, str], Expected]:
    """The unit is the suffix of the key, so that a figure in pJ cannot pass for one in J."""
    suffixes = {f.name: f.name.rsplit("_", 1)[-1] for f in fields(record)}
    return {(record, key): Expected(unit=_COST_UNITS[s]) for key, s in suffixes.items() if s in _COST_UNITS}


_PRICES = tuple(f.name for f in fields(CostProfile) if f.name.rsplit("_", 1)[-1] in _COST_UNITS)

EXPECTED: Mapping[tuple[type, str], Expected] = {
    (Chip, "name"): Expected(plain=True),
    (Chip, "limits"): Expected(least=1),
    (Limit, "formula"): Expected(among=tuple(FORMULAS)),
    (Limit, "limit"): Expected(least=1, most=2**40, whole=True),
    (Topology, "columns"): _WHOLE,
    (Topology, "rows"): _WHOLE,
    (Topology, "cores_per_router"): Expected(least=1, most=2**20, whole=True),
    (Topology, "cores_per_chip"): _WHOLE,
    (Topology, "table_entries"): _WHOLE,
    (Topology, "max_offset"): _WHOLE,
    (Keys, "bits"): Expected(least=1, most=64, whole=True, unit="bit"),
    (Keys, "colour_bits"): Expected(most=32, whole=True, unit="bit"),
    (Topology, "systems"): Expected(least=1),
    (System, "chips"): _WHOLE,
    (System, "columns"): _WHOLE,
    (System, "rows"): _WHOLE,
    (Boards, "period"): Expected(least=1, most=256, whole=True),
    (Boards, "corner_cores"): _WHOLE,
    **_cost_units(Boards),
    (Arithmetic, "kind"): Expected(among=tuple(KINDS)),
    (Capabilities, "neuron_models"): Expected(least=1, among=NEURON_MODELS),
    (Capabilities, "reset_modes"): Expected(least=1, among=RESET_MODES),
    (Capabilities, "weight_bits"): Expected(least=2, most=64, whole=True, unit="bit"),
    (Capabilities, "axon_types"): _WHOLE,
    (DelayExtension, "stages"): Expected(least=1, most=1024, whole=True, unit="stages"),
    (Capabilities, "max_delay"): Expected(least=1, whole=True, unit="timesteps"),
    (Capabilities, "compartments_subtract"): _WHOLE,
    (Capabilities, "compartments_group_subtract"): _WHOLE,
    (Capabilities, "self_axons_subtract"): _WHOLE,
    (Capabilities, "window_extent"): Expected(least=1, most=MOST, whole=True, unit="pixels"),
    (AdaptiveThresholds, "sources"): Expected(least=1, among=LISTENING),
    (AdaptiveThresholds, "forms"): Expected(least=1, among=FORMS),
    (AdaptiveThresholds, "steps_late"): Expected(whole=True, most=1000, unit="timesteps"),
    (InputOutput, "inputs"): Expected(least=1),
    (InputOutput, "outputs"): Expected(least=1),
    (InputWay, "name"): Expected(among=INPUT_WAYS),
    (InputWay, "neurons_per_core"): _WHOLE,
    (OutputWay, "name"): Expected(among=OUTPUT_WAYS),
    (NotChecked, "until"): Expected(among=("steps",)),
    (ResetSchedule, "period"): Expected(among=PERIODS),
    (ResetSchedule, "energy_per_chip_j"): Expected(unit="J"),
    (Capabilities, "sources"): Expected(among=tuple(f.name for f in fields(Capabilities) if f.name != "sources")),
    **_cost_units(CostProfile),
    (CostProfile, "without"): Expected(among=_PRICES),
    **_cost_units(Costs),
    **_cost_units(Supply),
    (Supply, "volts"): Expected(unit="V"),
    (Costs, "volts"): Expected(unit="V"),
    **{(Costs, name): Expected(least=1, unit="messages/s") for name in ("link_rate", "chip_link_rate", "host_rate")},
    (BarrierPoint, "tiles"): Expected(least=1, most=MOST, whole=True),
    (BarrierPoint, "chips"): Expected(least=2, most=MOST, whole=True),
    (BarrierPoint, "time_s"): Expected(unit="s"),
}


def contradictions(record: object) -> Iterator[Problem]:
    """What does not agree inside a record whose keys are each sound. Paths are relative to the record."""
    check = _CHECKS.get(type(record))
    if check is not None:
        yield from check(record)


def unmet(quantity: Quantity, expected: Expected) -> Iterator[Problem]:
    """What of `expected` a number does not hold. Paths are relative to the number."""
    if quantity.low < expected.least:
        yield Problem("CHIP010", (), f"is {quantity.low:g}, but must be at least {expected.least:g}")
    if quantity.high > expected.most:
        yield Problem("CHIP010", (), f"is {quantity.high:g}, but must be at most {expected.most:g}")
    if expected.whole and not _is_whole(quantity):
        yield Problem("CHIP010", (), "must be one whole number")
    if expected.unit not in (None, quantity.unit):
        message = f"is {quantity.unit!r}, but must be {expected.unit!r}"
        yield Problem("CHIP011", ("unit",), message, f"convert the number to {expected.unit}")


def _quantity(quantity: Quantity) -> Iterator[Problem]:
    if not quantity.low <= quantity.typical <= quantity.high:
        yield Problem("CHIP010", (), "needs low <= typical <= high")


def _limit(limit: Limit) -> Iterator[Problem]:
    formula = FORMULAS[limit.formula]
    if limit.limit.unit != formula.unit:
        message = f"is {limit.limit.unit!r}, but the formula {formula.name!r} counts {formula.unit!r}"
        yield Problem("CHIP011", ("limit", "unit"), message, f"give the limit in {formula.unit!r}")
    if not formula.sums and limit.scope is not LimitScope.CORE:
        yield Problem("CHIP012", ("scope",), f"is {limit.scope}, but the formula {formula.name!r} is one of cores")
    extra = formula.optional if any(name in limit.parameters for name in formula.optional) else ()
    known = {name: (1 if name in _DIVISORS else 0, _UNBOUNDED) for name in (*formula.parameters, *extra)}
    yield from _parameters(limit.parameters, known, f"the formula {formula.name!r}")


def _arithmetic(arithmetic: Arithmetic) -> Iterator[Problem]:
    kind = KINDS[arithmetic.kind]
    yield from _parameters(arithmetic.parameters, kind.parameters, f"the arithmetic {kind.name!r}")


def _parameters(given: Mapping[str, Quantity], known: Mapping[str, Range], owner: str) -> Iterator[Problem]:
    for name in known:
        if name not in given:
            message = f"is missing: {owner} needs it"
            yield Problem("CHIP006", ("parameters", name), message, f"needed: {', '.join(known)}")
    for name, value in given.items():
        at: KeyPath = ("parameters", name)
        if name not in known:
            hint = f"known: {', '.join(known)}" if known else f"{owner} takes none"
            yield Problem("CHIP007", at, f"is not a parameter of {owner}", hint)
        elif not _is_whole(value) or not known[name][0] <= value.low <= known[name][1]:
            least, most = known[name]
            bound = f" and at most {most}" if most < _UNBOUNDED else ""
            yield Problem("CHIP010", at, f"must be one whole number, at least {least}{bound}")


def _system(system: System) -> Iterator[Problem]:
    if system.chips > system.columns * system.rows:
        message = f"is {system.chips}, more than its {system.columns} x {system.rows} positions"
        yield Problem("CHIP012", ("chips",), message)
    if system.row_spans:
        yield from _row_spans(system)
    elif system.boards is not None:
        yield from _boards(system, system.boards, ((0, system.columns - 1),) * min(system.rows, system.boards.period))


def _row_spans(system: System) -> Iterator[Problem]:
    spans = system.row_spans
    fitted = sum(last - first + 1 for first, last in spans)
    if len(spans) != system.rows:
        yield Problem("CHIP012", ("row_spans",), f"has {len(spans)} spans for {system.rows} rows")
    elif not all(0 <= first <= last < system.columns for first, last in spans):
        yield Problem("CHIP012", ("row_spans",), f"must have 0 <= first <= last < {system.columns} in every span")
    elif fitted != system.chips:
        yield Problem("CHIP012", ("row_spans",), f"covers {fitted} positions for {system.chips} chips")
    elif system.boards is not None:
        yield from _boards(system, system.boards, spans)


def _boards(system: System, boards: Boards, rows: Sequence[tuple[int, int]]) -> Iterator[Problem]:
    """Every chip of these rows stands on one board, and on no more: beyond a period it all repeats."""
    period, spans = boards.period, boards.row_spans
    if len(spans) > period or not all(0 <= first <= last < period for first, last in spans):
        yield Problem("CHIP012", ("boards", "row_spans"), f"must have 0 <= first <= last < {period}, in {period} rows")
        return
    for y, (first, last) in enumerate(rows[:period]):
        for x in range(first, min(last, first + period) + 1):
            local = [((x - left) % period, (y - low) % period) for left, low in boards.corners]
            found = sum(row < len(spans) and spans[row][0] <= column <= spans[row][1] for column, row in local)
            if found != 1:
                message = f"put the chip at ({x}, {y}) of {system.name!r} on {found} boards"
                yield Problem("CHIP012", ("boards", "corners"), message)
                return


def _topology(topology: Topology) -> Iterator[Problem]:
    places = topology.columns.count * topology.rows.count * topology.cores_per_router.count
    if topology.cores_per_chip.count > places:
        message = f"is {topology.cores_per_chip.count}, but the routers of the chip have room for {places}"
        yield Problem("CHIP012", ("cores_per_chip",), message, "columns * rows * cores_per_router is the most")


def _capabilities(capabilities: Capabilities) -> Iterator[Problem]:
    if capabilities.weights is AxonWeights.AXON_TYPES and capabilities.axon_types is None:
        yield Problem("CHIP006", ("axon_types",), "is missing: weights = 'axon-types' needs it")


def _input_way(way: InputWay) -> Iterator[Problem]:
    """What the host sends passes through the cores of no spikes of their own; what the chip makes takes cores."""
    sent = way.name == "host"
    if sent == (way.cores is InputCores.INPUT):
        known = (InputCores.NONE, InputCores.IO) if sent else (InputCores.INPUT,)
        message = f"is {way.cores.value!r}, which the way {way.name!r} cannot be"
        yield Problem("CHIP012", ("cores",), message, f"known: {', '.join(known)}")
    if way.cores is InputCores.NONE and way.neurons_per_core is not None:
        yield Problem("CHIP012", ("neurons_per_core",), "stands where inputs take no cores")


def _cost_profile(profile: CostProfile) -> Iterator[Problem]:
    """An average holds static power and hops, so that nothing stands beside it; and it says of which load it is."""
    average = profile.energy_kind is EnergyKind.AVERAGE
    for key in (f.name for f in fields(profile)):
        if average and key != "synaptic_event_j" and key[-2:] in ("_j", "_w") and getattr(profile, key) is not None:
            message = f"stands beside an average at an operating point, {profile.name!r}, which holds it already"
            yield Problem("CHIP014", (key,), message, "put marginal costs into a profile of their own")
    if average != (profile.conditions is not None):
        said = (
            "is missing: an average holds at one load alone"
            if average
            else "is told of marginal costs, which have none"
        )
        hint = "voltage, rate, synapses: what the average was measured at" if average else "leave it out"
        yield Problem("CHIP015", ("conditions",), said, hint)
    for key in profile.without:
        if getattr(profile, key) is not None:
            yield Problem("CHIP018", ("without", key), "is told to be absent, and has a number", "leave one out")
    yield from _barrier(profile)


def _barrier(profile: CostProfile) -> Iterator[Problem]:
    """Points of one table: tiles before chips, fewer before more."""
    points = profile.barrier
    if points and profile.barrier_s is not None:
        yield Problem("CHIP016", ("barrier_s",), "stands beside a table of barriers", "leave one of them out")
    for index, point in enumerate(points):
        if (point.tiles is None) == (point.chips is None):
            yield Problem("CHIP016", ("barrier", index), "must give either tiles or chips")
            return
    order = [(point.chips or 1, point.tiles or 0) for point in points]
    if order != sorted(set(order)):
        yield Problem("CHIP016", ("barrier",), "must have tiles before chips, and fewer before more")
    if points and points[0].tiles is None:
        yield Problem("CHIP016", ("barrier",), "begins with chips: at least one point of tiles is needed")


def _costs(costs: Costs) -> Iterator[Problem]:
    """Overload is of a tick, other voltages are beside one, a second rate of links is of those between chips."""
    if costs.overload is not None and costs.timestep_s is None:
        yield Problem("CHIP017", ("overload",), "is told of a chip without timestep_s, which takes the time it needs")
    if costs.supplies and costs.volts is None:
        yield Problem("CHIP017", ("supplies",), "are given without volts", "say at which voltage the costs hold")
    if costs.chip_link_rate is not None and costs.link_rate is None:
        yield Problem(
            "CHIP017", ("chip_link_rate",), "is given without link_rate", "one rate of all links is link_rate"
        )


def _is_whole(quantity: Quantity) -> bool:
    return quantity.low == quantity.high and quantity.low.is_integer()


_CHECKS: Mapping[type, Callable[[Any], Iterator[Problem]]] = {
    Arithmetic: _arithmetic,
    InputWay: _input_way,
    Quantity: _quantity,
    Limit: _limit,
    System: _system,
    Topology: _topology,
    Capabilities: _capabilities,
    CostProfile: _cost_profile,
    Costs: _costs,
}
