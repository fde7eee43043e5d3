"""A partition of neurons into cores, refined neuron by neuron for fewer deliveries, within what a core holds.

A delivery is a pair of a source and another core that holds any of its targets: (source, core) pairs, km1 of the
hypergraph with one edge per source. Simulated annealing at low temperatures: only whole numbers and a generator of our
own decide, so that the result is the same with numba, which makes it some hundred times faster, and without.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

TEMPERATURES = (0.8, 0.6, 0.45, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05)
"""In deliveries. Above the first a partition found by a multilevel method falls apart."""
LARGEST_RISE = 12
"""Moves that cost more deliveries are never made."""
LEHMER, PRIME = 48271, 2**31 - 1
"""The next number of the generator is this multiple of the last, modulo the prime (Park and Miller 1993)."""
MOST_COUNTS = 1 << 28
"""Counts (sources times cores) that are kept at once: half a GiB."""
MOST_SLOW = 1 << 22
"""Synapses looked at in a refinement without numba: some seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """Who feeds whom: neurons are numbered 0 to `neurons` - 1, sources that are not to be moved come behind them.

    Compressed rows both ways: `sources` of each neuron, `targets` of each source.
    """

    neurons: int
    into: Ints
    sources: Ints
    out_of: Ints
    targets: Ints

    @property
    def nodes(self) -> int:
        return len(self.out_of) - 1


def wiring(neurons: int, nodes: int, sources: Ints, targets: Ints) -> Wiring:
    """From synapses by their target and source, one for each pair."""
    by_source = np.argsort(sources, kind="stable")
    return Wiring(neurons, _ends(targets, neurons), sources, _ends(sources, nodes), targets[by_source])


def _ends(values: Ints, size: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(values, minlength=size))]).astype(np.int64)


def deliveries(net: Wiring, cores: Ints) -> int:
    """Pairs of a source and a core with any of its targets, the core of the source itself left out."""
    held = np.repeat(np.arange(net.nodes), np.diff(net.out_of))
    there = cores[net.targets]
    home = np.full(net.nodes, -1, dtype=np.int64)
    home[: net.neurons] = cores
    away = home[held] != there
    count = int(cores.max(initial=0)) + 1
    return len(np.unique(held[away] * count + there[away]))


@dataclass(frozen=True, slots=True)
class Room:
    """What a core holds: neurons, synapses into them, and sources that reach any of them."""

    neurons: int
    synapses: int
    axons: int


def refined(net: Wiring, cores: Ints, count: int, room: Room, sweeps: int, seed: int) -> Ints:
    """The cores of all neurons after `sweeps` tries per neuron and temperature; never with more deliveries.

    A core that holds more than its room at the beginning only loses neurons. The same cores where the network is too
    large, or too large to refine without numba.
    """
    work = 2 * len(net.sources) * sweeps * len(TEMPERATURES)
    if net.nodes * count > MOST_COUNTS or (not has_numba() and work > MOST_SLOW):
        return cores
    now = cores.astype(np.int64).copy()
    state = (seed * 7919 + 12345) % (PRIME - 1) + 1
    chances = np.array([[_chance(rise, t) for rise in range(LARGEST_RISE + 1)] for t in TEMPERATURES], dtype=np.int64)
    moved = _annealing()(
        net.neurons, net.into, net.sources, net.out_of, net.targets, now, count,
        room.neurons, room.synapses, room.axons, chances, sweeps * net.neurons, state,
    )  # fmt: skip
    found = np.asarray(moved, dtype=np.int64)
    return found if deliveries(net, found) < deliveries(net, cores) else cores


def _chance(rise: int, temperature: float) -> int:
    """Of so many numbers of the generator those at which a rise is taken."""
    return int(PRIME * math.exp(-rise / temperature))


@cache
def has_numba() -> bool:
    from importlib.util import find_spec

    return find_spec("numba") is not None


@cache
def _annealing() -> Callable[..., Any]:
    if not has_numba():
        return _anneal
    import numba

    compiled: Callable[..., Any] = numba.njit(cache=True)(_anneal)
    return compiled


def _anneal(
    neurons: int, into: Ints, sources: Ints, out_of: Ints, targets: Ints, core: Ints, count: int,
    most_neurons: int, most_synapses: int, most_axons: int, chances: Ints, tries: int, state: int,
) -> Ints:  # fmt: skip
    nodes = len(out_of) - 1
    reach = np.zeros((nodes, count), dtype=np.int32)  # targets of each source on each core
    held, synapses, axons = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.int64)
    for v in range(neurons):
        held[core[v]] += 1
        synapses[core[v]] += into[v + 1] - into[v]
        for k in range(into[v], into[v + 1]):
            if reach[sources[k], core[v]] == 0:
                axons[core[v]] += 1
            reach[sources[k], core[v]] += 1
    for level in range(len(chances)):
        for _ in range(tries):
            state = state * 48271 % 2147483647
            v = state % neurons
            ins, outs = into[v + 1] - into[v], out_of[v + 1] - out_of[v]
            if ins + outs == 0:
                continue
            state = state * 48271 % 2147483647
            pick = state % (ins + outs)
            other = sources[into[v] + pick] if pick < ins else targets[out_of[v] + pick - ins]
            if other >= neurons:  # a source that stands nowhere: another of its targets
                state = state * 48271 % 2147483647
                other = targets[out_of[other] + state % (out_of[other + 1] - out_of[other])]
            a, b = core[v], core[other]
            if a == b or held[b] + 1 > most_neurons or synapses[b] + ins > most_synapses:
                continue
            rise, more = 0, 0
            for k in range(into[v], into[v + 1]):
                s = sources[k]
                if reach[s, a] == 1 and (s >= neurons or core[s] != a) and s != v:
                    rise -= 1
                if reach[s, b] == 0:
                    more += 1
                    if (s >= neurons or core[s] != b) and s != v:
                        rise += 1
            own_a, own_b = reach[v, a], reach[v, b]
            loop = 0
            for k in range(into[v], into[v + 1]):
                if sources[k] == v:
                    loop = 1
            if own_a - loop > 0:
                rise += 1
            if own_b > 0:
                rise -= 1
            if axons[b] + more > most_axons or rise >= chances.shape[1]:
                continue
            if rise > 0:
                state = state * 48271 % 2147483647
                if state >= chances[level, rise]:
                    continue
            for k in range(into[v], into[v + 1]):
                s = sources[k]
                reach[s, a] -= 1
                if reach[s, a] == 0:
                    axons[a] -= 1
                if reach[s, b] == 0:
                    axons[b] += 1
                reach[s, b] += 1
            core[v] = b
            held[a] -= 1
            held[b] += 1
            synapses[a] -= ins
            synapses[b] += ins
    return core
