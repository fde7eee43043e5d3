"""What constraints mean for cuts and packings: how far a slice may go, and which slices may share a core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from neuedge_nir.constraints.model import Constraint, Constraints, Core, Holder, Pin, Position
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.closed import Closed, closed_by
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.network.slices import Run, boxes

UNLIMITED = 1 << 62

Sites = frozenset[Core] | None
"""The cores that something may stand on; None: any."""

Chips = frozenset[Position] | None


def most_on_core(name: str, given: Constraints) -> int:
    """The most neurons of a population that a core may hold."""
    return min((cap.neurons for cap in given.cap if cap.population in (None, name)), default=UNLIMITED)


def until_cut(name: str, start: int, given: Constraints) -> int:
    """The neurons from `start` to where a pin of some of a population begins or ends: slices part there."""
    edges = {edge for pin in given.pin if pin.population == name and pin.neurons for edge in pin.neurons}
    return min((edge - start for edge in edges if edge > start), default=UNLIMITED)


def kept_whole(name: str, given: Constraints) -> bool:
    """Whether all of a population must stand on one core."""
    joined = any(name in group.populations for group in given.together if group.on is Holder.CORE)
    return joined or any(
        pin.population == name and pin.neurons is None and len(set(pin.cores)) == 1 for pin in given.pin
    )


def in_parts(name: str, given: Constraints) -> bool:
    """Whether pins part a population, so that only runs of its neurons will do."""
    return any(pin.population == name and pin.neurons for pin in given.pin)


def cutting(name: str, given: Constraints) -> Hashable:
    """All that constraints say of how a population is cut: populations that differ in it are not cut alike."""
    edges = tuple(sorted(edge for pin in given.pin if pin.population == name for edge in pin.neurons or ()))
    return most_on_core(name, given), edges, kept_whole(name, given)


def joined(groups: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Groups that share a name are one."""
    found: list[set[str]] = []
    for group in groups:
        new = set(group)
        for old in [old for old in found if old & new]:
            new |= old
            found.remove(old)
        found.append(new)
    return [tuple(sorted(group)) for group in found]


def meet(a: frozenset[Hashable] | None, b: frozenset[Hashable] | None) -> frozenset[Hashable] | None:
    """What both allow."""
    return b if a is None else a if b is None else a & b


@dataclass(frozen=True, eq=False)
class Obliged:
    """Constraints as they bear on one network and chip."""

    demands: Demands

    @cached_property
    def given(self) -> Constraints:
        return self.demands.constraints

    def position(self, core: Core) -> Position:
        """The chip that a core lies in."""
        topology = self.demands.legal.chip.topology
        return core.router[0] // topology.columns.count, core.router[1] // topology.rows.count

    def dead(self, core: Core) -> bool:
        """Whether nothing may stand on a core."""
        return self.closed.shuts(core.router, core.slot) or self.position(core) in self.dead_chips

    @cached_property
    def closed(self) -> Closed:
        """What nothing may stand on."""
        return closed_by(self.given, self.demands.legal.chip.topology)

    @property
    def dead_chips(self) -> frozenset[Position]:
        """The chips that nothing may stand on."""
        return self.closed.chips

    @cached_property
    def on_one_chip(self) -> list[tuple[str, ...]]:
        """Groups of populations each of which stands on one chip, with all that shares a core with a member."""
        return joined(group.populations for group in self.given.together)

    def sites_of(self, pins: Iterable[Pin]) -> Sites:
        """The cores that all of these pins allow."""
        found: Sites = None
        for pin in pins:
            if pin.cores:
                found = meet(found, frozenset(c for c in pin.cores if not self.dead(c)))  # type: ignore[assignment]
        chips = self._chips_pinned(pins)
        return found if found is None or chips is None else frozenset(c for c in found if self.position(c) in chips)

    def _chips_pinned(self, pins: Iterable[Pin]) -> Chips:
        found: Chips = None
        for pin in pins:
            if pin.chips:
                found = meet(found, frozenset(pin.chips) - self.dead_chips)  # type: ignore[assignment]
        return found

    def chips_of(self, pins: Sequence[Pin]) -> Chips:
        """The chips that all of these pins allow."""
        sites, chips = self.sites_of(pins), self._chips_pinned(pins)
        return chips if sites is None else frozenset(map(self.position, sites))

    def pins_of(self, piece: Piece) -> list[Pin]:
        """The pins that bear on any neuron of a slice."""
        return [p for p in self._pins.get(piece.population, ()) if p.neurons is None or self._touches(piece, p.neurons)]

    @cached_property
    def _pins(self) -> Mapping[str, tuple[Pin, ...]]:
        return {name: tuple(p for p in self.given.pin if p.population == name) for name in self.given.populations}

    def _touches(self, piece: Piece, neurons: tuple[int, int]) -> bool:
        shape = self.demands.shapes[piece.population]
        theirs = boxes(Run(*neurons), shape)
        return any(
            all(a < d and c < b for (a, b), (c, d) in zip(one, other, strict=True))
            for one in boxes(piece.part, shape)
            for other in theirs
        )

    @cached_property
    def _chips_of_group(self) -> Mapping[str, Chips]:
        """For populations that are kept on one chip with others: the chips that all their pins allow."""
        found: dict[str, Chips] = {}
        for group in self.on_one_chip:
            here = [pin for name in group for pin in self._pins.get(name, ())]
            allowed: Chips = None
            for pin in here:
                allowed = meet(allowed, self.chips_of([pin]))  # type: ignore[assignment]
            found.update(dict.fromkeys(group, allowed))
        return found

    def needs(self, pieces: Sequence[Piece]) -> Need:
        """What constraints ask of slices that share a core."""
        pins = list(dict.fromkeys(pin for piece in pieces for pin in self.pins_of(piece)))
        chips = self.chips_of(pins)
        for piece in pieces:
            chips = meet(chips, self._chips_of_group.get(piece.population))  # type: ignore[assignment]
        sites = self.sites_of(pins)
        if sites is not None and chips is not None:
            sites = frozenset(c for c in sites if self.position(c) in chips)
        neurons: Counter[str] = Counter()
        for piece in pieces:
            neurons[piece.population] += piece.part.neurons
        return Need(neurons, sites, chips)

    def bearing_on(self, names: Iterable[str]) -> str:
        """The constraints that name one of these populations, or all, for an error."""
        those, found = set(names), list[Constraint]()
        for kind in (self.given.pin, self.given.together, self.given.apart, self.given.cap):
            for constraint in kind:
                named = getattr(constraint, "populations", None) or (getattr(constraint, "population", None),)
                if None in named or those & set(named):
                    found.append(constraint)
        return ", ".join(map(self.given.name, found[:8])) + " ..." * (len(found) > 8)

    def compatible(self, need: Need) -> bool:
        """Whether so much may stand on one core, wherever other cores are."""
        if need.sites == frozenset() or need.chips == frozenset():
            return False
        if need.sites and need.chips and not any(self.position(core) in need.chips for core in need.sites):
            return False
        if any(sum(name in group.populations for name in need.neurons) > 1 for group in self.given.apart):
            return False
        return all(
            (need.neurons.total() if cap.population is None else need.neurons[cap.population]) <= cap.neurons
            for cap in self.given.cap
        )

    def units(self, pieces: Sequence[Piece]) -> list[tuple[int, ...]]:
        """The slices, by number, that must share a core, each of the others alone."""
        groups = joined(group.populations for group in self.given.together if group.on is Holder.CORE)
        if not groups:
            return [(number,) for number in range(len(pieces))]
        of = {name: number for number, group in enumerate(groups) for name in group}
        held: dict[object, list[int]] = {}
        for number, piece in enumerate(pieces):
            held.setdefault(of.get(piece.population, piece), []).append(number)
        return [tuple(unit) for unit in held.values()]


