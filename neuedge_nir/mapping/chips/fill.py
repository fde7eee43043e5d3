"""Units onto as few chips as found: in their order, hardest first, or chip by chip as full as it goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from neuedge_nir.mapping.chips.nets import Nets, Pull
from neuedge_nir.mapping.chips.room import Room, Units, fits, hardest_first, minus

Rooms = Callable[[int], Room]
"""What the chip of a number has room for."""

NODES = 4000
"""Subsets looked at for one chip: beyond, the fullest so far is taken."""

MAX_FITTED = 2_000_000
"""Units times chips up to which the hardest units are put on the first chip that has room for them."""

SMALL = 4
"""A unit is small that takes less than the mean over this of what binds: such fill the gaps the others leave."""


def in_order(units: Units, rooms: Rooms) -> list[int]:
    """The chip of every unit: chip after chip, in the units' order, as full as its room allows."""
    found: list[int] = []
    chip, left = 0, rooms(0)
    for use in units.uses:
        after = minus(left, use)
        while min(after) < 0:
            chip += 1
            after = minus(rooms(chip), use)
            if not fits(use, units.most):  # no chip has room for it
                break
        left = after
        found.append(chip)
    return found


def first_fit(units: Units, rooms: Rooms, order: Iterable[int], most: int) -> list[int] | None:
    """The chip of every unit, each on the first that has room for it; None where so many chips do not do."""
    left = [rooms(chip) for chip in range(most)]
    found = [-1] * len(units)
    for unit in order:
        use = units.uses[unit]
        chip = next((c for c, room in enumerate(left) if fits(use, room)), None)
        if chip is None:
            return None
        left[chip], found[unit] = minus(left[chip], use), chip
    return found


def chip_by_chip(units: Units, nets: Nets, rooms: Rooms, most: int, binding: int) -> list[int] | None:
    """The chip of every unit: each chip gets those that fill it best by the resource that binds, in their order.

    Small units come behind the others, who leave them their share of every chip. None where so many chips do not do.
    """
    mean = units.totals[binding] / max(1, len(units))
    small = [k for k in range(len(units)) if SMALL * units.uses[k][binding] < mean]
    waiting = _by_use(units, sorted(set(range(len(units))) - set(small)))
    spare = tuple(-(-sum(units.uses[k][r] for k in small) // most) if r else 0 for r in range(len(units.most)))
    found, left = [-1] * len(units), []
    for chip in range(most):
        room = rooms(chip)
        for use, count in fullest(list(waiting), waiting, minus(room, spare), binding):
            for unit in waiting[use][:count]:
                found[unit], room = chip, minus(room, use)
            del waiting[use][:count]
        waiting = {use: those for use, those in waiting.items() if those}
        left.append(room)
    return None if waiting else _small_ones(units, nets, small, found, left)


def _by_use(units: Units, which: Sequence[int]) -> dict[Room, list[int]]:
    found: dict[Room, list[int]] = defaultdict(list)
    for unit in which:
        found[units.uses[unit]].append(unit)
    return found


def _small_ones(units: Units, nets: Nets, small: Sequence[int], found: list[int], left: list[Room]) -> list[int] | None:
    """Small units onto the chips with room to which they send most, and which send most to them."""
    if not small:
        return found
    pull = Pull(nets, found)
    for unit in sorted(small, key=lambda k: (tuple(-u for u in units.uses[k]), k)):
        able = [chip for chip, room in enumerate(left) if fits(units.uses[unit], room)]
        if not able:
            return None
        drawn = pull.of(unit)
        chip = max(able, key=lambda c: (drawn.get(c, 0), left[c], -c))
        left[chip], found[unit] = minus(left[chip], units.uses[unit]), chip
        pull.settle(unit, chip)
    return found


@dataclass(slots=True)
class _Search:
    """The fullest choice so far: what it leaves of the binding resource, and how many of each kind it takes."""

    left: int
    taken: tuple[tuple[int, int], ...] = ()
    nodes: int = field(default=NODES)


def fullest(
    kinds: Sequence[Room], waiting: Mapping[Room, Sequence[int]], room: Room, binding: int
) -> list[tuple[Room, int]]:
    """How many of each kind, given by its use, leave least of the binding resource on a chip with that room.

    The kinds that take most come first, and as many of each as fit are tried before fewer; at most `NODES` choices are
    looked at.
    """
    kinds = sorted(kinds, key=lambda use: (-use[binding], tuple(-u for u in use)))
    best = _Search(room[binding] + 1)
    rest = _totals(kinds, waiting, binding)

    def deeper(start: int, room: Room, taken: tuple[tuple[int, int], ...]) -> None:
        best.nodes -= 1
        if room[binding] < best.left:
            best.left, best.taken = room[binding], taken
        for at in range(start, len(kinds)):
            if not best.left or best.nodes <= 0 or room[binding] - rest[at] >= best.left:
                return
            use = kinds[at]
            most = min([len(waiting[use]), *(r // u for r, u in zip(room, use, strict=True) if u)])
            for count in range(most, 0, -1):
                deeper(at + 1, tuple(r - count * u for r, u in zip(room, use, strict=True)), (*taken, (at, count)))

    if min(room, default=0) >= 0:
        deeper(0, room, ())
    return [(kinds[at], count) for at, count in best.taken]


def _totals(kinds: Sequence[Room], waiting: Mapping[Room, Sequence[int]], binding: int) -> list[int]:
    """What all kinds from each on take together."""
    rest = [0] * (len(kinds) + 1)
    for at in range(len(kinds) - 1, -1, -1):
        rest[at] = rest[at + 1] + kinds[at][binding] * len(waiting[kinds[at]])
    return rest


def packed(units: Units, nets: Nets, rooms: Rooms, most: int) -> list[int] | None:
    """The chip of every unit on at most so many chips, by the first way that finds one; else None.

    Each resource in turn is taken for the one that binds, scarce ones first; then the hardest units come first.
    """
    for binding in units.scarcest:
        found = chip_by_chip(units, nets, rooms, most, binding)
        if found is not None:
            return found
    if len(units) * most > MAX_FITTED:
        return None
    return first_fit(units, rooms, hardest_first(units), most)
