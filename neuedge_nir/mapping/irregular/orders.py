"""In which order neurons are best cut: those that share sources beside each other, where the network has such.

Populations that elementwise projections join share one order, as neuron n of one is neuron n of the other; so does an
output with what it reads. Only what the single synapses among all of them say is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.irregular.greedy import improved
from neuedge_nir.mapping.irregular.partitioner import by_bandwidth, by_halves, by_metis, edges_of, has_metis, is_local
from neuedge_nir.mapping.irregular.refill import axons_of, holds, line, refilled
from neuedge_nir.mapping.irregular.refine import Room, Wiring, has_numba, refined, wiring
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.mapping.split import neurons_per_core
from neuedge_nir.network.connect import Delay, Scale, irregular_in
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.network.relabel import follows
from neuedge_nir.network.slices import Run

Ints = NDArray[np.int64]

SWEEPS = {"none": 0, "quick": 2, "normal": 5, "high": 30}
"""Tries per neuron and temperature of a refinement, by effort."""
FAR_OFF = 4
"""Where parts of a large network take so many times more cores than there are parts, more parts are not tried."""
LARGE = 1 << 20
"""Synapses of a network of which a partition takes seconds."""
ROUNDS = 3
"""Numbers of parts that are tried: as many as the bound says, then about as many as those took."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An order of neurons, where it is cut (the ends of its parts), what found it, and the sources of all parts."""

    order: Ints
    ends: tuple[int, ...]
    by: str
    axons: int

    @property
    def cores(self) -> int:
        return len(self.ends)


def ordered(demands: Demands, effort: str, seed: int, taken: Iterable[str] = ()) -> dict[str, Found]:
    """For populations whose single synapses are local an order, by name; populations that are `taken` keep theirs.

    In it the cores that the synapses alone would need are no more than in the order of the numbers, and the deliveries
    are fewer. Outputs that read them are named too.
    """
    network, found = demands.legal.network, dict[str, Found]()
    for names in _classes(network, set(taken)):
        best = _of_class(names, demands, effort, seed)
        if best is not None:
            found |= dict.fromkeys(names, best)
    return found


