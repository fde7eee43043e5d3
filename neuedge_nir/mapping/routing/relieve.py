"""A second try where links are hot: segments of trees are ripped up and laid along links that have room.

Every move leaves the hottest link with less and no other link with as much as it had, so the largest load never grows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from neuedge_nir.mapping.routing.wires import Wires

HOP_TOLERANCE = 0.01
"""By at most this share may all trees' hops grow for a lower largest load."""

DETOUR = 2
"""Links by which a segment may grow."""

WORK = 20
"""Segments tried for each tree, on average: a limit that does not depend on the clock."""


class Relief:
    """Trees by the link that enters each router, and the loads that they add up to, while segments move."""

    def __init__(
        self,
        sources: Sequence[int],
        targets: Sequence[Sequence[int]],
        weights: Sequence[float],
        trees: Sequence[Sequence[int]],
        wires: Wires,
        open_: Sequence[bool],
    ) -> None:
        self.sources, self.weights, self.wires = sources, weights, wires
        self.goals = [frozenset(those) for those in targets]
        ahead = wires.ahead.tolist()
        self.entry = [{ahead[link]: link for link in tree} for tree in trees]
        self.below: list[dict[int, set[int]]] = []
        self.loads = [0.0] * len(ahead)
        self.on: dict[int, set[int]] = defaultdict(set)
        self.open = open_
        self.budget, self.work = 0.0, 0
        self.stuck: dict[tuple[int, int], set[int]] = defaultdict(set)
        for number, entry in enumerate(self.entry):
            below: dict[int, set[int]] = defaultdict(set)
            for router, link in entry.items():
                below[link // 6].add(router)
                self.loads[link] += weights[number]
                self.on[link].add(number)
            self.below.append(below)

    def run(self) -> None:
        """Moves segments off the hottest link until none can move, or the work is spent."""
        self.budget = HOP_TOLERANCE * sum(self.loads)
        self.work = WORK * len(self.entry)
        while self.work > 0 and self.loads:
            hottest = max(range(len(self.loads)), key=self.loads.__getitem__)
            if not (self._cool(hottest, 0) or self._cool(hottest, DETOUR)):
                return

    def _cool(self, link: int, detour: int) -> bool:
        """Whether a tree was moved off a link, the heaviest first, by a way that is so many links longer at most.

        Who could not move once is not asked again for the same link: it has less by now, and others mostly more.
        """
        stuck = self.stuck[link, detour]
        for number in sorted(self.on[link] - stuck, key=lambda number: (-self.weights[number], number)):
            if self.weights[number] <= 0 or self.work <= 0:
                return False
            self.work -= 1
            segment = self._segment(number, link)
            way = self._way(number, segment, self.loads[link], len(segment) + detour)
            longer = 0.0 if way is None else (len(way) - len(segment)) * self.weights[number]
            if way is not None and longer <= self.budget:
                self.budget -= max(0.0, longer)
                self._move(number, segment, way)
                return True
            stuck.add(number)
        return False

    def _segment(self, number: int, link: int) -> list[int]:
        """The links around one, in order, between routers where the tree must be: ends, targets, forks."""
        entry, below, goals = self.entry[number], self.below[number], self.goals[number]
        found, top = [link], link // 6
        while top != self.sources[number] and top not in goals and len(below[top]) == 1:
            found.insert(0, entry[top])
            top = entry[top] // 6
        last = int(self.wires.ahead[link])
        while last not in goals and len(below[last]) == 1:
            (last,) = below[last]
            found.append(entry[last])
        return found

    def _way(self, number: int, segment: Sequence[int], limit: float, most: int) -> list[int] | None:
        """The shortest way, of at most so many links, from the rest of a tree to a segment's end.

        It takes links whose load stays below `limit`.
        """
        entry, weight = self.entry[number], self.weights[number]
        end = int(self.wires.ahead[segment[-1]])
        inner = {link // 6 for link in segment[1:]}
        under = self._under(number, end)
        seen: dict[int, int] = {end: -1}  # router -> the link that leaves it towards the end
        front = [end]
        for _ in range(most):
            found: dict[int, tuple[float, int]] = {}
            for router in front:
                for before, link in self.wires.entering[router]:
                    if before in seen or before in under or not self.open[before]:
                        continue
                    load = self.loads[link] + weight
                    if load < limit and (before not in found or (load, link) < found[before]):
                        found[before] = load, link
            seen.update((router, link) for router, (_, link) in found.items())
            joints = [
                (load, router)
                for router, (load, _) in found.items()
                if (router in entry or router == self.sources[number]) and router not in inner
            ]
            if joints:
                return self._along(min(joints)[1], seen)
            front = sorted(found)
        return None

    def _along(self, router: int, seen: dict[int, int]) -> list[int]:
        way = []
        while (link := seen[router]) >= 0:
            way.append(link)
            router = int(self.wires.ahead[link])
        return way

    def _under(self, number: int, router: int) -> set[int]:
        """The routers that a tree reaches through one, itself among them."""
        found, waiting = {router}, [router]
        while waiting:
            for after in self.below[number].get(waiting.pop(), ()):
                found.add(after)
                waiting.append(after)
        return found

    def _move(self, number: int, segment: Sequence[int], way: Sequence[int]) -> None:
        entry, below, weight = self.entry[number], self.below[number], self.weights[number]
        for link in segment:
            router = int(self.wires.ahead[link])
            del entry[router]
            below[link // 6].discard(router)
            self.loads[link] -= weight
            self.on[link].discard(number)
        for link in way:
            router = int(self.wires.ahead[link])
            entry[router] = link
            below[link // 6].add(router)
            self.loads[link] += weight
            self.on[link].add(number)

    def links(self, number: int) -> list[int]:
        """The links of a tree, from the source outwards."""
        found, front = [], [self.sources[number]]
        while front:
            front = sorted(after for router in front for after in self.below[number].get(router, ()))
            found += [self.entry[number][router] for router in front]
        return found
