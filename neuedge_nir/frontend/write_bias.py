"""Where the biases of populations are written: at the last layer before each, so that they read back just the same.

A population's bias is the sum of the constants that reach it. It is given whole to one Dense or Conv from which one
way leads there; a pool or scale between divides it, if some number gives exactly it. Where others would get that bias
too, the layer is written twice. What no layer can hold is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.frontend.bias import through
from neuedge_nir.frontend.compact import FloatArray, collapsed, core, reshaped
from neuedge_nir.frontend.graph import flow_order
from neuedge_nir.frontend.nodes import PointNode, PoolNode
from neuedge_nir.frontend.propagate import Signature
from neuedge_nir.frontend.write_paths import Element, Flat, Path
from neuedge_nir.frontend.write_shared import Key, Shared, shared
from neuedge_nir.network.connect import Conv, Delay, Dense, Pool, Scale
from neuedge_nir.network.model import Network, Population


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The nodes between populations, the biases they hold by their numbers, and whose bias none of them holds."""

    nodes: Shared
    biases: Mapping[int, FloatArray]
    homeless: tuple[Population, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """The element of a path (both by index) that gives a population its bias."""

    path: int
    index: int
    bias: FloatArray


def placed(network: Network, paths: Sequence[Path]) -> Placed:
    """The nodes of all paths, with a place for each bias that has one."""
    nodes = shared(paths, {})
    reached = _reached(nodes, paths)
    biased = [p for p in network.populations if p.bias is not None and core(p.bias).any()]
    into: dict[str, list[int]] = {p.name: [] for p in biased}
    for number, path in enumerate(paths):
        if path.projection.target in into:
            into[path.projection.target].append(number)
    found = {p.name: _holder(p, into[p.name], paths, nodes, reached) for p in biased}
    holders = {name: holder for name, holder in found.items() if holder is not None}
    splits = _splits(holders, nodes, reached)
    if splits:
        nodes = shared(paths, splits)
    biases = {nodes.ways[holder.path][holder.index]: holder.bias for holder in holders.values()}
    return Placed(nodes, biases, tuple(p for p in biased if p.name not in holders))


def _reached(nodes: Shared, paths: Sequence[Path]) -> list[dict[str, int]]:
    """For each node the targets it leads to, and in how many ways."""
    followers: dict[int, dict[int, None]] = {number: {} for number in range(len(nodes.elements))}
    found: list[dict[str, int]] = [{} for _ in nodes.elements]
    for way, path in zip(nodes.ways, paths, strict=True):
        for one, other in pairwise(way):
            followers[one][other] = None
        if way:
            found[way[-1]][path.projection.target] = 1
    for number in reversed(flow_order({number: tuple(after) for number, after in followers.items()})):
        for follower in followers[number]:
            for target, ways in found[follower].items():
                found[number][target] = found[number].get(target, 0) + ways
    return found


def _holder(
    population: Population,
    into: Sequence[int],
    paths: Sequence[Path],
    nodes: Shared,
    reached: Sequence[Mapping[str, int]],
) -> Holder | None:
    """The best place: on a way forward, of the population's own, with no Delay behind it."""
    ranked = []
    for number in into:
        elements = paths[number].elements
        index = max((i for i, each in enumerate(elements) if isinstance(each, Dense | Conv)), default=None)
        if index is None or reached[nodes.ways[number][index]][population.name] != 1:
            continue
        late = any(isinstance(each, Delay) for each in elements[index:])
        shares = len(reached[nodes.ways[number][index]]) > 1
        ranked.append((paths[number].projection.steps, late, shares, number, index))
    for *_, number, index in sorted(ranked):
        bias = _pulled(population, paths[number].elements[index:])
        if bias is not None:
            return Holder(number, index, bias)
    return None


def _splits(
    holders: Mapping[str, Holder], nodes: Shared, reached: Sequence[Mapping[str, int]]
) -> dict[str, frozenset[Key]]:
    """Which targets need an operator for themselves, as not all that it leads to want the same bias."""
    wanting: dict[int, dict[str, FloatArray]] = {}
    for name, holder in holders.items():
        wanting.setdefault(nodes.ways[holder.path][holder.index], {})[name] = holder.bias
    return {
        name: frozenset([nodes.keys[number]])
        for number, biases in wanting.items()
        if biases.keys() != reached[number].keys() or not _agree(list(biases.values()))
        for name in biases
    }


def _agree(biases: Sequence[FloatArray]) -> bool:
    return all(np.array_equal(one, other) for one, other in pairwise(biases))


def _pulled(population: Population, elements: Sequence[Element]) -> FloatArray | None:
    """The bias of the first element that the others make the population's of; None where there is no such."""
    shape = population.shape
    bias = population.bias if population.bias is not None else np.zeros(())
    value: FloatArray | None = collapsed(np.broadcast_to(bias.astype(np.float64), shape), shape)
    for element in reversed(elements[1:]):
        if value is None:
            return None
        value = _before(element, collapsed(reshaped(value, shape, element.output_shape), element.output_shape))
        shape = element.input_shape
    if value is None:
        return None
    gives = elements[0].output_shape
    value = collapsed(reshaped(value, shape, gives), gives)
    per_channel = all(length == 1 for length in value.shape[1:])
    return value if per_channel or not isinstance(elements[0], Conv) else None


def _before(element: Element, value: FloatArray) -> FloatArray | None:
    """The constant before an element that is exactly `value` behind it."""
    shapes = Signature(element.input_shape, element.output_shape)
    match element:
        case Flat():
            return reshaped(value, shapes.gives, shapes.takes)
        case Delay():
            return value
        case Scale():
            point = PointNode("", Scale, element.factor, element.shape)
            return _divided_by_scale(value, lambda taken: through(point, taken, shapes))
        case Pool():
            pool = PoolNode("", element.kind, element.kernel, element.stride, element.padding)
            return _divided_by_pool(value, lambda taken: through(pool, taken, shapes), shapes.gives)
        case _:
            return None


Forward = Callable[[FloatArray], FloatArray]


def _divided_by_scale(value: FloatArray, forward: Forward) -> FloatArray | None:
    factor, wanted = np.broadcast_arrays(forward(np.ones(())), value)
    guess = np.divide(wanted, factor, out=np.zeros(wanted.shape), where=factor != 0)
    return _exact(guess, lambda taken: forward(taken) == wanted)


def _divided_by_pool(value: FloatArray, forward: Forward, gives: tuple[int, ...]) -> FloatArray | None:
    """One number per channel, which is all that a convolution can add."""
    windows, wanted = np.broadcast_to(forward(np.ones(())), gives), np.broadcast_to(value, gives)
    row, column = divmod(int(windows[0].argmax()), gives[2])
    guess = wanted[:, row, column, None, None] / windows[0, row, column]
    return _exact(guess, lambda taken: (forward(taken) == wanted).all(axis=(1, 2), keepdims=True))


def _exact(guess: FloatArray, agrees: Callable[[FloatArray], NDArray[np.bool_]]) -> FloatArray | None:
    """The guess, each number moved by up to two steps of its precision where that makes it agree."""
    best, up, down = guess, guess, guess
    for _ in range(2):
        up, down = np.nextafter(up, np.inf), np.nextafter(down, -np.inf)
        for trial in (up, down):
            best = np.where(agrees(best), best, trial)
    return best if bool(np.all(agrees(best))) else None
