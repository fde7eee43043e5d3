"""Annealing at low temperatures: seeded, in whole numbers, limited by the entries it looks at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.placing import kernel
from neuedge_nir.mapping.placing.compiled import compiled_by_numba
from neuedge_nir.mapping.placing.floor import Floor
from neuedge_nir.mapping.placing.graph import Graph, Ints

ROUNDS = 50
"""Temperatures of an annealing."""

SMALL = 64
"""Clusters up to which numba is not loaded for few visits."""

PLAIN_VISITS = 1_000_000
"""Entries that plain Python looks at in about the time that numba takes to be loaded."""

MOST_PLAIN_VISITS = 60_000_000
"""Entries that plain Python looks at where numba is not installed; it takes some ten seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Rooms:
    """What the cores of a chip share: what each cluster uses of it, and how much there is, by limit."""

    uses: Ints  # (clusters, limits)
    most: Ints  # (limits)

    @classmethod
    def none(cls, count: int) -> Rooms:
        return cls(np.zeros((count, 0), dtype=np.int64), np.zeros(0, dtype=np.int64))

    def used(self, floor: Floor, seats: Ints) -> Ints:
        """What is used on every chip, (chips, limits)."""
        found = np.zeros((int(floor.chip.max(initial=0)) + 1, len(self.most)), dtype=np.int64)
        np.add.at(found, floor.chip[seats], self.uses)
        return found

    def hold(self, floor: Floor, seats: Ints) -> bool:
        """Whether no chip holds more than it has room for."""
        return bool((self.used(floor, seats) <= self.most).all())


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What stays the same while clusters move: who talks to whom, the sites, shared limits and who may stand where.

    `may[i, s]`: cluster i may stand on site s; None: all may.
    """

    graph: Graph
    floor: Floor
    rooms: Rooms
    may: NDArray[np.bool_] | None = None

    def cost(self, seats: Ints) -> int:
        return self.floor.cost(self.graph, seats)


@dataclass(frozen=True, slots=True)
class Schedule:
    """From `hot` to `cold`, in mean weights, with `tries` for each cluster, at most `visits` entries, and a seed.

    Sites are tried up to `reach` columns and rows away.
    """

    hot: float
    cold: float
    tries: float
    reach: int
    visits: float
    seed: int = 1


def annealed(ground: Ground, seats: Ints, schedule: Schedule) -> tuple[Ints, str]:
    """Seats that cost no more than those given, and what ran: "" where that makes no difference, "python" or "numba".

    The same with numba and without, but where that would take plain Python more than `MOST_PLAIN_VISITS`.
    """
    graph, floor = ground.graph, ground.floor
    if graph.count < 2 or not len(graph.weights):
        return seats, ""
    order = np.argsort(_along_curve(floor)[seats], kind="stable")
    near = graph.renumbered(order)
    # A try looks at the partners of two clusters.
    mean = 2 * len(graph.weights) / graph.count
    wanted = min(schedule.tries * graph.count * mean, schedule.visits)
    run, wanted, name = _runner(graph.count, wanted)
    tries = max(1, int(wanted / mean / ROUNDS))
    moved = _run(
        run, Ground(near, floor, _of(ground.rooms, order), _may(ground.may, order)), seats[order], schedule, tries
    )
    found = np.empty_like(seats)
    found[order] = moved
    return (found if ground.cost(found) < ground.cost(seats) else seats), name


def _runner(count: int, visits: float) -> tuple[Callable[..., Any] | None, float, str]:
    """Numba's kernel, or None for plain Python; how many entries it may look at, and its name where that matters."""
    if count <= SMALL and visits <= PLAIN_VISITS:
        return None, visits, ""
    compiled = compiled_by_numba(kernel.anneal)
    if compiled is None:
        return None, min(visits, MOST_PLAIN_VISITS), "python" if visits > MOST_PLAIN_VISITS else ""
    return compiled, visits, "numba" if visits > MOST_PLAIN_VISITS else ""


def _of(rooms: Rooms, order: Ints) -> Rooms:
    return Rooms(rooms.uses[order], rooms.most)


def _may(may: NDArray[np.bool_] | None, order: Ints) -> NDArray[np.bool_] | None:
    return None if may is None else may[order]


