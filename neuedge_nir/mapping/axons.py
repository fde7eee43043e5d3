"""The entries that projections take in the tables of axons, where their cores are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.legalise import LegalProjection
from neuedge_nir.mapping.merging import merged_at_axon
from neuedge_nir.mapping.partition import Cluster, Piece
from neuedge_nir.mapping.place import Placement
from neuedge_nir.network.count import counter
from neuedge_nir.network.parts import Parts
from neuedge_nir.network.reach import Region


@dataclass(frozen=True, slots=True)
class Entries:
    """Of all cores together: into them, out of them, and the further ones for destinations on another chip."""

    inputs: int
    outputs: int
    crossing: int


Sent = tuple[int, int, int]
"""A cluster that sends, one that it sends to, and the entries of one projection that takes."""


def entries_of(clusters: Sequence[Cluster], placement: Placement, demands: Demands) -> dict[str, Entries]:
    """By projection; nothing on a chip of which no limit counts them."""
    rule = next((limit for limit in demands.limits if limit.formula == "placed_output_axons"), None)
    if rule is None:
        return {}
    merges, found = any(limit.formula == "merged_input_axons" for limit in demands.limits), {}
    for legal in demands.legal.projections:
        sent = list(entries_sent(legal, clusters))
        away = sum(count for a, b, count in sent if placement.sites[a].chip != placement.sites[b].chip)
        parts = [piece.part for _, piece in _pieces(clusters, legal.projection.target)]
        into = merged_at_axon(legal.projection) if merges else counter(legal.projection)
        inputs = sum(into.axons(part) for part in parts) * legal.stored.axons_per_input
        outputs = sum(count for _, _, count in sent)
        found[legal.projection.name] = Entries(inputs, outputs, demands.parameter(rule, "crossing_entries") * away)
    return found


def entries_sent(legal: LegalProjection, clusters: Sequence[Cluster]) -> Iterator[Sent]:
    """One entry for each neuron and each core that it reaches; nothing from inputs that are on no core."""
    held: dict[int, list[Piece]] = {}
    for c, piece in _pieces(clusters, legal.projection.target):
        held.setdefault(c, []).append(piece)
    senders = _pieces(clusters, legal.projection.source)
    count, parts = counter(legal.projection), Parts(tuple(piece.part for _, piece in senders))
    homes = np.array([c for c, _ in senders], dtype=np.int64)
    for c, pieces in held.items() if senders else ():
        products = tuple(q for piece in pieces for q in count.sources(piece.part).products)
        which, sources = parts.overlaps(Region(legal.projection.source_shape, products))
        yield from ((home, c, n) for home, n in zip(homes[which].tolist(), sources.tolist(), strict=True))


def _pieces(clusters: Sequence[Cluster], name: str) -> list[tuple[int, Piece]]:
    return [(c, piece) for c, cluster in enumerate(clusters) for piece in cluster.pieces if piece.population == name]
