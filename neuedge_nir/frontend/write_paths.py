"""Projections as the paths of nodes they become: their operators, with a Flatten wherever the shape changes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import Shape
from neuedge_nir.frontend.shapes import equal_but_for_leading_ones, flatten_output
from neuedge_nir.frontend.unrolled import Geometry, geometry_of, matrix_of
from neuedge_nir.frontend.vectors import Shapes, in_shapes
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Scale, aligned
from neuedge_nir.network.model import Network, Projection


@dataclass(frozen=True, slots=True)
class Flat:
    """A Flatten to be written: axes `start` to `end`, both included, become one; equal ones change nothing.

    `node` is the name it had where the network was read from, if that is known.
    """

    node: str | None
    input_shape: Shape
    start: int
    end: int

    @property
    def output_shape(self) -> Shape:
        return flatten_output(self.input_shape, self.start, self.end)


@dataclass(frozen=True, slots=True, eq=False)
class Unrolled(Dense):
    """A convolution, as the Dense that it amounts to."""

    geometry: Geometry


Element = Operator | Flat


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A projection, and the nodes between its ends in order."""

    projection: Projection
    elements: tuple[Element, ...]


def as_vectors(network: Network) -> tuple[Network, Shapes]:
    """The network with populations as vectors that are in a shape no Flatten makes, and the shapes that they had.

    Raises `InputError` (OUT006) where parameters or scales do not fit.
    """
    shapes: dict[str, Shape] = {}
    while odd := set(_unreachable(network)):
        shapes |= {p.name: p.shape for p in network.populations if p.name in odd}
        try:
            network = in_shapes(network, {name: (math.prod(shapes[name]),) for name in odd})
        except ValueError as error:
            raise InputError("OUT006", str(error), where=f"node {min(odd)!r}", hint=ILL) from error
    return network, shapes


def _unreachable(network: Network) -> Iterator[str]:
    """Populations of several axes at which something arrives in a shape that cannot become theirs."""
    several = {p.name for p in network.populations if len(p.shape) > 1}
    for projection in network.projections:
        if projection.target in several and not _can_become(_arriving(projection), projection.target_shape):
            yield projection.target


def _arriving(projection: Projection) -> Shape:
    """The shape in which a projection ends in the file, before any Flatten behind it."""
    shape = projection.source_shape
    for operator in projection.chain:
        if not isinstance(operator, Scale | Delay):
            flat = isinstance(operator, Conv) and not _can_become(shape, operator.input_shape)
            shape = (math.prod(operator.output_shape),) if flat else operator.output_shape
    return shape


def paths_of(network: Network) -> tuple[Path, ...]:
    """One path for each projection, sorted by the projections' names.

    Raises `InputError` (OUT001, OUT006) where shapes change in a way that no Flatten can bring about, or do not agree.
    """
    return tuple(Path(p, tuple(_elements(p))) for p in sorted(network.projections, key=lambda p: p.name))


def _elements(projection: Projection) -> Iterator[Element]:
    shape, names = projection.source_shape, iter(_hints(projection))
    # A name may wait for its Flatten: the reader gives scales and delays the shape before it.
    waiting: tuple[str, ...] = ()
    for operator in (*_operators(projection), None):
        waiting += next(names)
        wanted = projection.target_shape if operator is None else operator.input_shape
        flats = _flats(shape, wanted, projection)
        yield from _named(flats, waiting)
        waiting = () if flats else waiting
        if operator is not None:
            yield operator
            shape = operator.output_shape


def _operators(projection: Projection) -> Iterator[Operator]:
    """The chain, scales and delays in the shape of what reaches them, convolutions unrolled where no Flatten leads."""
    shape = projection.source_shape
    for operator in projection.chain:
        (fitting,) = _aligned(operator, shape, projection)
        yield (found := _unrolled(fitting, shape))
        shape = found.output_shape


