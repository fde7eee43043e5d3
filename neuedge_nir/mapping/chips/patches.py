"""Where some chips do not work: those that do, on as few boards as hold enough of them, and patches that hang together.

Chips that hang together need no others for the messages between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache

from neuedge_nir.mapping.chips.boards import board_at, corners_of
from neuedge_nir.mapping.fabric import Fabric, Router

MOST_GROWN = 20_000
"""Chips of all patches that are grown: fewer patches of many chips."""

KEPT = 6
"""Patches that are tried, the roundest ones."""

ROOMY = 4
"""Times as many chips as are needed are looked at where chips stand on no boards, and `FEW` more."""

FEW = 48

Adjacent = Callable[[Router], frozenset[Router]]


def adjacent(fabric: Fabric) -> Adjacent:
    """The chips that a link joins to a chip, over which messages pass."""
    columns, rows = fabric.chip_columns, fabric.chip_rows

    @cache
    def around(chip: Router) -> frozenset[Router]:
        inside = ((chip[0] * columns + x, chip[1] * rows + y) for x in range(columns) for y in range(rows))
        ends = (end for router in inside for end in fabric.neighbours(router))
        return frozenset((x // columns, y // rows) for x, y in ends) - {chip}

    return around


def parts(chips: Iterable[Router], around: Adjacent) -> list[list[Router]]:
    """The chips in parts that hang together, the largest first, then those that come first."""
    left = dict.fromkeys(chips)
    found = []
    while left:
        start = next(iter(left))
        del left[start]
        part = [start]
        for chip in part:
            near = sorted(around(chip) & left.keys())
            part += near
            for each in near:
                del left[each]
        found.append(part)
    return sorted(found, key=len, reverse=True)


def areas(fabric: Fabric, chips: int) -> Iterator[tuple[Router, ...]]:
    """Open chips near each other, enough of them, on as few boards as do: of whole ones alone, and of all."""
    usable = fabric.chip.topology.cores_per_chip.count
    around = adjacent(fabric)
    free = dict(zip(fabric.positions, map(fabric.free_cores, range(len(fabric.positions))), strict=True))
    seen = set()
    for least in dict.fromkeys((usable, 1)):
        able = frozenset(position for position, cores in free.items() if cores >= least)
        area = _area(fabric, chips, able, around)
        if len(area) >= chips and area not in seen:
            seen.add(area)
            yield area


def patches(fabric: Fabric, area: Sequence[Router], chips: int) -> list[tuple[Router, ...]]:
    """So many chips of an area that hang together, grown from different ones, those first that are rounder."""
    around, inside = adjacent(fabric), frozenset(area)
    seeds = area[: max(1, MOST_GROWN // max(1, chips) ** 2)]
    found = dict.fromkeys(grown([seed], inside, chips, around) for seed in seeds)
    whole = [patch for patch in found if len(patch) == chips]
    return sorted(whole, key=lambda patch: -sum(len(around(chip) & set(patch)) for chip in patch))[:KEPT]


def grown(seeds: Sequence[Router], inside: frozenset[Router], chips: int, around: Adjacent) -> tuple[Router, ...]:
    """Chips from some on, each next the one with most links to those before: fewer than wanted where they end."""
    found, taken, links = list(seeds), {*seeds}, dict[Router, int]()
    for seed in seeds:
        _reach(seed, links, inside - taken, around)
    while links and len(found) < chips:
        best = min(links, key=lambda chip: (-links[chip], _far(chip, seeds[0]), chip))
        del links[best]
        found.append(best)
        taken.add(best)
        _reach(best, links, inside - taken, around)
    return tuple(found)


def _reach(chip: Router, links: dict[Router, int], inside: frozenset[Router], around: Adjacent) -> None:
    """One link more to each neighbour."""
    for near in sorted(around(chip) & inside):
        links[near] = links.get(near, 0) + 1


def _far(chip: Router, seed: Router) -> int:
    return abs(chip[0] - seed[0]) + abs(chip[1] - seed[1])


def _area(fabric: Fabric, chips: int, able: frozenset[Router], around: Adjacent) -> tuple[Router, ...]:
    """The chips of the fewest boards, as far as is seen, that hold so many; without boards some near the origin."""
    held = _boards(fabric, chips, able, around)
    if not held:
        near = sorted(able, key=lambda p: (max(p), p[0] + p[1], p[1]))
        return tuple(parts(near, around)[0][: ROOMY * chips + FEW]) if near else ()
    found: tuple[Router, ...] = ()
    for count in range(1, len(held) + 1):
        if sum(sorted(map(len, held.values()))[-count:]) >= chips:
            found = _chosen(held, count, chips, around)
            if len(found) >= chips:
                break
    return found


def _boards(fabric: Fabric, chips: int, able: frozenset[Router], around: Adjacent) -> dict[Router, tuple[Router, ...]]:
    """Of the boards near the origin, by their corner, the able chips that hang together."""
    system = fabric.system
    if system.boards is None:
        return {}
    broken = {fabric.board_of(chip) for chip in fabric.gone | fabric.closed.poorer}
    per_board = sum(last - first + 1 for first, last in system.boards.row_spans)
    found = {}
    for corner in corners_of(system, system.boards, -(-chips // per_board) + len(broken)):
        living = [chip for chip in board_at(corner, system.boards, system) if chip in able]
        if living:
            found[corner] = tuple(parts(living, around)[0])
    return found


def _chosen(held: Mapping[Router, tuple[Router, ...]], count: int, chips: int, around: Adjacent) -> tuple[Router, ...]:
    """The chips of so many boards: none that holds too few, each next one with most links to those before it."""
    found: list[Router] = []
    left = list(held)
    for missing in range(count, 0, -1):
        wanted = -(-(chips - len(found)) // missing)
        short = {corner: max(0, wanted - len(held[corner])) for corner in left}
        near = [corner for corner in left if short[corner] == min(short.values())]
        inside = frozenset(found)
        touching = {corner: sum(len(around(chip) & inside) for chip in held[corner]) for corner in near}
        best = min(near, key=lambda corner: (-touching[corner], max(corner), corner))
        left.remove(best)
        found += held[best]
    return tuple(found)
