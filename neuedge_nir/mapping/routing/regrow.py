"""A whole tree grown anew over links that have room, where no segment of it can move."""

from __future__ import annotations

from collections.abc import Callable, Set

from neuedge_nir.mapping.routing.wires import Wires


def regrown(source: int, targets: Set[int], room: Callable[[int], float | None], wires: Wires) -> list[int] | None:
    """The links of a tree from the source outwards, each target joined from where the tree is nearest over free links.

    `room(link)` is the load that a link would have, None where it has no room. None where a target cannot be reached.
    """
    inside, links = {source}, list[int]()
    todo = set(targets) - inside
    ahead = wires.ahead.tolist()
    while todo:
        way = _to_nearest(inside, todo, room, ahead)
        if way is None:
            return None
        for link in way:
            inside.add(ahead[link])
        links += way
        todo -= inside
    return links


def _to_nearest(
    inside: Set[int], todo: Set[int], room: Callable[[int], float | None], ahead: list[int]
) -> list[int] | None:
    """The links of a shortest free way from a tree to the nearest target, of the least loaded last link."""
    seen: dict[int, int] = dict.fromkeys(inside, -1)  # router -> the link that enters it
    front = sorted(inside)
    while front:
        found: dict[int, tuple[float, int]] = {}
        for router in front:
            for link in range(6 * router, 6 * router + 6):
                there = ahead[link]
                load = None if there < 0 or there in seen else room(link)
                if load is not None and (there not in found or (load, link) < found[there]):
                    found[there] = load, link
        seen.update((router, link) for router, (_, link) in found.items())
        reached = [(load, router) for router, (load, _) in found.items() if router in todo]
        if reached:
            return _back_to(inside, min(reached)[1], seen)
        front = sorted(found)
    return None


def _back_to(inside: Set[int], router: int, seen: dict[int, int]) -> list[int]:
    way: list[int] = []
    while router not in inside:
        way.insert(0, seen[router])
        router = seen[router] // 6
    return way
