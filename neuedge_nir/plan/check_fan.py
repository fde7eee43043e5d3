"""Who reaches whom: the checker's own count of connections.

Every operator is a product of relations, one small table of truth values per axis, filled by walking its taps. What
reaches a set of neurons is found by pulling the set back through the tables. Reshapes are row-major and free.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale

Shape = tuple[int, ...]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Table = Mask | None
"""[output, input] along one axis; None for the identity."""

LONGEST = 2048
"""Rows of a table taken at a time: bounds the memory of long axes."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A relation that is a product over the axes. `kinds`: per axis, outputs of one kind have equal table rows."""

    outputs: Shape
    inputs: Shape
    tables: tuple[Table, ...]
    kinds: tuple[Ints, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """The source elements that reach a set of neurons, and how many of these each of them reaches."""

    sources: Ints
    reached: Ints

    @property
    def connections(self) -> int:
        return int(self.reached.sum())


def window(size: int, outputs: int, kernel: int, stride: int, dilation: int, before: int) -> Mask:
    """Along one axis, the inputs under the window of each output; its taps over the padding are left out."""
    table = np.zeros((outputs, size), dtype=bool)
    at = np.arange(outputs)
    for tap in range(kernel):
        read = at * stride + tap * dilation - before
        inside = (read >= 0) & (read < size)
        table[at[inside], read[inside]] = True
    return table


def windows(operator: Conv | Pool) -> list[Mask]:
    """One table per spatial axis."""
    if isinstance(operator, Conv):
        before, dilation = [pad[0] for pad in operator.padding], operator.dilation
    else:
        before, dilation = list(operator.padding), (1, 1)
    axes = zip(
        operator.input_shape[1:],
        operator.output_shape[1:],
        operator.kernel,
        operator.stride,
        dilation,
        before,
        strict=True,
    )
    return [window(*axis) for axis in axes]


def stage(operator: Operator) -> Stage:
    """The relation of one operator."""
    outputs, inputs = operator.output_shape, operator.input_shape
    kinds = [np.arange(size) for size in outputs]
    tables: list[Table] = [None for _ in outputs]
    if isinstance(operator, Dense):
        tables[-1] = np.broadcast_to(np.True_, operator.weight.shape[-2:])
        kinds[-1] = np.zeros(outputs[-1], dtype=np.int64)
    elif isinstance(operator, Conv | Pool):
        tables[1:] = windows(operator)
    if isinstance(operator, Conv):
        kinds[0] = np.arange(outputs[0]) // (outputs[0] // operator.groups)
        tables[0] = kinds[0][:, None] == np.arange(inputs[0]) // (inputs[0] // operator.groups)
    return Stage(outputs, inputs, tuple(tables), tuple(kinds))


def stages(chain: Sequence[Operator]) -> tuple[Stage, ...]:
    """The relation of a chain: neighbouring windows become one table per axis, so that no pair is counted twice."""
    found: list[Stage] = []
    joinable = False
    for operator in chain:
        if isinstance(operator, Scale | Delay):
            continue
        one = stage(operator)
        windowed = not isinstance(operator, Dense)
        if joinable and windowed and found[-1].outputs == one.inputs:
            found[-1] = _joined(found[-1], one)
        else:
            found.append(one)
        joinable = windowed
    return tuple(found)


def _joined(first: Stage, second: Stage) -> Stage:
    axes = list(zip(first.tables, second.tables, first.kinds, second.kinds, strict=True))
    tables = tuple(_through(a, b) for a, b, _, _ in axes)
    kinds = tuple(one if b is None else other for _, b, one, other in axes)
    return Stage(second.outputs, first.inputs, tables, kinds)


def _through(first: Table, second: Table) -> Table:
    if first is None or second is None:
        return second if first is None else first
    return np.stack([first[row].any(axis=0) for row in second])


def fan(through: Sequence[Stage], mask: Mask) -> Fan:
    """What reaches the masked elements (a flat mask of the last stage's outputs), every pair once."""
    if not through:
        sources = np.flatnonzero(mask)
        return Fan(sources, np.ones_like(sources))
    *front, last = through
    if front:  # several relations with a reshape between: one element of each kind stands for its likes
        total = np.zeros(math.prod(front[0].inputs), dtype=np.int64)
        for image, times in _images(last, mask):
            total += times * pulled(front, image)
    else:
        total = np.rint(_pull(last, mask)).astype(np.int64)
    sources = np.flatnonzero(total)
    return Fan(sources, total[sources])


def pulled(through: Sequence[Stage], mask: Mask) -> Mask:
    """The source elements that reach any of the masked elements."""
    for one in reversed(through):
        mask = _pull(one, mask) > 0
    return mask


def _images(last: Stage, mask: Mask) -> Iterator[tuple[Mask, int]]:
    where = np.nonzero(mask.reshape(last.outputs))
    if not len(where) or not len(where[0]):
        return
    kinds = np.stack([kind[index] for kind, index in zip(last.kinds, where, strict=True)])
    _, first, times = np.unique(kinds, axis=1, return_index=True, return_counts=True)
    for position, count in zip(first, times, strict=True):
        one = np.zeros(last.outputs, dtype=bool)
        one[tuple(index[position] for index in where)] = True
        yield _pull(last, one) > 0, int(count)


def _pull(through: Stage, mask: Mask) -> NDArray[np.float64]:
    """How many masked outputs every input reaches: exact, as floats hold integers to 2 ** 53."""
    total = np.zeros(through.inputs)
    array = mask.reshape(through.outputs)
    found = np.nonzero(array)
    if array.size and found and not len(found[0]):
        return total.ravel()
    box = [(int(index.min()), int(index.max()) + 1) for index in found]
    pieces: list[tuple[slice, ...]] = [()]
    for start, stop in box:
        cuts = [slice(at, min(at + LONGEST, stop)) for at in range(start, stop, LONGEST)]
        pieces = [(*piece, cut) for piece in pieces for cut in cuts]
    for piece in pieces:
        place, counts = _pull_box(through, piece, array[piece].astype(np.float64))
        total[place] += counts
    return total.ravel()


def _pull_box(
    through: Stage, box: tuple[slice, ...], counts: NDArray[np.float64]
) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    place = []
    for axis, (table, rows) in enumerate(zip(through.tables, box, strict=True)):
        if table is None:
            place.append(rows)
            continue
        columns = np.flatnonzero(table[rows].any(axis=0))
        span = slice(int(columns[0]), int(columns[-1]) + 1) if len(columns) else slice(0, 0)
        product = np.tensordot(counts, table[rows, span].astype(np.float64), axes=(axis, 0))
        counts = np.moveaxis(product, -1, axis)
        place.append(span)
    return tuple(place), counts


def synapses(chain: Sequence[Operator], outputs: int) -> int:
    """Taps of the weighted operators, inside the image, on a way to the target; without any, the pairs of the chain."""
    mask = np.ones(outputs, dtype=bool)
    if not any(isinstance(operator, Dense | Conv) for operator in chain):
        return fan(stages(chain), mask).connections
    total = 0
    for operator in reversed(chain):
        if isinstance(operator, Dense):
            total += int(mask.sum()) * operator.weight.shape[-1]
        elif isinstance(operator, Conv):
            taps = mask.reshape(operator.output_shape).sum(axis=0)
            for table in windows(operator):
                taps = np.tensordot(table.sum(axis=1), taps, axes=(0, 0))
            total += int(taps) * operator.weight.shape[1]
        mask = pulled([stage(operator)], mask)
    return total


def used_weights(chain: Sequence[Operator], mask: Mask) -> int:
    """Stored weights that lie on a way into the masked neurons, a shared one once."""
    total = 0
    for operator in reversed(chain):
        match operator:
            case Dense(weight=weight):
                total += int(mask.sum()) * weight.shape[-1]
            case Conv():
                total += _used_taps(operator, mask.reshape(operator.output_shape))
            case Scale(factor=factor, shape=shape):
                entries = np.broadcast_to(np.arange(factor.size).reshape(factor.shape), shape)
                total += len(np.unique(entries.ravel()[mask]))
            case _:
                pass
        mask = pulled([stage(operator)], mask)
    return total


def _used_taps(operator: Conv, mask: Mask) -> int:
    where = np.nonzero(mask)
    used = 0
    for tap in np.ndindex(*operator.kernel):
        inside = np.ones(len(where[0]), dtype=bool)
        for axis, at in enumerate(tap):
            read = where[axis + 1] * operator.stride[axis] + at * operator.dilation[axis] - operator.padding[axis][0]
            inside &= (read >= 0) & (read < operator.input_shape[axis + 1])
        used += len(np.unique(where[0][inside]))
    return used * operator.weight.shape[1]
