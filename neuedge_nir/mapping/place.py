"""Clusters onto cores: chips are chosen, then swaps, waves and annealing shorten the way of the messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Chip, LimitScope, RoutingKind
from neuedge_nir.constraints.model import NONE
from neuedge_nir.errors import NoPlanError
from neuedge_nir.events import Observer, Progress, silent
from neuedge_nir.mapping.chips.choose import Chips, chips_for
from neuedge_nir.mapping.closed import OPEN
from neuedge_nir.mapping.fabric import Fabric, Site, fabric_for, largest_system
from neuedge_nir.mapping.obey import Obliged, unkept
from neuedge_nir.mapping.partition import Cluster, Role
from neuedge_nir.mapping.placing.annealing import Ground, Rooms
from neuedge_nir.mapping.placing.bound import least_hops
from neuedge_nir.mapping.placing.engine import EFFORTS, arranged
from neuedge_nir.mapping.placing.floor import Floor
from neuedge_nir.mapping.placing.graph import Graph
from neuedge_nir.mapping.seats import seated
from neuedge_nir.mapping.traffic import Flow, pairs_of

MAX_SWEEPS = 8
"""Sweeps of swaps; nearly all of the gain comes in the first three."""

MAX_SWAPPED = {"none": 512, "quick": 512, "normal": 512, "high": 4096}
"""Above this many clusters, by effort, not all pairs of them are weighed at once: `placing` alone moves them."""

WORK = {"none": 3e8, "quick": 3e8, "normal": 3e9, "high": 3e10}
"""Multiplications spent on swaps, by effort: a limit that does not depend on the clock."""


AT_ONCE = 1 << 20
"""Pairs of clusters whose ways are measured at a time."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A site for every cluster, and the machine they stand on.

    `cost` is what was minimised: weighted hops, or links of multicast trees where a chip has one router. `engine` is
    what chose the chips, where there are several, and the sites: "python" or "numba", which may find another choice.
    """

    fabric: Fabric
    sites: tuple[Site, ...]
    cost: float
    engine: str = ""


def place(
    clusters: Sequence[Cluster],
    flows: Sequence[Flow],
    chip: Chip,
    chips_available: int,
    effort: str = "normal",
    observer: Observer = silent,
    obliged: Obliged | None = None,
) -> Placement:
    """A site for every cluster on as few chips as the chip's own limits, and constraints, allow.

    Raises `NoPlanError` where the clusters take more chips than there are, or none were found that keep constraints.
    """
    may, engine = None, ""
    sites: Sequence[Site]
    if obliged is not None and obliged.given.packs:
        if _split_up(clusters):
            message = "neurons with synapse cores beside them are not placed under constraints"
            raise NoPlanError("FIT056", message, where="--constraints", hint="leave them out, or raise --time-scale")
        given = seated(clusters, obliged, chips_available)
        fabric, sites, may, starts = given.fabric, given.sites, given.may, [list(given.first)]
    else:
        chosen = _chosen(clusters, flows, chip, chips_available, effort, obliged)
        fabric, chip_of, engine = chosen.fabric, chosen.chip_of, chosen.engine
        sites = fabric.sites([chip_of.count(c) for c in range(max(chip_of, default=0) + 1)])
        if one_place_a_chip(chip):  # which of its cores a cluster has changes nothing
            seats = _start(chip_of, sites, range(len(sites)))
            return Placement(fabric, tuple(sites[s] for s in seats), chosen.links, chosen.engine)
        starts = [_start(chip_of, sites, order) for order in _orders(sites)]
    pairs = _pairs(flows)
    best = min(starts, key=lambda start: _cost(pairs, start, sites, fabric))
    # A neuron and its synapse cores stay together: where there are any, nobody moves.
    if pairs.weight.any() and not _split_up(clusters):
        if len(clusters) <= MAX_SWAPPED[effort] and _spent_at_once(clusters, sites) <= 20 * WORK[effort]:
            weights, rooms = pairs.matrix(len(clusters)), _ChipRooms(clusters, chip)
            best = _swapped(best, weights, sites, fabric, rooms, WORK[effort], observer, may)
        ground = _ground(clusters, pairs, sites, fabric, may)
        found, ran = arranged(ground, [np.array(each) for each in (best, *starts)], EFFORTS[effort], observer=observer)
        best, engine = found.tolist(), "numba" if "numba" in (engine, ran) else ran or engine
    return Placement(fabric, tuple(sites[s] for s in best), _cost(pairs, best, sites, fabric), engine)


def _chosen(
    clusters: Sequence[Cluster],
    flows: Sequence[Flow],
    chip: Chip,
    available: int,
    effort: str,
    obliged: Obliged | None,
) -> Chips:
    """Chips for all clusters: of a machine without what is dead, forbidden and kept in reserve, where any is."""
    given, closed = (obliged.given, obliged.closed) if obliged is not None else (NONE, OPEN)
    most = min(available, largest_system(chip, closed.chips))

    def machine(chips: int) -> Fabric:
        return fabric_for(chip, chips, most, given.dead_links, given.dead_chips, closed, len(clusters))

    try:
        return chips_for(clusters, flows, chip, most, effort, machine if given else None)
    except NoPlanError as error:
        if error.needed is not None and error.needed > available:
            raise
    if not given:  # there are enough chips, but for those at corners of boards: others first
        return chips_for(clusters, flows, chip, most, effort, machine)
    assert obliged is not None
    names = [piece.population for cluster in clusters for piece in cluster.pieces]
    raise unkept(f"on up to {most} chips no place for every core was found", obliged, names)


def on_chips(clusters: Sequence[Cluster], flows: Sequence[Flow], chip: Chip, available: int, effort: str) -> Placement:
    """Where clusters stand before they are moved: on the chips chosen for them, in the order of their numbers."""
    chosen = chips_for(clusters, flows, chip, available, effort)
    sites = chosen.fabric.sites([chosen.chip_of.count(c) for c in range(max(chosen.chip_of, default=0) + 1)])
    seats = _start(chosen.chip_of, sites, range(len(sites)))
    return Placement(chosen.fabric, tuple(sites[s] for s in seats), chosen.links, chosen.engine)


def _ground(
    clusters: Sequence[Cluster], pairs: _Pairs, sites: Sequence[Site], fabric: Fabric, may: NDArray[np.bool_] | None
) -> Ground:
    rules = [rule for rule in fabric.chip.limits if rule.scope is LimitScope.CHIP]
    uses = np.array([[c.used[rule.name] for rule in rules] for c in clusters], dtype=np.int64)
    most = np.array([rule.limit.count for rule in rules], dtype=np.int64)
    rooms = Rooms(uses.reshape(len(clusters), len(rules)), most)
    return Ground(Graph.of(len(clusters), pairs.a, pairs.b, pairs.weight), Floor.of(fabric, sites), rooms, may)


def placed_hops(flows: Sequence[Flow], placement: Placement) -> tuple[float, float]:
    """Messages times links of shortest ways, per step, as if nothing were dead; and what no placement undercuts."""
    pairs, fabric = _pairs(flows), placement.fabric
    routers = np.array([site.router for site in placement.sites], dtype=np.int64).reshape(-1, 2)
    far = np.empty(len(pairs.a), dtype=np.int64)
    for k in range(0, len(far), AT_ONCE):
        some = slice(k, k + AT_ONCE)
        far[some] = fabric.hops(routers[pairs.a[some]], routers[pairs.b[some]])
    hops = float((pairs.weight * far).sum())
    topology = fabric.chip.topology
    here = min(topology.cores_per_router.count, topology.cores_per_chip.count)
    return hops, least_hops(len(routers), pairs.a, pairs.b, pairs.weight, here, fabric.hex)


def one_place_a_chip(chip: Chip) -> bool:
    """Whether all cores of a chip are at one router and messages are multicast: then its chip is all of a place."""
    topology = chip.topology
    return topology.columns.count * topology.rows.count == 1 and topology.routing is RoutingKind.MULTICAST


def _split_up(clusters: Sequence[Cluster]) -> bool:
    """Whether any neuron has synapse cores."""
    return any(cluster.role is Role.SYNAPSES for cluster in clusters)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Messages per step between clusters: `a[i]` and `b[i]` exchange `weight[i]`."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    weight: NDArray[np.float64]

    def matrix(self, count: int) -> NDArray[np.float64]:
        """The same as a symmetric array."""
        found = np.zeros((count, count))
        np.add.at(found, (self.a, self.b), self.weight)
        return np.asarray(found + found.T)


def _pairs(flows: Sequence[Flow]) -> _Pairs:
    flow, b, messages = pairs_of(flows)
    a = np.array([each.cluster for each in flows], dtype=np.int64)[flow]
    rates = np.array([each.rate for each in flows], dtype=np.float64)[flow]
    away = a != b
    return _Pairs(a[away], b[away], (messages * rates)[away])


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


def _pair_costs(routers: NDArray[np.int64], fabric: Fabric) -> NDArray[np.float64]:
    """What a message costs between every two routers: the hops, and more for leaving a chip."""
    return fabric.way_costs(routers[:, None, :], routers[None, :, :])


def _cost(pairs: _Pairs, seats: Sequence[int], sites: Sequence[Site], fabric: Fabric) -> float:
    routers = np.array([sites[s].router for s in seats], dtype=np.int64).reshape(-1, 2)
    return float((pairs.weight * fabric.way_costs(routers[pairs.a], routers[pairs.b])).sum())


@dataclass(frozen=True, slots=True)
class _ChipRooms:
    """The limits that a chip's cores share, which a swap between chips must keep."""

    clusters: Sequence[Cluster]
    chip: Chip

    @property
    def rules(self) -> Mapping[str, int]:
        return {rule.name: rule.limit.count for rule in self.chip.limits if rule.scope is LimitScope.CHIP}


