"""Ring buffers, recounted: the fields of an index are powers of two, so that one doubles until everything has a place.

A sender with cores reaches a neuron as many steps later as the plan says; the host injects a step ahead.
"""

from __future__ import annotations

from collections.abc import Sequence

from neuedge_nir.chip.model import Limit


def ring_buffer_bits(neurons: int, delays: Sequence[int], limit: Limit) -> int:
    """Bits of the index of a slice that is reached after so many `delays`, one for each projection into it."""
    if not delays:
        return 0
    return sum(map(_field, (neurons, round(limit.parameters["synapse_types"].typical), max(delays))))


def _field(values: int) -> int:
    bits, told = 0, 1
    while told < values:
        bits, told = bits + 1, told * 2
    return bits
