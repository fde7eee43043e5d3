"""In which order the positions of a system are taken: fewest boards, strips that run back and forth over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from neuedge_nir.chip.model import RoutingKind, System
from neuedge_nir.mapping.chips.boards import board_at, corners_of
from neuedge_nir.mapping.chips.patches import areas, patches
from neuedge_nir.mapping.fabric import HEX_STEPS, Fabric, Router

WIDTHS = (5, 4, 6, 3, 7, 2, 8, 1)
"""Chips across the strips that are tried, the likeliest first."""


def orders(fabric: Fabric, chips: int) -> Iterator[tuple[Router, ...]]:
    """Positions for so many chips in different orders: the first ones as they are, and strips over as few boards as do.

    Chips that are filled in order and talk to the next ones then stand near them: in strips of about the width that one
    layer's chips fill. Under dimension order the chips form a rectangle already, which is kept. Where some chips do not
    work, strips run over those that do, and patches of them that hang together come before.
    """
    yield fabric.positions[:chips]
    if fabric.chip.topology.routing is RoutingKind.XY:
        return
    if not fabric.broken:
        yield from _striped(_area(fabric, chips), fabric) if chips > 2 else ()
        return
    for area in areas(fabric, chips):
        yield from patches(fabric, area, chips)
        yield from _striped(area, fabric)


def _striped(area: Sequence[Router], fabric: Fabric) -> Iterator[tuple[Router, ...]]:
    for width in WIDTHS:
        for across in (False, True):
            order = tuple(_strips(area, width, across))
            yield order
            yield _whole_first(order, fabric)


def _whole_first(order: tuple[Router, ...], fabric: Fabric) -> tuple[Router, ...]:
    """Chips with fewer cores than others come last: where boards have more chips than are needed, they are left out."""
    ordered = replace(fabric, positions=order)
    usable = fabric.chip.topology.cores_per_chip.count
    return tuple(sorted(order, key=lambda position: ordered.free_cores(ordered.index_of[position]) < usable))


def _strips(area: Sequence[Router], width: int, across: bool) -> list[Router]:
    """The positions strip by strip, one to the right and the next to the left."""
    swapped = [(y, x) if across else (x, y) for x, y in area]

    def key(p: Router) -> tuple[int, int, int]:
        strip = p[1] // width
        return strip, p[0] if strip % 2 == 0 else -p[0], p[1]

    return [(y, x) if across else (x, y) for x, y in sorted(swapped, key=key)]


def _area(fabric: Fabric, chips: int) -> tuple[Router, ...]:
    """The positions of as few whole boards as have so many chips; of chips without boards, the first in order."""
    boards = fabric.system.boards
    if boards is None:
        return fabric.positions[:chips]
    per_board = sum(last - first + 1 for first, last in boards.row_spans)
    return _boards(fabric.system, -(-chips // per_board))


def _boards(system: System, count: int) -> tuple[Router, ...]:
    """The positions of so many boards: each next one has most links to those before it."""
    boards = system.boards
    assert boards is not None
    corners = corners_of(system, boards, count)
    found: list[Router] = board_at(corners[0], boards, system)
    left = corners[1:]
    for _ in range(min(count - 1, len(left))):
        inside = set(found)
        touching = {corner: _links(board_at(corner, boards, system), inside, system) for corner in left}
        best = min(left, key=lambda corner: (-touching[corner], max(corner), corner))
        left.remove(best)
        found += board_at(best, boards, system)
    return tuple(found)


def _links(board: Sequence[Router], inside: set[Router], system: System) -> int:
    """Links between a board and positions."""
    columns, rows = system.columns, system.rows
    return sum(((x + dx) % columns, (y + dy) % rows) in inside for x, y in board for dx, dy in HEX_STEPS)


def around(fabric: Fabric, used: Sequence[Router]) -> Fabric:
    """The same system with these chips first, then their neighbours, which messages cross rather than others."""
    near = dict.fromkeys(used)
    for position in [*near]:
        for dx, dy in fabric.steps:
            x, y = position[0] + dx, position[1] + dy
            there = (x % fabric.system.columns, y % fabric.system.rows) if fabric.wraps else (x, y)
            if there in fabric.index_of:
                near.setdefault(there)
    return replace(fabric, positions=(*near, *(p for p in fabric.positions if p not in near)))
