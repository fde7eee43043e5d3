"""Rows of synapses as Intel's NxTF packs them for Loihi 1, and the formats that a core keeps for them.

A row is what one source sends to a slice: entries of some synapses, each behind a header, packed without gaps into
words. Sources under one leading pool's window share a row. A format is what all synapses of a projection have in
common.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np

from neuedge_nir.chip.model import Limit
from neuedge_nir.mapping.effective import effective_weights
from neuedge_nir.mapping.legalise import Kind, LegalNetwork, LegalProjection
from neuedge_nir.mapping.merging import merged_at_axon
from neuedge_nir.mapping.values import NO_VALUES, Values
from neuedge_nir.network.blocks import row_blocks
from neuedge_nir.network.slices import Slice

SYNAPSE_FORMATS = "synapse_formats"


def entry_row_words(part: Slice, limit: Limit, legal: LegalProjection) -> int:
    """Words of a projection's rows into a slice."""
    rows = merged_at_axon(legal.projection).fan_outs(part)
    return sum(count * words_of(synapses, limit, legal) for synapses, count in rows if synapses)


def longest_entry_row(part: Slice, limit: Limit, legal: LegalProjection) -> int:
    """Words of the longest row of a projection into a slice."""
    longest = merged_at_axon(legal.projection).longest_fan_out(part)
    return words_of(longest, limit, legal) if longest else 0


def self_row_words(limit: Limit, weight_bits: int) -> int:
    """Words of the row by which a neuron resets itself: one synapse, stored sparse and without delay."""
    return row_words(1, weight_bits, limit, dense=False)


def words_of(synapses: int, limit: Limit, legal: LegalProjection) -> int:
    """Words of a row of a projection with so many synapses."""
    bits = legal.stored.bits + (limit.parameters["delay_bits"].count if is_delayed(legal) else 0)
    return row_words(synapses, bits, limit, dense=legal.kind is Kind.DENSE)


def is_delayed(legal: LegalProjection) -> bool:
    """Whether synapses store how much longer than the one step of every hop their spikes wait."""
    return legal.delay > 1


def row_words(synapses: int, bits: int, limit: Limit, *, dense: bool) -> int:
    """Words of a row of synapses of so many bits each. A dense one has an index per entry, a sparse one per synapse."""
    number = {name: quantity.count for name, quantity in limit.parameters.items()}
    entries = math.ceil(synapses / number["entry_synapses"])
    indices = entries if dense else synapses
    whole = entries * number["header_bits"] + indices * number["index_bits"] + synapses * bits
    return math.ceil((whole + number["trailer_bits"]) / number["word_bits"])


def formats(legal: LegalNetwork, name: str) -> Values:
    """The synapse formats of a population: one for all its neurons, or several; none in an input port.

    A weight exponent is told relative to the largest of the population, whose scale is its own.
    """
    if all(name != population.name for population in legal.network.populations):
        return NO_VALUES
    incoming = legal.into(name)
    found: list[Hashable] = [(name, *format_of(p, coarsest(incoming))) for p in incoming]
    if legal.self_axons_per_neuron:
        found.append("reset")
    return Values(tuple(dict.fromkeys(found)))


def coarsest(incoming: Sequence[LegalProjection]) -> float:
    """The largest step of weights into one population."""
    return max((p.stored.step for p in incoming), default=1.0)


def format_of(legal: LegalProjection, largest: float) -> tuple[int, str, int, bool, str]:
    """Weight exponent, sign mode, weight bits, whether there are delay bits, and the encoding."""
    exponent = round(math.log2(legal.stored.step / largest)) if legal.stored.step else 0
    encoding = "dense" if legal.kind is Kind.DENSE else "sparse"
    return exponent, sign_mode(legal), legal.stored.bits, is_delayed(legal), encoding


@lru_cache(maxsize=4096)
def sign_mode(legal: LegalProjection) -> str:
    """Whether the weights of a projection share a sign."""
    low = high = 0.0
    weights = effective_weights(legal.projection)
    weights = weights[tuple(slice(None if stride else 1) for stride in weights.strides)]  # equal ones once
    for _, rows in row_blocks(weights):
        values = np.asarray(rows)
        low, high = min(low, float(values.min(initial=0))), max(high, float(values.max(initial=0)))
    if low < 0 < high:
        return "mixed"
    return "inhibitory" if low < 0 else "excitatory"
