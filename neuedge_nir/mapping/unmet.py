"""Constraints that name what is not there, or that no mapping can keep: found, and proved, before one is looked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from neuedge_nir.chip.model import System
from neuedge_nir.constraints.model import Constraint, Core, Dead, Forbid, Holder, Pin, Position, Reserve
from neuedge_nir.errors import UsageError
from neuedge_nir.mapping.asked import Tiles
from neuedge_nir.mapping.bounds import lower_bound, outer_cores_bound
from neuedge_nir.mapping.clashes import check_clashes, impossible
from neuedge_nir.mapping.closed import NOWHERE
from neuedge_nir.mapping.fabric import Fabric, Link
from neuedge_nir.mapping.obey import Obliged, joined, most_on_core, pinned_wholly
from neuedge_nir.mapping.seats import rooms
from neuedge_nir.network.model import Network


def check_constraints(obliged: Obliged, available: int, tiles: dict[str, Tiles], model: Network) -> None:
    """Raises `UsageError` (USE082) where a constraint names what is not there.

    Raises `CapacityError` (FIT055), a proof, where constraints contradict each other, the tiles asked for or the chip's
    own limits, whatever the mapping.
    """
    if not obliged.given:
        return
    _check_named(obliged, model)
    _check_places(obliged)
    for group in joined(g.populations for g in obliged.given.together if g.on is Holder.CORE):
        _check_core(group, obliged)
    _check_apart(obliged, available)
    _check_tiles(obliged, tiles)
    _check_pins(obliged)
    check_clashes(obliged, available, tiles)
    _check_rooms(obliged, available)


def _check_named(obliged: Obliged, model: Network) -> None:
    given, chip = obliged.given, obliged.demands.legal.chip
    sizes = {population.name: population.neurons for population in model.populations}
    naming: tuple[Constraint, ...] = (*given.pin, *given.together, *given.apart, *given.cap)
    for constraint in naming:
        single = getattr(constraint, "population", None)
        for name in getattr(constraint, "populations", (single,) if single is not None else ()):
            if name not in sizes:
                known = ", ".join(list(sizes)[:8]) + ", ..." * (len(sizes) > 8)
                raise _nothing(obliged, constraint, f"there is no population {name!r}", f"there are: {known}")
    for pin in given.pin:
        if pin.neurons is not None and pin.neurons[1] > sizes[pin.population]:
            message = f"neurons {list(pin.neurons)} of a population of {sizes[pin.population]}"
            raise _nothing(obliged, pin, message, "give [first, behind the last], counted from 0")
    slots = chip.topology.cores_per_router.count
    for who, core in _cores_named(given.pin, given.forbid):
        if core.slot >= slots:
            raise _nothing(obliged, who, f"a router of {chip.title} has {slots} cores, slot {core.slot} is none", None)
    for who, chips in _chips_named(obliged):
        for position in chips:
            if not any(_fitted(system, position) for system in chip.topology.systems):
                message = f"no published system of {chip.title} has a chip at {list(position)}"
                raise _nothing(obliged, who, message, "chips are [column, row] of the system, from 0")
    for broken in given.dead:
        _check_dead(broken, obliged)


def _check_dead(broken: Dead, obliged: Obliged) -> None:
    """A dead chip or link is one that some published system has."""
    topology = obliged.demands.legal.chip.topology
    where, title = obliged.given.name(broken), obliged.demands.legal.chip.title
    if broken.chip is not None and not any(_fitted(system, broken.chip) for system in topology.systems):
        message = f"no published system of {title} has a chip at {list(broken.chip)}"
        raise UsageError("USE088", message, where=where, hint="chips are COLUMN,ROW of the system, from 0")
    if broken.link is not None and not any(_joined(system, broken.link, obliged) for system in topology.systems):
        message = f"no published system of {title} has a link between the routers {broken.link[0]} and {broken.link[1]}"
        raise UsageError("USE088", message, where=where, hint="routers are COLUMN,ROW over the whole system, from 0")


def _joined(system: System, link: Link, obliged: Obliged) -> bool:
    """Whether a wire joins two routers of a system."""
    if not all(_fitted(system, obliged.position(Core(router))) for router in link):
        return False
    ends = frozenset(obliged.position(Core(router)) for router in link)
    return link[1] in set(Fabric(obliged.demands.legal.chip, system, tuple(ends)).neighbours(link[0]))


def _cores_named(pins: Iterable[Pin], forbids: Iterable[Forbid]) -> Iterator[tuple[Constraint, Core]]:
    yield from ((pin, core) for pin in pins for core in pin.cores)
    yield from ((f, Core(f.router, f.slot or 0)) for f in forbids if f.router is not None)


def _chips_named(obliged: Obliged) -> Iterator[tuple[Constraint, Sequence[Position]]]:
    given = obliged.given
    yield from ((pin, pin.chips) for pin in given.pin)
    yield from ((who, [obliged.position(core)]) for who, core in _cores_named(given.pin, given.forbid))
    chips: tuple[Forbid | Reserve, ...] = (*given.forbid, *given.reserve)
    yield from ((who, [who.chip]) for who in chips if who.chip is not None)


def _fitted(system: System, position: Position) -> bool:
    if not (position[0] < system.columns and position[1] < system.rows):
        return False
    spans = system.row_spans
    return not spans or spans[position[1]][0] <= position[0] <= spans[position[1]][1]


def _nothing(obliged: Obliged, constraint: Constraint, message: str, hint: str | None) -> UsageError:
    return UsageError("USE082", message, where=obliged.given.name(constraint), hint=hint)


def _check_places(obliged: Obliged) -> None:
    """Every pin leaves a place, and those of a population, or of populations that go together, leave a common one."""
    given = obliged.given
    for pin in given.pin:
        if not (obliged.sites_of([pin]) if pin.cores else obliged.chips_of([pin])):
            raise impossible(obliged, [pin, *given.forbid], "all that the pin allows is forbidden")
    for name in given.populations:
        pins = list(pinned_wholly(given, name))
        if obliged.sites_of(pins) == frozenset() or obliged.chips_of(pins) == frozenset():
            raise impossible(obliged, pins, f"no core may hold {name!r}: its pins have none in common")
    for together in given.together:
        pins = [pin for name in together.populations for pin in given.pin if pin.population == name]
        cores, chips = obliged.sites_of(pins), obliged.chips_of(pins)
        if chips == frozenset() or (together.on is Holder.CORE and cores == frozenset()):
            raise impossible(obliged, [together, *pins], f"no {together.on} may hold all of them: the pins clash")


def _check_core(group: tuple[str, ...], obliged: Obliged) -> None:
    """Populations that one core must hold do not need more than it has, at least."""
    demands, given = obliged.demands, obliged.given
    who = [g for g in given.together if g.on is Holder.CORE and set(g.populations) & set(group)]
    uncut = demands.uncut()
    for i in demands.uncrossed.per_core:
        least = sum(demands.uncrossed.least(name, i, uncut) for name in group)
        if least > demands.capacity[i]:
            limit = demands.limits[i]
            message = f"together they need {least} {limit.limit.unit} on one core, which has {demands.capacity[i]}"
            raise impossible(obliged, who, message, limit.name, least, demands.capacity[i])
    sizes = {name: math.prod(demands.shapes[name]) for name in group}
    for cap in given.cap:
        counted = sum(sizes.values()) if cap.population is None else sizes.get(cap.population, 0)
        if counted > cap.neurons:
            message = f"{counted} neurons go on one core, the cap is {cap.neurons}"
            raise impossible(obliged, [*who, cap], message, "neurons", counted, cap.neurons)


def _check_apart(obliged: Obliged, available: int) -> None:
    """No two populations are to be both together and apart; as many that are apart have as many places."""
    given = obliged.given
    for group in given.apart:
        for together in given.together:
            both = set(group.populations) & set(together.populations)
            clash = together.on is Holder.CORE or group.on is Holder.CHIP
            if len(both) > 1 and clash:
                message = f"{sorted(both)} are to be apart and together"
                raise impossible(obliged, [group, together], message, "constraints", 2, 1)
        if group.on is Holder.CHIP and len(group.populations) > available:
            message = f"{len(group.populations)} populations on a chip each, {available} are available"
            raise impossible(obliged, [group], message, "chips", len(group.populations), available)
        _check_distinct(group.populations, group.on, obliged)


def _check_distinct(names: Sequence[str], on: Holder, obliged: Obliged) -> None:
    """Populations that are apart and pinned to the same few places do not outnumber them."""
    pinned = {name: list(pinned_wholly(obliged.given, name)) for name in names}
    places = {n: obliged.sites_of(p) if on is Holder.CORE else obliged.chips_of(p) for n, p in pinned.items() if p}
    for allowed in _different(places.values()):
        inside = [name for name, where in places.items() if where is not None and set(where) <= allowed]
        if len(inside) > len(allowed):
            who: list[Constraint] = [g for g in obliged.given.apart if tuple(g.populations) == tuple(names)]
            who += [pin for name in inside for pin in pinned[name]]
            message = f"{len(inside)} populations are apart, and {len(allowed)} {on}s are allowed them"
            raise impossible(obliged, who, message, f"{on}s", len(inside), len(allowed))


def _different(places: Iterable[frozenset[Any] | None]) -> list[frozenset[Any]]:
    """The different sets of places, in an order that depends on them alone."""
    return sorted({where for where in places if where is not None}, key=sorted)


def _check_tiles(obliged: Obliged, tiles: dict[str, Tiles]) -> None:
    """Tiles that the user asked for are within the caps, and one of a population that a core must hold whole."""
    given, shapes = obliged.given, obliged.demands.shapes
    for name, asked in tiles.items():
        cut = asked.of(shapes[name])
        parts = tuple(cut.blocks()) if not isinstance(cut, tuple) else cut
        largest, most = max(part.neurons for part in parts), most_on_core(name, given)
        if largest > most:
            caps = [cap for cap in given.cap if cap.population in (None, name) and cap.neurons == most]
            message = f"--tiles asks for {largest} neurons of {name!r} on one core, the cap is {most}"
            raise impossible(obliged, caps, message, "neurons", largest, most)


def _check_pins(obliged: Obliged) -> None:
    """What is pinned to a few cores or chips does not need more of them, at least."""
    given = obliged.given
    pinned = {name: list(pinned_wholly(given, name)) for name in given.populations}
    pinned = {name: pins for name, pins in pinned.items() if pins}
    usable = obliged.demands.legal.chip.topology.cores_per_chip.count
    sites = {name: obliged.sites_of(pins) for name, pins in pinned.items()}
    chips = {name: obliged.chips_of(pins) for name, pins in pinned.items()}
    for allowed in _different(sites.values()):
        inside = [name for name, where in sites.items() if where is not None and where <= allowed]
        _check_fit(inside, len(allowed), obliged, [pin for name in inside for pin in pinned[name]])
    for on in _different(chips.values()):
        inside = [name for name, where in chips.items() if where is not None and where <= on]
        room = sum(rooms(obliged, position, usable) for position in on)
        who = [pin for name in inside for pin in pinned[name]]
        _check_fit(inside, room, obliged, [*who, *given.reserve, *given.forbid])


def _check_fit(names: Sequence[str], cores: int, obliged: Obliged, who: Sequence[Constraint]) -> None:
    needed, resource = least_cores(names, obliged)
    if needed > cores:
        message = f"they need at least {needed} cores, by {resource}; the constraints leave {cores}"
        raise impossible(obliged, who, message, "cores", needed, cores)


def least_cores(names: Sequence[str], obliged: Obliged) -> tuple[int, str]:
    """The cores that populations need at least, however they are cut and packed, and what says so."""
    demands, given = obliged.demands.uncrossed, obliged.given
    uncut = {**demands.uncut(), **dict.fromkeys(demands.legal.relays.sources, ())}
    found = {"presence": 1}
    for i in demands.per_core:
        total = sum(demands.least(name, i, uncut) for name in names)
        found[demands.limits[i].name] = math.ceil(total / demands.capacity[i])
    sizes = {name: math.prod(demands.shapes[name]) for name in names}
    for cap in given.cap:
        counted = sum(sizes.values()) if cap.population is None else sizes.get(cap.population, 0)
        found[given.name(cap)] = math.ceil(counted / cap.neurons)
    resource = max(found, key=lambda name: found[name])
    return found[resource], resource


def _check_rooms(obliged: Obliged, available: int) -> None:
    """The cores that neither are forbidden nor reserved are as many as any mapping needs."""
    given, room = obliged.given, _most_room(obliged, available)
    needed, resource = lower_bound(obliged.demands).cores, lower_bound(obliged.demands).resource
    capped, cap = least_cores([p.name for p in obliged.demands.legal.model.populations], obliged)
    if capped > needed:
        needed, resource = capped, cap
    outer = outer_cores_bound(obliged.demands)
    needed += outer
    if needed > room:
        who: list[Constraint] = [*given.reserve, *given.forbid, *given.cap, *given.dead]
        besides = f" and {outer} of its inputs and outputs" if outer else ""
        message = f"the network needs at least {needed} cores, by {resource}{besides}; the constraints leave it {room}"
        raise impossible(obliged, who, message, "cores", needed, room)


def _most_room(obliged: Obliged, available: int) -> int:
    """The open cores of so many chips of a system at most: of those that have most."""
    topology, closed = obliged.demands.legal.chip.topology, obliged.closed
    usable, found = topology.cores_per_chip.count, 0
    for system in topology.systems:
        poorer = sorted((closed.left(p, usable) for p in closed.poorer if _fitted(system, p)), reverse=True)
        whole = min(available, system.chips - len(poorer))
        found = max(found, whole * closed.left(NOWHERE, usable) + sum(poorer[: available - whole]))
    return found
