"""How long a chip keeps a spike for a population: what its ring buffers have slots for, or one figure for all."""

from __future__ import annotations

import math

from neuedge_nir.chip.model import Chip
from neuedge_nir.network.model import Network

MOST_BITS = 30
"""Nobody waits longer than so many bits of steps tell: an index of more is taken for one of so many."""


def native_delay(chip: Chip, neurons: int) -> int:
    """The longest delay, in steps, into a population of so many neurons; 1 where nothing is published.

    Where the index of ring buffers has so many bits, a core with few neurons has more slots than a full one.
    """
    longest = chip.capabilities.max_delay.count if chip.capabilities.max_delay else 1
    rule = next((limit for limit in chip.limits if limit.formula == "ring_buffer_bits"), None)
    if rule is None or chip.capabilities.max_delay is None:
        return longest
    most = min((limit.limit.count for limit in chip.limits if limit.formula == "neurons"), default=neurons)
    taken = _bits(min(neurons, most)) + _bits(rule.parameters["synapse_types"].count)
    return max(longest, 1 << min(MOST_BITS, max(0, rule.limit.count - taken)))


def native_delays(chip: Chip, network: Network) -> dict[str, int]:
    """By name of a population, its longest delay."""
    return {p.name: native_delay(chip, math.prod(p.shape)) for p in network.populations}


def _bits(values: int) -> int:
    return max(0, values - 1).bit_length()
