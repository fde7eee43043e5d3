"""What is routed and what comes of it: messages as arrays, trees, loads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.fabric import Link, Router
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.traffic import Flow, pairs_of

if TYPE_CHECKING:
    from neuedge_nir.mapping.routing.tables import Table

HOTTEST = 10
"""Links listed as the hottest."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """The links of one slice's multicast tree, from its router outwards."""

    cluster: int
    piece: int
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """Where every message goes and what it adds up to, per timestep.

    `unicast_hops` and `deliveries` count (spike, destination core) pairs, `tree_hops` every link of a slice's tree
    once per spike; the source's own core is left out. `loads` are messages per link under the chip's own routing.
    `longest_way` is the most links that any message crosses, `transit` the chips that messages touch; `entries` are
    those of every chip's routing tables, `tables` what stands in them, where keys are known.
    `deadlock_free` is None where the routing promises nothing.
    """

    trees: tuple[Tree, ...]
    loads: Mapping[Link, float]
    deliveries: float
    unicast_hops: float
    tree_hops: float
    interchip: float
    longest_way: int
    entries: Mapping[int, int]
    transit: frozenset[int]
    deadlock_free: bool | None
    tables: tuple[Table, ...] | None = None

    @property
    def max_load(self) -> float:
        return max(self.loads.values(), default=0.0)

    @property
    def hottest(self) -> list[tuple[Link, float]]:
        return sorted(self.loads.items(), key=lambda item: (-item[1], item[0]))[:HOTTEST]


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """The messages from slices to destination cores, but for those that stay on their core: a row for each pair.

    `flow` is the slice's number among the flows; `sources`, `targets` (n, 2) are routers; `counts` messages when every
    neuron of the slice spikes once, at `rates` spikes a step.
    """

    flow: Numbers
    sources: Numbers
    targets: Numbers
    counts: Numbers
    rates: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.flow)

    @property
    def messages(self) -> NDArray[np.float64]:
        return np.asarray(self.counts * self.rates)


def routers_heard(flows: Sequence[Flow], placement: Placement) -> list[Mapping[Router, int]]:
    """Where each slice is heard: routers, and how many cores of each but its own core.

    Slices that share their targets differ by their own core alone.
    """
    routers = [site.router for site in placement.sites]
    known: dict[int, tuple[Counter[Router], set[int]]] = {}
    found: list[Mapping[Router, int]] = []
    for flow in flows:
        if id(flow.targets) not in known:
            cores = {target for target, _ in flow.targets}
            known[id(flow.targets)] = Counter(routers[core] for core in sorted(cores)), cores
        every, cores = known[id(flow.targets)]
        found.append(every - Counter([routers[flow.cluster]]) if flow.cluster in cores else every)
    return found


def moves_of(flows: Sequence[Flow], placement: Placement) -> Moves:
    """All (slice, destination core) pairs whose messages leave their core."""
    routers = np.array([site.router for site in placement.sites], dtype=np.int64).reshape(-1, 2)
    flow, target, messages = pairs_of(flows)
    clusters = np.array([f.cluster for f in flows], dtype=np.int64)[flow]
    away = target != clusters
    flow, target, clusters = flow[away], target[away], clusters[away]
    rates = np.array([f.rate for f in flows], dtype=np.float64)[flow]
    return Moves(flow, routers[clusters], routers[target], messages[away], rates)
