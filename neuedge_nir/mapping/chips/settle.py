"""Where in the machine each chip of a plan is: fewer links, by estimate, for the trees that its messages take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuedge_nir.mapping.chips.ground import Ground
from neuedge_nir.mapping.chips.kernels import CHANCES, SEED, cooling, granted, settle
from neuedge_nir.mapping.chips.nets import Nets

STEPS = 2000
"""Moves tried for each chip, at normal effort."""

HEATS = (2, 8)
"""Searches from the same start: their first heat is a link more for all messages of the mean net, over this."""

RING = 18
"""Positions around a chip that its friends may take: all within two links, on a hexagonal mesh."""


def spanning(places: Sequence[int], ground: Ground) -> int:
    """Links of the shortest tree that spans some positions, if it branches at them alone."""
    where = np.array(places)
    reach, links = ground.ways(places[0], where).copy(), 0
    open_ = np.ones(len(where), dtype=bool)
    open_[0] = False
    while open_.any():
        best = int(np.argmin(np.where(open_, reach, np.iinfo(np.int64).max)))
        links, open_[best] = links + int(reach[best]), False
        reach = np.minimum(reach, ground.ways(places[best], where))
    return links


def costs_of(nets: Nets, position: Sequence[int], ground: Ground) -> list[int]:
    """By net of chips: messages times the links of a tree that reaches all its targets from each of its senders.

    A sender joins the tree that spans the targets at the nearest of them, as multicast trees do that are grown to the
    nearest target first.
    """
    found = []
    for net, weight in enumerate(nets.weights):
        targets = [position[chip] for chip in nets.targets(net).tolist()]
        where = np.array(targets)
        joining = sum(load * int(ground.ways(position[chip], where).min()) for chip, load in nets.senders(net))
        found.append(weight * spanning(targets, ground) + joining)
    return found


def settled(
    nets: Nets, position: Sequence[int], held: Sequence[int], allowed: Sequence[int], ground: Ground, effort: str
) -> tuple[list[int], str]:
    """The position of every chip, of those allowed, with no longer ways than before; what ran the search ("": none).

    `held` are the cores that each chip uses: a position has to offer as many.
    """
    far = ground.far
    if not len(nets) or len(allowed) < 2 or far is None:
        return list(position), ""
    number = {place: k for k, place in enumerate(allowed)}
    far = far[np.ix_(allowed, allowed)]
    near = np.argsort(far, axis=1, kind="stable")[:, 1 : min(RING, len(allowed) - 1) + 1]
    sizes = list(zip(np.diff(nets.start).tolist(), np.diff(nets.first).tolist(), strict=True))
    kernel, engine, work = granted(settle, 2 * STEPS * sum(t * (t + s) ** 2 for t, s in sizes), effort)
    tables = (far.ravel(), near.ravel()) if engine == "numba" else (far.ravel().tolist(), near.ravel().tolist())
    cores, costs = [ground.cores[place] for place in allowed], costs_of(nets, position, ground)
    tried = [(0, list(position))]
    for run, part in enumerate(HEATS):
        found, tenant = [number[place] for place in position], [-1] * len(allowed)
        for chip, place in enumerate(found):
            tenant[place] = chip
        spare = list(costs), [0] * len(nets), [0] * len(nets), [0] * max(t for t, _ in sizes)
        cool = cooling(sum(nets.weights) // (part * len(nets)))
        given = (tenant, list(held), cores, *tables, *_structure(nets), *spare, list(CHANCES), cool)
        change = kernel(found, *given, work // len(HEATS), SEED + run)
        tried.append((change, [allowed[k] for k in found]))
    return min(tried)[1], engine


def _structure(nets: Nets) -> tuple[list[int], ...]:
    """Targets and senders of every net, its messages, and the nets of every chip."""
    ends, parts = (nets.start, nets.reached, nets.first, nets.sender, nets.load), nets.entries
    return *(each.tolist() for each in ends), nets.weights, parts.first.tolist(), parts.net.tolist()
