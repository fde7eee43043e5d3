"""Rows that columns of a convolution's sources share, as NxTF stores them for Loihi 1.

An input axon adds a base to the numbers of the neurons in its rows. So columns of sources that see the same, shifted,
need their rows once, where the neurons of a slice are numbered by groups of columns, interleaved: the group's number
first. A base is below the number of groups. All groups take as many numbers as the largest, so that some stay unused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from neuedge_nir.chip.model import Limit
from neuedge_nir.mapping.entries import entry_row_words, words_of
from neuedge_nir.mapping.legalise import LegalNetwork, LegalProjection
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.network.axis import AxisReach
from neuedge_nir.network.connect import Conv
from neuedge_nir.network.count import counter
from neuedge_nir.network.model import Projection, ResetMode
from neuedge_nir.network.slices import Box, Slice, Span, boxes

if TYPE_CHECKING:
    from neuedge_nir.mapping.demand import Demands


@dataclass(frozen=True, slots=True)
class Layout:
    """How a span of columns is numbered: groups, columns of the largest, and what each different column reaches."""

    groups: int
    widest: int
    reached: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SharedRows:
    """A slice whose sources share rows: its groups, the numbers its neurons are spread over, and the words of rows."""

    groups: int
    numbers: int
    words: int


def rows_may_be_shared(legal: LegalNetwork, one: LegalProjection) -> bool:
    """Whether columns may share rows: of one plain convolution, alone into its population, where spikes reset to zero.

    The numbers of a population's neurons suit one convolution. NxTF knows no dilation, and groups by channels only.
    """
    return (
        legal.reset is not ResetMode.SUBTRACT
        and one.stored.axons_per_input == 1
        and is_convolution(one.projection)
        and len(legal.into(one.projection.target)) == 1
    )


def is_convolution(projection: Projection) -> bool:
    """One convolution of images between populations of its shapes, of one group and without dilation, as in NxTF."""
    if len(projection.chain) != 1 or not isinstance(conv := projection.chain[0], Conv):
        return False
    shapes = projection.source_shape == conv.input_shape and projection.target_shape == conv.output_shape
    return shapes and len(conv.kernel) == 2 and conv.groups == 1 and set(conv.dilation) == {1}


def shared_rows(legal: LegalNetwork, piece: Piece, limit: Limit) -> SharedRows | None:
    """How a slice's sources share rows; None where they may not, or where it takes no fewer words."""
    incoming = legal.into(piece.population)
    if "groups" not in limit.parameters or len(incoming) != 1 or not rows_may_be_shared(legal, incoming[0]):
        return None
    spans, *more = boxes(piece.part, incoming[0].projection.target_shape)
    found = None if more else _shared(incoming[0], spans, limit)
    if found is None or found.groups > limit.parameters["groups"].count:
        return None
    if found.numbers > limit.parameters["numbers"].count:
        return None
    return found if found.words < entry_row_words(piece.part, limit, incoming[0]) else None


def _shared(one: LegalProjection, spans: Box, limit: Limit) -> SharedRows | None:
    (conv,) = one.projection.chain
    assert isinstance(conv, Conv)
    channels, rows, columns = spans
    layout = layout_of(conv.kernel[1], conv.stride[1], conv.padding[1][0], conv.input_shape[2], columns)
    if layout is None:
        return None
    high, deep = rows[1] - rows[0], channels[1] - channels[0]
    (stage,) = counter(one.projection).stages
    _, down = AxisReach((stage.axes[1],), stage.axes[1].size_in).fan_out(range(*rows))
    longest = deep * int(down.max(initial=0))
    words = sum(words_of(longest * reached, limit, one) for reached in layout.reached)
    sources = conv.input_shape[0] * int(np.count_nonzero(down))
    return SharedRows(layout.groups, layout.groups * layout.widest * high * deep, sources * words)


@lru_cache(maxsize=65536)
def layout_of(kernel: int, stride: int, before: int, size_in: int, span: Span) -> Layout | None:
    """The groups of a span of columns: one begins where a column of sources reaches none of those before.

    None where some column of the span is in no group: NxTF has no plan for those.
    """
    groups: list[int] = []
    seen: list[tuple[int, list[tuple[int, int]]]] = []
    for column in range(max(0, span[0] * stride - before), min(size_in, (span[1] - 1) * stride - before + kernel)):
        first = max(span[0], -(-(column + before - kernel + 1) // stride))
        targets = range(first, min(span[1], (column + before) // stride + 1))
        taps = [(d - span[0], column + before - d * stride) for d in targets]
        if not taps:
            continue
        end = sum(groups)
        if taps[0][0] == end:
            groups.append(taps[-1][0] + 1 - end)
        base = len(groups) - 1
        if column + 1 == size_in and taps[-1][0] >= sum(groups):
            groups.append(taps[-1][0] + 1 - sum(groups))
        seen.append((base, taps))
    if sum(groups) != span[1] - span[0]:
        return None
    places = [(g, at) for g, size in enumerate(groups) for at in range(size)]
    different = {tuple((places[d][0] - base, places[d][1], tap) for d, tap in taps) for base, taps in seen}
    if any(step not in (0, 1) for column in different for step, _, _ in column):
        return None
    return Layout(len(groups), max(groups), tuple(sorted(len(column) for column in different)))


def least_words(one: LegalProjection, part: Slice, limit: Limit) -> int:
    """Every weight that is used stands in some row."""
    return -(-counter(one.projection).stored_weights(part) * one.stored.bits // limit.parameters["word_bits"].count)


def interleaved_neurons(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    """The numbers that the neurons of a slice are spread over."""
    del targets
    rows = shared_rows(demands.legal, piece, limit)
    return demands.legal.compartments(piece.part.neurons) if rows is None else rows.numbers


def destination_groups(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    """The groups of a slice's columns; one where its sources share no rows."""
    del targets
    rows = shared_rows(demands.legal, piece, limit)
    return 1 if rows is None else rows.groups
