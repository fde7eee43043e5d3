"""How operators connect the indices of one axis: who reaches whom, and how many inputs each index has.

A set of indices is a range wherever it has no gaps, and what is the same for nearly all indices is counted once: an
axis of 200 million elements costs no more than one of ten.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Indices = range | Ints
"""Ascending and distinct."""
NONE = range(0)

Spans = tuple[Ints, Ints]
"""Disjoint intervals of indices, some for each of several rows: their first ones, and the ones behind their last."""

MAX_PREFIX = 1 << 16
"""Axes up to this size keep the sums up to each index, which makes those of ranges cheap."""

BLOCK_ROWS = 1 << 16
"""Indices that are looked at one by one at a time."""


@dataclass(frozen=True, slots=True)
class Same:
    """Each output index takes its own input index."""

    size_out: int
    size_in: int

    def back(self, indices: Indices) -> Indices:
        """The inputs that reach any of the outputs."""
        return indices

    def spans(self, lo: Ints, hi: Ints) -> Spans:
        """The inputs that reach each row of outputs; intervals may overlap."""
        return lo, hi


@dataclass(frozen=True, slots=True)
class Full:
    """Each output index takes every input index."""

    size_out: int
    size_in: int

    def back(self, indices: Indices) -> Indices:
        return range(self.size_in if len(indices) else 0)

    def spans(self, lo: Ints, hi: Ints) -> Spans:
        some = (hi > lo).any(axis=1, keepdims=True).astype(np.int64)
        return np.zeros_like(some), np.asarray(some * self.size_in)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Each output index takes every input index of its own group."""

    size_out: int
    size_in: int
    groups: int

    @property
    def outputs(self) -> int:
        """Outputs of one group."""
        return self.size_out // self.groups

    @property
    def inputs(self) -> int:
        """Inputs of one group."""
        return self.size_in // self.groups

    def back(self, indices: Indices) -> Indices:
        if isinstance(indices, range):
            if not indices:
                return NONE
            first, last = indices.start // self.outputs, (indices.stop - 1) // self.outputs
            return range(first * self.inputs, (last + 1) * self.inputs)
        touched = np.unique(indices // self.outputs)
        return tidy((touched[:, None] * self.inputs + np.arange(self.inputs)).ravel())

    def spans(self, lo: Ints, hi: Ints) -> Spans:
        some = hi > lo
        return lo // self.outputs * self.inputs * some, ((hi - 1) // self.outputs + 1) * self.inputs * some


@dataclass(frozen=True, slots=True)
class Window:
    """Output index o takes input index o * stride - padding + tap * dilation, for every tap that lies inside."""

    size_out: int
    size_in: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def length(self) -> int:
        """From the first tap to the last."""
        return (self.kernel - 1) * self.dilation + 1

    def back(self, indices: Indices) -> Indices:
        if not len(indices):
            return NONE
        first, last = self.overhang(indices)
        inside = range(max(0, first), max(0, first, min(last, self.size_in)))
        dense = self.stride == 1 and len(indices) >= self.dilation  # what one tap leaves out, the next takes
        if isinstance(indices, range) and (dense or self._gapless(len(indices))):
            return inside
        mark = np.zeros(len(inside), dtype=bool)
        for tap in range(self.kernel):
            self._mark(mark, indices, tap * self.dilation - self.padding - inside.start)
        return tidy(np.flatnonzero(mark) + inside.start)

    def _mark(self, mark: NDArray[np.bool_], indices: Indices, shift: int) -> None:
        """Mark index * stride + shift where that lies inside."""
        if isinstance(indices, range):
            first, behind = (end * self.stride + shift for end in (indices.start, indices.stop))
            mark[first if first >= 0 else first % self.stride : max(0, behind) : self.stride] = True
        else:
            hit = indices * self.stride + shift
            mark[hit[(hit >= 0) & (hit < len(mark))]] = True

    def overhang(self, indices: Indices) -> tuple[int, int]:
        """The input under the first tap of the first output, and the one behind the last tap of the last."""
        first, last = int(indices[0]) * self.stride, int(indices[-1]) * self.stride
        return first - self.padding, last - self.padding + self.length

    def _gapless(self, outputs: int) -> bool:
        """Whether so many outputs in a row take inputs in a row."""
        return self.length == self.kernel and (self.stride <= self.kernel or outputs <= 1)

    def inside(self) -> Spans:
        """For each tap the outputs that see an input through it, also beyond the axis: the first, and one behind."""
        taps = np.arange(self.kernel) * self.dilation - self.padding
        return -(taps // self.stride), (self.size_in - 1 - taps) // self.stride + 1

    def taps(self, indices: Indices) -> Indices:
        """The kernel taps that see at least one input inside, over these outputs."""
        lo, hi = self.inside()
        if isinstance(indices, range):
            return tidy(np.flatnonzero(np.maximum(lo, indices.start) < np.minimum(hi, indices.stop)))
        return tidy(np.flatnonzero(np.searchsorted(indices, lo) < np.searchsorted(indices, hi)))

    def spans(self, lo: Ints, hi: Ints) -> Spans:
        widest = int((hi - lo).max(initial=0))
        some = hi > lo
        if self._gapless(widest):
            first, behind = lo * self.stride - self.padding, (hi - 1) * self.stride - self.padding + self.length
        elif self.stride > 1 and widest > 1:  # each index by itself
            each = lo[..., None] + np.arange(widest)
            return self.spans(each.reshape(len(lo), -1), np.minimum(each + 1, hi[..., None]).reshape(len(lo), -1))
        else:
            first = ((lo * self.stride - self.padding)[..., None] + np.arange(self.kernel) * self.dilation).reshape(
                len(lo), -1
            )
            behind = first + np.repeat(hi - lo, self.kernel, axis=1)
            some = np.repeat(some, self.kernel, axis=1)
        return np.clip(first, 0, self.size_in) * some, np.clip(behind, 0, self.size_in) * some


AxisMap = Same | Full | Grouped | Window


def tidy(indices: Ints) -> Indices:
    """The same set, as a range where it has no gaps."""
    if not indices.size:
        return NONE
    first, behind = int(indices[0]), int(indices[-1]) + 1
    return range(first, behind) if behind - first == indices.size else indices


def array_of(indices: Indices) -> Ints:
    """The indices one by one."""
    return np.arange(indices.start, indices.stop) if isinstance(indices, range) else indices


def place_of(indices: Indices) -> slice | Ints:
    """What numpy takes to find them in an array."""
    return slice(indices.start, indices.stop) if isinstance(indices, range) else indices


def common(one: Indices, other: Indices) -> Indices:
    """The indices of both."""
    if isinstance(one, range) and isinstance(other, range):
        first = max(one.start, other.start)
        return range(first, max(first, min(one.stop, other.stop)))
    if isinstance(one, range) or isinstance(other, range):
        within, among = (one, other) if isinstance(one, range) else (other, one)
        assert isinstance(within, range)
        found = array_of(among)
        return found[(found >= within.start) & (found < within.stop)]
    return np.intersect1d(one, other, assume_unique=True)


def spans_of(maps: Sequence[AxisMap], outputs: Ints) -> Spans:
    """Row by row the disjoint intervals of inputs that reach each output through a chain of relations."""
    lo, hi = outputs[:, None], outputs[:, None] + 1
    for axis in reversed(maps):
        lo, hi = _disjoint(*axis.spans(lo, hi))
    return lo, hi


def _disjoint(lo: Ints, hi: Ints) -> Spans:
    if lo.shape[1] == 1:
        return lo, hi
    order = np.argsort(lo, axis=1, kind="stable")
    lo, hi = np.take_along_axis(lo, order, axis=1), np.take_along_axis(hi, order, axis=1)
    so_far = np.maximum.accumulate(hi, axis=1)
    lo[:, 1:] = np.maximum(lo[:, 1:], so_far[:, :-1])
    hi = np.maximum(lo, hi)
    used = (hi > lo).any(axis=0)
    return lo[:, used], hi[:, used]


@dataclass(frozen=True)
class Fans:
    """How many inputs reach each index of an axis through a chain of relations; with `any_at_all`, 1 where some do."""

    maps: tuple[AxisMap, ...]
    size: int
    any_at_all: bool = False

    def of(self, indices: Ints) -> Ints:
        """The number for each index."""
        lo, hi = spans_of(self.maps, indices)
        found = np.asarray((hi - lo).sum(axis=1))
        return np.minimum(found, 1) if self.any_at_all else found

    def all(self) -> Ints:
        """The number for every index."""
        return np.concatenate([np.zeros(0, np.int64), *(self.of(rows) for rows in _blocks(range(self.size)))])

    def total(self, indices: Indices) -> int:
        """The sum over a set of indices."""
        if not isinstance(indices, range):
            return self._one_by_one(indices)
        if self.size <= MAX_PREFIX:
            return int(self._before[indices.stop] - self._before[indices.start])
        if len(self.maps) == 1 and isinstance(self.maps[0], Window) and not self.any_at_all:
            return _window_total(self.maps[0], indices)
        first = max(indices.start, self.inner.start)
        behind = min(indices.stop, self.inner.stop)
        if first >= behind:
            return self._one_by_one(indices)
        ends = range(indices.start, first), range(behind, indices.stop)
        return (behind - first) * self.usual + sum(map(self._one_by_one, ends))

    @cached_property
    def _before(self) -> Ints:
        """The sum over all indices before each, and over all."""
        return np.concatenate([[0], np.cumsum(self.all())])

    def _one_by_one(self, indices: Indices) -> int:
        return sum(int(self.of(rows).sum()) for rows in _blocks(indices))

    @cached_property
    def usual(self) -> int:
        """The number for each index of `inner`."""
        return int(self.of(np.array([self.inner.start])).sum()) if self.inner else 0

    @cached_property
    def inner(self) -> range:
        """Indices that all have the same number of inputs: none of them sees a border."""
        first, behind = 0, self.size
        step, left, right = 1, 0, 0  # index i sees inputs from i * step + left to i * step + right
        for axis in reversed(self.maps):
            match axis:
                case Window(stride=stride, padding=padding):
                    left, right = left * stride - padding, right * stride - padding + axis.length - 1
                    step *= stride
                    first, behind = max(first, -(left // step)), min(behind, (axis.size_in - 1 - right) // step + 1)
                case Full():
                    break
                case Grouped() if len(self.maps) > 1:
                    return NONE
                case _:
                    pass
        return range(first, max(first, behind))


def _window_total(window: Window, outputs: range) -> int:
    lo, hi = window.inside()
    seen = np.minimum(hi, outputs.stop) - np.maximum(lo, outputs.start)
    return int(np.maximum(seen, 0).sum())


def _blocks(indices: Indices) -> Iterator[Ints]:
    for start in range(0, len(indices), BLOCK_ROWS):
        yield array_of(indices[start : start + BLOCK_ROWS])


def telling(fans: Sequence[Fans]) -> Ints:
    """Indices of an axis that stand for all: each with its own numbers, or the first of many with the usual ones."""
    inner = range(max(fan.inner.start for fan in fans), min(fan.inner.stop for fan in fans))
    if not inner:
        return np.arange(fans[0].size)
    return np.concatenate([np.arange(inner.start + 1), np.arange(inner.stop, fans[0].size)])


@dataclass(frozen=True, slots=True)
class AxisReach:
    """The relations of a chain along one axis, those that change nothing left out."""

    maps: tuple[AxisMap, ...]
    size_in: int

    @property
    def takes_all(self) -> bool:
        return len(self.maps) == 1 and isinstance(self.maps[0], Full)

    def fan_out(self, indices: Indices) -> tuple[int, Ints]:
        """How many of these consecutive output indices each input index reaches: the first input, and from there on.

        Inputs that are left out, before it and behind, reach none.
        """
        assert isinstance(indices, range)
        if self.takes_all:
            return 0, np.broadcast_to(np.int64(len(indices)), self.size_in)
        return _fan_out(self.maps, indices)


@lru_cache(maxsize=65536)
def _fan_out(maps: tuple[AxisMap, ...], outputs: range) -> tuple[int, Ints]:
    if not maps or not outputs:
        return outputs.start, np.broadcast_to(np.int64(1), len(outputs))
    lo, hi = spans_of(maps, array_of(outputs))
    some = hi > lo
    if not some.any():
        return 0, np.zeros(0, dtype=np.int64)
    first, size = int(lo[some].min()), int(hi.max()) + 1 - int(lo[some].min())
    begun, ended = (np.bincount(ends[some] - first, minlength=size) for ends in (lo, hi))
    fans = np.cumsum(begun - ended)[:-1]
    fans.setflags(write=False)
    return first, fans


def view(maps: Sequence[AxisMap], outputs: Indices) -> Hashable:
    """What outputs see: equal for sets that differ by a shift and take inputs that differ by one, with all between."""
    seen: list[Hashable] = []
    for axis in reversed(maps):
        seen.append(_relative(outputs))
        if isinstance(axis, Window) and len(outputs):
            first, last = axis.overhang(outputs)
            seen.append((min(0, first), max(0, last - axis.size_in)))
        elif isinstance(axis, Grouped) and len(outputs):
            seen.append(int(outputs[0]) % axis.outputs)
        outputs = axis.back(outputs)
    return tuple(seen)


def _relative(indices: Indices) -> Hashable:
    return len(indices) if isinstance(indices, range) else (indices - indices[0]).tobytes() if indices.size else 0
