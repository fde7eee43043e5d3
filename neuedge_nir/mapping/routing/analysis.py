"""What the loads of all links say together: how evenly they are spread, and what crosses the middle of the machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from neuedge_nir.mapping.fabric import Link, Router

BINS = 10
"""Equal shares of the largest load that links are counted by."""

SLACK = 1e-9
"""Relative: a load that is a whole share of the largest is in the bin below, however it was rounded."""


@dataclass(frozen=True, slots=True)
class LinkUse:
    """Loads of links: see `plan.figures.LinkUse`."""

    used: int
    mean: float
    histogram: tuple[int, ...]
    bisection: tuple[float, float]


def link_use(loads: Mapping[Link, float], standing: Collection[Router]) -> LinkUse:
    """The use of the links with these loads, all above zero, between cores that stand on these routers."""
    if not loads:
        return LinkUse(0, 0.0, (0,) * BINS, (0.0, 0.0))
    load = np.array(list(loads.values()))
    ends = np.array(list(loads), dtype=np.int64)  # (link, end, axis)
    shares = np.ceil(load / load.max() * BINS * (1 - SLACK)).astype(np.int64) - 1
    ranges = np.array(sorted(standing), dtype=np.int64)
    middle = ranges.min(axis=0) + ranges.max(axis=0)
    upper = 2 * ends > middle
    across = upper[:, 0] != upper[:, 1]
    columns, rows = (float(load[across[:, axis]].sum()) for axis in (0, 1))
    histogram = np.bincount(shares.clip(0), minlength=BINS).tolist()
    return LinkUse(len(load), float(load.mean()), tuple(histogram), (columns, rows))
