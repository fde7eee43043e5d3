"""Who sends how much to whom: the messages between the cores of a partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.partition import Cluster, Piece
from neuedge_nir.network.area import overlaps
from neuedge_nir.network.count import counter
from neuedge_nir.network.reach import Region
from neuedge_nir.network.slices import Run, Slice


@dataclass(frozen=True, slots=True)
class Flow:
    """What one slice sends: to each destination cluster, how many messages when every neuron of the slice spikes once.

    A destination may be the slice's own cluster; such messages stay on the core.
    """

    cluster: int
    piece: int
    neurons: int
    rate: float
    targets: tuple[tuple[int, int], ...]


def flows(clusters: Sequence[Cluster], demands: Demands) -> tuple[Flow, ...]:
    """The flows of all slices that have cores, by cluster and piece.

    On a chip where a neuron drives one axon, every axon is a message of its own.
    """
    holders = _by_population(clusters)
    sent: dict[tuple[int, int], list[tuple[int, int]]] = {
        (c, p): [] for c, cluster in enumerate(clusters) for p in range(len(cluster.pieces))
    }
    for name, pieces in holders.items():
        parts = [piece.part for _, _, piece in pieces]
        for target, counts in _messages_from(name, parts, clusters, demands):
            for (c, p, _), count in zip(pieces, counts, strict=True):
                if count:
                    sent[c, p].append((target, int(count)))
    return tuple(
        Flow(c, p, piece.part.neurons, demands.activity.rate(piece.population), tuple(sorted(sent[c, p])))
        for c, cluster in enumerate(clusters)
        for p, piece in enumerate(cluster.pieces)
    )


def host_messages(clusters: Sequence[Cluster], demands: Demands) -> float:
    """Messages per step that the host injects for input ports without cores."""
    held = {piece.population for cluster in clusters for piece in cluster.pieces}
    total = 0.0
    for port in demands.legal.network.inputs:
        if port.name not in held:
            everything: list[Slice] = [Run(0, port.neurons)]
            counts = [counts[0] for _, counts in _messages_from(port.name, everything, clusters, demands)]
            total += float(sum(counts)) * demands.activity.rate(port.name)
    return total


def _by_population(clusters: Sequence[Cluster]) -> dict[str, list[tuple[int, int, Piece]]]:
    found: dict[str, list[tuple[int, int, Piece]]] = {}
    for c, cluster in enumerate(clusters):
        for p, piece in enumerate(cluster.pieces):
            found.setdefault(piece.population, []).append((c, p, piece))
    return found


def _messages_from(
    name: str, parts: list[Slice], clusters: Sequence[Cluster], demands: Demands
) -> list[tuple[int, NDArray[np.int64]]]:
    """For each cluster that receives from a population: the messages of each of its slices, one spike per neuron."""
    leaving = demands.legal.out_of(name)
    apart = demands.legal.chip.capabilities.one_destination
    found = []
    for c, cluster in enumerate(clusters):
        regions: list[tuple[int, Region]] = []
        for legal in leaving:
            held = [piece.part for piece in cluster.pieces if piece.population == legal.projection.target]
            count = counter(legal.projection)
            products = [q for part in held for q in count.sources(part).products]
            if products:
                region = Region(legal.projection.source_shape, tuple(products))
                regions.append((legal.stored.axons_per_input if apart else 1, region))
        if regions and not apart:
            joined = Region(regions[0][1].shape, tuple(q for _, region in regions for q in region.products))
            regions = [(1, joined)]
        if regions:
            found.append(
                (
                    c,
                    sum((k * overlaps(region, parts) for k, region in regions), np.zeros(len(parts), np.int64)),
                )
            )
    return found