def _spent_at_once(clusters: Sequence[Cluster], sites: Sequence[Site]) -> float:
    """Multiplications before the first swap."""
    return float(len(clusters)) ** 2 * len({site.router for site in sites})


def _swapped(
    start: list[int],
    weights: NDArray[np.float64],
    sites: Sequence[Site],
    fabric: Fabric,
    rooms: _ChipRooms,
    work: float,
    observer: Observer,
    may: NDArray[np.bool_] | None = None,
) -> list[int]:
    """Every cluster in turn moves to the site where that gains most, changing places with who is there.

    `may[i, s]` says whether cluster i may stand on site s; None: all may.
    """
    board = _Board.set_up(start, weights, sites, fabric)
    count, routers = board.pull.shape
    if count < 2:
        return start
    spent = float(count) * count * routers
    for sweep in range(MAX_SWEEPS):
        moved = False
        for i in np.argsort(-weights.sum(axis=1), kind="stable"):
            gain = board.gains(int(i))
            if may is not None:
                gain = np.where(board.permitted(int(i), may), gain, 0.0)
            spot = int(np.argmin(gain))
            if gain[spot] >= -1e-9 or not _allowed(int(i), spot, board.seats, board.tenant, sites, rooms):
                continue
            board.swap(int(i), spot)
            moved, spent = True, spent + 2.0 * count * routers
            if spent > work:
                break
        observer(Progress("place", sweep + 1, MAX_SWEEPS))
        if not moved or spent > work:
            break
    return [int(s) for s in board.seats]


