"""Sequential fill: core after core with the longest runs that still fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from neuedge_nir.mapping.candidates import targets_first
from neuedge_nir.mapping.demand import Demand, Demands
from neuedge_nir.mapping.first_fit import Cores
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.mapping.split import longest_run
from neuedge_nir.network.slices import Run, Slice


def sequential(demands: Demands, cuts: Destinations, given: Mapping[str, Sequence[Slice]], most: int) -> Cores | None:
    """Fill core after core with the longest runs that still fit: the baseline that every mapper beats or equals.

    Populations whose slices are `given` keep them. Given up as soon as it takes more than `most` cores: what another
    way has reached, or what is tried at all.
    """
    names = [p.name for p in demands.legal.network.populations]
    known = dict(cuts)
    if demands.depends_on_targets:
        names = targets_first(demands)
    cores: list[list[Piece]] = [[]]
    room = demands.capacity
    for name in names:
        size, start = math.prod(demands.shapes[name]), 0
        groups: list[tuple[Slice, ...]] = []
        while start < size:
            left = _left(cores[-1], name, demands, room)
            part = _next(name, start, groups, given, demands, known, left)
            if part is None:
                if not cores[-1] or len(cores) == most:
                    return None
                cores.append([])
                room = demands.capacity
                continue
            piece = Piece(name, part)
            room = tuple(r - d for r, d in zip(room, demands.of(piece, known), strict=True))
            cores[-1].append(piece)
            groups.append((part,))
            start += part.neurons
        known[name] = tuple(groups)
    return tuple(tuple(core) for core in cores if core)


def _left(core: Sequence[Piece], name: str, demands: Demands, room: Demand) -> Demand:
    """What a core has left for a slice of a population: values that all its neurons share may be there already."""
    left = list(room)
    for at in demands.unsummed:
        left[at] = demands.capacity[at]
    for at in demands.tables:
        there, own = demands.on_core(core, at), demands.values(name, at)
        shared = len(own.all & there) if own.numbers is None or len(own.all) == 1 else 0
        left[at] -= len(there) - shared
    return tuple(left)


def _next(
    name: str,
    start: int,
    before: Sequence[tuple[Slice, ...]],
    given: Mapping[str, Sequence[Slice]],
    demands: Demands,
    targets: Destinations,
    room: Demand,
) -> Slice | None:
    """The slice that comes next: the one given, or the longest run from `start`; None where nothing fits the room."""
    if name in given:
        part = given[name][len(before)]
        return part if demands.fits_in(Piece(name, part), targets, room) else None
    stop = longest_run(name, start, demands, targets, room, guess=before[-1][0].neurons if before else None)
    return Run(start, stop) if stop > start else None
