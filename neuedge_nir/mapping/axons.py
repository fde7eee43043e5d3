"""The entries that projections take in the tables of axons, where their cores are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.mapping.demand import PLACED, Demands
from neuedge_nir.mapping.legalise import LegalProjection
from neuedge_nir.mapping.merging import merged_at_axon
from neuedge_nir.mapping.partition import Cluster, Piece
from neuedge_nir.mapping.place import Placement
from neuedge_nir.mapping.sharing import SharedAxons, pieces_of
from neuedge_nir.network.count import counter
from neuedge_nir.network.parts import Parts
from neuedge_nir.network.reach import Region


@dataclass(frozen=True, slots=True)
class Entries:
    """Of all cores together: into them, out of them, and the further ones for destinations on another chip."""

    kind: str
    inputs: int
    outputs: int
    crossing: int


Sent = tuple[int, int, int]
"""A cluster that sends, one that it sends to, and the entries of one projection that takes."""


def entries_of(
    clusters: Sequence[Cluster], placement: Placement, demands: Demands, shared: Mapping[str, SharedAxons]
) -> dict[str, Entries]:
    """By projection; nothing on a chip of which no limit counts them. `shared` are those that share axons."""
    rule = next((limit for limit in demands.limits if limit.formula in PLACED), None)
    if rule is None:
        return {}
    merges, found = any(limit.formula == "merged_input_axons" for limit in demands.limits), {}
    crossing = demands.parameter(rule, "crossing_entries")
    for legal in demands.legal.projections:
        if (own := shared.get(legal.projection.name)) is not None:
            found[legal.projection.name] = _of_shared(own, placement, crossing)
            continue
        sent = list(entries_sent(legal, clusters))
        away = sum(count for a, b, count in sent if placement.sites[a].chip != placement.sites[b].chip)
        parts = [piece.part for _, piece in pieces_of(clusters, legal.projection.target)]
        into = merged_at_axon(legal.projection) if merges else counter(legal.projection)
        inputs = sum(into.axons(part) for part in parts) * legal.stored.axons_per_input
        outputs = sum(count for _, _, count in sent)
        found[legal.projection.name] = Entries("discrete", inputs, outputs, crossing * away)
    return found


def _of_shared(own: SharedAxons, placement: Placement, crossing: int) -> Entries:
    away = sum(s.axons for s in own.sent if placement.sites[s.sender].chip != placement.sites[s.target].chip)
    return Entries("shared", sum(own.inputs.values()), sum(s.entries for s in own.sent), crossing * away)


def entries_sent(legal: LegalProjection, clusters: Sequence[Cluster]) -> Iterator[Sent]:
    """One entry for each neuron and each core that it reaches; nothing from inputs that are on no core."""
    held: dict[int, list[Piece]] = {}
    for c, piece in pieces_of(clusters, legal.projection.target):
        held.setdefault(c, []).append(piece)
    senders = pieces_of(clusters, legal.projection.source)
    count, parts = counter(legal.projection), Parts(tuple(piece.part for _, piece in senders))
    homes = np.array([c for c, _ in senders], dtype=np.int64)
    for c, pieces in held.items() if senders else ():
        products = tuple(q for piece in pieces for q in count.sources(piece.part).products)
        which, sources = parts.overlaps(Region(legal.projection.source_shape, products))
        yield from ((home, c, n) for home, n in zip(homes[which].tolist(), sources.tolist(), strict=True))
