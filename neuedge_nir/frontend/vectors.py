"""Populations in shapes that no Flatten makes, in files: as vectors, and their shapes in the metadata.

The neurons are the same in row-major order, so the graph is right in every tool.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.frontend.compact import FloatArray, collapsed, reshaped
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Shape
from neuedge_nir.network.connect import aligned
from neuedge_nir.network.model import Network, Population, Projection

Shapes = Mapping[str, tuple[int, ...]]
"""By population."""


def as_shaped(network: Network, shapes: Shapes) -> tuple[Network, tuple[Diagnostic, ...]]:
    """The network with populations in the shapes that the metadata gives them; NET059 for those that do not fit."""
    sizes = {p.name: p.neurons for p in network.populations}
    fitting = {name: shape for name, shape in shapes.items() if _fits(shape, sizes.get(name))}
    made = in_shapes(network, fitting) if fitting else network
    return made, tuple(map(_odd, sorted(shapes.keys() - fitting.keys())))


def _fits(shape: Shape, size: int | None) -> bool:
    return 0 < len(shape) <= DEFAULT_CAPS.depth and all(length > 0 for length in shape) and math.prod(shape) == size


def _odd(name: str) -> Diagnostic:
    message = "the metadata give it a shape that its neurons do not fill"
    return Diagnostic("NET059", Severity.WARNING, name, message, "it is read in the shape that the graph gives it")


def in_shapes(network: Network, shapes: Shapes) -> Network:
    """The network with these populations in these shapes, their neurons in row-major order.

    Raises `ValueError` where parameters or scales do not fit what they belong to.
    """
    return replace(
        network,
        populations=tuple(_population(p, shapes[p.name]) if p.name in shapes else p for p in network.populations),
        projections=tuple(_projection(p, shapes) for p in network.projections),
    )


def _population(population: Population, shape: Shape) -> Population:
    def seen(values: FloatArray) -> FloatArray:
        return collapsed(reshaped(values, population.shape, shape), shape)

    parameters = {key: seen(values) for key, values in population.parameters.items()}
    neuron = replace(population.neuron, **parameters)  # type: ignore[arg-type]  # each model has its own
    bias = None if population.bias is None else seen(population.bias)
    return replace(population, neuron=neuron, shape=shape, bias=bias)


def _projection(projection: Projection, shapes: Shapes) -> Projection:
    if shapes.keys().isdisjoint((projection.source, projection.target)):
        return projection
    source = shapes.get(projection.source, projection.source_shape)
    target = shapes.get(projection.target, projection.target_shape)
    return replace(projection, source_shape=source, target_shape=target, chain=aligned(projection.chain, source))
