"""Which units share a chip: moves and swaps between chips that keep every limit and spare messages between chips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuedge_nir.mapping.chips.kernels import CHANCES, SEED, cooling, granted, share
from neuedge_nir.mapping.chips.nets import Ints, Nets, starts_of
from neuedge_nir.mapping.chips.room import Room, Units, minus

MAX_CELLS = 20_000_000
"""Nets times chips above which nobody moves: the counts of both would take hundreds of megabytes."""

LOOKS = 8000
"""Entries looked at for each part of a unit in a net, at normal effort."""


RUNS = 8
"""Searches from the same start with other random numbers: together they do the work, and the best of them counts."""


def shared(
    units: Units, nets: Nets, rooms: Sequence[Room], chip_of: Sequence[int], effort: str
) -> tuple[list[int], str]:
    """The chip of every unit, with no more messages between chips than before, and what ran the search ("": none).

    `rooms[c]` is what chip c has for all its units.
    """
    if len(rooms) < 2 or not len(nets) or len(nets) * len(rooms) > MAX_CELLS:
        return list(chip_of), ""
    kernel, engine, work = granted(share, LOOKS * nets.pins, effort)
    cool = cooling(sum(nets.weights) // len(nets.sender))
    tried = [(0, list(chip_of))]
    plain = engine != "numba"
    state, structure = _state(units, nets, rooms, chip_of), _structure(nets)
    given = [each.tolist() if plain else each for each in structure]
    for run in range(RUNS):
        found, own = list(chip_of), [each.tolist() if plain else each.copy() for each in state]
        change = kernel(found, *own, *given, list(CHANCES), cool, work // RUNS, SEED + run)
        tried.append((change, found))
    return min(tried)[1], engine


def _state(units: Units, nets: Nets, rooms: Sequence[Room], chip_of: Sequence[int]) -> tuple[Ints, ...]:
    """Slots of units, tenants of slots, uses, rooms left, and by net and chip the units reached and messages sent."""
    chips, slots = len(rooms), max(room[0] for room in rooms)
    slot_of, tenant, held = [0] * len(chip_of), [-1] * (chips * slots), [0] * chips
    left = list(rooms)
    for unit, chip in enumerate(chip_of):
        slot_of[unit], tenant[chip * slots + held[chip]] = held[chip], unit
        held[chip] += 1
        left[chip] = minus(left[chip], units.uses[unit])
    members, loads = np.zeros((2, len(nets) * chips), dtype=np.int64)
    entries = nets.entries
    cell = entries.net * chips + np.repeat(np.array(chip_of, dtype=np.int64), np.diff(entries.first))
    np.add.at(members, cell, entries.member)
    np.add.at(loads, cell, entries.load)
    first = [np.array(each, dtype=np.int64).ravel() for each in (slot_of, tenant, units.uses, left)]
    return (*first, members, loads)


def _structure(nets: Nets) -> tuple[Ints, ...]:
    """The nets' weights; the parts of every unit; the units of every net."""
    parts = nets.entries
    unit = np.repeat(np.arange(nets.count), np.diff(parts.first))[np.argsort(parts.net, kind="stable")]
    start = starts_of(np.bincount(parts.net, minlength=len(nets)))
    return np.array(nets.weights, dtype=np.int64), parts.first, parts.net, parts.member, parts.load, start, unit
