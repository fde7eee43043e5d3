"""The ring buffers in which a core collects what arrives at its neurons later: one entry a neuron, type and step."""

from __future__ import annotations

from collections.abc import Iterable

from neuedge_nir.chip.model import Limit


def index_bits(neurons: int, delays: Iterable[int], limit: Limit) -> int:
    """Bits that tell the entries of a slice apart; none where nothing arrives. `delays`: of what does, in steps."""
    slots = max(delays, default=0)
    if slots == 0:
        return 0
    return sum((count - 1).bit_length() for count in (neurons, limit.parameters["synapse_types"].count, slots))
