"""Who reaches whom: the checker's own count of connections, operator by operator and tap by tap.

A window is a product of small tables of truth values, one per axis. What reaches a set of neurons is found by pulling
the set back through them. Scales and delays connect one to one; reshapes are row-major.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, Scale

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Table = Mask | None
"""[output, input] along one axis; None: one to one."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A convolution or pool, or several in a row."""

    output_shape: tuple[int, ...]
    input_shape: tuple[int, ...]
    tables: tuple[Table, ...]


Stage = Window | Dense


def tables_of(operator: Conv | Pool) -> list[Mask]:
    """Per spatial axis, the inputs under the window of each output; taps over the padding are left out."""
    found = []
    for axis, (size, outputs) in enumerate(zip(operator.input_shape[1:], operator.output_shape[1:], strict=True)):
        table = np.zeros((outputs, size), dtype=bool)
        for tap in range(operator.kernel[axis]):
            read = reads(operator, axis, tap, np.arange(outputs))
            inside = (read >= 0) & (read < size)
            table[np.flatnonzero(inside), read[inside]] = True
        found.append(table)
    return found


def reads(operator: Conv | Pool, axis: int, tap: int, outputs: Ints) -> Ints:
    """Where on a spatial axis of the input the outputs read through a tap; outside the image is the padding."""
    if isinstance(operator, Conv):
        tap, before = tap * operator.dilation[axis], operator.padding[axis][0]
    else:
        before = operator.padding[axis]
    return outputs * operator.stride[axis] + tap - before


def _window(operator: Conv | Pool) -> Window:
    channels: Table = None
    if isinstance(operator, Conv):
        groups = [np.arange(n) * operator.groups // n for n in (operator.output_shape[0], operator.input_shape[0])]
        channels = groups[0][:, None] == groups[1]
    return Window(operator.output_shape, operator.input_shape, (channels, *tables_of(operator)))


def stages(chain: Sequence[Operator]) -> tuple[Stage, ...]:
    """The relations of a chain. Windows in a row become one, so that no pair of neurons is counted twice."""
    found: list[Stage] = []
    for operator in chain:
        if isinstance(operator, Dense):
            found.append(operator)
        elif isinstance(operator, Conv | Pool):
            one = _window(operator)
            if found and isinstance(last := found[-1], Window) and last.output_shape == one.input_shape:
                both = tuple(_through(a, b) for a, b in zip(last.tables, one.tables, strict=True))
                found[-1] = Window(one.output_shape, last.input_shape, both)
            else:
                found.append(one)
    return tuple(found)


def _through(first: Table, second: Table) -> Table:
    if first is None or second is None:
        return second if first is None else first
    return np.stack([first[row].any(axis=0) for row in second])


def fan(through: Sequence[Stage], mask: Mask) -> tuple[Ints, Ints]:
    """The elements that reach any of the masked ones, and how many of these each reaches: every pair once."""
    if not through:
        return (sources := np.flatnonzero(mask)), np.ones_like(sources)
    *front, last = through
    if not front:
        total = _pull(last, mask)
    elif isinstance(last, Dense) and last.weight.ndim == 2:  # whoever reaches it reaches all of its outputs
        total = mask.sum() * pulled(front, np.ones(last.weight.shape[1], dtype=bool))
    else:  # a reshape lies between: one target at a time
        total = np.sum([pulled(through, np.arange(mask.size) == one) for one in np.flatnonzero(mask)], axis=0)
    sources = np.flatnonzero(total)
    return sources, np.rint(total[sources]).astype(np.int64)


def pulled(through: Sequence[Stage], mask: Mask) -> Mask:
    """The elements that reach any of the masked ones."""
    for stage in reversed(through):
        mask = _pull(stage, mask) > 0
    return mask


def _pull(stage: Stage, mask: Mask) -> NDArray[np.float64]:
    """How many masked outputs every input reaches; floats are exact up to 2 ** 53."""
    total = np.zeros(stage.input_shape)
    outputs = mask.reshape(stage.output_shape)
    if isinstance(stage, Dense):
        total += outputs.sum(axis=-1, keepdims=True)
    elif mask.any():
        place = [slice(int(index.min()), int(index.max()) + 1) for index in np.nonzero(outputs)]
        counts = outputs[tuple(place)].astype(np.float64)
        for axis, table in enumerate(stage.tables):
            if table is not None:
                rows = table[place[axis]]
                if rows.all():  # all inputs alike: one stands for them until the end
                    place[axis], counts = slice(0, table.shape[1]), counts.sum(axis=axis, keepdims=True)
                    continue
                columns = np.flatnonzero(rows.any(axis=0))
                place[axis] = slice(columns[0], columns[-1] + 1) if len(columns) else slice(0, 0)
                product = np.tensordot(counts, rows[:, place[axis]].astype(np.float64), axes=(axis, 0))
                counts = np.moveaxis(product, -1, axis)
        total[tuple(place)] = counts
    return total.ravel()


def synapses(chain: Sequence[Operator], outputs: int) -> int:
    """Taps of the weighted operators, inside the image, on a way to the target; without any, the pairs of the chain."""
    mask = np.ones(outputs, dtype=bool)
    if not any(isinstance(operator, Dense | Conv) for operator in chain):
        return int(fan(stages(chain), mask)[1].sum())
    total = 0
    for operator in reversed(chain):
        if isinstance(operator, Dense):
            total += int(mask.sum()) * operator.weight.shape[-1]
        elif isinstance(operator, Conv):
            taps = mask.reshape(operator.output_shape).sum(axis=0)
            for table in tables_of(operator):
                taps = np.tensordot(table.sum(axis=1), taps, axes=(0, 0))
            total += int(taps) * operator.weight.shape[1]
        mask = pulled(stages([operator]), mask)
    return total


def used_weights(chain: Sequence[Operator], mask: Mask) -> int:
    """Stored weights that lie on a way into the masked neurons, a shared one once."""
    total = 0
    for operator in reversed(chain):
        if isinstance(operator, Dense):
            total += int(mask.sum()) * operator.weight.shape[-1]
        elif isinstance(operator, Scale):
            entries = np.arange(operator.factor.size).reshape(operator.factor.shape)
            total += len(np.unique(np.broadcast_to(entries, operator.shape).ravel()[mask]))
        elif isinstance(operator, Conv):
            total += _used_taps(operator, np.nonzero(mask.reshape(operator.output_shape)))
        mask = pulled(stages([operator]), mask)
    return total


def _used_taps(operator: Conv, outputs: tuple[Ints, ...]) -> int:
    used = 0
    for tap in np.ndindex(*operator.kernel):
        inside = np.ones(len(outputs[0]), dtype=bool)
        for axis, at in enumerate(tap):
            read = reads(operator, axis, at, outputs[axis + 1])
            inside &= (read >= 0) & (read < operator.input_shape[axis + 1])
        used += len(np.unique(outputs[0][inside]))
    return int(used * operator.weight.shape[1])
