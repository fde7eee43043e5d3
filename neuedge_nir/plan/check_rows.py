"""Rows that columns of a convolution's sources share, recounted with every neuron's number written out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuedge_nir.chip.model import Limit
from neuedge_nir.network.connect import Conv
from neuedge_nir.plan.check_entries import packed_rows
from neuedge_nir.plan.check_fan import fan, used_weights
from neuedge_nir.plan.check_parts import Box, Ints, Patch
from neuedge_nir.plan.check_wires import Part, Rules, Wire

GROUPED = ("entry_row_words", "interleaved_neurons", "destination_groups")
"""Formulas that depend on whether a slice's sources share rows."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a slice: groups of its neurons, the numbers these are spread over, and words: shared, and apart."""

    groups: int
    numbers: int
    words: int
    apart: int


def plain(wire: Wire) -> Conv | None:
    """The convolution that a projection is, if it is nothing else, has one group, no dilation, and joins images."""
    projection = wire.projection
    only = projection.chain[0] if len(projection.chain) == 1 else None
    if not isinstance(only, Conv) or only.groups > 1 or max(only.dilation) > 1 or len(projection.source_shape) != 3:
        return None
    seen = (projection.source_shape, projection.target_shape) == (only.input_shape, only.output_shape)
    return only if seen and wire.axons == 1 else None


def shares_rows(wire: Wire, rules: Rules, limit: Limit) -> bool:
    """Whether columns of its sources may share rows in some slice."""
    alone = len(rules.into[wire.projection.target]) == 1
    return "groups" in limit.parameters and rules.plan.options.reset != "subtract" and alone and plain(wire) is not None


def rows_of(wire: Wire, part: Part, rules: Rules, limit: Limit) -> Rows | None:
    """The shared rows of a slice; None where there are none, or where they take no fewer words."""
    convolution = plain(wire)
    if convolution is None or wire.held is None or len(part.boxes) > 1 or not shares_rows(wire, rules, limit):
        return None
    number = {name: quantity.count for name, quantity in limit.parameters.items()}
    found = _numbered(convolution, part.boxes[0])
    if found is None or len(found[0]) > number["groups"]:
        return None
    sizes, kinds = found
    sources, lengths = fan(wire.stages, Patch.of(part.boxes, rules.shapes[part.population])).elements()
    words, (channels, _, width) = packed_rows(lengths, wire.held, number), convolution.input_shape
    numbers = max(sizes) * len(sizes) * (part.boxes[0][0][1] - part.boxes[0][0][0])
    first = sources < math.prod(convolution.input_shape[1:])  # of one channel: all have as many rows
    together = sum(_column(words[first], sources[first] % width == column) for column in kinds)
    apart = int(words.sum())
    shared = Rows(len(sizes), numbers, channels * together, apart)
    return shared if numbers <= number["numbers"] and shared.words < apart else None


def _column(words: Ints, mine: Ints) -> int:
    """The words of a column whose rows are all as long as its longest."""
    return int(mine.sum()) * int(words[mine].max(initial=0))


def _numbered(convolution: Conv, box: Box) -> tuple[list[int], list[int]] | None:
    """Sizes of groups of neurons of a channel, column by column, and one column of sources for each different kind.

    A group begins at the first neuron of a column of sources that is the next without a group. The last column of an
    image adds what is left. A neuron's number is that of its group, and so many groups more for each before it there.
    """
    _, (top, bottom), (left, right) = box
    high, (_, width) = bottom - top, convolution.input_shape[1:]
    (_, step), (_, reach), before = convolution.stride, convolution.kernel, convolution.padding[1][0]
    reached: dict[int, dict[int, int]] = {}
    for target in range(left, right):
        for tap in range(reach):
            source = target * step - before + tap
            if 0 <= source < width:
                reached.setdefault(source, {})[(target - left) * high] = tap
    sizes: list[int] = []
    bases: dict[int, int] = {}
    for source in sorted(reached):
        first, last = min(reached[source]), max(reached[source]) + high
        if first == sum(sizes):
            sizes.append(last - first)
            bases[source] = len(sizes) - 1
        else:
            bases[source] = len(sizes) - 1
            if source == width - 1 and last > sum(sizes):
                sizes.append(last - sum(sizes))
    if sum(sizes) != high * (right - left):
        return None
    group = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(group)) - np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    number = group + len(sizes) * within
    kinds: dict[tuple[tuple[int, int], ...], int] = {}
    for source in sorted(reached):
        if any(int(group[neuron]) - bases[source] not in (0, 1) for neuron in reached[source]):
            return None
        seen = tuple((int(number[neuron]) - bases[source], tap) for neuron, tap in sorted(reached[source].items()))
        kinds.setdefault(seen, source)
    return sizes, list(kinds.values())


def add_rows(rules: Rules, parts: Sequence[Part], more: dict[str, Ints]) -> None:
    """How much more each part takes by shared rows than without, by formula; less where negative."""
    limits = [limit for limit in rules.plan.chip.limits if limit.formula in GROUPED and "groups" in limit.parameters]
    for number, part in enumerate(parts):
        wires = rules.into[part.population] if limits else []
        known: dict[tuple[float, ...], Rows | None] = {}
        for limit in limits if len(wires) == 1 else ():
            told = tuple(limit.parameters[name].typical for name in sorted(limit.parameters))
            if told not in known:
                known[told] = rows_of(wires[0], part, rules, limit)
            if (rows := known[told]) is not None:
                change = rows.words - rows.apart, rows.numbers - part.size, rows.groups - 1
                more[limit.formula][number] += change[GROUPED.index(limit.formula)]


def spared_words(rules: Rules, limit: Limit, counted: set[str]) -> int:
    """By how many words some cut might do with fewer: every weight that is used stands in some row, once."""
    total = 0
    for wire in rules.wires:
        if wire.held is None or wire.projection.target not in counted or not shares_rows(wire, rules, limit):
            continue
        number = {name: quantity.count for name, quantity in limit.parameters.items()}
        everything = Patch.whole(rules.shapes[wire.projection.target])
        lengths, often = fan(wire.stages, everything).tally()
        bits = used_weights(wire.projection.chain, everything) * wire.held.weight_bits
        total += int((often * packed_rows(lengths, wire.held, number)).sum()) - -(-bits // number["word_bits"])
    return total
