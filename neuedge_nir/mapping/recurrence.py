"""Cycles that no chip can keep: the fewest steps by which projections must be late so that all others are exact.

Only projections that close a cycle are made late, so that what flows forward stays as it is. With lags l and the step
that every hop takes, such a projection p -> q of d steps is late by max(0, 1 - d + l(p) - l(q)); forward ones demand
l(q) >= l(p) + 1 - d. The least sum is the dual of a circulation of greatest gain 1 - d, in which each late projection
carries at most one unit: as long as a cycle of the residual graph gains, a unit flows round it, and once none does, the
longest paths there are the lags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.mapping.cycles import cycle_among
from neuedge_nir.mapping.timing import feed_forward_order
from neuedge_nir.network.model import Network


@dataclass(slots=True)
class _Arc:
    """A projection in the circulation. `most` is None where any amount may flow."""

    name: str
    source: str
    target: str
    gain: int
    most: int | None
    flow: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """An arc as the residual graph has it, along or against its direction."""

    arc: _Arc
    source: str
    target: str
    gain: int
    change: int


def least_excess(network: Network, delays: Mapping[str, int]) -> dict[str, int]:
    """By projection, the steps that it must be late; those that need not are left out. `delays` are the model's."""
    names = {population.name for population in network.populations}
    arcs = [
        _Arc(p.name, p.source, p.target, 1 - delays[p.name], 1 if p.steps else None)
        for p in feed_forward_order(network)
        if p.source in names and p.target in names
    ]
    while True:
        lags, cycle = _longest(names, _residual(arcs))
        if not cycle:
            break
        for way in cycle:
            way.arc.flow += way.change
    late = {arc.name: arc.gain + lags[arc.source] - lags[arc.target] for arc in arcs if arc.most is not None}
    return {name: steps for name, steps in late.items() if steps > 0}


def _residual(arcs: Sequence[_Arc]) -> list[_Way]:
    along = [_Way(a, a.source, a.target, a.gain, 1) for a in arcs if a.most is None or a.flow < a.most]
    return along + [_Way(a, a.target, a.source, -a.gain, -1) for a in arcs if a.flow]


def _longest(names: set[str], ways: Sequence[_Way]) -> tuple[dict[str, int], list[_Way]]:
    """The longest paths to all names, from anywhere; or a cycle that gains. Bellman and Ford."""
    lags = dict.fromkeys(names, 0)
    via: dict[str, _Way] = {}
    while True:
        changed = False
        for way in ways:
            if lags[way.source] + way.gain > lags[way.target]:
                lags[way.target], via[way.target], changed = lags[way.source] + way.gain, way, True
        if not changed:
            return lags, []
        if cycle := cycle_among(via, sorted(via)):
            return lags, cycle
