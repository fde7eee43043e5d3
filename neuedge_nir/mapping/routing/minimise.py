"""A router's table made smaller: entries for several keys with one route, that take no other key that comes by.

A key is taken by the first entry that fits it, and goes straight on where none does. Only keys of slices whose messages
reach the router count: what an entry would do with others never matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Cube = tuple[int, int]
"""A key and its mask: the keys that equal it in the ones of the mask."""

AHEAD = 32
"""Entries behind one that are tried as its partners, beyond the next, where a table does not fit."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a router does with the keys of one slice: its links and cores are the bits of `route`.

    `default`: they go straight on, which takes no entry. Slices of one `family` (a population) are merged first.
    """

    key: int
    mask: int
    route: int
    default: bool
    family: int

    @property
    def cube(self) -> Cube:
        return self.key, self.mask


Entry = tuple[int, int, int]
"""Key, mask and route of a table's entry."""


def minimised(rows: Sequence[Row], most: int) -> list[Entry]:
    """A table for these rows, of at most `most` entries if one is found, else of the fewest that were found.

    Entries of one population are always merged where their routes agree. Only where those are too many, entries of all
    populations are; then in an order in which an entry may take keys of those before it, without the default at last.
    """
    told = [row for row in rows if not row.default]
    best = _apart(told, rows, families=True)
    if len(best) > most:
        best = min(best, _apart(told, rows, families=False), key=len)
    if len(best) > most:
        best = min(best, _ordered(told, [row for row in rows if row.default]), key=len)
    if len(best) > most:
        best = min(best, _ordered(rows, []), key=len)
    return best


def _apart(told: Sequence[Row], rows: Sequence[Row], *, families: bool) -> list[Entry]:
    """Entries that take no key of another route, so that their order does not matter: in that of their keys."""
    found: list[Entry] = []
    for route, own in _by_route(told):
        foreign = _cubes(row.cube for row in rows if row.route != route)
        for _, those in groupby(own, key=lambda row: row.family if families else 0):
            cubes = joined([row.cube for row in those], foreign, 1 if families else AHEAD)
            found += [(key, mask, route) for key, mask in cubes]
    return _used(sorted(found), told)


def _ordered(told: Sequence[Row], later: Sequence[Row]) -> list[Entry]:
    """Routes with few keys first: an entry may take keys of the routes before its own, which are gone by then.

    It takes no key of a route after its own, nor of the rows that come `later` than all entries, by default: so every
    key finds its own route first.
    """
    behind = list(later)
    found: list[list[Entry]] = []
    for route, own in sorted(_by_route(told), key=lambda group: (-len(group[1]), group[0])):
        cubes = joined([row.cube for row in own], _cubes(row.cube for row in behind if row.route != route), AHEAD)
        found.append([(key, mask, route) for key, mask in cubes])
        behind += own
    return _used([entry for entries in reversed(found) for entry in entries], told)


def _used(entries: Sequence[Entry], told: Sequence[Row]) -> list[Entry]:
    """The entries that any row's keys come to first: others cover what those before them have taken together."""
    if not entries:
        return []
    keys, masks = _cubes(row.cube for row in told)[..., None]
    wanted, cared = _cubes((key, mask) for key, mask, _ in entries)
    first = ((keys ^ wanted) & masks & cared == 0).argmax(axis=1)
    return [entries[number] for number in np.unique(first).tolist()]


def _by_route(rows: Sequence[Row]) -> list[tuple[int, list[Row]]]:
    """The rows of every route, in the order of their keys."""
    groups: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.cube):
        groups.setdefault(row.route, []).append(row)
    return sorted(groups.items())


def _cubes(those: Iterable[Cube]) -> NDArray[np.int64]:
    return np.array(list(those), dtype=np.int64).reshape(-1, 2).T


def joined(cubes: Sequence[Cube], foreign: NDArray[np.int64], ahead: int) -> list[Cube]:
    """Fewer cubes that cover the same and none of the `foreign` ones, (2, n).

    Each takes in those behind it that it can, of which `ahead` are tried; repeated until nothing joins any more.
    """
    found = sorted(cubes)
    while True:
        before = len(found)
        found = _swept(found, foreign, ahead)
        if len(found) == before:
            return found


def _swept(cubes: Sequence[Cube], foreign: NDArray[np.int64], ahead: int) -> list[Cube]:
    kept: list[Cube] = []
    waiting = list(cubes)
    while waiting:
        cube, place = waiting.pop(0), 0
        while place < min(ahead, len(waiting)):
            both = _join(cube, waiting[place])
            if _takes_any(both, foreign):
                place += 1
            else:
                cube = both
                waiting = [other for other in waiting if not _within(other, both)]
        kept.append(cube)
    return sorted(kept)


def _join(a: Cube, b: Cube) -> Cube:
    """The smallest cube around both."""
    mask = a[1] & b[1] & ~(a[0] ^ b[0])
    return a[0] & mask, mask


def _within(inner: Cube, outer: Cube) -> bool:
    return outer[1] & ~inner[1] == 0 and (inner[0] ^ outer[0]) & outer[1] == 0


def _takes_any(cube: Cube, foreign: NDArray[np.int64]) -> bool:
    """Whether a cube has a key in common with any of these."""
    keys, masks = foreign
    return bool(((keys ^ cube[0]) & masks & cube[1] == 0).any())
