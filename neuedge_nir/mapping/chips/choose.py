"""The chips of a plan: as few as found, those among them that spare messages, each where its ways are short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.chips.fill import MAX_FITTED, Rooms, first_fit, in_order, packed
from neuedge_nir.mapping.chips.ground import Ground
from neuedge_nir.mapping.chips.nets import Nets, nets_of
from neuedge_nir.mapping.chips.outline import around, orders
from neuedge_nir.mapping.chips.patterns import by_patterns
from neuedge_nir.mapping.chips.room import Units, hardest_first, room_of, units_of
from neuedge_nir.mapping.chips.settle import costs_of, settled
from neuedge_nir.mapping.chips.share import shared
from neuedge_nir.mapping.fabric import Fabric, fabric_for, how_to_have_more
from neuedge_nir.mapping.partition import Cluster
from neuedge_nir.mapping.traffic import Flow

MAX_TRIED = 8
"""Numbers of chips, from the bound upwards, that a packing is looked for."""

MANY_PINS = 20_000
"""Parts of units in nets above which only the first `FEW_ORDERS` orders of positions are compared."""

FEW_ORDERS = 9


Machine = Callable[[int], Fabric]
"""The smallest system of at least so many open chips."""

Rank = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Chips:
    """The machine, its chips in the order of their numbers, and the chip of every cluster.

    `links` estimates the messages times links between chips, per step; `engine` is what searched: "python", "numba", or
    "" where there was nothing to search.
    """

    fabric: Fabric
    chip_of: tuple[int, ...]
    links: float
    engine: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Seating:
    """The chip of every unit, and of every chip the position, of those allowed."""

    chip_of: list[int]
    position: list[int]
    allowed: list[int]
    ground: Ground
    engine: str = ""

    @property
    def chips(self) -> int:
        return len(self.position)

    @property
    def crossed(self) -> int:
        """Chips besides that messages cross between its own, as far as is seen."""
        return self.ground.between(self.position)

    def between(self, nets: Nets) -> Nets:
        return nets.of_chips(self.chip_of, self.chips)

    def links(self, nets: Nets) -> int:
        return sum(costs_of(self.between(nets), self.position, self.ground))

    def held(self, units: Units) -> list[int]:
        """The cores that every chip uses."""
        found = [0] * self.chips
        for unit, chip in enumerate(self.chip_of):
            found[chip] += units.uses[unit][0]
        return found


def chips_for(
    clusters: Sequence[Cluster],
    flows: Sequence[Flow],
    chip: Chip,
    available: int,
    effort: str = "normal",
    machine: Machine | None = None,
) -> Chips:
    """Chips for all clusters, never more than filling one after the other takes.

    Of the `machine` there are at least `available` chips: parts of it may be closed. Raises `NoPlanError` (FIT014)
    where more were found than there are.
    """
    machine = machine or partial(fabric_for, chip, available=available)
    units = units_of(clusters, chip)
    filled = _filled(units, machine, available)
    if filled is not None and max(filled[1], default=0) == 0:
        return Chips(filled[0], tuple(units.per_cluster(filled[1])), 0.0)
    nets = nets_of(flows, units, chip)
    for fabric, packing in _packings(units, nets, machine, available, filled, effort):
        starts = list(_starts(units, nets, fabric, packing))
        if starts:  # else too many of its chips are fuller than those at corners of boards may be
            start = min(starts, key=lambda found: found[0])[1]
            best = _refined(start, units, nets, effort)
            if (fabric.broken or best.chips == available) and best.crossed:
                best = _refined(_joined(starts, units, nets, machine, available), units, nets, effort)
            used = [best.ground.positions[place] for place in best.position]
            chip_of = tuple(units.per_cluster(best.chip_of))
            return Chips(around(best.ground.fabric, used), chip_of, best.links(nets) * nets.messages, best.engine)
    raise _too_many(units, chip, available)


def _rooms(fabric: Fabric, units: Units) -> Rooms:
    return lambda chip: room_of(fabric, chip, units)


def _filled(units: Units, machine: Machine, available: int) -> tuple[Fabric, list[int]] | None:
    """The smallest system that holds the units, one chip after the other; None where that takes more than there are.

    Which cores a chip has depends on where it is.
    """
    chips = 1
    while chips <= available:
        fabric = machine(chips)
        found = in_order(units, _rooms(fabric, units))
        needed = max(found, default=0) + 1
        if needed <= chips:
            return fabric, found
        chips = needed
    return None


def _packings(
    units: Units, nets: Nets, machine: Machine, available: int, filled: tuple[Fabric, list[int]] | None, effort: str
) -> Iterator[tuple[Fabric, list[int]]]:
    """Systems with the chip of each unit, the fewest chips first: patterns where fills miss the bound, then fills."""
    known = _fewest(units, nets, machine, available, filled)
    chip_of = known[1] if known is not None else in_order(units, lambda _: units.most)
    if max(chip_of) + 1 > units.least_chips:
        fewer = by_patterns(units, effort, chip_of)
        if fewer is not None and max(fewer) < available:
            yield machine(1 + max(fewer)), fewer
    if known is not None:
        yield known
    if filled is not None:
        yield filled


def _fewest(
    units: Units, nets: Nets, machine: Machine, available: int, filled: tuple[Fabric, list[int]] | None
) -> tuple[Fabric, list[int]] | None:
    """The system and the chip of each unit on the fewest chips that fills find, from the bound up, or those filled."""
    most = available if filled is None else max(filled[1])
    for chips in _numbers(units, most):
        fabric = machine(chips)
        found = packed(units, nets, _rooms(fabric, units), chips)
        if found is not None:
            return fabric, found
    return filled


def _numbers(units: Units, most: int) -> Iterator[int]:
    """Numbers of chips worth trying: some from the bound upwards, then as many as the hardest first take."""
    yield from range(units.least_chips, min(most, units.least_chips + MAX_TRIED - 1) + 1)
    if units.least_chips + MAX_TRIED <= most and len(units) * most <= MAX_FITTED:
        found = first_fit(units, lambda _: units.most, hardest_first(units), most)
        if found is not None and max(found) >= units.least_chips + MAX_TRIED - 1:
            yield 1 + max(found)


def _too_many(units: Units, chip: Chip, available: int) -> NoPlanError:
    are = "is" if available == 1 else "are"
    needed = max(in_order(units, lambda _: units.most)) + 1
    return NoPlanError(
        "FIT014",
        f"the mapping found takes {needed} chips, {available} {are} available; whether fewer do is not proved",
        resource="chips",
        needed=needed,
        available=available,
        hint=f"{how_to_have_more(chip, available)}, raise --effort, or make the network smaller",
    )


def _starts(
    units: Units, nets: Nets, fabric: Fabric, packing: list[int], chips: int | None = None
) -> Iterator[tuple[Rank, _Seating]]:
    """Chips on positions, ranked by their number, their boards and the links of their ways.

    Over every order of positions, units filled in order, and the packing found, if there is one. Where some chips do
    not work, those that messages cross on their way round count too.
    """
    chips = chips or 1 + max(packing)
    tried = list(islice(orders(fabric, chips), None if nets.pins < MANY_PINS else FEW_ORDERS))
    ground = Ground.of(fabric, tried)
    for number, order in enumerate(tried):
        filled = in_order(units, _rooms(replace(fabric, positions=order), units))
        places = [ground.number[position] for position in order]
        for way, chip_of in enumerate([filled, packing] if packing else [filled]):
            seating = _seated(chip_of, places, ground, units)
            if seating is not None and seating.chips <= chips:
                on = seating.chips + (seating.crossed if fabric.broken else 0)
                yield (on, ground.boards(seating.position), seating.links(nets), number, way), seating


def _joined(
    starts: Sequence[tuple[Rank, _Seating]], units: Units, nets: Nets, machine: Machine, available: int
) -> _Seating:
    """The start with the fewest chips that are on, of those found and of some on more chips that hang together.

    It is to be searched on its own positions alone.
    """
    found = list(starts)
    least = min(seating.chips + seating.crossed for _, seating in found)
    for chips in range(1 + found[0][1].chips, min(available, least) + 1):
        found += _starts(units, nets, machine(chips), [], chips)
    best = min(found, key=lambda start: (start[1].chips + start[1].crossed, start[1].crossed, start[0]))[1]
    return replace(best, allowed=list(best.position))


def _seated(chip_of: Sequence[int], places: Sequence[int], ground: Ground, units: Units) -> _Seating | None:
    """Each chip on the next position that has cores enough for it; None where they are too many. Empty ones go."""
    number = {chip: k for k, chip in enumerate(sorted(set(chip_of)))}
    seating = _Seating([number[chip] for chip in chip_of], [-1] * len(number), list(places), ground)
    left = list(places)
    for chip, held in enumerate(seating.held(units)):
        place = next((p for p in left if held <= ground.cores[p]), None)
        if place is None:
            return None
        left.remove(place)
        seating.position[chip] = place
    return seating


def _refined(start: _Seating, units: Units, nets: Nets, effort: str) -> _Seating:
    """Units moved between chips, and chips over the machine; chips alone where moved units have longer ways."""
    rooms = [(start.ground.cores[place], *units.most[1:]) for place in start.position]
    chip_of, engine = shared(units, nets, rooms, start.chip_of, effort)
    moved = _seated(chip_of, start.position, start.ground, units)
    assert moved is not None
    best = _settled(replace(moved, allowed=start.allowed, engine=engine), units, nets, effort)
    if best.links(nets) <= start.links(nets):
        return best
    return _settled(start, units, nets, effort)


def _settled(seating: _Seating, units: Units, nets: Nets, effort: str) -> _Seating:
    between = seating.between(nets)
    position, engine = settled(between, seating.position, seating.held(units), seating.allowed, seating.ground, effort)
    return replace(seating, position=position, engine="numba" if "numba" in (engine, seating.engine) else engine)
