"""Constraints that contradict each other for some neurons of populations, counted: proofs, whatever the mapping."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from neuedge_nir.chip.model import LimitScope
from neuedge_nir.constraints.model import Constraint, Core, Dead, Holder, Pin, Position
from neuedge_nir.errors import CapacityError
from neuedge_nir.mapping.asked import Tiles
from neuedge_nir.mapping.closed import NOWHERE
from neuedge_nir.mapping.fabric import largest_system
from neuedge_nir.mapping.obey import Chips, Obliged, Sites, most_on_core
from neuedge_nir.mapping.partition import Piece

MOST_NAMED = 12
"""Constraints that an error names."""

MOST_SETS = 2000
"""Different sets of places that are looked at: more of them prove nothing further."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """Neurons of a population that the same pins bear on, and where all of these let them stand."""

    population: str
    neurons: int
    pins: tuple[Pin, ...]
    sites: Sites
    chips: Chips


def check_clashes(obliged: Obliged, available: int, tiles: Mapping[str, Tiles]) -> None:
    """Raises `CapacityError` (FIT055) where pins leave some neurons no place, or more of them one than it may hold."""
    pinned = [part for name in obliged.given.populations for part in _pinned(name, obliged)]
    for part in pinned:
        if part.sites == frozenset() or part.chips == frozenset():
            message = f"no core may hold some neurons of {part.population!r}: their pins have none in common"
            raise impossible(obliged, part.pins, message)
    for cores in _sets(part.sites for part in pinned):
        inside = [part for part in pinned if part.sites is not None and part.sites <= cores]
        _check_fit(inside, _cores_in(cores, obliged), obliged)
    for chips in _sets(part.chips for part in pinned):
        inside = [part for part in pinned if part.chips is not None and part.chips <= chips]
        _check_fit(inside, sum(_room(position, obliged) for position in chips), obliged)
        _check_apart(inside, chips, obliged)
    _check_apart_chips(pinned, available, obliged)
    _check_parted(available, obliged)
    _check_groups(pinned, obliged)
    _check_tiles(tiles, obliged)


def impossible(
    obliged: Obliged,
    who: Iterable[Constraint],
    message: str,
    resource: str = "places",
    needed: float = 1,
    available: float = 0,
) -> CapacityError:
    """What no mapping keeps, by the constraints that forbid it. Without figures: a place is needed, there is none."""
    those = list(who)
    names = list(dict.fromkeys(map(obliged.given.name, dict.fromkeys([*those, *_dead_under(those, obliged)]))))
    named = ", ".join(names[:MOST_NAMED]) + ", ..." * (len(names) > MOST_NAMED)
    hint = "loosen one of the constraints, or give more chips"
    return CapacityError(
        "FIT055", message, where=named, resource=resource, needed=needed, available=available, hint=hint
    )


def _dead_under(who: Iterable[Constraint], obliged: Obliged) -> Iterator[Dead]:
    """What is said to be dead of the chips that pins name."""
    pins = [constraint for constraint in who if isinstance(constraint, Pin)]
    named = {place for pin in pins for place in (*pin.chips, *map(obliged.position, pin.cores))}
    return (broken for broken in obliged.given.dead if broken.chip in named)


def _pinned(name: str, obliged: Obliged) -> Iterator[Pinned]:
    """The neurons of a population that pins bear on, parted where a pin begins or ends."""
    size = math.prod(obliged.demands.shapes[name])
    pins = [pin for pin in obliged.given.pin if pin.population == name]
    spans = [(pin, pin.neurons or (0, size)) for pin in pins]
    edges = sorted({edge for _, span in spans for edge in span})
    for start, stop in pairwise(edges):
        here = tuple(pin for pin, (first, last) in spans if first <= start and stop <= last)
        if here:
            yield Pinned(name, stop - start, here, obliged.sites_of(here), obliged.chips_of(here))


def _sets(places: Iterable[frozenset[Core] | frozenset[Position] | None]) -> list[frozenset]:  # type: ignore[type-arg]
    """The different sets of places, in an order that depends on them alone."""
    return sorted({where for where in places if where is not None}, key=sorted)[:MOST_SETS]


def _room(position: Position, obliged: Obliged) -> int:
    return obliged.closed.left(position, obliged.demands.legal.chip.topology.cores_per_chip.count)


def _cores_in(cores: Collection[Core], obliged: Obliged) -> int:
    """How many of these cores may be in use: no more of a chip than it has usable ones."""
    by_chip = Counter(obliged.position(core) for core in cores)
    return sum(min(count, _room(position, obliged)) for position, count in by_chip.items())


def _check_fit(inside: Sequence[Pinned], cores: int, obliged: Obliged) -> None:
    neurons = Counter[str]()
    for part in inside:
        neurons[part.population] += part.neurons
    needed, why, resource = least_for(neurons, obliged)
    if needed > cores:
        who = [*(pin for part in inside for pin in part.pins), *why]
        message = f"{neurons.total()} neurons need at least {needed} cores, by {resource}; they are pinned to {cores}"
        raise impossible(obliged, who, message, "cores", needed, cores)


def least_for(neurons: Counter[str], obliged: Obliged) -> tuple[int, list[Constraint], str]:
    """The cores that so many neurons of populations need at least, by which constraints, and the resource.

    By their number alone, as no more of a population, of all and of populations that are apart stand on one core.
    """
    given, demands = obliged.given, obliged.demands
    found: list[tuple[int, list[Constraint], str]] = [(1, [], "presence")]
    each = {name: math.ceil(n / _most(name, obliged)) for name, n in neurons.items()}
    for name, cores in each.items():
        caps: list[Constraint] = [cap for cap in given.cap if cap.population == name]
        found.append((cores, caps, "the cap" if caps else "neurons"))
    total = [cap for cap in given.cap if cap.population is None]
    found += [(math.ceil(neurons.total() / cap.neurons), [cap], "the cap") for cap in total]
    found += [(math.ceil(neurons.total() / most), [], limit) for limit, most in _neurons_per_core(obliged)]
    for limit, most in zip(demands.limits, demands.capacity, strict=True):
        if limit.formula == "slices" and limit.scope is LimitScope.CORE:
            found.append((math.ceil(sum(each.values()) / most), [*given.cap], limit.name))
    for group in given.apart:  # on a chip: all the more on a core
        apart = sum(each.get(name, 0) for name in group.populations)
        found.append((apart, [group, *given.cap], "populations that are apart"))
    return max(found, key=lambda one: one[0])


def _most(name: str, obliged: Obliged) -> int:
    """The most neurons of a population that a core holds, by their number alone."""
    return min([most_on_core(name, obliged.given), *(most for _, most in _neurons_per_core(obliged))])


def _neurons_per_core(obliged: Obliged) -> Iterator[tuple[str, int]]:
    """The limits that count neurons, and how many those let a core have."""
    demands, each = obliged.demands, obliged.demands.legal.compartments_per_neuron
    for limit, most in zip(demands.limits, demands.capacity, strict=True):
        if limit.scope is LimitScope.CORE and limit.formula in ("neurons", "neuron_copies"):
            yield limit.name, max(1, most // (each if limit.formula == "neurons" else 1))


def _check_apart(inside: Sequence[Pinned], chips: frozenset[Position], obliged: Obliged) -> None:
    """Populations that stand on different chips do not outnumber those that they are pinned to."""
    for group in obliged.given.apart:
        those = {part.population for part in inside} & set(group.populations)
        if group.on is Holder.CHIP and len(those) > len(chips):
            who: list[Constraint] = [group, *(pin for part in inside if part.population in those for pin in part.pins)]
            message = f"{len(those)} populations are apart, and {len(chips)} chips are allowed them"
            raise impossible(obliged, who, message, "chips", len(those), len(chips))


def _check_apart_chips(pinned: Sequence[Pinned], available: int, obliged: Obliged) -> None:
    """Pins to chips that have none in common do not ask for more chips than there are."""
    taken, who = set[Position](), list[Constraint]()
    needed = 0
    for part in sorted(pinned, key=lambda part: len(part.chips or ())):
        if part.chips is not None and not part.chips & taken:
            needed, taken = needed + 1, taken | part.chips
            who += part.pins
    if needed > available:
        message = f"what is pinned stands on at least {needed} chips, {available} are available"
        raise impossible(obliged, who, message, "chips", needed, available)


def _check_parted(available: int, obliged: Obliged) -> None:
    """Populations with chips of their own need no more chips than there are, by the cores that each of them needs."""
    chip, shapes = obliged.demands.legal.chip, obliged.demands.shapes
    whole = obliged.closed.left(NOWHERE, chip.topology.cores_per_chip.count)
    chips = min(available, largest_system(chip, obliged.closed.chips))
    open_ = [_room(position, obliged) for position in obliged.closed.poorer]
    richest = max([whole] if chips > len(open_) or largest_system(chip) > len(open_) else open_)
    for group in obliged.given.apart:
        if group.on is Holder.CHIP and richest:
            least = [least_for(Counter({name: math.prod(shapes[name])}), obliged)[0] for name in group.populations]
            needed = sum(math.ceil(cores / richest) for cores in least)
            if needed > chips:
                message = f"populations on chips of their own need at least {needed} of them, {chips} are available"
                who: list[Constraint] = [group, *obliged.given.cap, *obliged.given.forbid]
                raise impossible(obliged, who, message, "chips", needed, chips)


def _check_groups(pinned: Sequence[Pinned], obliged: Obliged) -> None:
    """What is kept on one chip needs no more cores than some chip has that it may stand on."""
    whole = obliged.closed.left(NOWHERE, obliged.demands.legal.chip.topology.cores_per_chip.count)
    for group in obliged.on_one_chip:
        neurons = Counter({name: math.prod(obliged.demands.shapes[name]) for name in group})
        needed, why, resource = least_for(neurons, obliged)
        parts = [part for part in pinned if part.population in group]
        allowed = [part.chips for part in parts if part.chips is not None]
        most = max((_room(p, obliged) for p in frozenset.intersection(*allowed)), default=0) if allowed else whole
        if needed > most:
            who: list[Constraint] = [g for g in obliged.given.together if {*g.populations} <= {*group}]
            message = f"together they need at least {needed} cores, by {resource}; one chip has {most}"
            who += [pin for part in parts for pin in part.pins]
            raise impossible(obliged, [*who, *why], message, "cores", needed, most)


def _check_tiles(tiles: Mapping[str, Tiles], obliged: Obliged) -> None:
    """Tiles that the user asked for are on one core each: all of their neurons, wherever these are pinned."""
    for name, asked in tiles.items():
        if not any(pin.population == name for pin in obliged.given.pin):
            continue
        cut = asked.of(obliged.demands.shapes[name])
        for part in cut if isinstance(cut, tuple) else cut.blocks():
            piece = Piece(name, part)
            if not obliged.compatible(obliged.needs([piece])):
                message = f"--tiles puts neurons of {name!r} on one core that are pinned to different ones"
                raise impossible(obliged, obliged.pins_of(piece), message)
