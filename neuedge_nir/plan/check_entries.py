"""Rows of synapses packed in entries, and synapse formats, recounted one length, one projection after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from neuedge_nir.chip.model import Limit
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.plan.check_parts import Ints
from neuedge_nir.plan.check_weights import effective
from neuedge_nir.plan.model import Plan, PlanProjection

SYNAPSE_FORMATS = "synapse_formats"


def packed_rows(lengths: Ints, held: PlanProjection, number: Mapping[str, int]) -> Ints:
    """The words of rows with so many synapses each: 0 where a source reaches nothing."""
    synapse = held.weight_bits + (number["delay_bits"] if held.delay > 1 else 0)
    heads = -(-lengths // number["entry_synapses"])
    bits = heads * number["header_bits"] + lengths * synapse
    bits += number["index_bits"] * (heads if held.kind == "dense" else lengths)
    full, rest = np.divmod(bits, number["word_bits"])
    # A last word with too few bits left, or none, has another behind it.
    free = np.where(rest == 0, 0, number["word_bits"] - rest)
    words = full + (rest > 0) + (free < number["trailer_bits"])
    return np.where(lengths > 0, words, 0)


def self_rows(neurons: int, plan: Plan, limit: Limit) -> int:
    """The words of what neurons send themselves to be reset: a synapse each, with the most weight bits there are."""
    number = {name: quantity.count for name, quantity in limit.parameters.items()}
    bits = number["header_bits"] + number["index_bits"] + plan.chip.capabilities.weight_bits.count
    words = bits // number["word_bits"] + 1
    return neurons * (words + (words * number["word_bits"] - bits < number["trailer_bits"]))


def formats_into(plan: Plan, network: Network, name: str) -> set[object]:
    """The different formats of what comes into a population."""
    held = [projection for projection in plan.projections if projection.target == name]
    wires = {projection.name: projection for projection in network.projections}
    found: set[object] = set()
    for projection in held:
        stored = halvings(projection, held), signs_of(wires[projection.name]), projection.weight_bits
        found.add((name, *stored, projection.delay > 1, projection.kind == "dense"))
    each = plan.chip.capabilities.self_axons_subtract
    if plan.options.reset == "subtract" and each is not None and each.count:
        found.add("of resets")
    return found


def halvings(held: PlanProjection, others: Sequence[PlanProjection]) -> int:
    """How often the largest step of all projections into a population is halved for that of one."""
    most, step, times = max(other.weight_step for other in others), held.weight_step, 0
    while 0 < step < most * 0.5**0.5:
        step, times = 2 * step, times + 1
    return times


@lru_cache(maxsize=4096)
def signs_of(projection: Projection) -> str:
    """The sign that all weights of a projection share, or both."""
    weights = np.asarray(effective(projection))
    weights = weights[tuple(slice(None if stride else 1) for stride in weights.strides)]  # equal ones once
    below = bool((weights < 0).any())
    return "+-" if below and bool((weights > 0).any()) else ("-" if below else "+")
