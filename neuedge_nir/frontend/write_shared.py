"""Which paths share a node: all that go through the same operator, where the graph then has no path too many.

A graph has every path along its edges. Where the paths of a network are all of them, as in every network that was
read from a file, each operator is written once. Where they are not, paths share only what they begin with: the same
operators, one after the other, from the same source.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.frontend.compact import core
from neuedge_nir.frontend.graph import flow_order
from neuedge_nir.frontend.write_paths import Element, Flat, Path
from neuedge_nir.network.connect import Operator

Key = Hashable
Keys = tuple[Key, ...]
Splits = Mapping[str, frozenset[Key]]
"""For a target the operators that its paths do not share with the paths of others."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The nodes between populations: what each is, by its number, and for each path the numbers along it.

    `keys` says of each node which operator it is, however many nodes there are of it.
    """

    elements: tuple[Element, ...]
    keys: Keys
    ways: tuple[tuple[int, ...], ...]


def shared(paths: Sequence[Path], splits: Splits) -> Shared:
    """The nodes of all paths, no two of which are equal, numbered as they first appear."""
    plain = list(_keys(paths))
    marked = [_split(keys, path, splits) for keys, path in zip(plain, paths, strict=True)]
    tangled = _tangled(marked, paths)
    numbers: dict[Key, int] = {}
    elements: list[Element] = []
    keys: list[Key] = []
    ways = []
    for path, own, known in zip(paths, marked, plain, strict=True):
        way: list[int] = []
        for index, key in enumerate(own):
            before: Key = way[-1] if way else path.projection.source
            whole = ("behind", before, key) if key in tangled else key
            if whole not in numbers:
                numbers[whole] = len(elements)
                elements.append(path.elements[index])
                keys.append(known[index])
            way.append(numbers[whole])
        ways.append(tuple(way))
    return Shared(tuple(elements), tuple(keys), tuple(ways))


def told_apart(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Of equal paths all but one begin with Flattens that change nothing: a graph has each path once."""
    seen: Counter[Key] = Counter()
    found = []
    for path, keys in zip(paths, _keys(paths), strict=True):
        projection = path.projection
        ends = (projection.source, projection.target, keys)
        same = Flat(None, projection.source_shape, 0, 0)
        found.append(Path(projection, (same,) * seen[ends] + path.elements))
        seen[ends] += 1
    return tuple(found)


def _keys(paths: Sequence[Path]) -> Iterator[Keys]:
    """What the elements of each path are: equal keys are one node, if the graph as a whole allows it."""
    contents = _contents(path.elements for path in paths)
    for path in paths:
        keys: list[Key] = []
        for element in path.elements:
            if isinstance(element, Flat):
                before = keys[-1] if keys else path.projection.source
                keys.append((element, before if element.node is None else None))
            else:
                keys.append((element.node, contents[id(element)]))
        yield tuple(keys)


def _contents(elements: Iterable[Iterable[Element]]) -> dict[int, Key]:
    """What tells operators of one name apart, by identity; their numbers are looked at only where several have it."""
    objects = {id(each): each for row in elements for each in row if not isinstance(each, Flat)}
    times = Counter(operator.node for operator in objects.values())
    return {key: _content(each) if times[each.node] > 1 else 0 for key, each in objects.items()}


def _content(operator: Operator) -> Key:
    values = (getattr(operator, field.name) for field in fields(operator))
    return type(operator).__name__, *(_digest(value) if isinstance(value, np.ndarray) else value for value in values)


def _digest(array: NDArray[np.generic]) -> Key:
    stored = np.ascontiguousarray(core(array))
    return array.shape, array.dtype.str, hashlib.sha256(stored.data).digest()


def _split(keys: Keys, path: Path, splits: Splits) -> Keys:
    """From the first operator that the path's target wants for itself, the path shares with paths to it alone."""
    target = path.projection.target
    own = splits.get(target, frozenset())
    first = next((index for index, key in enumerate(keys) if key in own), len(keys))
    return (*keys[:first], *(("own", target, key) for key in keys[first:]))


def _tangled(rows: Sequence[Keys], paths: Sequence[Path]) -> frozenset[Key]:
    """The keys that cannot all be one node: taken so, some of what they connect would have paths too many."""
    groups = _connected(rows)
    wanted = Counter(groups[keys[0]] for keys in rows if keys)
    sources: dict[Key, set[str]] = {}
    edges: dict[Key, dict[Key, None]] = {key: {} for key in groups}
    ends: dict[Key, set[str]] = {}
    for keys, path in zip(rows, paths, strict=True):
        if keys:
            sources.setdefault(keys[0], set()).add(path.projection.source)
            ends.setdefault(keys[-1], set()).add(path.projection.target)
        for one, other in pairwise(keys):
            edges[one][other] = None
    found: Counter[Key] = Counter()
    ways = Counter({key: len(names) for key, names in sources.items()})
    order = flow_order({key: tuple(followers) for key, followers in edges.items()})
    for key in order:
        found[groups[key]] += ways[key] * len(ends.get(key, ()))
        for follower in edges[key]:
            ways[follower] += ways[key]
    # What lies on a cycle is not in the order.
    odd = {groups[key] for key in groups.keys() - set(order)} | {g for g, count in wanted.items() if found[g] != count}
    return frozenset(key for key, group in groups.items() if group in odd)


def _connected(rows: Iterable[Keys]) -> dict[Key, Key]:
    """For each key one key that stands for all that are connected with it."""
    parents: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        while parents[key] != key:
            parents[key] = parents[parents[key]]
            key = parents[key]
        return key

    for keys in rows:
        for key in keys:
            parents.setdefault(key, key)
            parents[root(key)] = root(keys[0])
    return {key: root(key) for key in parents}
