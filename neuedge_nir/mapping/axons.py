"""The entries that each projection takes in the tables of axons, where its cores are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.legalise import LegalProjection
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


def entries_of(clusters: Sequence[Cluster], placement: Placement, demands: Demands) -> dict[str, Entries]:
    """By projection; nothing on a chip of which no limit counts them."""
    rule = next((limit for limit in demands.limits if limit.formula == "placed_output_axons"), None)
    if rule is None:
        return {}
    chips = np.array([site.chip for site in placement.sites], dtype=np.int64)
    more = demands.parameter(rule, "crossing_entries")
    return {legal.projection.name: _entries(legal, clusters, chips, more) for legal in demands.legal.projections}


def _entries(legal: LegalProjection, clusters: Sequence[Cluster], chips: np.ndarray, more: int) -> Entries:
    held: dict[int, list[Piece]] = {}
    for c, piece in _pieces(clusters, legal.projection.target):
        held.setdefault(c, []).append(piece)
    senders = _pieces(clusters, legal.projection.source)
    count, parts = counter(legal.projection), Parts(tuple(piece.part for _, piece in senders))
    homes = np.array([chips[c] for c, _ in senders], dtype=np.int64)
    inputs = outputs = crossing = 0
    for c, pieces in held.items():
        inputs += sum(count.axons(piece.part) for piece in pieces) * legal.stored.axons_per_input
        if senders:
            products = tuple(q for piece in pieces for q in count.sources(piece.part).products)
            which, sources = parts.overlaps(Region(legal.projection.source_shape, products))
            outputs += int(sources.sum())
            crossing += more * int(sources[homes[which] != chips[c]].sum())
    return Entries(inputs, outputs, crossing)


def _pieces(clusters: Sequence[Cluster], name: str) -> list[tuple[int, Piece]]:
    return [(c, piece) for c, cluster in enumerate(clusters) for piece in cluster.pieces if piece.population == name]
