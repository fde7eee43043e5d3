"""The order of flow: populations one behind the other as signals run, whatever they are called and however listed.

Of populations at one place of the flow those come first whose structure does: model and shape, then what feeds them and
what they feed, further and further away, then their numbers. Where nothing of that differs, their names decide.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.blocks import row_blocks
from neuedge_nir.network.connect import Operator
from neuedge_nir.network.model import Network, Projection

Ranks = Mapping[str, int]


def in_flow(network: Network) -> Network:
    """The same network, its populations and ports in the order of flow, its projections in that of their targets.

    Projections into one population stay in their order. The very network where it is in order already.
    """
    ranks = _ranks(network)
    populations = tuple(sorted(network.populations, key=lambda one: ranks[one.name]))
    inputs = tuple(sorted(network.inputs, key=lambda one: ranks[one.name]))
    outputs = tuple(sorted(network.outputs, key=lambda one: ranks[one.name]))
    projections = tuple(sorted(network.projections, key=lambda wire: ranks[wire.target]))
    found = replace(network, populations=populations, inputs=inputs, outputs=outputs, projections=projections)
    same = all(
        all(a is b for a, b in zip(getattr(found, name), getattr(network, name), strict=True))
        for name in ("populations", "inputs", "outputs", "projections")
    )
    return network if same else found


def _ranks(network: Network) -> Ranks:
    """The place of every population and port."""
    levels = _levels(network)
    looks: dict[str, Hashable] = {port.name: ("in", port.shape) for port in network.inputs}
    looks |= {port.name: ("out", port.shape) for port in network.outputs}
    looks |= {p.name: (p.model, p.shape, p.bias is None, p.leak is None) for p in network.populations}
    chains = {wire.name: repr([_look(operator) for operator in wire.chain]) for wire in network.projections}
    classes: Ranks = _numbered({name: (levels[name], repr(look)) for name, look in looks.items()})
    classes = _told_apart(classes, network.projections, chains)
    if len({*classes.values()}) < len(classes):
        digests = _digests(network, classes)
        classes = _numbered({name: (place, digests.get(name, ())) for name, place in classes.items()})
        classes = _told_apart(classes, network.projections, chains)
    return {name: place for place, name in enumerate(sorted(classes, key=lambda name: (classes[name], name)))}


def _levels(network: Network) -> dict[str, int]:
    """How many populations lie before each on the longest way, where nothing closes a cycle."""
    feeds: dict[str, list[str]] = defaultdict(list)
    open_ends = {port.name: 0 for port in (*network.inputs, *network.outputs)}
    open_ends |= {population.name: 0 for population in network.populations}
    for wire in network.projections:
        if not wire.steps and wire.source != wire.target:
            feeds[wire.source].append(wire.target)
            open_ends[wire.target] += 1
    levels = dict.fromkeys(open_ends, 0)
    free = [name for name, count in open_ends.items() if not count]
    while free:
        name = free.pop()
        for target in feeds[name]:
            levels[target] = max(levels[target], levels[name] + 1)
            open_ends[target] -= 1
            if not open_ends[target]:
                free.append(target)
    return levels


def _look(operator: Operator) -> Hashable:
    """The form of an operator without its numbers and its node's name."""
    told: list[Hashable] = [type(operator).__name__]
    for field in fields(operator):
        value = getattr(operator, field.name)
        if field.name != "node":
            told.append(value.shape if isinstance(value, np.ndarray) else str(value))
    return tuple(told)


def _numbered(keys: Mapping[str, Hashable]) -> dict[str, int]:
    order = {key: place for place, key in enumerate(sorted({*keys.values()}))}  # type: ignore[type-var]
    return {name: order[key] for name, key in keys.items()}


def _told_apart(classes: Ranks, wires: Sequence[Projection], chains: Mapping[str, str]) -> Ranks:
    """As far as neighbours, and theirs, differ."""
    while True:
        finer = _finer(classes, wires, chains)
        if len({*finer.values()}) == len({*classes.values()}):
            return classes
        classes = finer


def _digests(network: Network, classes: Ranks) -> dict[str, tuple[int, ...]]:
    """Of the numbers of populations that nothing else tells apart, and of what feeds them, in no order."""
    often = Counter(classes.values())
    known: dict[int, int] = {}

    def digest(values: NDArray[Any]) -> int:
        if id(values) not in known:
            known[id(values)] = _crc(values)
        return known[id(values)]

    found = {}
    for population in network.populations:
        if often[classes[population.name]] > 1:
            into = [operator for wire in network.into(population.name) for operator in wire.chain]
            numbers = sorted(digest(value) for operator in into for value in _arrays(operator))
            own = sorted(digest(np.asarray(value)) for value in population.parameters.values())
            found[population.name] = (*numbers, -1, *own)
    return found


def _arrays(node: object) -> list[NDArray[Any]]:
    told = [getattr(node, field.name) for field in fields(node)]  # type: ignore[arg-type]
    return [value for value in told if isinstance(value, np.ndarray)]


def _crc(values: NDArray[Any]) -> int:
    if values.size and not any(values.strides):
        values = values[(slice(0, 1),) * values.ndim]
    found = 0
    for _, rows in row_blocks(values):
        found = crc32(np.ascontiguousarray(rows, dtype=np.float64).tobytes(), found)
    return found


def _finer(classes: Ranks, wires: Sequence[Projection], chains: Mapping[str, str]) -> dict[str, int]:
    """Classes told apart by those of their neighbours."""
    into: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    out: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for wire in wires:
        into[wire.target].append((classes[wire.source], wire.steps, chains[wire.name]))
        out[wire.source].append((classes[wire.target], wire.steps, chains[wire.name]))
    return _numbered(
        {name: (own, tuple(sorted(into[name])), tuple(sorted(out[name]))) for name, own in classes.items()}
    )