def _unrolled(operator: Operator, shape: Shape) -> Operator:
    if not isinstance(operator, Conv) or _can_become(shape, operator.input_shape):
        return operator
    geometry = geometry_of(operator)
    return operator if geometry is None else Unrolled(operator.node, matrix_of(geometry, operator.weight), geometry)


def _aligned(operator: Operator, shape: Shape, projection: Projection) -> tuple[Operator, ...]:
    try:
        return aligned((operator,), shape)
    except ValueError as error:
        message = f"projection {projection.name!r}: {error}"
        raise InputError("OUT006", message, where=f"node {projection.target!r}", hint=ILL) from error


ILL = "the pass or program that made this network is wrong"


def _flats(shape: Shape, wanted: Shape, projection: Projection) -> tuple[Flat, ...]:
    """The Flattens that make `wanted` of `shape`; none where they are equal, or only leading axes of 1 are added."""
    if shape == wanted:
        return ()
    merged = _merged(shape, wanted)
    if merged is not None:
        return _row(shape, merged)
    if _can_become(shape, wanted):
        return ()
    where = f"node {projection.target!r}"
    if math.prod(shape) != math.prod(wanted):
        message = f"projection {projection.name!r}: {shape} is given where {wanted} is taken"
        raise InputError("OUT006", message, where=where, hint=ILL)
    message = f"projection {projection.name!r}: {shape} becomes {wanted}, and NIR can only flatten"
    raise InputError("OUT001", message, where=where, hint="give the neurons the shape of what feeds them")


def _can_become(shape: Shape, wanted: Shape) -> bool:
    """Whether Flattens, or nothing but leading axes of 1, make `wanted` of `shape`."""
    return _merged(shape, wanted) is not None or equal_but_for_leading_ones(shape, wanted)


def _merged(shape: Shape, wanted: Shape) -> tuple[tuple[int, int], ...] | None:
    """The first and last axis of `shape` that become each axis of `wanted`; None where that is no mere merging."""
    found: list[tuple[int, int]] = []
    start = 0
    for length in wanted:
        end, product = start + 1, math.prod(shape[start : start + 1])
        while product < length and end < len(shape):
            product, end = product * shape[end], end + 1
        if product != length or start >= len(shape):
            return None
        found.append((start, end - 1))
        start = end
    if not found or math.prod(shape[start:]) != 1:
        return None
    # Axes of length 1 that are left over join the last.
    return (*found[:-1], (found[-1][0], len(shape) - 1))


def _row(shape: Shape, groups: Sequence[tuple[int, int]]) -> tuple[Flat, ...]:
    """One Flatten for each group of several axes, the last group first, so that the axes before keep their places."""
    if len(groups) == 1:
        return (Flat(None, shape, 0, -1),)
    flats = []
    for start, end in reversed(groups):
        if start < end:
            flats.append(Flat(None, shape, start, end))
            shape = flats[-1].output_shape
    return tuple(flats)


def _named(flats: Sequence[Flat], names: Sequence[str]) -> tuple[Flat, ...]:
    """The Flattens under the names they had, where there are as many."""
    if len(flats) != len(names):
        return tuple(flats)
    return tuple(replace(flat, node=name) for flat, name in zip(flats, names, strict=True))


def _hints(projection: Projection) -> tuple[tuple[str, ...], ...]:
    """What the projection's name has before each operator and before the target.

    The reader calls a projection by all nodes on its path, also those that a Network does not hold. A name of another
    kind gives no hint.
    """
    ends = [projection.source, *(operator.node for operator in projection.chain), projection.target]
    parts = projection.name.split(">")
    places = [0]
    for name in ends[1:-1]:
        if name not in parts[places[-1] + 1 : -1]:
            return ((),) * (len(ends) - 1)
        places.append(parts.index(name, places[-1] + 1))
    if parts[0] != ends[0] or parts[-1] != ends[-1]:
        return ((),) * (len(ends) - 1)
    return tuple(tuple(parts[one + 1 : other]) for one, other in pairwise([*places, len(parts) - 1]))
