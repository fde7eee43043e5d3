"""First-fit decreasing: slices onto cores, the hungriest first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.obey import Guard, Need, Obliged
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.mapping.split import Tiling

AT_A_TIME = 256
"""Slices that are packed before full cores are put aside again."""

MAX_COLUMNS = 64
"""Caps that count as limits; further ones, as of many copies, are looked at core by core."""

Cores = tuple[tuple[Piece, ...], ...]
"""The pieces on each core."""

Held = tuple[frozenset[Hashable], ...]
"""The different values that a core has, by `Demands.tables`."""


def first_fit(pick: Sequence[Tiling], demands: Demands) -> Cores | None:
    """First-fit decreasing by the largest share of any limit; None where constraints leave some slice no core.

    Slices that must share a core go as one. Cores with no room for any slice still to come are looked at no more: what
    is full stays full.
    """
    pieces = [Piece(t.population, part) for t in pick for part in t.parts]
    obliged = Obliged(demands)
    units = obliged.units(pieces)
    needs = np.array([need for t in pick for need in t.demands], dtype=np.int64).reshape(len(pieces), -1)
    needs[:, sorted(demands.unsummed)] = 0  # those that share a core may share values: held against `tables`
    capacity, asks = np.array(demands.capacity, dtype=np.int64), None
    if demands.constraints.packs:
        asks = [obliged.needs([pieces[i] for i in unit]) for unit in units]
        needs = np.array([needs[list(unit)].sum(axis=0) for unit in units], dtype=np.int64)
        needs, capacity = _with_caps(needs, capacity, asks, obliged)
    order = _order(needs, capacity, asks)
    least = np.minimum.accumulate(needs[order][::-1], axis=0)[::-1]
    room = np.tile(capacity, (len(units), 1))
    cores: list[list[int]] = []
    shared = _Shared(demands, Guard(obliged), asks)
    begun = np.zeros(0, dtype=np.int64)
    for step, u in enumerate(order.tolist()):
        if step % AT_A_TIME == 0:
            begun = begun[(room[begun] >= least[step]).all(axis=1)]
        fitting = begun[np.flatnonzero((room[begun] >= needs[u]).all(axis=1))].tolist()
        own = tuple(demands.on_core([pieces[i] for i in units[u]], at) for at in demands.tables)
        core = next((c for c in fitting if shared.has_room(c, u, own)), len(cores))
        if core == len(cores):
            if (needs[u] > room[core]).any() or not shared.has_room(core, u, own):
                return None
            begun = np.append(begun, core)
            cores.append([])
        room[core] -= needs[u]
        shared.take(core, u, own)
        cores[core] += units[u]
    return tuple(tuple(pieces[i] for i in sorted(core)) for core in cores)


def _with_caps(
    needs: NDArray[np.int64], capacity: NDArray[np.int64], asks: Sequence[Need], obliged: Obliged
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Caps as limits of a core like any other: so full cores are passed over at once."""
    caps = obliged.given.cap[:MAX_COLUMNS]
    counted = [
        [a.neurons.total() if cap.population is None else a.neurons[cap.population] for cap in caps] for a in asks
    ]
    columns = np.array(counted, dtype=np.int64).reshape(len(asks), len(caps))
    return np.hstack([needs, columns]), np.append(capacity, [cap.neurons for cap in caps]).astype(np.int64)


def _order(needs: NDArray[np.int64], capacity: NDArray[np.int64], asks: Sequence[Need] | None) -> NDArray[np.int64]:
    """Whoever may stand on fewer cores goes first; then by the largest share of any limit."""
    shares = (needs / capacity.astype(np.float64)).max(axis=1, initial=0.0)
    order = np.argsort(-shares, kind="stable")
    if asks is None:
        return order
    choice = np.array([1 << 60 if ask.sites is None else len(ask.sites) for ask in asks])
    return np.asarray(order[np.argsort(choice[order], kind="stable")])


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """What cannot be added up over a core: different values, and what constraints say of who may share it."""

    demands: Demands
    guard: Guard
    asks: Sequence[Need] | None
    tables: list[Held] = field(default_factory=list)

    def has_room(self, core: int, unit: int, own: Held) -> bool:
        """Whether a core, or a new one, takes these values and slices."""
        held = self.tables[core] if core < len(self.tables) else tuple(frozenset() for _ in own)
        most = (self.demands.capacity[at] for at in self.demands.tables)
        if not all(len(a | b) <= room for a, b, room in zip(held, own, most, strict=True)):
            return False
        return self.asks is None or self.guard.may_join(core, self.asks[unit])

    def take(self, core: int, unit: int, own: Held) -> None:
        if core == len(self.tables):
            self.tables.append(tuple(frozenset() for _ in own))
        self.tables[core] = tuple(a | b for a, b in zip(self.tables[core], own, strict=True))
        if self.asks is not None:
            self.guard.join(core, self.asks[unit])
