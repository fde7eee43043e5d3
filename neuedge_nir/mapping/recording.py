"""What a chip keeps in its memory for the host to read after a run: a row for every timestep that is recorded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from neuedge_nir.chip.model import Limit
from neuedge_nir.mapping.memory import row_table_bytes
from neuedge_nir.mapping.partition import Destinations, Piece

if TYPE_CHECKING:
    from neuedge_nir.mapping.demand import Demands


def row_and_record_bytes(demands: Demands, piece: Piece, limit: Limit, targets: Destinations) -> int:
    """The rows of a slice's synapses, and what is recorded of its neurons."""
    del targets
    rows = sum(row_table_bytes(piece.part, limit, p) for p in demands.legal.into(piece.population))
    return rows + record_bytes(demands, piece.population, piece.part.neurons, limit)


def record_bytes(demands: Demands, name: str, neurons: int, limit: Limit) -> int:
    """Bytes that the record of so many neurons of a population takes.

    Spikes are a bit for each neuron, potentials a word, behind a word that tells the step. Nothing where no Output
    port reads the population, the host reads it in every step, or nobody said how many timesteps a sample has.
    """
    number, spiking = {key: q.count for key, q in limit.parameters.items()}, recorded(demands, name)
    if spiking is None:
        return 0
    words = math.ceil(neurons / number["spikes_per_word"]) if spiking else neurons
    return recorded_steps(demands) * number["word_bytes"] * (number["record_header_words"] + words)


def recorded(demands: Demands, name: str) -> bool | None:
    """Whether spikes or potentials of a population are recorded; None where nothing is, as where a host reads all."""
    legal = demands.legal
    ports = {port.name for port in legal.network.outputs}
    if legal.outputs.name == "host" or all(p.target not in ports for p in legal.network.out_of(name)):
        return None
    return next((p.spiking for p in legal.network.populations if p.name == name), None)


def recorded_steps(demands: Demands) -> int:
    """Timesteps of a run of one sample, until its last spikes have come through; 0 where they are not known."""
    duration = demands.activity.duration
    return 0 if duration is None else duration.shown + max(demands.legal.timing.lags.values(), default=0)
