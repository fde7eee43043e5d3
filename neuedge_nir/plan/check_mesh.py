"""Messages under dimension order, link by link: all paths of some routes spelled out at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.plan.figures import Link
from neuedge_nir.plan.model import Plan

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CROSSINGS = 1 << 20
"""Links of paths that are spelled out at a time, but for those of one route."""

STEPS = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """From routers `start` to `end`, each (n, 2), so many in a step, by `route` and the `core` they go to."""

    start: Ints
    end: Ints
    load: Floats
    route: Ints
    core: Ints

    def __getitem__(self, some: slice) -> Messages:
        return Messages(self.start[some], self.end[some], self.load[some], self.route[some], self.core[some])


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """The links that messages cross, with what each carries; hops of trees; pairs of links in a row, where asked."""

    loads: dict[Link, float]
    tree_hops: float
    turns: set[tuple[Link, Link]]


def messages_of(plan: Plan, rates: Sequence[float]) -> Messages:
    """All messages that leave their core; `rates` are spikes of each route's neurons."""
    routers = np.array([core.router for core in plan.cores], dtype=np.int64).reshape(-1, 2)
    counts = [len(route.targets) for route in plan.routes]
    route = np.repeat(np.arange(len(counts)), counts)
    lists = {id(each.targets): each.targets for each in plan.routes}  # of few, perhaps, for many routes
    read = {key: np.fromiter(chain.from_iterable(targets), dtype=np.int64) for key, targets in lists.items()}
    pairs = np.concatenate([np.zeros(0, dtype=np.int64), *(read[id(each.targets)] for each in plan.routes)])
    pairs = pairs.reshape(-1, 2)
    origin = np.array([each.core for each in plan.routes], dtype=np.int64)[route]
    away = pairs[:, 0] != origin
    route, origin, core, count = route[away], origin[away], pairs[away, 0], pairs[away, 1]
    load = count * np.array(rates, dtype=np.float64)[route]
    return Messages(routers[origin], routers[core], load, route, core)


def offsets(start: Ints, end: Ints, extent: tuple[int, int], *, torus: bool) -> Ints:
    """How far along each axis, with its sign; round a torus the shorter way, upwards where both are as long."""
    straight = end - start
    if not torus:
        return straight
    around = np.array(extent)
    upwards = straight % around
    return np.asarray(np.where(2 * upwards > around, upwards - around, upwards))


def crossed(sent: Messages, extent: tuple[int, int], *, torus: bool) -> Crossed:
    """Along x first, then along y."""
    size = 4 * extent[0] * extent[1]
    loads, seen, tree_hops = np.zeros(size), np.zeros(size, dtype=bool), 0.0
    turns: set[tuple[int, int]] = set()
    for some in _blocks(sent, extent, torus=torus):
        which, links = _spelled_out(some, extent, torus=torus)
        loads += np.bincount(links, weights=some.load[which], minlength=size)
        seen[links] = True
        tree_hops += _widest(some.route[which] * size + links, some.load[which])
        if torus:
            on = which[1:] == which[:-1]
            turns.update(zip(links[:-1][on].tolist(), links[1:][on].tolist(), strict=True))
    named = {code: _link(code, extent, torus=torus) for code in np.flatnonzero(seen).tolist()}
    found = {link: float(loads[code]) for code, link in named.items()}
    return Crossed(found, tree_hops, {(named[a], named[b]) for a, b in turns})


def _blocks(sent: Messages, extent: tuple[int, int], *, torus: bool) -> Iterator[Messages]:
    """Whole routes, some at a time."""
    hops = np.abs(offsets(sent.start, sent.end, extent, torus=torus)).sum(axis=1)
    first = np.flatnonzero(np.diff(sent.route, prepend=-1))  # the first message of each route
    block = (np.cumsum(hops) - hops)[first] // CROSSINGS
    cuts = first[np.diff(block, prepend=-1) > 0].tolist()
    for start, stop in pairwise([*cuts, len(hops)]):
        yield sent[start:stop]


def _spelled_out(sent: Messages, extent: tuple[int, int], *, torus: bool) -> tuple[Ints, Ints]:
    """For each link of each path the message that crosses it, and the link's number."""
    offset = offsets(sent.start, sent.end, extent, torus=torus)
    far = np.abs(offset)
    hops = far.sum(axis=1)
    which = np.repeat(np.arange(len(hops)), hops)
    step = np.arange(len(which)) - np.repeat(np.cumsum(hops) - hops, hops)
    along = np.minimum(step, far[which, 0])
    at_x = sent.start[which, 0] + np.sign(offset[which, 0]) * along
    at_y = sent.start[which, 1] + np.sign(offset[which, 1]) * (step - along)
    axis = (step >= far[which, 0]).astype(np.int64)
    way = 2 * axis + (offset[which, axis] < 0)
    if torus:
        at_x, at_y = at_x % extent[0], at_y % extent[1]
    return which, (at_x * extent[1] + at_y) * 4 + way


def _widest(links: Ints, loads: Floats) -> float:
    """The sum over links, told apart by route too, of the most that any message has there."""
    if not links.size:
        return 0.0
    order = np.argsort(links, kind="stable")
    first = np.flatnonzero(np.diff(links[order], prepend=-1))
    return float(np.maximum.reduceat(loads[order], first).sum())


def _link(code: int, extent: tuple[int, int], *, torus: bool) -> Link:
    router, way = divmod(code, 4)
    x, y = divmod(router, extent[1])
    dx, dy = STEPS[way].tolist()
    there = ((x + dx) % extent[0], (y + dy) % extent[1]) if torus else (x + dx, y + dy)
    return (x, y), there
