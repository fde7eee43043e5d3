"""One multicast tree after the other: every target joins the tree so far where it is nearest, by the least busy way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.routing.wires import Wires


def grown(
    source: int, targets: Sequence[int], weight: float, wires: Wires, loads: list[float], open_: Sequence[bool]
) -> list[int]:
    """The links of a tree, from the source outwards; `loads`, messages by link, grow by `weight` on each.

    The target that is nearest to the tree joins next, so each way is a shortest one. Among the shortest ways that is
    taken, link by link from the target back, which passes routers that are `open_` (in use anyway), then the less
    loaded link, then straight on.
    """
    away = wires.far(source).copy()  # links from the tree so far
    own = wires.far(source)
    todo = sorted({t for t in targets if t != source}, key=lambda t: (own[t], t))
    links: list[int] = []
    while todo:
        near = away[todo]
        target = todo.pop(int(near.argmin()))
        way = _back(target, away, wires, loads, open_)
        for link in reversed(way):
            loads[link] += weight
            links.append(link)
            away = np.minimum(away, wires.far(int(wires.ahead[link])))
        todo = [t for t in todo if away[t]]
    return links


def _back(
    target: int, away: NDArray[np.int16], wires: Wires, loads: Sequence[float], open_: Sequence[bool]
) -> list[int]:
    """The links of a shortest way from the tree to a target, the last one first."""
    way: list[int] = []
    here, left, step = target, int(away[target]), -1
    while left:
        left -= 1
        _, _, _, link = min(
            (not open_[before], loads[link], link % 6 != step, link)
            for before, link in wires.entering[here]
            if away[before] == left
        )
        way.append(link)
        here, step = link // 6, link % 6
    return way
