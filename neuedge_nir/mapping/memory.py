"""The synaptic memory that a projection into a slice takes, by the formulas of chips that store rows of synapses.

A row holds what one source sends to the slice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Limit
from neuedge_nir.mapping.effective import effective_weights
from neuedge_nir.mapping.entries import entry_row_words
from neuedge_nir.mapping.legalise import Kind, LegalProjection
from neuedge_nir.network.axis import array_of
from neuedge_nir.network.blocks import row_blocks
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.count import counter
from neuedge_nir.network.counting import Counting
from neuedge_nir.network.model import Projection
from neuedge_nir.network.reach import target_region
from neuedge_nir.network.slices import Run, Slice, runs_of, whole


@lru_cache(maxsize=4096)
def behind_pools(projection: Projection) -> Counting:
    """The counter of a projection without its leading pools.

    Where every message is processed, the sources of one pooling window may share an input axon and its row.
    """
    chain = without_leading_pools(projection.chain)
    if len(chain) == len(projection.chain):
        return counter(projection)
    return counter(replace(projection, source_shape=chain[0].input_shape, chain=chain))


def without_leading_pools(chain: tuple[Operator, ...]) -> tuple[Operator, ...]:
    """What follows the leading pools of a chain; a chain of pools keeps its last."""
    while len(chain) > 1 and isinstance(chain[0], Pool):
        chain = chain[1:]
    return chain


def packed_words(part: Slice, limit: Limit, legal: LegalProjection) -> int:
    """Words of a projection's rows into a slice, synapses packed one behind the other behind headers."""
    number = {name: q.count for name, q in limit.parameters.items()}

    def words(neurons: int, bits: int) -> int:
        header = number["header_bits"] * math.ceil(neurons / number["header_every"])
        return math.ceil((neurons * bits + header) / number["word_bits"])

    if legal.kind is Kind.CONV:
        rows, channels = _kernel_rows(legal.projection, part)
        return sum(rows * words(c, legal.stored.bits) for c in channels)
    bits = legal.stored.bits + number["index_bits"]
    return sum(count * words(n, bits) for n, count in _rows(part, legal))


def _rows(part: Slice, legal: LegalProjection) -> Iterable[tuple[int, int]]:
    """How many synapses of the slice the sources have, each number with the count of such sources."""
    held = stored_synapses(legal)
    if held is None:
        return behind_pools(legal.projection).fan_outs(part)
    runs = (part,) if isinstance(part, Run) else runs_of(part, legal.projection.target_shape)
    found = np.zeros(held.shape[1] * 8, dtype=np.int64)
    for run in runs:
        for _, some in row_blocks(held[run.start : run.stop]):
            found += np.unpackbits(some, axis=1).sum(axis=0, dtype=np.int64)
    return list(zip(*(each.tolist() for each in np.unique(found[found > 0], return_counts=True)), strict=True))


@lru_cache(maxsize=4096)
def stored_synapses(legal: LegalProjection) -> NDArray[np.uint8] | None:
    """Which weights of a dense layer are not stored as 0: a row of bits for each neuron, in the order of its inputs.

    None where all are stored, or where the projection is anything but one dense layer behind pools.
    """
    chain = [op for op in without_leading_pools(legal.projection.chain) if not isinstance(op, Scale | Delay)]
    if legal.stored.step == 0 or len(chain) != 1 or not isinstance(chain[0], Dense) or chain[0].weight.ndim != 2:
        return None
    weights = effective_weights(legal.projection)
    different = weights[:1] if weights.strides[0] == 0 else weights  # one row may stand for all
    kept = [np.rint(np.asarray(rows, dtype=np.float64) / legal.stored.step) != 0 for _, rows in row_blocks(different)]
    if all(rows.all() for rows in kept):
        return None
    bits = np.concatenate([np.packbits(rows, axis=1) for rows in kept])
    return np.broadcast_to(bits, (len(weights), bits.shape[1]))


