"""Every synapse of a plan, slice by slice, in the chip's whole numbers: for tools that take lists of connections."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emission.integers import Whole, elements, integers_of, part_of, sources, weights
from neuedge_nir.emulation.accum import APART
from neuedge_nir.emulation.model import IntegerNetwork
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan

AT_ONCE = 512
"""Sources whose weights are written out at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A slice of a population on a core: its neurons, as row-major indices, ascending."""

    population: str
    core: int
    router: tuple[int, int]
    neurons: Whole


@dataclass(frozen=True, slots=True, eq=False)
class Synapses:
    """Those of a projection into a piece. `sources` are elements of its source, `targets` places in the piece.

    `weights` are whole and signed; a source and a target have two where weights of both signs add up.
    """

    projection: str
    source: str
    delay: int
    sources: Whole
    targets: Whole
    weights: Whole


@dataclass(frozen=True, slots=True, eq=False)
class Unrolled:
    """A plan's pieces, the registers of the neurons of each population by name, and the network they come from."""

    pieces: tuple[Piece, ...]
    integers: IntegerNetwork

    def registers(self, population: str) -> Mapping[str, Any]:
        """Whole numbers, one for each neuron in a row, or None: those that docs/emit.md names for each arithmetic."""
        cells: Any = self.integers.cells[population]
        shape = self.integers.network.population(population).shape
        found: dict[str, Any] = {}
        for each in fields(cells):
            value = getattr(cells, each.name)
            if isinstance(value, np.ndarray | np.generic):
                value = np.broadcast_to(value, shape).ravel()
            found[each.name] = value
        return found

    def into(self, piece: Piece, plan: Plan) -> Iterator[Synapses]:
        """All synapses of a piece, one projection after the other."""
        held = {projection.name: projection for projection in self.integers.network.projections}
        arithmetic = plan.chip.arithmetic
        apart = arithmetic is not None and arithmetic.kind == "accum"
        part = next(p for p in plan.cores[piece.core].slices if self._is(p.population, part_of(p), piece))
        for told in plan.projections:
            if told.target == piece.population:
                projection = held[told.name]
                reaching = sources(projection, [part_of(part)])
                rows: list[tuple[Whole, Whole, Whole]] = []
                for start in range(0, len(reaching), AT_ONCE):
                    some = reaching[start : start + AT_ONCE]
                    whole = weights(projection, some)[:, piece.neurons]
                    rows += [_listed(some, each) for each in (_by_sign(whole) if apart else (whole,))]
                columns = [np.concatenate([row[c] for row in rows] or [np.zeros(0, np.int64)]) for c in range(3)]
                yield Synapses(told.name, told.source, told.delay, *columns)

    def _is(self, population: str, part: Any, piece: Piece) -> bool:
        shape = self.integers.network.population(population).shape if population == piece.population else ()
        return population == piece.population and np.array_equal(elements(part, shape), piece.neurons)


def unrolled(plan: Plan, network: Network) -> Unrolled:
    """The pieces of a verified plan; `network` is the plan's, after its passes. Raises what `quantise` raises."""
    shapes = {population.name: population.shape for population in plan.populations}
    pieces = tuple(
        Piece(piece.population, index, core.router, elements(part_of(piece), shapes[piece.population]))
        for index, core in enumerate(plan.cores)
        for piece in core.slices
        if core.role == "neurons"
    )
    return Unrolled(pieces, integers_of(plan, network))


def size_of(plan: Plan, name: str) -> int:
    """How many neurons or inputs a population or port has."""
    return next(math.prod(population.shape) for population in plan.populations if population.name == name)


def most_on_core(plan: Plan, name: str) -> int:
    """The most neurons or inputs of a population or port in one slice."""
    return max(part_of(piece).neurons for core in plan.cores for piece in core.slices if piece.population == name)


def _by_sign(carried: Whole) -> tuple[Whole, Whole]:
    """Positive and negative sums of weights: the arithmetic carries the latter 2^26 higher."""
    return carried & ((1 << APART) - 1), -(carried >> APART)


def _listed(some: Whole, whole: NDArray[np.int64]) -> tuple[Whole, Whole, Whole]:
    row, column = np.nonzero(whole)
    return some[row], column, whole[row, column]
