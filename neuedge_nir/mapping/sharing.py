"""Axons that sources of a convolution share, as Intel's NxTF counts them for Loihi 1.

A group of sources is one column of one input channel. Of those that reach a core, all that send to no other core have
one axon together, into it and out of each core of theirs; every other has axons of its own. The rows of a group that
shares are as long as its longest: an axon finds the row of a source by its number. Each group has rows of its own,
which name neurons by their number on the core, so that one group of destinations does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Limit
from neuedge_nir.mapping.entries import words_of
from neuedge_nir.mapping.legalise import LegalNetwork, LegalProjection
from neuedge_nir.mapping.merging import merged_at_axon
from neuedge_nir.mapping.partition import Cluster, Piece
from neuedge_nir.mapping.shared_rows import is_convolution, least_words, rows_may_be_shared
from neuedge_nir.network.axis import AxisReach
from neuedge_nir.network.count import counter
from neuedge_nir.network.model import Projection, ResetMode
from neuedge_nir.network.slices import Block, Slice, boxes, whole

if TYPE_CHECKING:
    from neuedge_nir.mapping.demand import Demands

SHARED_OUTPUT_AXONS = "shared_output_axons"

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a core sends to another by one projection: axons, and the entries that they take on one chip."""

    sender: int
    target: int
    axons: int
    entries: int


@dataclass(frozen=True, slots=True)
class SharedAxons:
    """A projection with shared axons: by core its input axons and the words of its rows, and what is sent."""

    inputs: dict[int, int]
    words: dict[int, int]
    sent: tuple[Sent, ...]


def may_share(legal: LegalNetwork, one: LegalProjection) -> bool:
    """Whether sources of a projection may share axons, however populations are cut.

    NxTF shares for convolutions only, where spikes reset to zero and nothing probes the source. A neuron takes part in
    one population of axons: its population has no other projection.
    """
    source = one.projection.source
    return (
        any(limit.formula == SHARED_OUTPUT_AXONS for limit in legal.chip.limits)
        and legal.reset is not ResetMode.SUBTRACT
        and one.stored.axons_per_input == 1
        and is_convolution(one.projection)
        and any(population.name == source for population in legal.network.populations)
        and len(legal.network.out_of(source)) == 1
    )


def fewest(demands: Demands, everything: Piece, limit: Limit) -> int | None:
    """What a whole population takes at least, however it is cut, of a limit that sharing lowers; None of others."""
    legal, name = demands.legal, everything.population
    match limit.formula:
        case "interleaved_neurons":
            return legal.compartments(everything.part.neurons)
        case "entry_row_words" if "groups" in limit.parameters:
            incoming = legal.into(name)
            shares = any(rows_may_be_shared(legal, p) for p in incoming)
            return sum(least_words(p, everything.part, limit) for p in incoming) if shares else None
        case "merged_input_axons":
            return fewest_inputs(legal, name, everything.part) + demands.self_axons(everything)
        case "shared_output_axons" if any(may_share(legal, p) for p in legal.out_of(name)):
            (leaving,) = legal.out_of(name)
            return fewest_outputs(leaving, whole(leaving.projection.target_shape), limit)
    return None


def fewest_inputs(legal: LegalNetwork, name: str, part: Slice) -> int:
    """The input axons that a slice takes at least: one for each group of sources that may share."""
    return sum(
        _groups(p.projection, part)[0]
        if may_share(legal, p)
        else merged_at_axon(p.projection).axons(part) * p.stored.axons_per_input
        for p in legal.into(name)
    )


def fewest_outputs(one: LegalProjection, part: Slice, limit: Limit) -> int:
    """The entries that the sources of a projection that may share take at least."""
    groups, size = _groups(one.projection, part)
    return groups * min(size, limit.parameters["shared_entries"].count)