def _run(run: Callable[..., Any] | None, ground: Ground, seats: Ints, schedule: Schedule, tries: int) -> Ints:
    graph, floor, rooms = ground.graph, ground.floor, ground.rooms
    tenant = np.full(floor.count, -1, dtype=np.int64)
    tenant[seats] = np.arange(graph.count)
    first, held = _cells(floor)
    may = np.zeros(0, dtype=np.uint8) if ground.may is None else ground.may.ravel().astype(np.uint8)
    table = np.zeros(1, dtype=np.int64) if floor.plain else floor.table
    moving = [_small(each) for each in (seats, tenant, *(where[seats] for where in _places(floor)))]
    fixed = [_small(graph.starts), _small(graph.others), graph.weights]
    ways = (floor.width, floor.height, floor.wraps, floor.plain, floor.crossing, _small(table), _small(floor.chip))
    limits = (rooms.uses.ravel(), rooms.used(floor, seats).ravel(), rooms.most, may)
    pace = (THRESHOLDS, _temperatures(graph, schedule), _reaches(floor, schedule), tries, schedule.seed)
    places = [_small(each) for each in (floor.chip_x, floor.chip_y, first, held)]
    given = [*fixed, *moving, *places, *ways, *limits, *pace]
    if run is not None:
        run(*given)
        return np.asarray(given[len(fixed)], dtype=np.int64)
    listed: list[Any] = [each.tolist() if isinstance(each, np.ndarray) else each for each in given]
    kernel.anneal(*listed)
    return np.array(listed[len(fixed)], dtype=np.int64)


def _places(floor: Floor) -> tuple[Ints, Ints, Ints, Ints]:
    return floor.x, floor.y, floor.chip_x, floor.chip_y


def _small(values: Ints) -> NDArray[np.int32]:
    return values.astype(np.int32)


def _cells(floor: Floor) -> tuple[Ints, Ints]:
    """The sites at each point, column after column: those of cell c are `held[first[c]:first[c + 1]]`."""
    cell = floor.x * floor.height + floor.y
    first = np.zeros(floor.width * floor.height + 1, dtype=np.int64)
    np.cumsum(np.bincount(cell, minlength=floor.width * floor.height), out=first[1:])
    return first, np.argsort(cell, kind="stable")


THRESHOLDS: Ints = np.array(
    [round(-math.log((k + 0.5) / kernel.STEPS) * kernel.STEPS) for k in range(kernel.STEPS)], dtype=np.int64
)
"""A change is done if it is at most the temperature times a random one of these / `STEPS`: with probability
exp(-change / temperature), in whole numbers."""


def _temperatures(graph: Graph, schedule: Schedule) -> Ints:
    mean = float(graph.weights.mean())
    steps = np.arange(ROUNDS) / (ROUNDS - 1)
    return np.rint(mean * schedule.hot * (schedule.cold / schedule.hot) ** steps).astype(np.int64)


def _reaches(floor: Floor, schedule: Schedule) -> Ints:
    """Far at first, one step at last."""
    far = max(1, min(schedule.reach, floor.width // 2, floor.height // 2))
    return np.maximum(1, np.rint(far * (1 - np.arange(ROUNDS) / (ROUNDS - 1)))).astype(np.int64)


def _along_curve(floor: Floor) -> Ints:
    """The place of each site on a Hilbert curve: who is near on it is near in memory."""
    return curve(floor.x, floor.y)


def curve(x: Ints, y: Ints, order: int = 12) -> Ints:
    """The positions of points on the Hilbert curve through a square of 2**order points a side."""
    x, y, index = x.copy(), y.copy(), np.zeros(len(x), dtype=np.int64)
    for level in range(order - 1, -1, -1):
        side = 1 << level
        right, up = (x >> level) & 1, (y >> level) & 1
        index += side * side * ((3 * right) ^ up)
        x, y = x & (side - 1), y & (side - 1)
        turned = (up == 0) & (right == 1)
        x, y = np.where(turned, side - 1 - x, x), np.where(turned, side - 1 - y, y)
        x, y = np.where(up == 0, y, x), np.where(up == 0, x, y)
    return index
