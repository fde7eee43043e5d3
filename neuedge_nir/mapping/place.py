"""Clusters onto cores: chips filled in order, then swaps that shorten the way of the messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Chip, LimitScope
from neuedge_nir.errors import NoPlanError
from neuedge_nir.events import Observer, Progress, silent
from neuedge_nir.mapping.fabric import CROSSING_WEIGHT, Fabric, Site, fabric_for
from neuedge_nir.mapping.partition import Cluster
from neuedge_nir.mapping.traffic import Flow

MAX_SWEEPS = 8
"""Sweeps of swaps; nearly all of the gain comes in the first three."""

WORK = {"none": 3e8, "quick": 3e8, "normal": 3e9, "high": 3e10}
"""Multiplications spent on swaps, by effort: a limit that does not depend on the clock."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A site for every cluster, and the machine they stand on. `cost` is what the swaps minimised: weighted hops."""

    fabric: Fabric
    sites: tuple[Site, ...]
    cost: float


def place(
    clusters: Sequence[Cluster],
    flows: Sequence[Flow],
    chip: Chip,
    chips_available: int,
    effort: str = "normal",
    observer: Observer = silent,
) -> Placement:
    """A site for every cluster on as few chips as the chip's own limits allow.

    Raises `NoPlanError` where the clusters take more chips than there are.
    """
    chip_of = _fill_chips(clusters, chip)
    chips = max(chip_of, default=0) + 1
    if chips > chips_available:
        raise NoPlanError(
            "FIT014",
            f"the mapping found takes {chips} chips, {chips_available} are available; whether fewer do is not proved",
            resource="chips",
            needed=chips,
            available=chips_available,
            hint="raise --chips or --effort, or make the network smaller",
        )
    fabric = fabric_for(chip, chips)
    sites = fabric.sites([chip_of.count(c) for c in range(chips)])
    weights = _weights(flows, len(clusters))
    best = min(
        (_start(chip_of, sites, order) for order in _orders(sites)),
        key=lambda seats: _cost(weights, seats, sites, fabric),
    )
    seats = _swapped(best, weights, sites, fabric, _ChipRooms(clusters, chip), WORK[effort], observer)
    return Placement(fabric, tuple(sites[s] for s in seats), _cost(weights, seats, sites, fabric))


def _fill_chips(clusters: Sequence[Cluster], chip: Chip) -> list[int]:
    """Chip after chip, in the clusters' order, as full as its cores and its own limits allow."""
    rules = [limit for limit in chip.limits if limit.scope is LimitScope.CHIP]
    chip_of: list[int] = []
    current, held, used = 0, 0, dict.fromkeys((rule.name for rule in rules), 0)
    for cluster in clusters:
        full = held >= chip.topology.cores_per_chip.count or any(
            used[rule.name] + cluster.used[rule.name] > rule.limit.count for rule in rules
        )
        if full:
            current, held, used = current + 1, 0, dict.fromkeys(used, 0)
        held += 1
        used = {name: n + cluster.used[name] for name, n in used.items()}
        chip_of.append(current)
    return chip_of


def _weights(flows: Sequence[Flow], count: int) -> NDArray[np.float64]:
    """Messages per step between every two clusters, both ways together."""
    found = np.zeros((count, count))
    for flow in flows:
        for target, messages in flow.targets:
            if target != flow.cluster:
                found[flow.cluster, target] += messages * flow.rate
    return np.asarray(found + found.T)


def _orders(sites: Sequence[Site]) -> list[list[int]]:
    """Orders in which the sites of each chip are filled: back and forth, row by row, and along a Hilbert curve."""
    serpentine = list(range(len(sites)))
    rows = sorted(serpentine, key=lambda s: (sites[s].chip, sites[s].router[1], sites[s].router[0], sites[s].slot))
    hilbert = sorted(serpentine, key=lambda s: (sites[s].chip, hilbert_index(sites[s].router), sites[s].slot))
    return [serpentine, rows, hilbert]


def hilbert_index(router: tuple[int, int], order: int = 10) -> int:
    """The position of a point on the Hilbert curve through a square of 2**order points a side."""
    x, y = router
    index = 0
    for level in range(order - 1, -1, -1):
        side = 1 << level
        right, up = (x >> level) & 1, (y >> level) & 1
        index += side * side * ((3 * right) ^ up)
        if not up:
            if right:
                x, y = side - 1 - (x & (side - 1)), side - 1 - (y & (side - 1))
            x, y = y & (side - 1), x & (side - 1)
        else:
            x, y = x & (side - 1), y & (side - 1)
    return index


