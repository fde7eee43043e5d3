"""The best of many starts: orders and waves, spread, then annealed from low temperatures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuedge_nir.events import Observer, Progress, silent
from neuedge_nir.mapping.placing.annealing import PLAIN_VISITS, SMALL, Ground, Schedule, annealed
from neuedge_nir.mapping.placing.coarsening import Ladder
from neuedge_nir.mapping.placing.floor import Floor
from neuedge_nir.mapping.placing.graph import Floats, Graph, Ints
from neuedge_nir.mapping.placing.spectral import waves
from neuedge_nir.mapping.placing.spreading import Halving, Pulls, spread

PAIRS = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (0, 4), (0, 5))
"""Waves taken as x and y. On a long graph the second wave is the first again, twice as fast: others stand across it."""

ANGLES = 8
"""Turns of a pair of waves, over half a circle: two equally slow waves are found mixed."""


FINER = 9
"""Times that the step between turns is halved around the best."""

MEDIUM, MEDIUM_VISITS = 512, 60_000_000
"""Clusters up to which fewer entries are looked at: so many take plain Python a quarter of a minute."""

LARGE = 6000
"""Clusters above which each start takes seconds: fewer are tried."""

MOST_ENTRIES = 1 << 20
"""Pairs of clusters that exchange anything, both ways, above which they do so too."""

DENSE = 32
"""Partners of a cluster, on average, above which pulling gains little and costs much."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried, all counted in operations.

    `pairs` of waves, `large_pairs` of large graphs; `cycles` of pulling and spreading for the best start, one for all
    others; `finalists` are annealed from each of the temperatures `hots`, with `tries` for each cluster and at most
    `visits` entries in all.
    """

    pairs: int
    large_pairs: int
    cycles: int
    finalists: int
    hots: tuple[float, ...]
    tries: float
    visits: float


EFFORTS = {
    "quick": Effort(3, 1, 1, 1, (2.0,), 300, 1e8),
    "normal": Effort(7, 4, 3, 2, (4.0, 16.0, 1.0), 3000, 1e9),
    "high": Effort(7, 7, 6, 4, (4.0, 16.0, 1.0, 8.0, 32.0, 2.0), 20000, 1e10),
}
EFFORTS["none"] = EFFORTS["quick"]

FEW = 64
"""Clusters up to which annealing finds from any start what it finds from the best."""

ENOUGH = 300
"""Tries for each cluster below which an annealing is not shared out any further."""

TRIES_BY_CLUSTER = 10
"""Tries for each cluster, times the number of clusters, that are always enough."""

COLD = 0.3
"""Mean weights at the end of an annealing: hardly any change for the worse is done then."""


def arranged(
    ground: Ground, starts: Sequence[Ints], effort: Effort, seed: int = 1, observer: Observer = silent
) -> tuple[Ints, str]:
    """Seats that cost no more than any of the starts, and what ran (see `annealed`)."""
    graph = ground.graph
    best = min(starts, key=ground.cost)
    if graph.count < 2 or not len(graph.weights):
        return best, ""
    if graph.count <= MEDIUM and effort != EFFORTS["quick"]:
        # Whoever takes more pains gets nothing worse for it.
        starts = [*starts, arranged(ground, starts, EFFORTS["quick"], seed)[0]]
        best = min(starts, key=ground.cost)
    found = _different([(ground.cost(start), start) for start in starts])
    if graph.count > FEW and ground.may is None:
        found = _spread_out(ground, found, effort)
    observer(Progress("place", 1, 3))
    found = _tried(ground, found, effort, seed) if graph.count > FEW else found[:1]
    observer(Progress("place", 2, 3))
    result = _best_annealed(ground, [best, *(seats for _, seats in found)], effort, seed)
    observer(Progress("place", 3, 3))
    return result


Found = list[tuple[int, Ints]]
"""Seats and what they cost, the cheapest first."""


def _spread_out(ground: Ground, found: Found, effort: Effort) -> Found:
    """With what waves are, and what pulling and spreading makes of all."""
    ladder = Ladder.of(ground.graph)
    pulls, halvings = Pulls.of(ladder), _halvings(ground.floor, found[0][1])
    if _large(ground.graph):
        found = found[:1]
    found = _different([*found, *_from_waves(ground, ladder, halvings, effort)])
    cycle = _cycle(ground.graph.count) * (1 if _large(ground.graph) else 2)
    for _, start in found[: 2 if _dense(ground.graph) else None]:
        found = [*found, *_spread(ground, pulls, halvings, start, cycle)]
    found = _different(found)
    return _different([*found, *_spread(ground, pulls, halvings, found[0][1], cycle * (effort.cycles - 1))])


def _large(graph: Graph) -> bool:
    """Whether a start takes seconds: for its clusters, or for all that they exchange."""
    return graph.count > LARGE or len(graph.weights) > MOST_ENTRIES


def _dense(graph: Graph) -> bool:
    return len(graph.weights) > DENSE * graph.count


def _cycle(count: int) -> tuple[int, ...]:
    """Pulls between spreads: as many as reach across the graph, then fewer and fewer."""
    times = [max(100, count // 64)]
    while times[-1] > 3:
        times.append(times[-1] * 3 // 10)
    return tuple(times)


def _tried(ground: Ground, found: Found, effort: Effort, seed: int) -> Found:
    """Those that a short annealing makes best."""
    some = found[: 4 * effort.finalists]
    if len(some) <= effort.finalists:
        return some
    schedule = Schedule(2.0, COLD, _tries(ground, effort) / 30, 2, _visits(ground, effort) / 10 / len(some), seed)
    after = [(ground.cost(moved), seats) for _, seats in some for moved, _ in (annealed(ground, seats, schedule),)]
    return _different(after)[: effort.finalists]


def _halvings(floor: Floor, seats: Ints) -> list[Halving]:
    sites = _compact(floor, seats)
    return [Halving.of(floor, sites, lying) for lying in (False, True)]


def _compact(floor: Floor, seats: Ints) -> Ints:
    """As many sites of every chip as are taken now, in a square at its corner."""
    held = np.bincount(floor.chip[seats])
    corner_x, corner_y = (_least_of_chip(floor, where) for where in (floor.x, floor.y))
    dx, dy = floor.x - corner_x[floor.chip], floor.y - corner_y[floor.chip]
    order = np.lexsort((np.arange(floor.count), dx + dy, np.maximum(dx, dy), floor.chip))
    chip = floor.chip[order]
    rank = np.arange(floor.count) - np.searchsorted(chip, chip)
    wanted = np.concatenate([held, np.zeros(int(chip.max()) + 1, dtype=np.int64)])
    return np.sort(order[rank < wanted[chip]])


def _least_of_chip(floor: Floor, where: Ints) -> Ints:
    found = np.full(int(floor.chip.max()) + 1, 1 << 40)
    np.minimum.at(found, floor.chip, where)
    return found


def _from_waves(
    ground: Ground, ladder: Ladder, halvings: Sequence[Halving], effort: Effort
) -> Iterator[tuple[int, Ints]]:
    """For each pair of waves, the best of its turns."""
    graph = ground.graph
    large = _large(graph)
    pairs = PAIRS[: effort.large_pairs if large else effort.pairs]
    ladders = [ladder]
    if not large and not _dense(graph) and bool((graph.weights != graph.weights[0]).any()):
        # All exchanges alike: a grid is a grid, whatever its weights are.
        ladders.append(Ladder.of(replace(graph, weights=np.ones_like(graph.weights))))
    for each in ladders:
        if not len(each.graphs[-1].weights):  # islands, each one cluster by now: no wave goes through more than one
            continue
        slow = waves(each, 1 + max(max(pair) for pair in PAIRS))
        for i, j in pairs:
            if max(i, j) < len(slow):
                best = _best_turn(ground, halvings[0], slow[i], slow[j], 0 if large else FINER)
                if ground.rooms.hold(ground.floor, best[1]):
                    yield best


def _best_turn(ground: Ground, halving: Halving, u: Floats, v: Floats, finer: int) -> tuple[int, Ints]:
    """The seats of the best of some turns, and of turns around it, nearer and nearer."""

    def at(angle: float) -> tuple[int, float, Ints]:
        seats = halving.seats(*_turned(u, v, angle))
        return ground.cost(seats), angle, seats

    step = math.pi / ANGLES
    best = min((at(k * step) for k in range(ANGLES)), key=lambda one: one[:2])
    for _ in range(finer):
        step /= 2
        best = min((best, at(best[1] - step), at(best[1] + step)), key=lambda one: one[:2])
    return best[0], best[2]


def _turned(u: Floats, v: Floats, angle: float) -> tuple[Ints, Ints]:
    """Two waves turned by an angle, rounded: what differs by less than that is the same."""
    c, s = math.cos(angle), math.sin(angle)
    return _rounded(c * u + s * v), _rounded(c * v - s * u)


def _rounded(wave: Floats) -> Ints:
    return np.rint(wave * ((1 << 28) / max(float(np.abs(wave).max()), 1e-300))).astype(np.int64)


def _spread(ground: Ground, pulls: Pulls, halvings: Sequence[Halving], start: Ints, times: Sequence[int]) -> Found:
    """What spreading makes of a start, where no chip then holds too much."""
    seats, cost = spread(pulls, ground.floor, halvings, start, times)
    return [(cost, seats)] if ground.rooms.hold(ground.floor, seats) else []


def _different(found: Sequence[tuple[int, Ints]]) -> Found:
    """The cheapest first, of each cost one."""
    return sorted({cost: (cost, seats) for cost, seats in reversed(found)}.values(), key=lambda one: one[0])


def _tries(ground: Ground, effort: Effort) -> float:
    """Tries for each cluster: fewer clusters have fewer arrangements."""
    return min(effort.tries, TRIES_BY_CLUSTER * ground.graph.count)


def _visits(ground: Ground, effort: Effort) -> float:
    """Entries that may be looked at: few of small graphs, so that numba need not be loaded."""
    most, count = effort.visits, ground.graph.count
    if count <= MEDIUM and most <= EFFORTS["normal"].visits:
        return min(most, PLAIN_VISITS if count <= SMALL else MEDIUM_VISITS)
    return most


def _best_annealed(ground: Ground, starts: Sequence[Ints], effort: Effort, seed: int) -> tuple[Ints, str]:
    """The work is shared evenly among starts and temperatures; of large graphs only low ones are worth it."""
    best, *finalists = starts
    hots = (min(effort.hots),) if ground.graph.count > LARGE else effort.hots
    runs, ran = [(seats, hot) for seats in finalists for hot in hots], ""
    worth = _visits(ground, effort) / (ENOUGH * 2 * len(ground.graph.weights))
    runs = runs[: max(1, int(worth))]
    for k, (seats, hot) in enumerate(runs):
        schedule = Schedule(
            hot, COLD, _tries(ground, effort) / len(runs), 2, _visits(ground, effort) / len(runs), seed + k
        )
        moved, name = annealed(ground, seats, schedule)
        best, ran = min(best, moved, key=ground.cost), ran or name
    return best, ran
