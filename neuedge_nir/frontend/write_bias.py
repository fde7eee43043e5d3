"""Where the biases of populations are written: at the last layer before each, so that they read back just the same.

A population's bias is the sum of the constants that reach it. It is given whole to one Dense or Conv from which one
way leads there; pools and scales between divide it, if some number comes out as exactly it. Where others would get
that bias too, the layer is written twice. What no layer can hold is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.frontend.bias import through
from neuedge_nir.frontend.compact import FloatArray, collapsed, core, reshaped
from neuedge_nir.frontend.graph import flow_order
from neuedge_nir.frontend.nodes import parsed
from neuedge_nir.frontend.propagate import Signature
from neuedge_nir.frontend.raw import Shape
from neuedge_nir.frontend.write_nodes import element_node, spread
from neuedge_nir.frontend.write_paths import Element, Path
from neuedge_nir.frontend.write_shared import Key, Shared, shared
from neuedge_nir.network.connect import Conv, Delay, Dense, Pool
from neuedge_nir.network.model import Network, Population

STEPS = 4
"""How many neighbours of a quotient are tried, either way: every operator behind the layer rounds once more."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The nodes between populations, the biases they hold by their numbers, and whose bias none of them holds."""

    nodes: Shared
    biases: Mapping[int, FloatArray]
    homeless: tuple[Population, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A node that can give a population its bias: the path and place where it stands, and how well that suits."""

    path: int
    index: int
    bias: FloatArray
    rank: tuple[int, bool]


Offers = Mapping[int, Mapping[str, Offer]]
Reached = Sequence[Mapping[str, int]]
"""For each node the targets it leads to, and in how many ways."""


def placed(network: Network, paths: Sequence[Path]) -> Placed:
    """The nodes of all paths, with a place for each bias that has one. Raises `InputError` (OUT006)."""
    biased = {p.name: p for p in network.populations if p.bias is not None and core(p.bias).any()}
    splits: dict[str, frozenset[Key]] = {}
    while True:
        nodes = shared(paths, splits)
        reached = _reached(nodes, paths)
        offers = _offers(biased, paths, nodes, reached)
        found = _agreed(offers, reached)
        more = _alone(offers, {*found, *splits}, nodes)
        if not more:
            biases = {nodes.ways[offer.path][offer.index]: offer.bias for offer in found.values()}
            return Placed(nodes, biases, tuple(biased[name] for name in sorted(biased.keys() - found.keys())))
        splits |= more


def _reached(nodes: Shared, paths: Sequence[Path]) -> Reached:
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


def _offers(biased: Mapping[str, Population], paths: Sequence[Path], nodes: Shared, reached: Reached) -> Offers:
    """For the last layer of each path to a population with a bias, if one way leads on from it, what it must add."""
    found: dict[int, dict[str, Offer]] = {}
    for number, path in enumerate(paths):
        name = path.projection.target
        index = max((i for i, each in enumerate(path.elements) if isinstance(each, Dense | Conv)), default=None)
        if name not in biased or index is None:
            continue
        node = nodes.ways[number][index]
        if reached[node][name] == 1 and name not in found.get(node, ()):
            bias = _pulled(biased[name], path.elements[index], path.elements[index + 1 :])
            late = any(isinstance(each, Delay) for each in path.elements[index:])
            if bias is not None:
                offer = Offer(number, index, bias, (path.projection.steps, late))
                found.setdefault(node, {})[name] = offer
    return found


def _agreed(offers: Offers, reached: Reached) -> dict[str, Offer]:
    """The populations that are served by a node as it is: all that it leads to want the same of it."""

    def order(node: int) -> tuple[tuple[int, bool], int, int]:
        return min(offer.rank for offer in offers[node].values()), -len(reached[node]), node

    found: dict[str, Offer] = {}
    for node in sorted(offers, key=order):
        wanted = offers[node]
        same = all(np.array_equal(one.bias, other.bias) for one, other in pairwise(wanted.values()))
        if same and wanted.keys() == reached[node].keys() and found.keys().isdisjoint(wanted):
            found |= wanted
    return found


def _alone(offers: Offers, settled: Set[str], nodes: Shared) -> dict[str, frozenset[Key]]:
    """For the other populations the operator that each needs for itself."""
    found: dict[str, tuple[tuple[int, bool], int]] = {}
    for node, wanted in sorted(offers.items()):
        for name, offer in wanted.items():
            if name not in settled:
                found[name] = min(found.get(name, (offer.rank, node)), (offer.rank, node))
    return {name: frozenset([nodes.keys[node]]) for name, (_, node) in found.items()}


def _pulled(population: Population, layer: Element, behind: Sequence[Element]) -> FloatArray | None:
    """What the layer must add so that exactly the population's bias arrives; None where no number does.

    A Conv adds one number per channel, and behind a pool only such constants are tried.
    """
    shape = layer.output_shape
    per_channel = isinstance(layer, Conv) or any(isinstance(each, Pool) for each in behind)
    form = (*shape[:1], *(1 for _ in shape[1:])) if per_channel else shape
    rows = (shape[0] if per_channel else population.neurons, -1)
    carry = partial(_carried, elements=behind, shape=shape, last=population.shape)
    bias = np.zeros(()) if population.bias is None else population.bias
    wanted = spread(bias.astype(np.float64), population.shape, f"node {population.name!r}").reshape(rows)

    def arriving(value: FloatArray) -> FloatArray:
        return np.broadcast_to(carry(value.reshape(form)), population.shape).reshape(rows)

    found = _solved(wanted, arriving)
    return None if found is None else collapsed(found.reshape(form), shape)


def _carried(value: FloatArray, elements: Sequence[Element], shape: Shape, last: Shape) -> FloatArray:
    """What the elements make of a constant in front of them, by the reader's own rules and roundings."""
    for element in elements:
        node, _ = parsed("", element_node(element, None), inner_port=False)
        arrived = reshaped(value, shape, element.input_shape)
        shape = element.output_shape
        value = collapsed(through(node, arrived, Signature(element.input_shape, shape)), shape)
    return reshaped(value, shape, last)


def _solved(wanted: FloatArray, arriving: Callable[[FloatArray], FloatArray]) -> FloatArray | None:
    """One number for each row of `wanted` that arrives as just that row; None where there is none for some row."""
    factors = arriving(np.ones(len(wanted)))
    widest = np.arange(len(wanted)), np.abs(factors).argmax(axis=1)
    guess: FloatArray = np.zeros(len(wanted))
    np.divide(wanted[widest], factors[widest], out=guess, where=factors[widest] != 0)

    def agrees(value: FloatArray) -> NDArray[np.bool_]:
        return np.asarray((arriving(value) == wanted).all(axis=1))

    up, down = guess, guess
    for _ in range(STEPS):
        if agrees(guess).all():
            return guess
        up, down = np.nextafter(up, np.inf), np.nextafter(down, -np.inf)
        for trial in (up, down):
            guess = np.where(agrees(guess), guess, trial)
    return guess if agrees(guess).all() else None
