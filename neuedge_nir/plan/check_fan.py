"""Who reaches whom: the checker's own count of connections, operator by operator and tap by tap.

A window looks at each axis by itself. So what reaches a box is a product of numbers along the axes: how many indices of
the box each input index reaches. Scales and delays connect one to one; reshapes are row-major.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Conv, Dense, Operator, Pool, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Irregular, Sparse
from neuedge_nir.plan.check_irregular import irregular, reached_by
from neuedge_nir.plan.check_parts import Ints, Patch, Product, Shape, Side, joined

ROWS = 4096
"""Outputs whose taps are written out at a time."""


@dataclass(frozen=True, slots=True)
class Taps:
    """One spatial axis of a window over so many inputs, with zeros before them."""

    kernel: int
    stride: int
    before: int
    dilation: int
    inputs: int

    def reads(self, outputs: Ints) -> Ints:
        """[..., tap]: the input that an output reads through each tap; -1 over the padding, and for no output (-1)."""
        read = (outputs * self.stride - self.before)[..., None] + np.arange(self.kernel) * self.dilation
        return np.where((outputs[..., None] < 0) | (read < 0) | (read >= self.inputs), -1, read)


@dataclass(frozen=True, slots=True)
class Groups:
    """The channels of a convolution: each output reads all inputs of its group, which has so many of both."""

    outputs: int
    inputs: int

    def reads(self, outputs: Ints) -> Ints:
        read = (outputs // self.outputs * self.inputs)[..., None] + np.arange(self.inputs)
        return np.where(outputs[..., None] < 0, -1, read)


Axis = tuple[Taps | Groups, ...]
"""What happens along one axis, from the inputs on; nothing: one to one."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A convolution or pool, or several in a row."""

    output_shape: Shape
    input_shape: Shape
    axes: tuple[Axis, ...]


Stage = Window | Dense | Irregular


def taps_of(operator: Conv | Pool) -> list[Taps]:
    """The taps along each spatial axis."""
    if isinstance(operator, Conv):
        before, dilation = [pad[0] for pad in operator.padding], operator.dilation
    else:
        before, dilation = list(operator.padding), (1,) * len(operator.kernel)
    return list(map(Taps, operator.kernel, operator.stride, before, dilation, operator.input_shape[1:]))


