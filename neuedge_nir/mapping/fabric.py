"""The routers, links and core sites of as many chips as a plan uses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Chip, Mesh, RoutingKind, System
from neuedge_nir.mapping.closed import NOWHERE, OPEN, Closed

if TYPE_CHECKING:
    import networkx

Router = tuple[int, int]
"""Column and row of a router, counted over the whole system: chips join edge to edge."""

Link = tuple[Router, Router]

MESH_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
HEX_STEPS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))

CROSSING_WEIGHT = 10
"""Hops that placement counts for leaving a chip, on top of the hop itself: it steers, no figure uses it."""


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A core: its chip (counted in the order chips are filled), its router, and which of the router's cores it is."""

    chip: int
    router: Router
    slot: int


@dataclass(frozen=True, eq=False)
class Fabric:
    """A system of chips. `positions` are the chips in the order they are filled, as (column, row) of the system.

    `dead` are links that carry nothing, named in both directions, `gone` chips that do not work and are not counted;
    `closed` is what nothing may stand on, of chips that pass messages on all the same too.
    """

    chip: Chip
    system: System
    positions: tuple[Router, ...]
    dead: frozenset[Link] = frozenset()
    gone: frozenset[Router] = frozenset()
    closed: Closed = OPEN

    @property
    def hex(self) -> bool:
        return self.chip.topology.mesh in (Mesh.HEX, Mesh.HEX_TORUS)

    @property
    def wraps(self) -> bool:
        return self.system.wraps or self.chip.topology.mesh is Mesh.TORUS

    @cached_property
    def chip_columns(self) -> int:
        return self.chip.topology.columns.count

    @cached_property
    def chip_rows(self) -> int:
        return self.chip.topology.rows.count

    @property
    def columns(self) -> int:
        return self.system.columns * self.chip_columns

    @property
    def rows(self) -> int:
        return self.system.rows * self.chip_rows

    @cached_property
    def index_of(self) -> dict[Router, int]:
        return {position: i for i, position in enumerate(self.positions)}

    def chip_of(self, router: Router) -> int:
        """The chip that a router belongs to."""
        return self.index_of[(router[0] // self.chip_columns, router[1] // self.chip_rows)]

    def cores_of(self, chip: int) -> int:
        """The usable cores of a chip: fewer, perhaps, at the corner of its board."""
        usable, boards = self.chip.topology.cores_per_chip.count, self.system.boards
        if boards is None or boards.corner_cores is None or chip >= len(self.positions):
            return usable
        here = self.positions[chip]
        return boards.corner_cores.count if self.board_of(here) == here else usable

    def free_cores(self, chip: int) -> int:
        """The usable cores of a chip that are not closed."""
        usable = self.cores_of(chip)
        return self.closed.left(self.positions[chip], usable) if chip < len(self.positions) else usable

    @property
    def broken(self) -> bool:
        """Whether chips are not as they are elsewhere: some or their links do not work, or are closed."""
        return bool(self.dead or self.gone or self.closed.poorer)

    def boards_of(self, chips: Iterable[int]) -> int | None:
        """How many boards these chips stand on; None where chips are powered one by one."""
        return None if self.system.boards is None else len({self.board_of(self.positions[chip]) for chip in chips})

    def board_of(self, position: Router) -> Router | None:
        """The corner of the board that a chip stands on; a torus of boards has one across its edge too."""
        boards = self.system.boards
        for left, low in boards.corners if boards is not None else ():
            assert boards is not None
            x, y = (position[0] - left) % boards.period, (position[1] - low) % boards.period
            if y < len(boards.row_spans) and boards.row_spans[y][0] <= x <= boards.row_spans[y][1]:
                return (position[0] - x) % self.system.columns, (position[1] - y) % self.system.rows
        return None

    def sites(self, held: Sequence[int]) -> list[Site]:
        """Usable cores of the first chips, along a path that goes back and forth over each chip's routers.

        `held[i]` is how many cores chip i must offer; a chip that is far from full offers a square near its corner,
        since cores far off gain nothing.
        """
        return [site for chip, count in enumerate(held) for site in self._chip_sites(chip, count)]

    def _chip_sites(self, chip: int, count: int) -> list[Site]:
        column, row = self.positions[chip]
        per_router = self.chip.topology.cores_per_router.count
        count += self.closed.lost.get((column, row), 0)
        side = math.isqrt(max(0, 2 * count - 1) // per_router) + 2
        width = min(self.chip_columns, max(side, -(-side * side // self.chip_rows)))
        found = []
        for y in range(min(self.chip_rows, max(side, -(-side * side // self.chip_columns)))):
            across = range(width) if y % 2 == 0 else range(width - 1, -1, -1)
            for x in across:
                router = (column * self.chip_columns + x, row * self.chip_rows + y)
                slots = [slot for slot in range(min(per_router, count)) if not self.closed.shuts(router, slot)]
                found += [Site(chip, router, slot) for slot in slots]
        return found[: self.free_cores(chip)]

    @cached_property
    def steps(self) -> tuple[tuple[int, int], ...]:
        return HEX_STEPS if self.hex else MESH_STEPS

    def neighbours(self, router: Router) -> Iterator[Router]:
        """The routers one link away."""
        for dx, dy in self.steps:
            x, y = router[0] + dx, router[1] + dy
            if self.wraps:
                x, y = x % self.columns, y % self.rows
            inside = 0 <= x < self.columns and 0 <= y < self.rows and (x, y) != router
            if inside and self.fitted((x, y)) and (router, (x, y)) not in self.dead:
                yield x, y

    def fitted(self, router: Router) -> bool:
        return (router[0] // self.chip_columns, router[1] // self.chip_rows) in self.index_of

    def graph(self, corner: Router = (0, 0), far: Router | None = None) -> networkx.DiGraph:
        """The routers between two corners and the links between them, as a NetworkX graph."""
        import networkx

        last = far or (self.columns - 1, self.rows - 1)
        found = networkx.DiGraph()
        for x in range(corner[0], last[0] + 1):
            for y in range(corner[1], last[1] + 1):
                if self.fitted((x, y)):
                    found.add_node((x, y))
        for router in list(found):
            found.add_edges_from((router, other) for other in self.neighbours(router) if other in found)
        return found

    def xy_path(self, source: Router, target: Router) -> list[Router]:
        """The routers of the dimension-order path: along the row first, then along the column.

        Where the mesh wraps, the shorter way round; of two equal ones, the one that counts up.
        """
        (x, y), (x2, y2) = source, target
        row = [(at, y) for at in self._along(x, x2, self.columns)]
        column = [(x2, at) for at in self._along(y, y2, self.rows)]
        return [source, *row, *column]

    def _along(self, start: int, end: int, size: int) -> Iterator[int]:
        """The positions from `start`, left out, to `end` on one axis."""
        offset = end - start
        if self.wraps and 2 * abs(offset) > size:
            offset -= size if offset > 0 else -size
        elif self.wraps and 2 * offset == -size:
            offset = -offset
        step = 1 if offset > 0 else -1
        for k in range(1, abs(offset) + 1):
            yield (start + k * step) % size if self.wraps else start + k * step

    def farthest_axis(self, source: Router, target: Router) -> int:
        """The most routers that a dimension-order path passes along one axis."""
        return max(
            len(list(self._along(*ends))) for ends in zip(source, target, (self.columns, self.rows), strict=True)
        )

    def hops(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Links from sources to targets, arrays (..., 2) of routers, in a mesh without missing chips."""
        offsets = targets - sources
        if not self.wraps:
            return self._length(offsets)
        size = np.array([self.columns, self.rows])
        shifts = [np.array([i, j]) * size for i in (-1, 0, 1) for j in (-1, 0, 1)]
        return np.asarray(np.min([self._length(offsets + shift) for shift in shifts], axis=0))

    def _length(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        dx, dy = offsets[..., 0], offsets[..., 1]
        if not self.hex:
            return np.asarray(np.abs(dx) + np.abs(dy))
        return np.asarray(np.where(dx * dy >= 0, np.maximum(np.abs(dx), np.abs(dy)), np.abs(dx) + np.abs(dy)))

    def way_costs(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Hops from sources to targets, arrays (..., 2), with `CROSSING_WEIGHT` more for every chip border."""
        size = np.array([self.chip_columns, self.chip_rows])
        borders = np.abs(targets // size - sources // size).sum(axis=-1)
        return np.asarray(self.hops(sources, targets) + CROSSING_WEIGHT * borders, dtype=np.float64)


def fabric_for(
    chip: Chip,
    chips: int,
    available: int | None = None,
    dead: frozenset[Link] = frozenset(),
    gone: frozenset[Router] = frozenset(),
    closed: Closed = OPEN,
    cores: int = 0,
) -> Fabric:
    """The smallest published system with at least that many open chips: there is one up to `largest_system`.

    Under dimension-order routing messages turn at corners, so the chips filled first form a rectangle, of at most
    `available` chips if there is one: in any other shape they would cross chips that hold nothing. Chips that are
    `gone` are left out, `dead` links named. Of what is `closed`, chips that lack cores come after whole ones; with
    `cores` so do corners of boards, and a larger system is taken where so many chips of a smaller one have not so many.
    """
    shut = gone | closed.chips
    working = {s.name: s.chips - len(shut and shut.intersection(_positions(s))) for s in chip.topology.systems}
    fitting = [system for system in chip.topology.systems if working[system.name] >= chips]
    found = [
        Fabric(chip, system, _in_order(chip, system, chips, available, gone, closed, cores > 0), dead, gone, closed)
        for system in sorted(fitting, key=lambda s: (s.chips, s.name))[: None if cores else 1]
    ]
    return next((one for one in found if sum(map(one.free_cores, range(chips))) >= cores), found[0])


def _in_order(
    chip: Chip,
    system: System,
    chips: int,
    available: int | None,
    gone: frozenset[Router],
    closed: Closed,
    whole_first: bool,
) -> tuple[Router, ...]:
    """The working chips of a system in the order in which they are filled."""
    positions = tuple(position for position in _positions(system) if position not in gone)
    room, full = dict[Router, int](), 0
    if closed.poorer or whole_first:
        whole = chip.topology.cores_per_chip.count
        fewer, corners = _corners(system)
        room = {p: closed.left(p, fewer if p in corners else whole) for p in closed.poorer | corners}
        full = closed.left(NOWHERE, whole)
        positions = tuple(sorted(positions, key=lambda p: -room.get(p, full)))
    if chip.topology.routing is RoutingKind.XY:
        open_ = [position for position in positions if position not in closed.chips]
        block = _rectangle(chips, open_, available if available is not None else system.chips)
        block = tuple(sorted(block, key=lambda p: -room.get(p, full)))
        positions = (*block, *(position for position in positions if position not in set(block)))
    return positions


def _corners(system: System) -> tuple[int, frozenset[Router]]:
    """The chips at the corners of boards, where they have fewer cores than others, and how many they have."""
    boards = system.boards
    if boards is None or boards.corner_cores is None:
        return 0, frozenset()
    return boards.corner_cores.count, frozenset(
        ((x + left) % system.columns, (y + low) % system.rows)
        for x in range(0, system.columns, boards.period)
        for y in range(0, system.rows, boards.period)
        for left, low in boards.corners
    )


def _rectangle(chips: int, fitted: Sequence[Router], available: int) -> tuple[Router, ...]:
    """The fewest chips in a rectangle that hold so many, row by row; () where no rectangle will do.

    At the origin, or where a chip there is missing at the next one. A long row of chips has long ways: one side is at
    most four times the other, unless nothing else is allowed.
    """
    widths, there = range(1, chips + 1), set(fitted)
    shapes = [(w, -(-chips // w)) for w in widths if w * -(-chips // w) <= available]
    shapes.sort(key=lambda s: (max(s) > 4 * min(s), s[0] * s[1], max(s), s))
    for left, low in fitted:
        for width, height in shapes:
            if all((left + x, low + y) in there for x in range(width) for y in range(height)):
                return tuple((left + x, low + y) for y in range(height) for x in range(width))
    return ()


def _positions(system: System) -> tuple[Router, ...]:
    """The fitted chips from the origin outwards, so that the first n of them stand close together."""
    spans = system.row_spans or tuple((0, system.columns - 1) for _ in range(system.rows))
    fitted = [(x, y) for y, (first, last) in enumerate(spans) for x in range(first, last + 1)]
    fitted.sort(key=lambda p: (max(p), p[0] + p[1], p[1]))
    return tuple(fitted[: system.chips])


def how_to_have_more(chip: Chip, available: int) -> str:
    """What to do for more chips than are available; where no larger system is published, what to do without."""
    most = largest_system(chip)
    if available < most:
        return "raise --chips"
    system = "is one chip" if most == 1 else f"has {most:,} chips"
    return f"the largest published system of {chip.title} {system}, so --chips cannot be raised: take another chip"


def largest_system(chip: Chip, gone: frozenset[Router] = frozenset()) -> int:
    """The chips of the largest published system, without those that are `gone`."""
    systems = chip.topology.systems
    return max((s.chips - len(gone and gone.intersection(_positions(s))) for s in systems), default=1)
