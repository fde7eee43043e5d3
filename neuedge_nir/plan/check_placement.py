"""How far messages go at least, and how far they would have to go at best: counted again from cores and routes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np

from neuedge_nir.plan.check_links import Grid
from neuedge_nir.plan.check_mesh import Ints, Messages, messages_of
from neuedge_nir.plan.check_rules import same
from neuedge_nir.plan.model import Plan

BLOCK = 1 << 20
"""Messages whose ways are measured at a time."""


def check_placement(plan: Plan, grid: Grid) -> None:
    """The hops of the placement, and their bound."""
    stated = plan.cost.traffic.placed
    rates = [plan.activity.rates[plan.cores[r.core].slices[r.slice].population] for r in plan.routes]
    sent = messages_of(plan, rates)
    blocks = (sent[start : start + BLOCK] for start in range(0, len(sent.load), BLOCK))
    hops = math.fsum(float((some.load * _links(plan, grid, some)).sum()) for some in blocks)
    same("PLAN230", "hops of the placement", stated.hops, hops)
    same("PLAN231", "bound on hops", stated.bound, _bound(plan, sent))


def _links(plan: Plan, grid: Grid, sent: Messages) -> Ints:
    """Links of the shortest way of every message, in a machine without gaps: round a torus, the best of all ways."""
    slanted, (across, along) = plan.chip.topology.mesh.value.startswith("hex"), grid.extent
    turns = [(0, 0)]
    if grid.torus:
        turns = [(x * across, y * along) for x in (-1, 0, 1) for y in (-1, 0, 1)]
    best = None
    for turn in turns:
        dx, dy = (sent.end - sent.start + np.array(turn)).T
        # A slanted link goes one step along both axes at once.
        spared = np.where(np.sign(dx) == np.sign(dy), np.minimum(abs(dx), abs(dy)), 0) if slanted else 0
        links = abs(dx) + abs(dy) - spared
        best = links if best is None else np.minimum(best, links)
    assert best is not None
    return np.asarray(best)


def _bound(plan: Plan, sent: Messages) -> float:
    """Core by core: its exchanges, the heaviest first, beside the distances of other cores, the nearest first."""
    count = len(plan.cores)
    origin = np.array([route.core for route in plan.routes], dtype=np.int64)[sent.route]
    pairs, number = np.unique(
        np.minimum(origin, sent.core) * count + np.maximum(origin, sent.core), return_inverse=True
    )
    once = np.bincount(number.ravel(), sent.load, len(pairs))
    core, exchanged = np.concatenate([pairs // max(1, count), pairs % max(1, count)]), np.tile(once, 2)
    often = np.bincount(core)
    distances = np.fromiter(islice(_distances(plan), int(often.max(initial=0))), dtype=np.int64)
    heaviest = exchanged[np.lexsort((-exchanged, core))]
    nearest = np.concatenate([np.zeros(0, dtype=np.int64), *(distances[:many] for many in often.tolist())])
    return math.fsum(heaviest * nearest) / 2


def _distances(plan: Plan) -> Iterator[int]:
    """Hops to the other cores of the same router, then to those of ever wider rings of routers."""
    topology = plan.chip.topology
    cores = int(min(topology.cores_per_router.typical, topology.cores_per_chip.typical))
    corners = 6 if topology.mesh.value.startswith("hex") else 4
    yield from (0 for _ in range(cores - 1))
    ring = 0
    while True:
        ring += 1
        yield from (ring for _ in range(corners * ring * cores))