def _start(chip_of: Sequence[int], sites: Sequence[Site], order: Sequence[int]) -> list[int]:
    """The site of each cluster when every chip is filled in that order."""
    free: dict[int, list[int]] = {}
    for s in order:
        free.setdefault(sites[s].chip, []).append(s)
    taken = dict.fromkeys(free, 0)
    seats = []
    for chip in chip_of:
        seats.append(free[chip][taken[chip]])
        taken[chip] += 1
    return seats


def _pair_costs(sites: Sequence[Site], fabric: Fabric) -> NDArray[np.float64]:
    routers = np.array([site.router for site in sites], dtype=np.int64).reshape(-1, 2)
    return np.asarray(fabric.distances(routers) + CROSSING_WEIGHT * fabric.crossings(routers), dtype=np.float64)


def _cost(weights: NDArray[np.float64], seats: Sequence[int], sites: Sequence[Site], fabric: Fabric) -> float:
    far = _pair_costs([sites[s] for s in seats], fabric)
    return float((weights * far).sum()) / 2


@dataclass(frozen=True, slots=True)
class _ChipRooms:
    """The limits that a chip's cores share, which a swap between chips must keep."""

    clusters: Sequence[Cluster]
    chip: Chip

    @property
    def rules(self) -> Mapping[str, int]:
        return {rule.name: rule.limit.count for rule in self.chip.limits if rule.scope is LimitScope.CHIP}


def _swapped(
    start: list[int],
    weights: NDArray[np.float64],
    sites: Sequence[Site],
    fabric: Fabric,
    rooms: _ChipRooms,
    work: float,
    observer: Observer,
) -> list[int]:
    """Every cluster in turn moves to the site where that gains most, changing places with who is there.

    `pull[i, s]` is what cluster i would cost at site s; it is kept up to date, so that all moves of a cluster are
    weighed at once.
    """
    count, spots = len(start), len(sites)
    if count < 2 or not weights.any() or float(count) * count * spots > 20 * work:
        return start
    far = _pair_costs(sites, fabric)
    seats = np.array(start)
    tenant = np.full(spots, -1)
    tenant[seats] = np.arange(count)
    pull = weights @ far[seats]
    spent = float(count) * count * spots
    for sweep in range(MAX_SWEEPS):
        moved = False
        for i in np.argsort(-weights.sum(axis=1), kind="stable"):
            gain = _gains(int(i), seats, tenant, pull, weights, far)
            spot = int(np.argmin(gain))
            if gain[spot] >= -1e-9 or not _allowed(int(i), spot, seats, tenant, sites, rooms):
                continue
            _swap(int(i), spot, seats, tenant, pull, weights, far)
            moved, spent = True, spent + 2.0 * count * spots
            if spent > work:
                break
        observer(Progress("place", sweep + 1, MAX_SWEEPS))
        if not moved or spent > work:
            break
    return [int(s) for s in seats]


def _gains(
    i: int,
    seats: NDArray[np.int64],
    tenant: NDArray[np.int64],
    pull: NDArray[np.float64],
    weights: NDArray[np.float64],
    far: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The change of the cost when cluster i and whoever sits at each site change places."""
    here = seats[i]
    gain = pull[i] - pull[i, here]
    held = tenant >= 0
    others = tenant[held]
    gain[held] += pull[others, here] - pull[others, seats[others]] + 2 * weights[i, others] * far[here, seats[others]]
    gain[here] = 0.0
    return np.asarray(gain)


def _swap(
    i: int,
    spot: int,
    seats: NDArray[np.int64],
    tenant: NDArray[np.int64],
    pull: NDArray[np.float64],
    weights: NDArray[np.float64],
    far: NDArray[np.float64],
) -> None:
    here, other = int(seats[i]), int(tenant[spot])
    difference = far[spot] - far[here]
    pull += np.outer(weights[:, i], difference)
    seats[i], tenant[spot], tenant[here] = spot, i, other
    if other >= 0:
        pull -= np.outer(weights[:, other], difference)
        seats[other] = here


def _allowed(
    i: int,
    spot: int,
    seats: NDArray[np.int64],
    tenant: NDArray[np.int64],
    sites: Sequence[Site],
    rooms: _ChipRooms,
) -> bool:
    """Whether both chips keep their own limits after the swap."""
    a, b = sites[int(seats[i])].chip, sites[spot].chip
    if a == b or not rooms.rules:
        return True
    other = int(tenant[spot])
    for name, most in rooms.rules.items():
        used = {a: 0, b: 0}
        for k, seat in enumerate(seats):
            chip = sites[int(seat)].chip
            chip = b if k == i else a if k == other else chip
            if chip in used:
                used[chip] += rooms.clusters[k].used[name]
        if max(used.values()) > most:
            return False
    return True
