"""Neurons in an order, cut into cores: as many as fit, one core after the other; and the sources that each hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.irregular.refine import Room, Wiring

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The rows of neurons in an order: where each begins, and for each synapse the one before it of the same source."""

    rows: Ints
    before: Ints

    def axons(self, start: int, stop: int) -> Ints:
        """The sources of the neurons from `start` up to each of those before `stop`."""
        first, behind = self.rows[start], self.rows[stop]
        fresh = np.concatenate([[0], np.cumsum(self.before[first:behind] < first)])
        return np.asarray(fresh[self.rows[start + 1 : stop + 1] - first])


def line(net: Wiring, order: Ints) -> Line:
    """The rows of a network's neurons in this order."""
    sizes = np.diff(net.into)[order]
    rows = np.concatenate([[0], np.cumsum(sizes)])
    at = np.arange(rows[-1]) + np.repeat(net.into[order] - rows[:-1], sizes)
    sources = net.sources[at]
    by_source = np.argsort(sources, kind="stable")
    before = np.full(len(sources), -1, dtype=np.int64)
    again = np.flatnonzero(sources[by_source[1:]] == sources[by_source[:-1]])
    before[by_source[again + 1]] = by_source[again]
    return Line(rows, before)


def refilled(held: Line, room: Room) -> tuple[int, ...]:
    """The ends of the cores when each is filled up before the next; a neuron that fits none has its own."""
    size, start, ends = len(held.rows) - 1, 0, []
    while start < size:
        stop = min(size, start + room.neurons)
        fits = held.axons(start, stop) <= room.axons
        fits &= held.rows[start + 1 : stop + 1] - held.rows[start] <= room.synapses
        start += max(1, int(np.count_nonzero(fits)))  # both only grow
        ends.append(start)
    return tuple(ends)


def axons_of(held: Line, ends: Sequence[int]) -> int:
    """The sources of all cores together."""
    return sum(int(held.axons(start, stop)[-1]) for start, stop in zip((0, *ends), ends, strict=False) if stop > start)


def holds(held: Line, ends: Sequence[int], room: Room) -> bool:
    """Whether no core has more than its room."""
    for start, stop in zip((0, *ends), ends, strict=False):
        synapses = held.rows[stop] - held.rows[start]
        if stop - start > room.neurons or synapses > room.synapses or held.axons(start, stop)[-1] > room.axons:
            return False
    return True
