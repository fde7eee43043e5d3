"""What all tiles of a grid use where that depends on what they drive: summed at once, not tile by tile."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.demand import Demand, Demands, fits
from neuedge_nir.mapping.needs import driven_by_tiles
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.network.slices import Grid


@dataclass(frozen=True, slots=True)
class Kinds:
    """Numbers for equal likenesses along an axis: that of each span, and of each number its first place and count."""

    ids: tuple[int, ...]
    firsts: tuple[int, ...]
    often: tuple[int, ...]

    @classmethod
    def of(cls, likenesses: Iterable[Hashable]) -> Kinds:
        numbers: dict[Hashable, int] = {}
        ids, firsts, often = list[int](), list[int](), list[int]()
        for at, likeness in enumerate(likenesses):
            number = numbers.setdefault(likeness, len(numbers))
            if number == len(firsts):
                firsts.append(at)
                often.append(0)
            often[number] += 1
            ids.append(number)
        return cls(tuple(ids), tuple(firsts), tuple(often))


def kinds_of(name: str, grid: Grid, demands: Demands) -> list[Kinds]:
    """The kinds of spans along every axis of a grid, whose tiles are alike where their spans are."""
    return [Kinds.of(demands.axis_likeness(name, a, span) for span in spans) for a, spans in enumerate(grid.axes)]


@dataclass(frozen=True, slots=True, eq=False)
class EachTile(Mapping[tuple[int, ...], Demand]):
    """What each tile of a grid uses, by its place: (..., limits)."""

    needs: NDArray[np.int64]

    def __getitem__(self, place: tuple[int, ...]) -> Demand:
        return tuple(self.needs[place].tolist())

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return np.ndindex(self.needs.shape[:-1])

    def __len__(self) -> int:
        return math.prod(self.needs.shape[:-1])

    @property
    def total(self) -> Demand:
        """What all use together."""
        return tuple(self.needs.reshape(len(self), -1).sum(axis=0).tolist())


def grid_needs(name: str, grid: Grid, demands: Demands, targets: Destinations) -> tuple[EachTile, int] | None:
    """What each tile uses, and the axons into all of them; None where one does not fit a core.

    Only of populations whose blocks are alike as their spans are; but for what they drive.
    """
    if not fits(demands.of(Piece(name, grid.block(grid.middle)), targets), demands.capacity):
        return None
    needs = np.zeros((*map(len, grid.axes), len(demands.limits)), dtype=np.int64)
    for i in demands.downstream:
        needs[..., i] = driven_by_tiles(demands, name, grid, demands.limits[i], targets)
        if needs[..., i].max(initial=0) > demands.capacity[i]:
            return None
    axes, axons = kinds_of(name, grid, demands), 0
    for kind in product(*(range(len(axis.firsts)) for axis in axes)):
        piece = Piece(name, grid.block(tuple(axis.firsts[k] for axis, k in zip(axes, kind, strict=True))))
        own = demands.upstream(piece, targets)
        if not fits(own, demands.capacity):
            return None
        needs[_places(axes, kind)] += np.array(own, dtype=np.int64)
        axons += math.prod(axis.often[k] for axis, k in zip(axes, kind, strict=True)) * demands.axons(piece)
    return EachTile(needs), axons


def _places(axes: Iterable[Kinds], kind: tuple[int, ...]) -> tuple[NDArray[np.int64], ...]:
    """Where the tiles of a kind stand in a grid, as numpy takes it."""
    return np.ix_(*(np.flatnonzero(np.array(axis.ids) == k) for axis, k in zip(axes, kind, strict=True)))
