"""Convolutions that no Flatten leads to, in files: the Affine each amounts to, and its geometry in the metadata.

NIR cannot give a vector the axes that a convolution takes, such as the groups into which a pass divides a Dense. The
matrix is right in every tool; the geometry lets the reader tell the weights in it from the zeros between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.frontend.compact import FloatArray, frozen
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Shape
from neuedge_nir.frontend.shapes import ShapeMismatchError, conv_output
from neuedge_nir.network.connect import Conv, Dense, Operator, aligned
from neuedge_nir.network.model import Projection

Index = NDArray[np.intp]
TOGETHER = 2**20
"""Numbers of a matrix that are compared at once."""
LARGEST = 2**24
"""Numbers of a matrix for one output channel: a hostile file may claim that it has no other."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """A convolution without padding: the shape of its weights (C_out, C_in / groups, *kernel), and the rest of it."""

    weight: tuple[int, ...]
    space: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def input_shape(self) -> Shape:
        return (self.weight[1] * self.groups, *self.space)

    @property
    def output_shape(self) -> Shape:
        """Raises `ShapeMismatchError` where the kernel does not fit into the space."""
        return conv_output(self.input_shape, self.weight, self.stride, self._padding, self.dilation, self.groups)

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(outputs, inputs). Raises as `output_shape`."""
        return math.prod(self.output_shape), math.prod(self.input_shape)

    @property
    def _padding(self) -> tuple[tuple[int, int], ...]:
        return ((0, 0),) * len(self.space)

    def conv(self, node: str, weight: FloatArray) -> Conv:
        shapes = self.input_shape, self.output_shape
        return Conv(node, weight, *shapes, self.stride, self._padding, self.dilation, self.groups)

    def fits(self, matrix: Shape) -> bool:
        """Whether a matrix of that shape can be such a convolution: what a file says may be anything."""
        axes = (self.space, self.stride, self.dilation)
        if len(self.weight) < 3 or any(len(axis) != len(self.weight) - 2 for axis in axes):
            return False
        numbers = (*self.weight, *self.space, *self.stride, *self.dilation, self.groups)
        if not all(1 <= number <= DEFAULT_CAPS.elements for number in numbers) or self.weight[0] % self.groups:
            return False
        try:
            return self.matrix_shape == matrix and math.prod(matrix) // self.weight[0] <= LARGEST
        except ShapeMismatchError:
            return False


def geometry_of(conv: Conv) -> Geometry | None:
    """The geometry of a convolution that can be unrolled; None where it is padded, or its matrix beyond all files."""
    if any(map(any, conv.padding)):
        return None
    found = Geometry(conv.weight.shape, conv.input_shape[1:], conv.stride, conv.dilation, conv.groups)
    sizes = math.prod(conv.output_shape), math.prod(conv.input_shape)
    return found if found.fits(sizes) and math.prod(sizes) <= DEFAULT_CAPS.elements else None


def matrix_of(geometry: Geometry, weight: FloatArray) -> FloatArray:
    """The weights (outputs, inputs) of the Affine that a convolution is, both in row-major order."""
    return _rows(geometry, weight, range(len(weight))).reshape(geometry.matrix_shape)


def _weights_in(geometry: Geometry, matrix: FloatArray) -> FloatArray | None:
    """The weights of the convolution that a matrix, perhaps on disk, is; None where it is none of that geometry."""
    by_axes = matrix.reshape(_axes(geometry))
    outputs, _, channels, taps = _places(geometry, range(geometry.weight[0]))
    weight: FloatArray = by_axes[outputs, 0, channels, taps[:, :1]].reshape(geometry.weight)
    several = max(1, TOGETHER // math.prod(by_axes.shape[1:]))
    for start in range(0, len(weight), several):
        some = range(start, min(start + several, len(weight)))
        if not np.array_equal(_rows(geometry, weight, some), by_axes[some.start : some.stop]):
            return None
    return weight


def _rows(geometry: Geometry, weight: FloatArray, some: range) -> FloatArray:
    """The matrix by its axes, of some of the output channels."""
    found = np.zeros((len(some), *_axes(geometry)[1:]), weight.dtype)
    outputs, *places = _places(geometry, some)
    values = weight[some.start : some.stop].reshape(len(some), 1, weight.shape[1], -1)
    found[(outputs - some.start, *places)] = values
    return found


def _axes(geometry: Geometry) -> tuple[int, int, int, int]:
    """The axes of the matrix: output channels and places, input channels and places."""
    outputs, *out = geometry.output_shape
    inputs, *space = geometry.input_shape
    return outputs, math.prod(out), inputs, math.prod(space)


def _places(geometry: Geometry, some: range) -> tuple[Index, Index, Index, Index]:
    """Where in those axes the weights of some output channels lie, as indices to be broadcast: by output channel and
    place, input channel and tap."""
    outputs, places, _, _ = _axes(geometry)
    numbers = np.arange(some.start, some.stop)
    inputs = geometry.weight[1]
    first = numbers // (outputs // geometry.groups) * inputs
    return (
        numbers.reshape(-1, 1, 1, 1),
        np.arange(places).reshape(1, -1, 1, 1),
        (first[:, None] + np.arange(inputs)).reshape(len(some), 1, -1, 1),
        _seen(geometry)[None, :, None, :],
    )


def _seen(geometry: Geometry) -> Index:
    """The input place that each output place sees by each tap: (places, taps)."""
    found = np.zeros((1, 1), np.intp)
    axes = zip(
        geometry.space, geometry.output_shape[1:], geometry.weight[2:], geometry.stride, geometry.dilation, strict=True
    )
    for length, places, taps, step, apart in axes:
        one = np.arange(places)[:, None] * step + np.arange(taps) * apart
        both = found[:, None, :, None] * length + one[None, :, None, :]
        found = both.reshape(both.shape[0] * places, -1)
    return found


def rolled(
    projections: Iterable[Projection], geometries: Mapping[str, Geometry]
) -> tuple[tuple[Projection, ...], tuple[Diagnostic, ...]]:
    """The projections with those of their layers as convolutions that the metadata calls so, by node.

    A layer that is none of that geometry stays as it is: NET059.
    """
    found = tuple(projections)
    dense = {op.node: op for p in found for op in p.chain if isinstance(op, Dense) and op.node in geometries}
    convs = {name: _conv(layer, geometries[name]) for name, layer in dense.items()}
    made = {name: conv for name, conv in convs.items() if conv is not None}
    return tuple(_with(p, made) for p in found), tuple(_wrong(name for name in geometries if name not in made))


def _conv(layer: Dense, geometry: Geometry) -> Conv | None:
    if not geometry.fits(layer.weight.shape):
        return None
    weight = _weights_in(geometry, layer.weight)
    return None if weight is None else geometry.conv(layer.node, frozen(weight))


def _with(projection: Projection, convs: Mapping[str, Conv]) -> Projection:
    if not any(operator.node in convs for operator in projection.chain):
        return projection
    chain: tuple[Operator, ...] = tuple(convs.get(operator.node, operator) for operator in projection.chain)
    return replace(projection, chain=aligned(chain, projection.source_shape))


def _wrong(names: Iterable[str]) -> Iterator[Diagnostic]:
    for name in sorted(names):
        message = "the metadata call it a convolution, which its weights are not"
        yield Diagnostic("NET059", Severity.WARNING, name, message, "it is read with all its weights, zeros too")
