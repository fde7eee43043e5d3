"""Chips and cores for clusters under constraints: rooms of chips, who may stand where, a first seat for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import LimitScope, RoutingKind
from neuedge_nir.constraints.model import Apart, Constraints, Core, Holder, Position, Together
from neuedge_nir.mapping.chips.outline import around
from neuedge_nir.mapping.chips.patches import adjacent, areas, grown, patches
from neuedge_nir.mapping.closed import NOWHERE
from neuedge_nir.mapping.fabric import Fabric, Site, fabric_for, largest_system
from neuedge_nir.mapping.obey import Need, Obliged, joined, places_for, unkept
from neuedge_nir.mapping.partition import Cluster, Role

MAX_CHIPS = 4096
"""Systems of more chips are not tried for constraints: the clusters are put on one chip after the other anyway."""


@dataclass(frozen=True, slots=True, eq=False)
class Seats:
    """The machine, the sites it offers, which of them each cluster may have, and one for each to begin with.

    `may[i, s]`: cluster i may stand on site s.
    """

    fabric: Fabric
    sites: tuple[Site, ...]
    may: NDArray[np.bool_]
    first: tuple[int, ...]


def rooms(obliged: Obliged, position: Position, usable: int) -> int:
    """The usable cores of a chip that are neither forbidden nor reserved: a dead core is one usable core less."""
    return obliged.closed.left(position, usable)


def seated(clusters: Sequence[Cluster], obliged: Obliged, available: int) -> Seats:
    """A seat for every cluster on as few chips as are found. Raises `NoPlanError` (FIT056) where none are found."""
    needs = [_need(cluster, obliged) for cluster in clusters]
    pinned = frozenset(position for need in needs for position in need.chips or ())
    chip, given = obliged.demands.legal.chip, obliged.given
    for chips in _numbers(len(clusters), pinned, obliged, available):
        fabric = fabric_for(chip, chips, available, given.dead_links, given.dead_chips, obliged.closed)
        fabric = _near(fabric, chips, pinned)
        looked_at = max(chips, len(pinned & fabric.index_of.keys()))
        for each in _narrower(needs, obliged, fabric):
            chip_of = _assigned(clusters, each, obliged, fabric, looked_at)
            if chip_of is not None and len({*chip_of}) <= available:
                numbered, chip_of = _used_first(fabric, chip_of, available)
                if (found := _seats(chip_of, clusters, each, obliged, numbered)) is not None:
                    return found
    names = [piece.population for cluster in clusters for piece in cluster.pieces]
    most = min(available, largest_system(chip, obliged.dead_chips))
    raise unkept(f"on up to {most} chips no place for every core was found that keeps the constraints", obliged, names)


def _numbers(clusters: int, pinned: frozenset[Position], obliged: Obliged, available: int) -> Iterator[int]:
    """Numbers of chips to look at, the fewest first; then one more than each system has, for the next larger one."""
    topology = obliged.demands.legal.chip.topology
    per_chip = max(1, obliged.closed.left(NOWHERE, topology.cores_per_chip.count))
    largest = min(MAX_CHIPS, largest_system(obliged.demands.legal.chip, obliged.dead_chips))
    last = min(largest, clusters + len(pinned | obliged.closed.poorer), available + len(pinned))
    first = min(last, max(1, -(-clusters // per_chip)))
    yield from range(first, last + 1)
    yield from (more for system in sorted(topology.systems, key=lambda s: s.chips) if last < (more := system.chips + 1)
                <= largest)  # fmt: skip


def _narrower(needs: Sequence[Need], obliged: Obliged, fabric: Fabric) -> Iterator[Sequence[Need]]:
    """The needs as they are, and with a core of its own for each that names some: first fit may leave one none."""
    yield needs
    choosy = [i for i, need in enumerate(needs) if need.sites is not None]
    here = [frozenset(c for c in needs[i].sites or () if obliged.position(c) in fabric.index_of) for i in choosy]
    places = places_for(here) if choosy else None
    if places is not None:
        own = dict(zip(choosy, places, strict=True))
        yield [
            Need(need.neurons, frozenset({own[i]}), frozenset({obliged.position(own[i])})) if i in own else need
            for i, need in enumerate(needs)
        ]


def _near(fabric: Fabric, chips: int, pinned: frozenset[Position]) -> Fabric:
    """The chips that pins name first, then those nearest to them; or some that hang together, where not all do."""
    able = frozenset(p for number, p in enumerate(fabric.positions) if fabric.free_cores(number))
    first = [position for position in fabric.positions if position in pinned]
    if fabric.chip.topology.routing is RoutingKind.XY or not (pinned or fabric.broken):
        if not set(first) - set(fabric.positions[:chips]):
            return fabric
        near = (*first, *sorted(able - pinned, key=lambda p: (_far(p, first[0]), p)))
    elif first:
        near = grown(first, able, chips, adjacent(fabric))
    else:
        near = next((patch for area in areas(fabric, chips) for patch in patches(fabric, area, chips)), ())
    inside = set(near)
    return replace(fabric, positions=(*near, *(p for p in fabric.positions if p not in inside)))


def _far(one: Position, other: Position) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _used_first(fabric: Fabric, chip_of: list[int], available: int) -> tuple[Fabric, list[int]]:
    """The same chips with those in use before all others, and their numbers."""
    if fabric.chip.topology.routing is RoutingKind.XY and max(chip_of) < available:
        return fabric, chip_of
    used = sorted({*chip_of})
    number = {chip: k for k, chip in enumerate(used)}
    return around(fabric, [fabric.positions[chip] for chip in used]), [number[chip] for chip in chip_of]


def _need(cluster: Cluster, obliged: Obliged) -> Need:
    if cluster.role is Role.INPUT:
        return Need(Counter(), None, None)
    return obliged.needs(cluster.pieces)


def _units(needs: Sequence[Need], given: Constraints) -> list[tuple[int, ...]]:
    """The clusters, by number, that must share a chip: they hold populations of one group."""
    groups = joined(group.populations for group in given.together if group.on is Holder.CHIP)
    linked = [[str(i) for i, need in enumerate(needs) if set(group) & set(need.neurons)] for group in groups]
    units = [tuple(sorted(map(int, unit))) for unit in joined(unit for unit in linked if unit)]
    bound = {i for unit in units for i in unit}
    return sorted([*units, *((i,) for i in range(len(needs)) if i not in bound)])


def _assigned(
    clusters: Sequence[Cluster], needs: Sequence[Need], obliged: Obliged, fabric: Fabric, chips: int
) -> list[int] | None:
    """A chip for each cluster, first fit, the choosy first; None where first fit finds none on so many chips."""
    given = obliged.given
    rules = {r.name: r.limit.count for r in fabric.chip.limits if r.scope is LimitScope.CHIP}
    room = [rooms(obliged, fabric.positions[c], fabric.cores_of(c)) for c in range(chips)]
    used = [dict.fromkeys(rules, 0) for _ in range(chips)]
    held: list[set[str]] = [set() for _ in range(chips)]
    apart = [set(group.populations) for group in given.apart if group.on is Holder.CHIP]
    chip_of = [-1] * len(clusters)
    units = _units(needs, given)
    allowed = [_chips(unit, needs, fabric, chips) for unit in units]
    full = 0  # all chips before this one are full
    for unit, where in sorted(zip(units, allowed, strict=True), key=lambda pair: (len(pair[1]), pair[0])):
        names = {name for i in unit for name in needs[i].neurons}
        takes = {name: sum(clusters[i].used[name] for i in unit) for name in rules}
        while full < chips and room[full] == 0:
            full += 1
        chip = next(
            (
                c
                for c in (where[full:] if len(where) == chips else where)
                if len(unit) <= room[c]
                and all(used[c][name] + takes[name] <= most for name, most in rules.items())
                and all(len(group & (held[c] | names)) < 2 for group in apart)
            ),
            None,
        )
        if chip is None:
            return None
        room[chip] -= len(unit)
        used[chip] = {name: n + takes[name] for name, n in used[chip].items()}
        held[chip] |= names
        for i in unit:
            chip_of[i] = chip
    return chip_of


def _chips(unit: Sequence[int], needs: Sequence[Need], fabric: Fabric, chips: int) -> Sequence[int]:
    """The chips, of the first so many, that all clusters of a unit may stand on."""
    allowed = [those for i in unit if (those := needs[i].chips) is not None]
    if not allowed:
        return range(chips)
    return [c for c in range(chips) if all(fabric.positions[c] in those for those in allowed)]


def _seats(
    chip_of: Sequence[int], clusters: Sequence[Cluster], needs: Sequence[Need], obliged: Obliged, fabric: Fabric
) -> Seats | None:
    """Sites of the chips in use, as many as each may use, those that pins name among them; None where they clash."""
    choosy = [i for i, need in enumerate(needs) if need.sites is not None]
    here = [_on_chip(needs[i], fabric.positions[chip_of[i]], obliged) for i in choosy]
    places = places_for(here)
    if places is None:
        return None
    fixed = {i: _site(core, fabric) for i, core in zip(choosy, places, strict=True)}
    taken = set(fixed.values())
    named = [_site(core, fabric) for cores in here for core in sorted(cores)]
    sites: list[Site] = []
    for chip, held in sorted(Counter(chip_of).items()):
        room = rooms(obliged, fabric.positions[chip], fabric.cores_of(chip))
        wanted = dict.fromkeys(
            s for s in (*sorted(taken), *named, *_along(chip, fabric, obliged, held)) if s.chip == chip
        )
        sites += list(wanted)[: min(room, max(2 * held, held + len(named)))]
    seat = {site: number for number, site in enumerate(sites)}
    free = {chip: iter([s for s in sites if s.chip == chip and s not in taken]) for chip in set(chip_of)}
    first = tuple(seat[fixed[i]] if i in fixed else seat[next(free[chip_of[i]])] for i in range(len(clusters)))
    return Seats(fabric, tuple(sites), _may(chip_of, needs, obliged, fabric, sites), first)


def _on_chip(need: Need, position: Position, obliged: Obliged) -> frozenset[Core]:
    return frozenset(core for core in need.sites or () if obliged.position(core) == position)


def _site(core: Core, fabric: Fabric) -> Site:
    return Site(fabric.chip_of(core.router), core.router, core.slot)


def _along(chip: int, fabric: Fabric, obliged: Obliged, held: int) -> Iterator[Site]:
    """Sites of a chip that are not forbidden, back and forth over its routers, in a square that holds enough."""
    column, row = fabric.positions[chip]
    per_router = fabric.chip.topology.cores_per_router.count
    shunned = len(obliged.given.forbid) * per_router
    side = int((2 * (held + shunned) / per_router) ** 0.5) + 3
    height = min(fabric.chip_rows, max(side, -(-side * side // fabric.chip_columns)))
    width = min(fabric.chip_columns, max(side, -(-side * side // fabric.chip_rows)))
    for y in range(height):
        for x in range(width) if y % 2 == 0 else range(width - 1, -1, -1):
            router = column * fabric.chip_columns + x, row * fabric.chip_rows + y
            yield from (Site(chip, router, s) for s in range(per_router) if not obliged.dead(Core(router, s)))


def _may(
    chip_of: Sequence[int], needs: Sequence[Need], obliged: Obliged, fabric: Fabric, sites: Sequence[Site]
) -> NDArray[np.bool_]:
    """Who may stand where. Clusters of groups that keep to a chip, or keep off one, stay on theirs."""
    groups: tuple[Together | Apart, ...] = (*obliged.given.together, *obliged.given.apart)
    bound = {name for group in groups if group.on is Holder.CHIP for name in group.populations}
    may = np.ones((len(needs), len(sites)), dtype=bool)
    at = np.array([site.chip for site in sites])
    for i, need in enumerate(needs):
        if bound & set(need.neurons):
            may[i] &= at == chip_of[i]
        if need.chips is not None:
            may[i] &= np.array([fabric.positions[site.chip] in need.chips for site in sites])
        if need.sites is not None:
            may[i] &= np.array([Core(site.router, site.slot) in need.sites for site in sites])
    return may
