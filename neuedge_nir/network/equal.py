"""Whether two networks are the same, by what they say: names, shapes, numbers, operators. Not where they came from.

`Network.origin` and `Population.nodes` are not compared, nor is the order of the tuples, which follows from the graph.
Numbers are compared by value: float32 and float64, one number and many equal ones are the same if they hold the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.blocks import row_blocks
from neuedge_nir.network.connect import Delay, Operator, Scale, aligned
from neuedge_nir.network.model import Network, Population, Port, Projection

Named = TypeVar("Named", Port, Population, Projection)
Numbers = NDArray[np.floating]


def equal(one: Network, other: Network) -> bool:
    """Whether nothing tells the two apart."""
    return difference(one, other) is None


def difference(one: Network, other: Network) -> str | None:
    """The first difference in words, the values of `one` before those of `other`; None where there is none."""
    return next(_differences(one, other), None)


def _differences(one: Network, other: Network) -> Iterator[str]:
    yield from _unlike("reset", one.reset, other.reset)
    yield from _unlike("dt", one.dt, other.dt)
    yield from _paired("input", one.inputs, other.inputs, _ports)
    yield from _paired("output", one.outputs, other.outputs, _ports)
    yield from _paired("population", one.populations, other.populations, _populations)
    yield from _paired("projection", one.projections, other.projections, _projections)


def _paired(
    kind: str, ones: Sequence[Named], others: Sequence[Named], compare: Callable[[Named, Named], Iterator[str]]
) -> Iterator[str]:
    """The differences between things of the same name, and names that one side has more often."""
    left, right = (Counter(named.name for named in each) for each in (ones, others))
    for name in sorted(left.keys() | right.keys()):
        yield from _unlike(f"{kind}s named {name!r}", left[name], right[name])
    for a, b in zip(*(sorted(each, key=lambda named: named.name) for each in (ones, others)), strict=False):
        yield from (f"{kind} {a.name!r}: {found}" for found in compare(a, b))


def _unlike(what: str, one: object, other: object) -> Iterator[str]:
    if one != other:
        yield f"{what}: {one} and {other}"


def _ports(one: Port, other: Port) -> Iterator[str]:
    yield from _unlike("shape", one.shape, other.shape)
    yield from _unlike("encoder", one.encoder, other.encoder)


def _populations(one: Population, other: Population) -> Iterator[str]:
    yield from _unlike("model", one.model, other.model)
    yield from _unlike("shape", one.shape, other.shape)
    yield from _unlike("adaptation", one.adaptation, other.adaptation)
    if one.model == other.model and one.shape == other.shape:
        for name, values in one.parameters.items():
            yield from _unlike_numbers(name, values, other.parameters[name], one.shape)
        yield from _unlike_numbers("bias", _bias(one), _bias(other), one.shape)
        yield from _leaks(one, other)


def _leaks(one: Population, other: Population) -> Iterator[str]:
    ways = [None if each.leak is None else each.leak.reverses for each in (one, other)]
    yield from _unlike("leak that reverses", *ways)
    if one.leak is not None and other.leak is not None:
        yield from _unlike_numbers("leak", one.leak.amount, other.leak.amount, one.shape)


def _bias(population: Population) -> Numbers:
    return np.zeros(()) if population.bias is None else population.bias


def _unlike_numbers(what: str, one: Numbers, other: Numbers, shape: tuple[int, ...] | None = None) -> Iterator[str]:
    """`shape`: what both are broadcast to; without it they must have the same."""
    if one is other:
        return
    if shape is not None:
        one, other = _spread(one, shape), _spread(other, shape)
    if one.shape != other.shape:
        yield f"{what}: shapes {one.shape} and {other.shape}"
    elif not _same(one, other):
        yield f"{what}: the numbers differ"


def _spread(values: Numbers, shape: tuple[int, ...]) -> Numbers:
    """The values at the size of `shape`; as they are where they do not fit it."""
    try:
        return np.broadcast_to(values.reshape(()) if values.size == 1 else values, shape)
    except ValueError:
        return values


def _same(one: Numbers, other: Numbers) -> bool:
    if one.size and not any(one.strides) and not any(other.strides):  # both hold one number for all
        return bool(one.flat[0] == other.flat[0])
    blocks = zip(row_blocks(one), row_blocks(other), strict=True)
    return all(np.array_equal(rows, others) for (_, rows), (_, others) in blocks)


def _projections(one: Projection, other: Projection) -> Iterator[str]:
    for what in ("source", "target", "source_shape", "target_shape", "steps", "signal"):
        yield from _unlike(what, getattr(one, what), getattr(other, what))
    if one.source_shape != other.source_shape:
        return
    chains = [aligned(each.chain, each.source_shape) for each in (one, other)]
    yield from _unlike("operators", *(_listed(chain) for chain in chains))
    for a, b in zip(*chains, strict=False):
        if a is not b and type(a) is type(b):
            yield from (f"{a.node!r}: {found}" for found in _operators(a, b))


def _listed(chain: Sequence[Operator]) -> str:
    return ", ".join(f"{type(operator).__name__} {operator.node!r}" for operator in chain) or "none"


def _operators(one: Operator, other: Operator) -> Iterator[str]:
    shape = one.shape if isinstance(one, Scale | Delay) else None
    names = [field.name for field in fields(one)]
    values: list[tuple[str, Any, Any]] = [(name, getattr(one, name), getattr(other, name)) for name in names]
    plain = [entry for entry in values if not isinstance(entry[1], np.ndarray)]
    for entry in plain:
        yield from _unlike(*entry)
    if all(a == b for _, a, b in plain):
        for name, a, b in values:
            if isinstance(a, np.ndarray):
                yield from _unlike_numbers(name, a, b, shape)
