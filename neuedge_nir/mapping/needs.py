"""What a slice asks of a core, formula by formula: the mapper's count of each that `chip.formulas` defines."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.chip.model import Limit
from neuedge_nir.mapping.entries import SYNAPSE_FORMATS, longest_entry_row, self_row_words
from neuedge_nir.mapping.legalise import Kind
from neuedge_nir.mapping.memory import STORED, behind_pools, longest_row_words
from neuedge_nir.mapping.merging import merged_at_axon
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.mapping.recording import row_and_record_bytes
from neuedge_nir.mapping.ring_buffers import ring_buffer_bits
from neuedge_nir.mapping.rounding import whole_events
from neuedge_nir.mapping.shared_rows import destination_groups, interleaved_neurons, shared_rows
from neuedge_nir.mapping.values import DISTINCT
from neuedge_nir.mapping.windows import looks_through_windows, pixels
from neuedge_nir.network.count import counter
from neuedge_nir.network.slices import Grid, Run

if TYPE_CHECKING:
    from neuedge_nir.mapping.demand import Demands


def _neurons(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del limit, targets
    return demands.legal.compartments(piece.part.neurons)


def _slices(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del demands, piece, limit, targets
    return 1


def _input_axons(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del limit, targets
    incoming = demands.legal.into(piece.population)
    axons = sum(counter(p.projection).axons(piece.part) * p.stored.axons_per_input for p in incoming)
    return axons + demands.self_axons(piece)


def _merged_input_axons(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del limit, targets
    incoming = demands.legal.into(piece.population)
    axons = sum(merged_at_axon(p.projection).axons(piece.part) * p.stored.axons_per_input for p in incoming)
    return axons + demands.self_axons(piece)


def _lava_input_axons(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del targets
    shared = demands.parameter(limit, "conv_axons")
    return sum(
        shared if p.kind in (Kind.CONV, Kind.POOL) else behind_pools(p.projection).axons(piece.part)
        for p in demands.legal.into(piece.population)
    )


def _lava_axon_map(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del limit, targets
    shape = demands.shapes[piece.population]
    leaving = demands.legal.network.out_of(piece.population)
    return sum(pixels(piece.part, shape) if looks_through_windows(p) else piece.part.neurons for p in leaving)


def driven_by_tiles(demands: Demands, name: str, grid: Grid, limit: Limit, targets: Destinations) -> NDArray[np.int64]:
    """What all tiles of a grid use of a limit that depends on how their targets are cut: an array of its shape."""
    if limit.formula == "neuron_copies":
        return demands.slots(name, targets).tiles(grid)
    found = demands.drive(name, targets).tiles(grid)
    if limit.formula == "output_axons":
        return found
    sizes = [np.array([stop - start for start, stop in spans], dtype=np.int64) for spans in grid.axes]
    each = demands.self_axons(Piece(name, Run(0, 1)))
    return _entries_per_axon(demands, limit) * found + each * math.prod(np.ix_(*sizes))


def _output_axons(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del limit
    return demands.drive(piece.population, targets).sum(piece.part)


def _entries_per_axon(demands: Demands, limit: Limit) -> int:
    return 1 + demands.parameter(limit, "crossing_entries") if demands.crossed else 1


def _placed_output_axons(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    entries = _entries_per_axon(demands, limit)
    return entries * demands.drive(piece.population, targets).sum(piece.part) + demands.self_axons(piece)


def _neuron_copies(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del limit
    return demands.slots(piece.population, targets).sum(piece.part)


def _stored(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del targets
    return sum(STORED[limit.formula](piece.part, limit, p) for p in demands.legal.into(piece.population))


def _longest_row_words(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del targets
    incoming = demands.legal.into(piece.population)
    longest = longest_row_words if limit.formula == "longest_row_words" else longest_entry_row
    return max((longest(piece.part, limit, p) for p in incoming), default=0)


def _entry_row_words(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    if (rows := shared_rows(demands.legal, piece, limit)) is not None:
        return rows.words
    own = demands.self_axons(piece)
    words = self_row_words(limit, demands.legal.chip.capabilities.weight_bits.count) if own else 0
    return _stored(demands, piece, limit, targets) + own * words


def _weight_bytes(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    weights = _stored(demands, piece, limit, targets)
    if not limit.parameters:
        return weights
    axons = demands.parameter(limit, "axon_bytes") * _input_axons(demands, piece, limit, targets)
    return weights + axons + demands.parameter(limit, "neuron_bytes") * piece.part.neurons


def _synaptic_events(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    """Of a single neuron, where the chip has synapse cores, the share of the busiest of them."""
    del targets
    events = whole_events(demands.events(piece))
    able = demands.legal.chip.capabilities.synapse_cores and piece.part.neurons == 1
    most = min(math.ceil(events / limit.limit.count), demands.legal.chip.topology.cores_per_chip.count - 1)
    return math.ceil(events / max(1, most)) if able else events


def _different(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    del targets
    return len(demands.values(piece.population, demands.limits.index(limit)).of(piece.part))


LARGEST = frozenset({"longest_row_words", "longest_entry_row", "ring_buffer_bits", "destination_groups"})
"""Formulas of which a core has the largest value of its slices."""
Formula = Callable[["Demands", Piece, Limit, Destinations], int]
FORMULAS: dict[str, Formula] = {
    "neurons": _neurons,
    "neuron_copies": _neuron_copies,
    "slices": _slices,
    "input_axons": _input_axons,
    "merged_input_axons": _merged_input_axons,
    "lava_input_axons": _lava_input_axons,
    "lava_axon_map": _lava_axon_map,
    "output_axons": _output_axons,
    "placed_output_axons": _placed_output_axons,
    "shared_output_axons": _placed_output_axons,
    "longest_row_words": _longest_row_words,
    "ring_buffer_bits": ring_buffer_bits,
    "row_and_record_bytes": row_and_record_bytes,
    "longest_entry_row": _longest_row_words,
    "synaptic_events": _synaptic_events,
    **dict.fromkeys(STORED, _stored),
    "entry_row_words": _entry_row_words,
    "weight_bytes": _weight_bytes,
    "interleaved_neurons": interleaved_neurons,
    "destination_groups": destination_groups,
    **dict.fromkeys((*DISTINCT, SYNAPSE_FORMATS), _different),
}