@dataclass(frozen=True, slots=True)
class Need:
    """What constraints ask of the slices of a core: neurons by population, and where they may stand."""

    neurons: Counter[str]
    sites: Sites
    chips: Chips

    def with_(self, other: Need) -> Need:
        """Both on one core."""
        chips: Chips = meet(self.chips, other.chips)  # type: ignore[assignment]
        return Need(self.neurons + other.neurons, meet(self.sites, other.sites), chips)  # type: ignore[arg-type]


class Guard:
    """Cores as they fill: which slices may join one, so that every core keeps a place to stand on."""

    def __init__(self, obliged: Obliged) -> None:
        self.obliged = obliged
        self.held: list[Need] = []

    def may_join(self, core: int, need: Need) -> bool:
        """Whether slices may stand on a core, or on a new one where there is none of that number."""
        new = core == len(self.held)
        after = need if new else self.held[core].with_(need)
        if not self.obliged.compatible(after):
            return False
        if after.sites is None or (not new and after.sites == self.held[core].sites):
            return True
        others = [held.sites for number, held in enumerate(self.held) if number != core and held.sites is not None]
        return places_for([*others, after.sites]) is not None

    def join(self, core: int, need: Need) -> None:
        if core == len(self.held):
            self.held.append(need)
        else:
            self.held[core] = self.held[core].with_(need)


def places_for(allowed: Sequence[frozenset[Core]]) -> list[Core] | None:
    """A core for each, all different, of those that it allows; None where there are not enough (Hall)."""
    holder: dict[Core, int] = {}

    def seat(number: int, tried: set[Core]) -> bool:
        for core in sorted(allowed[number]):
            if core not in tried:
                tried.add(core)
                if core not in holder or seat(holder[core], tried):
                    holder[core] = number
                    return True
        return False

    if not all(seat(number, set()) for number in range(len(allowed))):
        return None
    at = {number: core for core, number in holder.items()}
    return [at[number] for number in range(len(allowed))]


def pinned_wholly(given: Constraints, name: str) -> Iterator[Pin]:
    """The pins of all of a population."""
    return (pin for pin in given.pin if pin.population == name and pin.neurons is None)


def unkept(what: str, obliged: Obliged, names: Sequence[str]) -> NoPlanError:
    """No mapping was found that keeps the constraints, which proves nothing."""
    bearing = obliged.bearing_on(names)
    return NoPlanError(
        "FIT056",
        f"{what}; whether another mapping keeps the constraints is not proved",
        where=bearing or None,
        hint="loosen a constraint, or try --effort high",
    )
