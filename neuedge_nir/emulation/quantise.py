"""A legal network in whole numbers: which arithmetic its chip has, and what each population loses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neuedge_nir.emulation import accum, float32, integer_leak, loihi
from neuedge_nir.emulation.chains import carrying
from neuedge_nir.emulation.form import Form, check_size, form
from neuedge_nir.emulation.model import Array, Cells, IntegerNetwork, Kept, Loss, Quantise, Quantised, Source
from neuedge_nir.errors import UsageError
from neuedge_nir.interpreter.operators import undrawn
from neuedge_nir.mapping.effective import effective_weights
from neuedge_nir.mapping.legalise import LegalNetwork, mean_delay
from neuedge_nir.network.connect import irregular_in
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import Adaptation, Network, Population, Projection, Signal

ARITHMETICS: Mapping[str, Quantise] = {
    "loihi": loihi.quantise,
    "integer-leak": integer_leak.quantise,
    "accum": accum.quantise,
    "float32": float32.quantise,
}
"""What computes each kind of `chip.arithmetic`."""


def quantise(legal: LegalNetwork, dt: float) -> IntegerNetwork:
    """The network in the numbers of its chip, at this timestep (in the file's time unit).

    Raises `UsageError` where the chip's file names no arithmetic (USE029) or potentials travel inside the network
    (USE030), `CapacityError` (FIT019) for numbers that no scale brings into the chip's range.
    """
    arithmetic = legal.chip.arithmetic
    if arithmetic is None:
        hint = "give its file a table [arithmetic]; `targets show loihi2` has one"
        message = f"the file of {legal.chip.title} does not say in which numbers it computes"
        raise UsageError("USE029", message, where=legal.chip.name, hint=hint)
    _check_signals(legal)
    _check_drawn(legal, arithmetic.kind)
    found: dict[str, Quantised] = {}
    sources = {p.name: _source(p, legal, dt) for p in legal.network.populations}
    for name, source in sources.items():
        found[name] = ARITHMETICS[arithmetic.kind](source)
    cells: dict[str, Cells] = {name: quantised.cells for name, quantised in found.items()}
    losses = tuple(_loss(sources[name], quantised) for name, quantised in found.items())
    return IntegerNetwork(_network(legal, found, sources), cells, losses, legal, dt)


def _check_signals(legal: LegalNetwork) -> None:
    for inner in legal.projections:
        if inner.projection.signal in (Signal.ANALOG, Signal.GRADED):
            message = f"{inner.projection.source!r} sends values, and only spikes are emulated and emitted"
            hint = "put a spiking population in its place; `simulate` without --as, and plans, take it as it is"
            raise UsageError("USE030", message, where=f"node {inner.projection.source!r}", hint=hint)


def _check_drawn(legal: LegalNetwork, kind: str) -> None:
    """Raises `UsageError` (USE090) for a probability, or where weights by axon type meet single synapses."""
    for inner in legal.projections:
        match irregular_in(inner.projection.chain):
            case FixedProbability() as probable:
                raise undrawn(probable)
            case Sparse(node=node) if kind == "integer-leak":
                message = f"{node!r} has single synapses, which {legal.chip.title} maps and nobody computes"
                hint = "give its weights as a matrix: a Dense, with 0 where there is no synapse"
                raise UsageError("USE090", message, where=f"node {node!r}", hint=hint)
            case _:
                pass


def _source(population: Population, legal: LegalNetwork, dt: float) -> Source:
    incoming = legal.into(population.name)
    weights = tuple(np.asarray(effective_weights(p.projection), np.float64) for p in incoming)
    found = Source(legal, population, form(population, dt, legal.chip), incoming, weights)
    check_size(population, legal.chip, (np.asarray(found.largest),))
    return found


def _network(legal: LegalNetwork, found: Mapping[str, Quantised], sources: Mapping[str, Source]) -> Network:
    new: dict[str, Projection] = {}
    for name, source in sources.items():
        for projection, weights in zip(source.incoming, found[name].carriers, strict=True):
            new[projection.projection.name] = carrying(projection.projection, weights)
    # The bias is in the cells: a chip adds it to the potential.
    populations = tuple(replace(p, bias=None, adaptation=_late(p, legal)) for p in legal.network.populations)
    projections = tuple(new.get(p.name, p) for p in legal.network.projections)
    return replace(legal.network, populations=populations, projections=projections)


def _late(population: Population, legal: LegalNetwork) -> Adaptation | None:
    """The rule of its threshold, with the time that a mean takes on the chip."""
    rule = population.adapts
    return None if rule is None else replace(rule, late=rule.late + mean_delay(rule, legal.chip))


def _loss(source: Source, quantised: Quantised) -> Loss:
    kept, wanted = quantised.kept, source.form
    gaps = [k - w for k, w in zip(kept.weights, source.weights, strict=True)]
    norm = math.sqrt(sum(float(np.square(w).sum()) for w in source.weights))
    lost = math.sqrt(sum(float(np.square(gap).sum()) for gap in gaps))
    worst = max((float(np.abs(gap).max(initial=0.0)) for gap in gaps), default=0.0)
    return Loss(
        source.population.name,
        quantised.largest,
        worst / source.largest if source.largest else 0.0,
        lost / norm if norm else 0.0,
        _relative(kept.threshold, wanted.threshold),
        _decay_error(kept, wanted),
        _relative(kept.drive, wanted.drive),
    )


def _decay_error(kept: Kept, wanted: Form) -> float:
    return max(_relative(kept.rate, wanted.rate), _relative(kept.synapse, wanted.synapse))


def _relative(kept: Array | None, wanted: Array | None) -> float:
    """The worst relative error; where zero is wanted, there is none to be relative to."""
    if kept is None or wanted is None:
        return 0.0
    gap = np.abs(kept - wanted)
    return float(np.where(wanted == 0, 0.0, gap / np.where(wanted == 0, 1.0, np.abs(wanted))).max(initial=0.0))