def _kernel_rows(projection: Projection, part: Slice) -> tuple[int, list[int]]:
    """Rows of a shared kernel per group (taps x input channels of the group), and the slice's channels per group.

    A pool behind the convolution makes the kernel larger; one before it merges its pixels at the axon.
    """
    conv = next(op for op in projection.chain if isinstance(op, Conv))
    offsets = [{d * t for t in range(k)} for k, d in zip(conv.kernel, conv.dilation, strict=True)]
    steps = conv.stride
    for pool in (op for op in projection.chain[projection.chain.index(conv) :] if isinstance(op, Pool)):
        widened = zip(offsets, pool.kernel, steps, strict=True)
        offsets = [{o + s * i for o in seen for i in range(p)} for seen, p, s in widened]
        steps = tuple(s * p for s, p in zip(steps, pool.stride, strict=True))
    region = target_region(projection, counter(projection).stages, part)
    touched = np.unique(np.concatenate([array_of(product[0]) for product in region.products]))
    groups = np.bincount(touched // (conv.output_shape[0] // conv.groups))
    return math.prod(len(seen) for seen in offsets) * conv.weight.shape[1], [int(c) for c in groups if c]


def blocked_bits(part: Slice, limit: Limit, legal: LegalProjection) -> int:
    """Bits of a projection's rows into a slice, in blocks of synapses, each behind a header and in whole words."""
    number = {name: q.count for name, q in limit.parameters.items()}
    bits = legal.stored.bits + (0 if legal.kind is Kind.DENSE else number["index_bits"])
    sizes = number["block"], number["header_bits"], number["word_bits"]
    return sum(count * _blocked(n, bits, *sizes) for n, count in counter(legal.projection).fan_outs(part))


def longest_row_words(part: Slice, limit: Limit, legal: LegalProjection) -> int:
    """Words of the longest row of a projection into a slice, stored in blocks."""
    number = {name: q.count for name, q in limit.parameters.items()}
    bits = legal.stored.bits + (0 if legal.kind is Kind.DENSE else number["index_bits"])
    longest = counter(legal.projection).longest_fan_out(part)
    return _blocked(longest, bits, number["block"], number["header_bits"], number["word_bits"]) // number["word_bits"]


def least_blocked_bits(legal: LegalProjection, limit: Limit) -> int:
    """All synapses at the price of a block that wastes least: a row cut within a block may save a word."""
    number = {name: q.count for name, q in limit.parameters.items()}
    bits = legal.stored.bits + (0 if legal.kind is Kind.DENSE else number["index_bits"])
    synapses = counter(legal.projection).connections(whole(legal.projection.target_shape))
    sizes = range(1, number["block"] + 1)
    prices = [Fraction(_blocked(n, bits, n, number["header_bits"], number["word_bits"]), n) for n in sizes]
    return math.ceil(synapses * min(prices))


def _blocked(synapses: int, bits: int, block: int, header: int, word: int) -> int:
    full, rest = divmod(synapses, block)
    sizes = [block] * full + [rest] * bool(rest)
    return sum(word * math.ceil((n * bits + header) / word) for n in sizes)


def row_table_bytes(part: Slice, limit: Limit, legal: LegalProjection) -> int:
    """Bytes of a table with a row for every source that reaches the slice, all as long as the longest."""
    number = {name: q.count for name, q in limit.parameters.items()}
    found = counter(legal.projection)
    row = number["row_header_words"] + found.longest_fan_out(part)
    return sum(count for n, count in found.fan_outs(part) if n) * number["word_bytes"] * row


def least_row_table_bytes(legal: LegalProjection, limit: Limit) -> int:
    """Every source that reaches anything has a header somewhere, and every synapse stands in some row."""
    number = {name: q.count for name, q in limit.parameters.items()}
    everything, found = whole(legal.projection.target_shape), counter(legal.projection)
    rows = sum(count for n, count in found.fan_outs(everything) if n)
    return number["word_bytes"] * (number["row_header_words"] * rows + found.connections(everything))


def weight_bytes(part: Slice, limit: Limit, legal: LegalProjection) -> int:
    """Bytes of the different weights that a slice uses."""
    del limit
    return math.ceil(counter(legal.projection).stored_weights(part) * legal.stored.bits / 8)


STORED: dict[str, Callable[[Slice, Limit, LegalProjection], int]] = {
    "packed_row_words": packed_words,
    "blocked_row_bits": blocked_bits,
    "entry_row_words": entry_row_words,
    "row_table_bytes": row_table_bytes,
    "weight_bytes": weight_bytes,
}
"""The formulas of memory: what a projection takes of a slice's core."""

LEAST: dict[str, Callable[[LegalProjection, Limit], int]] = {
    "blocked_row_bits": least_blocked_bits,
    "row_table_bytes": least_row_table_bytes,
    "row_and_record_bytes": least_row_table_bytes,  # of the rows
}
"""What the formulas that are not sub-additive give at least, however a population is cut."""
