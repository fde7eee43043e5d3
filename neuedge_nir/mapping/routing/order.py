"""Dimension order in closed form: along the row, then along the column, for all messages at once.

A straight leg adds its messages to the links between its ends: +n where it starts and -n where it ends, summed along
the row. Where a torus wraps, a leg goes the shorter way round, upwards where both are as long, and may pass the seam.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

BLOCK = 1_000_000
"""Messages added at a time: arrays of more take memory and no less time."""

EAST, NORTH, WEST, SOUTH = range(4)
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""The steps of the four links of a router, by their number."""

Size = tuple[int, int]
"""Columns and rows."""


def offsets(sources: Numbers, targets: Numbers, size: Size, *, wraps: bool) -> Numbers:
    """How far messages go along both axes, (n, 2), with their signs."""
    straight = targets - sources
    if not wraps:
        return straight
    around = np.array(size)
    up = straight % around
    return np.asarray(np.where(2 * up <= around, up, up - around))


def link_counts(sources: Numbers, targets: Numbers, counts: Numbers, size: Size, *, wraps: bool) -> Numbers:
    """Messages on every link, (4, columns, rows): of the links that leave each router east, north, west and south.

    `sources`, `targets` are (n, 2), `counts` whole numbers, (n,), whose sum is below 2**53.
    """
    found = np.zeros((4, *size), dtype=np.int64)
    for first in range(0, len(counts), BLOCK):
        part = slice(first, first + BLOCK)
        far = offsets(sources[part], targets[part], size, wraps=wraps)
        (x, y), (u, _), amount = sources[part].T, targets[part].T, counts[part]
        found[EAST] += _legs(x, y, far[:, 0], amount, size)
        found[WEST] += _legs(size[0] - 1 - x, y, -far[:, 0], amount, size)[::-1]
        back = size[::-1]
        found[NORTH] += _legs(y, u, far[:, 1], amount, back).T
        found[SOUTH] += _legs(size[1] - 1 - y, u, -far[:, 1], amount, back)[::-1].T
    return found


def _legs(start: Numbers, across: Numbers, far: Numbers, amount: Numbers, size: Size) -> Numbers:
    """Loads of the links that lead upwards in the first axis, from the legs that run that way."""
    up = far > 0
    start, across, end, n = start[up], across[up], start[up] + far[up], amount[up]
    length, width = size
    seam = end > length
    places = [start * width + across, np.minimum(end, length) * width + across]
    amounts = [n, -n]
    if seam.any():  # the rest of a leg begins anew behind the seam
        places += [across[seam], (end[seam] - length) * width + across[seam]]
        amounts += [n[seam], -n[seam]]
    steps = np.bincount(np.concatenate(places), np.concatenate(amounts), (length + 1) * width)
    return np.asarray(np.cumsum(steps.reshape(length + 1, width), axis=0)[:length], dtype=np.int64)


def tree_counts(flow: Numbers, sources: Numbers, targets: Numbers, counts: Numbers, size: Size, *, wraps: bool,
                flows: int) -> Numbers:  # fmt: skip
    """Links of the union of each flow's ways, once for each message that needs them: (flows,).

    A link behind which several destinations lie carries at most the sum of their messages, and at least the largest;
    the largest is counted, since slices mostly send the same spikes to all.
    """
    far = offsets(sources, targets, size, wraps=wraps)
    along = 2 * flow + (far[:, 0] < 0)
    across = 2 * (flow * size[0] + targets[:, 0]) + (far[:, 1] < 0)
    return _staircases(along, np.abs(far[:, 0]), flow, counts, flows) + _staircases(
        across, np.abs(far[:, 1]), flow, counts, flows
    )


def _staircases(group: Numbers, far: Numbers, flow: Numbers, counts: Numbers, flows: int) -> Numbers:
    """Sums over the links of each group's straight way of the largest count that goes that far."""
    going = far > 0
    if not going.any():
        return np.zeros(flows, dtype=np.int64)
    group, far, flow, counts = group[going], far[going], flow[going], counts[going]
    order = np.lexsort((-far, group))
    group, far, flow, counts = group[order], far[order], flow[order], counts[order]
    first = np.concatenate([[True], group[1:] != group[:-1]])
    number = np.cumsum(first) - 1
    above = number * (counts.max() + 1)  # so that the running maximum begins anew with each group
    widest = np.maximum.accumulate(counts + above) - above
    nearer = np.concatenate([np.where(first[1:], 0, far[1:]), [0]])
    return np.asarray(np.bincount(flow, widest * (far - nearer), flows), dtype=np.int64)
