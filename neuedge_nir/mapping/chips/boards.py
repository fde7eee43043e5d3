"""The boards of a system: their corners, and the chips on each."""

from __future__ import annotations

from neuedge_nir.chip.model import Boards, System
from neuedge_nir.mapping.fabric import Router


def corners_of(system: System, boards: Boards, count: int) -> list[Router]:
    """Corners of boards near the origin, more than enough for so many boards."""
    triads = int((count / len(boards.corners)) ** 0.5) + 2
    within = min(triads * boards.period, max(system.columns, system.rows))
    return sorted(
        (
            ((x + left) % system.columns, (y + low) % system.rows)
            for x in range(0, min(within, system.columns), boards.period)
            for y in range(0, min(within, system.rows), boards.period)
            for left, low in boards.corners
        ),
        key=lambda corner: (max(corner), corner),
    )


def board_at(corner: Router, boards: Boards, system: System) -> list[Router]:
    """The positions of a board's chips."""
    return [
        ((corner[0] + x) % system.columns, (corner[1] + y) % system.rows)
        for y, (first, last) in enumerate(boards.row_spans)
        for x in range(first, last + 1)
    ]
