"""What the messages of a run on SANA-FE cross: one for a spike and a core, from tile to tile along both axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emission.synapses import Unrolled, size_of
from neuedge_nir.plan.model import Plan

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """What every element of a group sends at a spike: `messages` to cores other than its own, and their `hops`."""

    messages: Whole
    hops: Whole

    def of(self, spikes: Whole) -> dict[str, int]:
        """For so many spikes of each element."""
        return {"messages": int(spikes @ self.messages), "hops": int(spikes @ self.hops)}


Router = tuple[int, int]
Key = tuple[str, int | None]
"""A population, or an input and its delay."""


def sent(plan: Plan, made: Unrolled, host: Router) -> Mapping[Key, Sent]:
    """By population (delay None), and by input and delay: inputs are sent from the router `host`."""
    ports = {population.name for population in plan.populations if population.model == "Input"}
    heard: dict[Key, dict[int, list[Whole]]] = {}
    for piece in made.pieces:
        for synapses in made.into(piece, plan):
            key = synapses.source, synapses.delay if synapses.source in ports else None
            heard.setdefault(key, {}).setdefault(piece.core, []).append(synapses.sources)
    return {key: _sent(plan, made, key[0], cores, host) for key, cores in heard.items()}


def _sent(plan: Plan, made: Unrolled, name: str, cores: Mapping[int, list[Whole]], host: Router) -> Sent:
    size = size_of(plan, name)
    own, routers = np.full(size, -1), np.tile(np.asarray(host), (size, 1))
    for piece in made.pieces:
        if piece.population == name:
            own[piece.neurons], routers[piece.neurons] = piece.core, piece.router
    messages, hops = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for core, several in cores.items():
        sources = np.unique(np.concatenate(several))
        sources = sources[own[sources] != core]
        messages[sources] += 1
        hops[sources] += np.abs(routers[sources] - np.asarray(plan.cores[core].router)).sum(axis=1)
    return Sent(messages, hops)