def _window(operator: Conv | Pool) -> Window:
    channels: Axis = ()
    if isinstance(operator, Conv):
        channels = (Groups(operator.output_shape[0] // operator.groups, operator.input_shape[0] // operator.groups),)
    return Window(operator.output_shape, operator.input_shape, (channels, *((taps,) for taps in taps_of(operator))))


def stages(chain: Sequence[Operator]) -> tuple[Stage, ...]:
    """The relations of a chain. Windows in a row become one, so that no pair of neurons is counted twice."""
    found: list[Stage] = []
    for operator in chain:
        if isinstance(operator, Dense | Sparse | FixedProbability):
            found.append(operator)
        elif isinstance(operator, Conv | Pool):
            one = _window(operator)
            if found and isinstance(last := found[-1], Window) and last.output_shape == one.input_shape:
                both = tuple((*first, *second) for first, second in zip(last.axes, one.axes, strict=True))
                found[-1] = Window(one.output_shape, last.input_shape, both)
            else:
                found.append(one)
    return tuple(found)


def _read_once(axis: Axis, outputs: Ints) -> Ints:
    """[output, ...]: the inputs that each output reads along an axis, each once, and -1."""
    found = outputs[:, None]
    for step in reversed(axis):
        found = np.sort(step.reads(found).reshape(len(outputs), -1), axis=1)
        found[:, 1:][found[:, 1:] == found[:, :-1]] = -1
        found = found[:, (found >= 0).any(axis=0)]
    return found


@lru_cache(maxsize=4096)
def _side(axis: Axis, start: int, stop: int) -> Side | None:
    """How many outputs from `start` to before `stop` each input reaches along an axis; None where none does."""
    if not axis:
        return Side.span(start, stop)
    if len(axis) == 1 and isinstance(channels := axis[0], Groups):
        first, behind = start // channels.outputs, -(-stop // channels.outputs)
        if behind - first == 1:
            return Side.span(first * channels.inputs, behind * channels.inputs, stop - start)
        edges = np.clip(np.arange(first, behind + 1) * channels.outputs, start, stop)
        return Side(first * channels.inputs, np.repeat(np.diff(edges), channels.inputs))
    pieces = []
    for row in range(start, stop, ROWS):
        read = _read_once(axis, np.arange(row, min(row + ROWS, stop)))
        read = read[read >= 0]
        if read.size:
            pieces.append((int(read.min()), np.bincount(read - read.min())))
    if not pieces:
        return None
    first, behind = min(at for at, _ in pieces), max(at + len(times) for at, times in pieces)
    total = np.zeros(behind - first, dtype=np.int64)
    for at, times in pieces:
        total[at - first : at - first + len(times)] += times
    return Side(first, total)


def _any_side(axis: Axis, side: Side) -> Side | None:
    """One for each input that reaches any output whose number is not zero."""
    if side.gapless:
        found = _side(axis, *side.ends)
        return found.ones() if found else None
    read = np.unique(_read_once(axis, side.indices))
    read = read[read >= 0]
    return Side(int(read[0]), np.bincount(read - read[0])) if read.size else None


def fan(through: Sequence[Stage], part: Patch) -> Patch:
    """For each element that reaches any of the part, how many of its elements it reaches: every pair once.

    The part is one in its boxes, which share nothing.
    """
    if not through:
        return part
    *front, last = through
    part = part.seen_as(last.output_shape)
    if isinstance(last, Sparse | FixedProbability):
        return reached_by(last, part)
    if not front:
        return Patch(last.input_shape, tuple(found for product in part.products if (found := _pull(last, product))))
    if isinstance(last, Dense) and last.weight.ndim == 2:  # whoever reaches it reaches all of its outputs
        reaching = pulled(front, Patch.whole(last.input_shape)).apart()
        reached = part.total()
        return Patch(reaching.shape, tuple(_scaled(product, reached) for product in reaching.products if reached))
    return _one_by_one(through, part)


def _pull(stage: Window | Dense, product: Product) -> Product | None:
    """How many elements of a product of spans every input reaches; None where none reaches any."""
    if isinstance(stage, Dense):
        *batch, outputs = product
        return (*batch, Side.span(0, stage.weight.shape[-1], outputs.total()))
    sides = [_side(axis, *side.ends) for axis, side in zip(stage.axes, product, strict=True)]
    return tuple(side for side in sides if side is not None) if None not in sides else None


def _one_by_one(through: Sequence[Stage], part: Patch) -> Patch:
    """As `fan`, where a reshape lies between: one target at a time."""
    flat = part.where()
    targets = (Patch.of(joined(flat[i : i + 1], part.shape), part.shape) for i in range(len(flat)))
    found = np.concatenate([pulled(through, target).where() for target in targets])
    places, times = np.unique(found, return_counts=True)
    shape = through[0].input_shape
    alike = [(int(number), joined(places[times == number], shape)) for number in np.unique(times)]
    products = [_scaled(p, number) for number, boxes in alike for p in Patch.of(boxes, shape).products]
    return Patch(shape, tuple(products))


def _scaled(product: Product, number: int) -> Product:
    first, *rest = product
    return (first.scaled(number), *rest)


def pulled(through: Sequence[Stage], part: Patch) -> Patch:
    """The elements that reach any of the part; products may share some."""
    for stage in reversed(through):
        seen = part.seen_as(stage.output_shape)
        if isinstance(stage, Sparse | FixedProbability):
            part = reached_by(stage, seen.apart()).apart()
            continue
        part = Patch(stage.input_shape, tuple(found for p in seen.products if (found := _pull_any(stage, p))))
    return part


def _pull_any(stage: Window | Dense, product: Product) -> Product | None:
    if isinstance(stage, Dense):
        return (*product[:-1], Side.span(0, stage.weight.shape[-1]))
    sides = [_any_side(axis, side) for axis, side in zip(stage.axes, product, strict=True)]
    return tuple(side for side in sides if side is not None) if None not in sides else None


def synapses(chain: Sequence[Operator], shape: Shape) -> int:
    """Taps of the weighted operators, inside the image, on a way to the target; without any, the pairs of the chain."""
    part = Patch.whole(shape)
    if irregular(chain) or not any(isinstance(operator, Dense | Conv) for operator in chain):
        return fan(stages(chain), part).total()
    total = 0
    for operator in reversed(chain):
        if isinstance(operator, Dense):
            total += part.count() * operator.weight.shape[-1]
        elif isinstance(operator, Conv):
            total += _taps_inside(operator, part.seen_as(operator.output_shape).apart()) * operator.weight.shape[1]
        part = pulled(stages([operator]), part)
    return total


def _taps_inside(operator: Conv, part: Patch) -> int:
    """The spatial taps of all outputs of a part, those over the padding left out."""
    total = 0
    for channels, *space in part.products:
        each = (_inside(taps, side) for taps, side in zip(taps_of(operator), space, strict=True))
        total += channels.count() * math.prod(each)
    return total


def _inside(taps: Taps, side: Side) -> int:
    if side.gapless:
        found = _side((taps,), *side.ends)
        return found.total() if found else 0
    return int((taps.reads(side.indices) >= 0).sum())


def used_weights(chain: Sequence[Operator], part: Patch) -> int:
    """Stored weights that lie on a way into a part, a shared one once; of single synapses each has its own."""
    if irregular(chain):
        return fan(stages(chain), part).total()
    total = 0
    for operator in reversed(chain):
        if isinstance(operator, Dense):
            total += part.count() * operator.weight.shape[-1]
        elif isinstance(operator, Scale):
            total += _used_factors(operator, part.seen_as(operator.shape))
        elif isinstance(operator, Conv):
            total += _used_taps(operator, part.seen_as(operator.output_shape))
        part = pulled(stages([operator]), part)
    return total


def _used_factors(operator: Scale, part: Patch) -> int:
    """Of an axis along which all share one factor, one index stands for all."""
    shape = (1,) * (len(operator.shape) - operator.factor.ndim) + operator.factor.shape
    products = (
        tuple(Side.span(0, 1) if size == 1 else side for side, size in zip(product, shape, strict=True))
        for product in part.products
    )
    return Patch(shape, tuple(products)).count()


def _used_taps(operator: Conv, part: Patch) -> int:
    used = np.zeros((operator.output_shape[0], *operator.kernel), dtype=bool)
    for channels, *space in part.products:
        seen = [np.flatnonzero(_taps_seen(taps, side)) for taps, side in zip(taps_of(operator), space, strict=True)]
        used[np.ix_(channels.indices, *seen)] = True
    return int(used.sum()) * int(operator.weight.shape[1])


def _taps_seen(taps: Taps, side: Side) -> NDArray[np.bool_]:
    """For each tap, whether it reads any input."""
    seen = np.zeros(taps.kernel, dtype=bool)
    for row in range(0, len(side.times), ROWS):
        outputs = np.flatnonzero(side.times[row : row + ROWS]) + side.first + row
        seen |= (taps.reads(outputs) >= 0).any(axis=0)
        if seen.all():
            break
    return seen


def channels_of(part: Patch) -> Ints:
    """The different channels, the first indices, of a part."""
    return np.unique(np.concatenate([np.zeros(0, np.int64), *(product[0].indices for product in part.products)]))