def _classes(network: Network, taken: set[str]) -> list[tuple[str, ...]]:
    """Names that share an order, of those that can have another than that of their numbers."""
    shapes = {p.name: p.shape for p in network.populations} | {port.name: port.shape for port in network.inputs}
    shapes |= {port.name: port.shape for port in network.outputs}
    root = {name: name for name in shapes}

    def top(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    stuck = {port.name for port in network.inputs} | taken | {name for name, s in shapes.items() if len(s) != 1}
    for projection in network.projections:
        if elementwise(projection):
            root[top(projection.source)] = top(projection.target)
        elif not _follows(projection):
            stuck |= {projection.source, projection.target}
    members: dict[str, list[str]] = {}
    for name in shapes:
        members.setdefault(top(name), []).append(name)
    sparse = {p.target for p in network.projections if isinstance(irregular_in(p.chain), Sparse)}
    return [tuple(names) for names in members.values() if not stuck & {*names} and sparse & {*names}]


def elementwise(projection: Projection) -> bool:
    return all(isinstance(operator, Scale | Delay) for operator in projection.chain)


def _follows(projection: Projection) -> bool:
    """Whether its two ends can be numbered anew, each by itself."""
    others = [op for op in projection.chain if not isinstance(op, Scale | Delay)]
    flat = all(len(op.input_shape) == len(op.output_shape) == 1 for op in projection.chain)
    return len(others) == 1 and follows(others[0]) and flat


def _of_class(names: tuple[str, ...], demands: Demands, effort: str, seed: int) -> Found | None:
    inner = [p for p in demands.legal.network.populations if p.name in names]
    if sum(_cores(p.name, demands) for p in inner) < 2 or any(p.name in demands.legal.relays.sources for p in inner):
        return None
    net = _wiring(names, demands.legal.network, inner[0].neurons)
    room = _room(inner[0].name, net, demands)
    if not len(net.sources) or not is_local(net):
        return None
    numbers = np.arange(net.neurons)
    held = line(net, numbers)
    plain = refilled(held, room)
    best, score = None, (len(plain), axons_of(held, plain))
    for found in _tried(net, room, max(2, sum(_cores(p.name, demands) for p in inner)), effort, seed):
        if (found.cores, found.axons) < score:
            best, score = found, (found.cores, found.axons)
    return best


def _cores(name: str, demands: Demands) -> int:
    """The cores that a population asks for at least, by itself."""
    uncut = demands.uncut()
    return max((math.ceil(demands.least(name, i, uncut) / demands.capacity[i]) for i in demands.per_core), default=1)


def _wiring(names: tuple[str, ...], network: Network, neurons: int) -> Wiring:
    """All single synapses into the populations of a class, neuron n of each as one; other sources stand behind."""
    nodes, first = neurons, {}
    sources, targets = [], []
    for projection in network.projections:
        operator = irregular_in(projection.chain)
        if projection.target not in names or not isinstance(operator, Sparse):
            continue
        if projection.source in names:
            offset = 0
        else:
            if projection.source not in first:
                first[projection.source], nodes = nodes, nodes + math.prod(projection.source_shape)
            offset = first[projection.source]
        sources.append(operator.indices + offset)
        targets.append(operator.rows)
    if len(targets) == 1:
        return wiring(neurons, nodes, sources[0], targets[0])
    empty = np.zeros(0, dtype=np.int64)
    pairs = np.unique(np.concatenate([empty, *targets]) * nodes + np.concatenate([empty, *sources]))
    return wiring(neurons, nodes, pairs % nodes, pairs // nodes)


def _room(name: str, net: Wiring, demands: Demands) -> Room:
    """What a core holds, told by its limits: memory by what the synapses of a sample of neurons take of it."""
    neurons = neurons_per_core(demands)
    synapses = axons = 1 << 62
    sample = Piece(name, Run(0, min(net.neurons, neurons)))
    held = int(net.into[sample.part.neurons])
    reached = max(1, demands.axons(sample))
    needs = demands.of(sample, demands.uncut())
    for i in demands.per_core:
        formula, most = demands.limits[i].formula, demands.capacity[i]
        if formula.endswith("input_axons"):
            axons = min(axons, int(most * reached / max(1, needs[i])))
        elif formula not in ("neurons", "neuron_copies", "slices") and held and needs[i] > 0:
            synapses = min(synapses, int(most * held / needs[i]))
    return Room(neurons, synapses, axons)


def _tried(net: Wiring, room: Room, fewest: int, effort: str, seed: int) -> Iterator[Found]:
    """Orders by the partitioner, as they are and refined, cut at their parts or filled up anew."""
    edges, parts, metis = edges_of(net), fewest, has_metis()
    if not metis:
        yield _filled(net, *by_bandwidth(net, edges), room)
    for _ in range(ROUNDS):
        slack = min(0.03, max(0.001, room.neurons * parts / net.neurons - 1))
        cores = by_metis(net, edges, parts, slack, seed) if metis else by_halves(net, edges, parts)
        several = list(_both(net, room, cores, parts, "metis" if metis else "halves", effort, seed))
        yield from several
        took = min(found.cores for found in several)
        if took <= parts or (took > FAR_OFF * parts and len(net.sources) > LARGE):
            return
        parts += max(1, (took - parts) * 2 // 3)


def _both(net: Wiring, room: Room, cores: Ints, count: int, by: str, effort: str, seed: int) -> Iterator[Found]:
    """Neurons on cores, as they are and refined."""
    yield from _cut(net, cores, count, room, by)
    if not SWEEPS[effort]:
        return
    moved, how = refined(net, cores, count, room, SWEEPS[effort], seed), "refined"
    if moved is cores and not has_numba():
        moved, how = improved(net, cores, count, room), "improved"
    if moved is not cores:
        yield from _cut(net, moved, count, room, f"{by}, {how}")


def _cut(net: Wiring, cores: Ints, count: int, room: Room, by: str) -> Iterator[Found]:
    """The order of the cores, filled up anew, and where that fits cut as it is."""
    order = np.argsort(cores, kind="stable")
    filled = _filled(net, order, by, room)
    yield filled
    ends = tuple(sorted({*np.cumsum(np.bincount(cores, minlength=count)).tolist()} - {0}))
    held = line(net, order)
    if ends != filled.ends and holds(held, ends, room):
        yield Found(order, ends, by, axons_of(held, ends))


def _filled(net: Wiring, order: Ints, by: str, room: Room) -> Found:
    held = line(net, order)
    ends = refilled(held, room)
    return Found(order, ends, by, axons_of(held, ends))