def _groups(projection: Projection, part: Slice) -> tuple[int, int]:
    """The groups of sources that reach a slice, one box of neurons, and how many sources of each."""
    ((channels, rows, columns),) = counter(projection).sources(part).products
    return len(channels) * len(columns), len(rows)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """What a slice sees of a channel of its source: rows and columns, and the synapses of each source there."""

    rows: Ints
    columns: Ints
    synapses: Ints


def shared_axons(
    one: LegalProjection, clusters: Sequence[Cluster], output: Limit, memory: Limit | None
) -> SharedAxons | None:
    """A projection that may share, with shared axons; None where a core has several slices of its target, or a run."""
    targets = pieces_of(clusters, one.projection.target)
    if len({c for c, _ in targets}) < len(targets) or any(not isinstance(piece.part, Block) for _, piece in targets):
        return None
    views = {c: _view(one.projection, piece.part) for c, piece in targets}
    cores = np.zeros(one.projection.source_shape[1:], dtype=np.int64)
    for view in views.values():
        cores[np.ix_(view.rows, view.columns)] += 1
    owner, channels = _owners(one.projection, clusters), one.projection.source_shape[0]
    inputs, words, sent = {}, {}, []
    for c, view in views.items():
        alone = cores[np.ix_(view.rows, view.columns)] == 1
        inputs[c] = channels * int((~alone).sum() + alone.any(axis=0).sum())
        words[c] = 0 if memory is None else channels * _padded_words(view, alone, memory, one)
        senders = owner[np.ix_(np.arange(channels), view.rows, view.columns)]
        sent += _sent(c, senders, alone, output.parameters["shared_entries"].count)
    return SharedAxons(inputs, words, tuple(sent))


def pieces_of(clusters: Sequence[Cluster], name: str) -> list[tuple[int, Piece]]:
    """The slices of a population, each with the number of its cluster."""
    return [(c, piece) for c, cluster in enumerate(clusters) for piece in cluster.pieces if piece.population == name]


def _view(projection: Projection, part: Slice) -> _View:
    assert isinstance(part, Block)
    (stage,) = counter(projection).stages
    reached = []
    for axis, span in zip(stage.axes[1:], part.spans[1:], strict=True):
        first, times = AxisReach((axis,), axis.size_in).fan_out(range(*span))
        reached.append((first + np.flatnonzero(times), times[times > 0]))
    (rows, down), (columns, across) = reached
    return _View(rows, columns, (part.spans[0][1] - part.spans[0][0]) * np.multiply.outer(down, across))


def _padded_words(view: _View, alone: NDArray[np.bool_], memory: Limit, one: LegalProjection) -> int:
    """Words of the rows of one channel: those of a group that shares are all as long as the longest."""
    lengths, which = np.unique(view.synapses, return_inverse=True)
    words = np.array([words_of(int(n), memory, one) for n in lengths])[which.reshape(view.synapses.shape)]
    shares = alone.any(axis=0)
    return int(words[:, ~shares].sum() + len(view.rows) * words[:, shares].max(axis=0, initial=0).sum())


def _owners(projection: Projection, clusters: Sequence[Cluster]) -> Ints:
    """The cluster of every neuron of the source."""
    found = np.zeros(projection.source_shape, dtype=np.int64)
    for c, piece in pieces_of(clusters, projection.source):
        for box in boxes(piece.part, projection.source_shape):
            found[tuple(slice(*span) for span in box)] = c
    return found


def _sent(target: int, senders: Ints, alone: NDArray[np.bool_], each: int) -> list[Sent]:
    """What reaches a target of sources (channel, row, column): each by itself, and those `alone` by groups."""
    channels, _, columns = np.nonzero(np.broadcast_to(alone, senders.shape))
    owners = senders[np.broadcast_to(alone, senders.shape)]
    together = np.unique(np.stack([owners, channels, columns]), axis=1)[0]
    apart = senders[np.broadcast_to(~alone, senders.shape)]
    found = []
    for sender in np.unique(senders).tolist():
        discrete, shared = int((apart == sender).sum()), int((together == sender).sum())
        found.append(Sent(sender, target, discrete + shared, discrete + each * shared))
    return found