@dataclass(frozen=True, slots=True, eq=False)
class _Board:
    """Who sits where, kept up to date while clusters change places.

    `pull[i, r]` is what cluster i would cost at router r, so all moves of a cluster are weighed at once; `at` is the
    router of every site, `far` the cost between routers, `tenant` the cluster at every site or -1.
    """

    weights: NDArray[np.float64]
    far: NDArray[np.float64]
    at: NDArray[np.int64]
    seats: NDArray[np.int64]
    tenant: NDArray[np.int64]
    pull: NDArray[np.float64]

    @classmethod
    def set_up(
        cls, start: Sequence[int], weights: NDArray[np.float64], sites: Sequence[Site], fabric: Fabric
    ) -> _Board:
        routers = sorted({site.router for site in sites})
        index = {router: r for r, router in enumerate(routers)}
        at = np.array([index[site.router] for site in sites])
        far = _pair_costs(np.array(routers, dtype=np.int64).reshape(-1, 2), fabric)
        seats = np.array(start)
        tenant = np.full(len(sites), -1)
        tenant[seats] = np.arange(len(start))
        return cls(weights, far, at, seats, tenant, np.einsum("ij,jk->ik", weights, far[at[seats]]))

    def gains(self, i: int) -> NDArray[np.float64]:
        """The change of the cost when cluster i and whoever sits at each site change places."""
        here = self.at[self.seats[i]]
        gain = self.pull[i, self.at] - self.pull[i, here]
        held = self.tenant >= 0
        others = self.tenant[held]
        there = self.at[self.seats[others]]
        gain[held] += self.pull[others, here] - self.pull[others, there]
        gain[held] += 2 * self.weights[i, others] * self.far[here, there]
        gain[self.seats[i]] = 0.0
        return np.asarray(gain)

    def permitted(self, i: int, may: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The sites that cluster i may have, and whose cluster may have its site instead."""
        held = self.tenant >= 0
        swaps = np.ones(len(held), dtype=bool)
        swaps[held] = may[self.tenant[held], self.seats[i]]
        return np.asarray(may[i] & swaps)

    def swap(self, i: int, spot: int) -> None:
        """Cluster i moves to a site; who sits there moves to where i was."""
        seat, other = int(self.seats[i]), int(self.tenant[spot])
        difference = self.far[self.at[spot]] - self.far[self.at[seat]]
        change = self.weights[:, i] - (self.weights[:, other] if other >= 0 else 0.0)
        self.pull[:] += np.outer(change, difference)
        self.seats[i], self.tenant[spot], self.tenant[seat] = spot, i, other
        if other >= 0:
            self.seats[other] = seat


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
