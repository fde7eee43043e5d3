"""Who sends how much to whom: the messages between the cores of a partition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import InputCores, RoutingKind
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.expected_traffic import is_probable, with_expected
from neuedge_nir.mapping.legalise import LegalProjection
from neuedge_nir.mapping.partition import Cluster, Piece, Role
from neuedge_nir.mapping.ports import read_out
from neuedge_nir.network.count import counter
from neuedge_nir.network.parts import Parts, Shares
from neuedge_nir.network.reach import Region
from neuedge_nir.network.slices import Run, Slice

Ints = NDArray[np.int64]
Targets = tuple[tuple[int, int], ...]
"""Destination clusters in rising order, and the messages to each."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What one slice sends: to each destination cluster, how many messages when every neuron of the slice spikes once.

    A destination may be the slice's own cluster; such messages stay on the core.
    """

    cluster: int
    piece: int
    neurons: int
    rate: float
    targets: Targets


def flows(clusters: Sequence[Cluster], demands: Demands) -> tuple[Flow, ...]:
    """The flows of all slices that have cores, by cluster and piece.

    On a chip where a neuron drives one axon, every axon is a message of its own. Slices of a population that send alike
    share their targets: pairs of cores are millions, and what differs among them is little.
    """
    holders = _by_population(clusters)
    sent: dict[tuple[int, int], Targets] = {}
    for name, pieces in holders.items():
        parts = Parts(tuple(piece.part for _, _, piece in pieces))
        targets = _dealt(len(pieces), list(_messages_from(name, parts, holders, demands)))
        sent |= {(c, p): own for (c, p, _), own in zip(pieces, targets, strict=True)}
    gatherers = _gatherers(clusters)
    for c, p, piece in (one for name in read_out(demands.legal.network) for one in holders.get(name, ())):
        sent[c, p] = tuple(sorted((*sent[c, p], *((gatherer, piece.part.neurons) for gatherer in gatherers))))
    return tuple(
        Flow(c, p, piece.part.neurons, demands.activity.rate(piece.population), sent[c, p])
        for c, cluster in enumerate(clusters)
        for p, piece in enumerate(cluster.pieces)
    )


def _dealt(slices: int, arriving: Sequence[tuple[int, Shares]]) -> Iterator[Targets]:
    """The targets of each slice, from the slices that each of the rising targets hears."""
    none = np.zeros(0, dtype=np.int64)
    which, counts = (np.concatenate([none, *(shares[k] for _, shares in arriving)]) for k in (0, 1))
    target = np.repeat([c for c, _ in arriving], [len(heard) for _, (heard, _) in arriving]) if arriving else none
    order = np.argsort(which, kind="stable")
    pairs = np.stack([target, counts], axis=1)[order]
    ends = np.cumsum(np.bincount(which, minlength=slices)).tolist()
    known: dict[bytes, Targets] = {}
    for start, stop in pairwise((0, *ends)):
        own = pairs[start:stop]
        named = own.tobytes()
        if named not in known:
            known[named] = tuple(zip(*own.T.tolist(), strict=True))
        yield known[named]


def pairs_of(flows: Sequence[Flow]) -> tuple[Ints, Ints, Ints]:
    """Of every slice and each of its targets the number of the flow, the target, and the messages."""
    known: dict[int, Ints] = {}
    for flow in flows:
        if id(flow.targets) not in known:
            numbers = np.fromiter(chain.from_iterable(flow.targets), np.int64, 2 * len(flow.targets))
            known[id(flow.targets)] = numbers.reshape(-1, 2).T
    every = [np.zeros((2, 0), dtype=np.int64), *(known[id(flow.targets)] for flow in flows)]
    return np.repeat(np.arange(len(flows)), [len(flow.targets) for flow in flows]), *np.concatenate(every, axis=1)


def deliveries(clusters: Sequence[Cluster], demands: Demands) -> float:
    """Messages per step to other cores, as a plan reports them.

    Where a multicast key covers a slice, all its spikes go wherever one of them must.
    """
    holders, total = _by_population(clusters), 0.0
    multicast = demands.legal.chip.topology.routing is RoutingKind.MULTICAST
    for name, pieces in holders.items():
        parts, homes = Parts(tuple(piece.part for _, _, piece in pieces)), np.array([c for c, _, _ in pieces])
        sizes = np.array([piece.part.neurons for _, _, piece in pieces])
        sent = 0
        for target, (which, counts) in _messages_from(name, parts, holders, demands):
            sent += int((sizes[which] if multicast else counts)[homes[which] != target].sum())
        total += sent * demands.activity.rate(name)
    gatherers = len(_gatherers(clusters))
    read = [(name, piece) for name in read_out(demands.legal.network) for _, _, piece in holders.get(name, ())]
    return total + gatherers * sum(piece.part.neurons * demands.activity.rate(name) for name, piece in read)


def _gatherers(clusters: Sequence[Cluster]) -> list[int]:
    """The cores that hand spikes to the host, and hold nothing."""
    return [c for c, cluster in enumerate(clusters) if cluster.role is Role.IO and not cluster.pieces]


def host_reads(demands: Demands) -> float:
    """Messages per step by which the host reads outputs: a spike each, or a potential in every step."""
    network, rate = demands.legal.network, demands.activity.rate
    if demands.legal.outputs.name != "host":
        return 0.0
    read = [network.population(name) for name in read_out(network)]
    return float(sum(p.neurons * (rate(p.name) if p.spiking else 1.0) for p in read))


def host_messages(clusters: Sequence[Cluster], demands: Demands) -> float:
    """Messages per step that the host injects: one for each core or axon, or one to a core that passes it on."""
    holders = _by_population(clusters)
    total = 0.0
    if demands.legal.inputs.cores is InputCores.IO:
        return float(sum(port.neurons * demands.activity.rate(port.name) for port in demands.legal.network.inputs))
    for port in demands.legal.network.inputs:
        if port.name not in holders:
            everything = Parts((Run(0, port.neurons),))
            arriving = (int(counts.sum()) for _, (_, counts) in _messages_from(port.name, everything, holders, demands))
            total += float(sum(arriving)) * demands.activity.rate(port.name)
    return total


Holders = dict[str, list[tuple[int, int, Piece]]]
"""For each population: the cluster, the number of the piece in it, and the piece."""


def _by_population(clusters: Sequence[Cluster]) -> Holders:
    found: Holders = {}
    for c, cluster in enumerate(clusters):
        for p, piece in enumerate(cluster.pieces):
            found.setdefault(piece.population, []).append((c, p, piece))
    return found


def _messages_from(name: str, parts: Parts, holders: Holders, demands: Demands) -> Iterator[tuple[int, Shares]]:
    """For each cluster that receives from a population: the messages of slices that send any, one spike per neuron.

    One cluster after the other: the sources of all clusters together may not fit into memory.
    """
    apart = demands.legal.chip.capabilities.one_destination
    arriving: dict[int, list[tuple[LegalProjection, list[Slice]]]] = {}
    for legal in demands.legal.out_of(name):
        held: dict[int, list[Slice]] = {}
        for c, _, piece in holders.get(legal.projection.target, ()):
            held.setdefault(c, []).append(piece.part)
        for c, slices in held.items():
            arriving.setdefault(c, []).append((legal, slices))
    for c, feeding in sorted(arriving.items()):
        known = [one for one in feeding if not is_probable(one[0])]
        regions = [(legal.stored.axons_per_input if apart else 1, _sources(legal, slices)) for legal, slices in known]
        found = _messages(regions, parts, apart)
        probable = [one for one in feeding if is_probable(one[0])]
        yield c, with_expected(found, probable, parts, apart=apart) if probable else found


def _sources(legal: LegalProjection, slices: Sequence[Slice]) -> Region:
    """What the slices of one cluster see of the source of a projection."""
    count = counter(legal.projection)
    return Region(legal.projection.source_shape, tuple(q for part in slices for q in count.sources(part).products))


def _messages(regions: list[tuple[int, Region]], parts: Parts, apart: bool) -> Shares:
    """Messages of every part into one cluster: one a neuron, or one an axon where every axon has its own copy."""
    if not regions:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if not apart and len(regions) > 1:
        joined = Region(regions[0][1].shape, tuple(q for _, region in regions for q in region.products))
        regions = [(1, joined)]
    found = [(axons, *parts.overlaps(region)) for axons, region in regions]
    if len(found) == 1:
        axons, which, counts = found[0]
        return which, axons * counts
    several, place = np.unique(np.concatenate([which for _, which, _ in found]), return_inverse=True)
    total = np.zeros(len(several), dtype=np.int64)
    np.add.at(total, place.ravel(), np.concatenate([axons * counts for axons, _, counts in found]))
    return several, total
