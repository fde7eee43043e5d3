"""Counts of slices of irregular projections: exact ones of compressed rows, expected ones of a probability.

Scales and delays beside the operator connect one to one and change no count. Rows are looked at as a whole by numpy;
what is expected takes a few multiplications, whatever the size.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.axis import Fans
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.counting import FanOuts
from neuedge_nir.network.model import Projection
from neuedge_nir.network.reach import Region, Stage
from neuedge_nir.network.slices import Run, Slice, Span, boxes, runs_of

Ints = NDArray[np.int64]

WORTH_A_TABLE = 8
"""A table of all sources costs less than sorting once a slice has more synapses than one source in so many."""


@dataclass(frozen=True, eq=False)
class SparseCounter:
    """A projection of single synapses, made ready for counting."""

    projection: Projection
    operator: Sparse

    @property
    def stages(self) -> tuple[Stage, ...]:
        return ()

    @property
    def first_axis_uniform(self) -> bool:
        return False

    def axis_view(self, axis: int, span: Span) -> Hashable:
        """No two spans are alike."""
        return axis, span

    def sources(self, part: Slice) -> Region:
        return region_of_elements(self._reaching(part), self.projection.source_shape)

    def axons(self, part: Slice, source_part: Slice | None = None) -> int:
        if source_part is not None:
            return self.sources(part).measure(within=source_part)
        spans = self._spans(part)
        if len(spans) != 1:
            return len(self._reaching(part))
        ((first, behind),) = spans
        return int(np.count_nonzero(self._before[first:behind] < first))

    def connections(self, part: Slice) -> int:
        return sum(behind - first for first, behind in self._spans(part))

    def synapses(self, part: Slice) -> int:
        return self.connections(part)

    def stored_weights(self, part: Slice) -> int:
        return self.connections(part)

    @property
    def all_synapses(self) -> int:
        return self.operator.indices.size

    @property
    def all_stored_weights(self) -> int:
        return self.operator.indices.size

    def fan_ins(self) -> Ints:
        return np.diff(self.operator.indptr)

    def fan_ins_by_axis(self) -> tuple[tuple[Fans, ...], int]:
        raise TypeError("the fan-ins of single synapses are no product along axes")

    def fan_outs(self, part: Slice) -> FanOuts:
        values, often = np.unique(self._row_lengths(part), return_counts=True)
        return tuple(zip(values.tolist(), often.tolist(), strict=True))

    def longest_fan_out(self, part: Slice) -> int:
        return int(self._row_lengths(part).max(initial=0))

    @cached_property
    def _before(self) -> Ints:
        """For each synapse the one before it of the same source, -1 where there is none.

        So a run sees as many sources as it has synapses whose source has none before it in the run.
        """
        indices = self.operator.indices
        order = np.argsort(indices, kind="stable")
        found = np.full(indices.size, -1, dtype=np.int64)
        again = np.flatnonzero(indices[order[1:]] == indices[order[:-1]])
        found[order[again + 1]] = order[again]
        return found

    def _spans(self, part: Slice) -> list[Span]:
        """Where the synapses of a slice stand: those of neighbouring rows together."""
        runs = (part,) if isinstance(part, Run) else runs_of(part, self.projection.target_shape)
        return [(int(self.operator.indptr[run.start]), int(self.operator.indptr[run.stop])) for run in runs]

    def _held(self, part: Slice) -> Ints:
        spans = self._spans(part)
        parts = [self.operator.indices[first:behind] for first, behind in spans]
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int64), *parts])

    def _reaching(self, part: Slice) -> Ints:
        """The sources of a slice, ascending."""
        held = self._held(part)
        if held.size * WORTH_A_TABLE > self._inputs:
            seen = np.zeros(self._inputs, dtype=bool)
            seen[held] = True
            return np.flatnonzero(seen)
        return np.unique(held)

    def _row_lengths(self, part: Slice) -> Ints:
        """How many neurons of a slice each of its sources reaches."""
        held = self._held(part)
        if held.size * WORTH_A_TABLE > self._inputs:
            found = np.bincount(held, minlength=self._inputs)
            return found[found > 0]
        return np.unique(held, return_counts=True)[1]

    @property
    def _inputs(self) -> int:
        return math.prod(self.operator.input_shape)


def region_of_elements(flat: Ints, shape: tuple[int, ...]) -> Region:
    """Row-major indices, ascending and distinct, as a region of `shape`: at once where that has one axis."""
    if len(shape) == 1:
        return Region(shape, ((flat,),))
    breaks = np.flatnonzero(np.diff(flat) != 1) + 1
    runs = [Run(int(some[0]), int(some[-1]) + 1) for some in np.split(flat, breaks) if some.size]
    products = (tuple(range(*span) for span in box) for run in runs for box in boxes(run, shape))
    return Region(shape, tuple(products))


HALF_A_ROW = 0.5 + 1 / (3 << 20)
"""Half a row, and what is half to six digits; no probability that one writes down makes exactly this."""


@dataclass(frozen=True, eq=False)
class ProbableCounter:
    """A projection of a probability: all that is counted is expected, and rounded up to a whole number.

    With S sources, a slice of n targets and probability p:
    axons S (1 - (1 - p)^n): a source reaches none of n targets with probability (1 - p)^n;
    synapses S n p; the fan-in of a neuron S p; rows: the synapses spread evenly over the axons;
    the longest row: the least length that no more than half a source is expected to exceed, of a binomial distribution.
    """

    projection: Projection
    operator: FixedProbability

    @property
    def stages(self) -> tuple[Stage, ...]:
        return ()

    @property
    def first_axis_uniform(self) -> bool:
        return True

    def axis_view(self, axis: int, span: Span) -> Hashable:
        del axis
        return span[1] - span[0]

    def share(self, neurons: int) -> float:
        """The share of sources that reach any of so many targets."""
        p = self.operator.p
        return 1.0 if p == 1 and neurons else -math.expm1(neurons * math.log1p(-p)) if p < 1 else 0.0

    def sources(self, part: Slice) -> Region:
        """All that may reach the slice: each source, where there is any probability."""
        shape = self.projection.source_shape
        some = part.neurons > 0 and self.operator.p > 0
        return Region(shape, (tuple(map(range, shape)),) if some else ())

    def axons(self, part: Slice, source_part: Slice | None = None) -> int:
        sources = self._inputs if source_part is None else source_part.neurons
        return expected(sources * self.share(part.neurons))

    def connections(self, part: Slice) -> int:
        return expected(self._inputs * part.neurons * self.operator.p)

    def synapses(self, part: Slice) -> int:
        return self.connections(part)

    def stored_weights(self, part: Slice) -> int:
        return self.connections(part)

    @property
    def all_synapses(self) -> int:
        return expected(self._inputs * math.prod(self.projection.target_shape) * self.operator.p)

    @property
    def all_stored_weights(self) -> int:
        return self.all_synapses

    @property
    def fan_in(self) -> int:
        return expected(self._inputs * self.operator.p)

    def fan_ins(self) -> Ints:
        return np.broadcast_to(np.int64(self.fan_in), math.prod(self.projection.target_shape))

    def fan_ins_by_axis(self) -> tuple[tuple[Fans, ...], int]:
        raise TypeError("expected fan-ins are no product along axes")

    def fan_outs(self, part: Slice) -> FanOuts:
        axons = self.axons(part)
        if not axons:
            return ()
        short, longer = divmod(max(axons, self.connections(part)), axons)
        found = ((short, axons - longer), (short + 1, longer))
        return tuple((length, often) for length, often in found if often)

    def longest_fan_out(self, part: Slice) -> int:
        return longest_of(self._inputs, part.neurons, self.operator.p)

    @property
    def _inputs(self) -> int:
        return math.prod(self.projection.source_shape)


def expected(value: float) -> int:
    """Rounded up; what is a whole number to six digits counts as one."""
    return math.ceil(round(value, 6))


@lru_cache(maxsize=4096)
def longest_of(sources: int, neurons: int, p: float) -> int:
    """The least length that no more than half of so many rows is expected to exceed, each of a binomial distribution.

    Half a row to six digits counts as half: a rounding error decides nothing.
    """
    if p in (0.0, 1.0) or not sources or not neurons:
        return round(p) * neurons if sources else 0
    first, odds = math.floor(neurons * p), p / (1 - p)  # no median is below the first
    chances = [1.0, *_falling((neurons - k) / (k + 1) * odds for k in range(first, neurons))]
    below = sum(_falling(k / (neurons - k + 1) / odds for k in range(first, 0, -1)))
    most = HALF_A_ROW * (below + sum(chances)) / sources
    beyond = 0.0
    for steps in range(len(chances) - 1, -1, -1):
        beyond += chances[steps]
        if beyond > most:  # one less is exceeded too often
            return first + steps
    return first


def _falling(ratios: Iterable[float]) -> Iterator[float]:
    """Chances, each in proportion to the one before it, the first to 1, until they are too small to count."""
    chance = 1.0
    for ratio in ratios:
        chance *= ratio
        if chance < 1e-30:
            return
        yield chance
