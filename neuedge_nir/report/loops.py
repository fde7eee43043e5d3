"""The loops of a network: which populations feed back on each other, found in linear time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.network.model import Network, Projection

Neighbours = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Loop:
    """Populations that reach each other, all of them, in the order of the network.

    `closed_by` names the projections among them that take a step; `cycle` is a shortest way round through the first
    of these that leads to another population, its start not repeated.
    """

    populations: tuple[str, ...]
    closed_by: tuple[str, ...]
    cycle: tuple[str, ...]


def loops_of(network: Network) -> tuple[Loop, ...]:
    """Every loop of a network. They share no population: loops that meet are one."""
    rank = {p.name: index for index, p in enumerate(network.populations)}
    inner = [p for p in network.projections if p.source in rank and p.target in rank]
    followers = _neighbours(rank, [(p.source, p.target) for p in inner])
    leaders = _neighbours(rank, [(p.target, p.source) for p in inner])
    parts = [sorted(part, key=rank.__getitem__) for part in _strong_parts(followers, leaders)]
    home = {name: index for index, part in enumerate(parts) for name in part}
    within: list[list[Projection]] = [[] for _ in parts]
    for p in inner:
        if home[p.source] == home[p.target]:
            within[home[p.source]].append(p)
    found = [_loop(part, arrows) for part, arrows in zip(parts, within, strict=True) if arrows]
    return tuple(sorted(found, key=lambda loop: rank[loop.populations[0]]))


def _loop(part: Sequence[str], arrows: Sequence[Projection]) -> Loop:
    closing = [p for p in arrows if p.steps]
    ways = [p for p in closing or arrows if p.source != p.target]
    first = ways[0] if ways else arrows[0]
    followers = _neighbours(part, [(p.source, p.target) for p in arrows])
    return Loop(tuple(part), tuple(p.name for p in closing), _way(first.target, first.source, followers))


def _way(start: str, goal: str, followers: Neighbours) -> tuple[str, ...]:
    """A shortest way from `start` to `goal`, both included."""
    before = {start: ""}
    waiting = deque([start])
    while goal not in before:
        here = waiting.popleft()
        for follower in followers[here]:
            if follower not in before:
                before[follower] = here
                waiting.append(follower)
    way = [goal]
    while way[-1] != start:
        way.append(before[way[-1]])
    return tuple(reversed(way))


def _neighbours(names: Sequence[str] | Mapping[str, int], pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in names}
    for one, other in pairs:
        found[one].append(other)
    return found


def _strong_parts(followers: Neighbours, leaders: Neighbours) -> Iterator[list[str]]:
    """The strongly connected parts (Kosaraju): what leads to a name, the names taken latest finished first."""
    seen: set[str] = set()
    finished = [name for root in followers for name in _finished(root, followers, seen)]
    taken: set[str] = set()
    for root in reversed(finished):
        part = list(_finished(root, leaders, taken))
        if part:
            yield part


def _finished(root: str, followers: Neighbours, seen: set[str]) -> Iterator[str]:
    """What `root` leads to and was not seen before, each after all that it leads to; adds to `seen`."""
    if root in seen:
        return
    seen.add(root)
    path = [(root, iter(followers[root]))]
    while path:
        name, rest = path[-1]
        follower = next((f for f in rest if f not in seen), None)
        if follower is None:
            path.pop()
            yield name
        else:
            seen.add(follower)
            path.append((follower, iter(followers[follower])))
