"""The ring buffers in which a core collects what arrives at its neurons later: one entry a neuron, type and step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from neuedge_nir.chip.model import Limit
from neuedge_nir.mapping.legalise import LegalNetwork, LegalProjection
from neuedge_nir.mapping.partition import Destinations, Piece

if TYPE_CHECKING:
    from neuedge_nir.mapping.demand import Demands


def ring_buffer_bits(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    """Bits that tell the entries of a slice apart; none where nothing arrives."""
    del targets
    return index_bits(piece.part.neurons, waits(demands.legal, piece.population), limit)


def waits(legal: LegalNetwork, name: str) -> tuple[int, ...]:
    """The steps that spikes into a population wait in it.

    The host injects them when they are due. A delay extension leaves the target up to the longest delay of all.
    """
    hosts = () if legal.mapped_inputs else tuple(port.name for port in legal.network.inputs)
    longest = legal.chip.capabilities.max_delay

    def steps(p: LegalProjection) -> int:
        if p.projection.source in hosts:
            return 1
        return longest.count if p.projection.source in legal.relays.stages and longest else p.delay

    return tuple(map(steps, legal.into(name)))


def index_bits(neurons: int, delays: Iterable[int], limit: Limit) -> int:
    """The bits of the index for so many neurons; `delays`: of what arrives, in steps."""
    slots = max(delays, default=0)
    if slots == 0:
        return 0
    return sum((count - 1).bit_length() for count in (neurons, limit.parameters["synapse_types"].count, slots))
