"""Which sizes of rectangular tiles are worth a look: those whose middle tile fits a core, fewest tiles first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from neuedge_nir.network.slices import Block

Tile = tuple[int, ...]


def tile_sizes(shape: tuple[int, ...], room: int, fits: Callable[[Block], bool]) -> Iterator[Tile]:
    """Sizes of tiles of at most `room` neurons whose middle tile fits, by the number of tiles that they make.

    `fits` must grow harder with the tile: what a tile needs, every larger one around it needs too. So the sizes that
    fit are found along their edge, with about two questions a step of each axis, not one a size.
    """
    axes = [_steps(size) for size in shape]
    edge = _edge(axes, lambda tile: math.prod(tile) <= room and fits(middle(shape, tile)))
    if not edge:
        return
    last = np.array(axes[-1], dtype=np.int64)
    often = np.searchsorted(last, list(edge.values()), side="right")
    leads = np.repeat(np.array(list(edge), dtype=np.int64).reshape(len(edge), -1), often, axis=0)
    steps = np.concatenate([last[:count] for count in often.tolist()])
    tiles = np.column_stack([leads, steps])
    slices = (-(-np.array(shape, dtype=np.int64) // tiles)).prod(axis=1)
    # Fewest slices first; of as many the tiles that are longest along the first axes.
    order = np.lexsort((*(-tiles[:, axis] for axis in reversed(range(len(shape)))), slices))
    yield from map(tuple, tiles[order].tolist())


def middle(shape: tuple[int, ...], tile: Tile) -> Block:
    """The tile in the middle of the grid: it has neighbours on every side where any tile has."""
    spans = []
    for size, step in zip(shape, tile, strict=True):
        start = -(-size // step) // 2 * step
        start = start if start < size else 0
        spans.append((start, min(start + step, size)))
    return Block(tuple(spans))


def _edge(axes: list[list[int]], fits: Callable[[Tile], bool]) -> dict[Tile, int]:
    """For each choice of all steps but the last, the longest last step that fits; choices that never fit are absent.

    No choice can have a longer one than the same choice with one step smaller: the search goes down from there.
    """
    edge: dict[Tile, int] = {}
    last = axes[-1]
    for index in product(*(range(len(axis)) for axis in axes[:-1])):
        lead = tuple(axis[i] for axis, i in zip(axes, index, strict=False))
        smaller = ((*lead[:d], axes[d][i - 1], *lead[d + 1 :]) for d, i in enumerate(index) if i > 0)
        most = min((edge.get(other, 0) for other in smaller), default=last[-1])
        at = next((step for step in reversed(last) if step <= most and fits((*lead, step))), 0)
        if at:
            edge[lead] = at
    return edge


def _steps(size: int) -> list[int]:
    """The smallest tile length for each number of pieces: about 2 sqrt(size) of them, ascending."""
    root = math.isqrt(size)
    return sorted({-(-size // pieces) for pieces in range(1, root + 2)} | set(range(1, root + 1)))
