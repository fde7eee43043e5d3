"""Which units share a chip: moves and swaps between chips that keep every limit and spare messages between chips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from neuedge_nir.mapping.chips.kernels import CHANCES, SEED, cooling, granted, share
from neuedge_nir.mapping.chips.nets import Nets
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
    cool = cooling(sum(nets.weights) // sum(map(len, nets.sent)))
    tried = [(0, list(chip_of))]
    held = np.array if engine == "numba" else list
    state, structure = _state(units, nets, rooms, chip_of), [held(each) for each in _structure(nets)]
    for run in range(RUNS):
        found, own = list(chip_of), [held(each) for each in state]
        change = kernel(found, *own, *structure, list(CHANCES), cool, work // RUNS, SEED + run)
        tried.append((change, found))
    return min(tried)[1], engine


def _state(units: Units, nets: Nets, rooms: Sequence[Room], chip_of: Sequence[int]) -> tuple[list[int], ...]:
    """Slots of units, tenants of slots, uses, rooms left, and by net and chip the units reached and messages sent."""
    chips, slots = len(rooms), max(room[0] for room in rooms)
    slot_of, tenant, held = [0] * len(chip_of), [-1] * (chips * slots), [0] * chips
    left = list(rooms)
    for unit, chip in enumerate(chip_of):
        slot_of[unit], tenant[chip * slots + held[chip]] = held[chip], unit
        held[chip] += 1
        left[chip] = minus(left[chip], units.uses[unit])
    members, loads = [0] * (len(nets) * chips), [0] * (len(nets) * chips)
    for unit, entries in enumerate(nets.entries):
        for net, member, load in entries:
            members[net * chips + chip_of[unit]] += member
            loads[net * chips + chip_of[unit]] += load
    return slot_of, tenant, [u for use in units.uses for u in use], [r for room in left for r in room], members, loads


def _structure(nets: Nets) -> tuple[list[int], ...]:
    """The nets' weights; the parts of every unit; the units of every net."""
    first = [0, *accumulate(map(len, nets.entries))]
    parts = [part for entries in nets.entries for part in entries]
    apiece: list[list[int]] = [[] for _ in range(len(nets))]
    for unit, entries in enumerate(nets.entries):
        for net, _, _ in entries:
            apiece[net].append(unit)
    start = [0, *accumulate(map(len, apiece))]
    columns = ([part[k] for part in parts] for k in range(3))
    return nets.weights, first, *columns, start, [unit for those in apiece for unit in those]
