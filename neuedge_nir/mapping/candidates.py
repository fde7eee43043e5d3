"""Candidate tilings of every population, targets before their sources."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from neuedge_nir.chip.model import Limit
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.asked import Tiles
from neuedge_nir.mapping.demand import DOWNSTREAM, PLACED, Demands
from neuedge_nir.mapping.obey import cutting
from neuedge_nir.mapping.partition import Destinations
from neuedge_nir.mapping.split import Tiling, asked_tiling, tilings
from neuedge_nir.mapping.timing import feed_forward_order
from neuedge_nir.network.slices import Slice

Candidates = tuple[list[list[Tiling]], Destinations]
"""Tilings by population, in the network's order, and one cut of each that its sources may rely on."""


def ways_to_cut(demands: Demands, most_slices: int, asked: Mapping[str, Tiles]) -> Iterator[Candidates]:
    """Candidates, and where a formula depends on how targets are cut, others for targets that ask less of sources.

    Raises `NoPlanError` where no way has a tiling of at most `most_slices` slices for every population.
    """
    failed, found = None, False
    for spares_sources in (False, True) if demands.depends_on_targets else (False,):
        try:
            candidates = _candidates(demands, most_slices, asked, spares_sources)
        except NoPlanError as error:
            failed = failed or error
        else:
            found = True
            yield candidates
    if not found and failed is not None:
        raise failed


def promising(ways: Iterable[Candidates], demands: Demands) -> Iterable[Candidates]:
    """Those first whose slices ask for fewer cores: how many they take says which of the others are worth a try."""
    if not demands.depends_on_targets:
        return ways
    return sorted(ways, key=lambda way: asked_of([options[0] for options in way[0]], demands))


def asked_of(pick: Sequence[Tiling], demands: Demands) -> int:
    """The cores that the slices of these tilings take at least, however they are packed."""
    used = ((sum(t.total[i] for t in pick), demands.capacity[i]) for i in demands.per_core)
    return max((-(-total // most) for total, most in used), default=1)


def _candidates(demands: Demands, most_slices: int, asked: Mapping[str, Tiles], spares_sources: bool) -> Candidates:
    """Targets come before their sources.

    Where a formula depends on how the targets are cut, only the candidate that the sources were counted with stays: the
    one that takes the fewest cores alone or, if it `spares_sources`, together with what its axons ask of them.
    """
    cuts: dict[str, tuple[tuple[Slice, ...], ...]] = dict(demands.uncut())
    found: dict[str, list[Tiling]] = {}
    known: dict[Hashable, list[Tiling]] = {}
    for name in targets_first(demands):
        family = demands.family(name)
        kind = family, cutting(name, demands.constraints)
        if name not in asked and kind not in known:
            known[kind] = tilings(name, demands, cuts, most_slices)
        of_size = [asked_tiling(name, asked[name], demands, cuts)] if name in asked else known[kind]
        options = [replace(tiling, population=name) for tiling in of_size]
        best = min(options, key=lambda t: (_cores(t, demands, spares_sources), len(t), t.axons))
        found[name] = [best] if demands.depends_on_targets else options
        if demands.depends_on_targets:
            cuts[name] = tuple((part,) for part in best.parts)
    return [found[p.name] for p in demands.legal.network.populations], cuts


def targets_first(demands: Demands) -> list[str]:
    """By their depth, the deepest first: with Delays a target may run at a smaller lag than its source."""
    network = demands.legal.network
    depth = dict.fromkeys(network.sources, 0)
    for edge in feed_forward_order(network):
        if edge.target in depth and not edge.steps:
            depth[edge.target] = max(depth[edge.target], depth[edge.source] + 1)
    return sorted((p.name for p in network.populations), key=lambda name: -depth[name])


def _cores(tiling: Tiling, demands: Demands, spares_sources: bool) -> int:
    alone = max((math.ceil(tiling.total[i] / demands.capacity[i]) for i in demands.per_core), default=1)
    return alone + _cores_of_sources(tiling, demands) if spares_sources else alone


def _cores_of_sources(tiling: Tiling, demands: Demands) -> int:
    """The cores that the axons into a tiling fill with their entries where the sources are; none at the host's."""
    inner = {p.name for p in demands.legal.network.populations}
    if not any(p.projection.source in inner for p in demands.legal.into(tiling.population)):
        return 0
    rules = [(limit, demands.capacity[i]) for i, limit in enumerate(demands.limits) if limit.formula in DOWNSTREAM]
    return max((math.ceil(tiling.axons * _entries(limit, demands) / room) for limit, room in rules), default=0)


def _entries(limit: Limit, demands: Demands) -> int:
    """What an axon takes of a limit on output axons."""
    crosses = demands.crossed and limit.formula in PLACED
    return 1 + demands.parameter(limit, "crossing_entries") if crosses else 1
