"""Column generation: patterns of a core, used in fractions, that cover all regions with the fewest cores."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.packing.master import Master
from neuedge_nir.mapping.packing.pricing import Pattern, Rates, best_patterns
from neuedge_nir.mapping.packing.stock import Stock

Floats = NDArray[np.float64]

SLACK = 1e-6
"""A pattern that is worth no more than a core and this gains nothing."""

PER_ROUND = 8
"""Patterns that each round of pricing adds."""


@dataclass(frozen=True, slots=True, eq=False)
class Fractions:
    """Patterns with how often each is used, and the cores that makes. A guide: nothing rests on its being the least."""

    cores: float
    patterns: tuple[Pattern, ...]
    uses: Floats


def fractions(stock: Stock, amounts: Floats, capacity: NDArray[np.int64], width: int, rounds: int) -> Fractions | None:
    """Patterns that cover so many neurons of each region: from one item each on, as many rounds of pricing.

    None where the linear solver gives up.
    """
    master, rates = Master(amounts.tolist()), Rates(stock.needs, capacity)
    patterns: list[Pattern] = []
    for region in range(len(amounts)):
        own = np.flatnonzero(stock.region == region)
        _add((int(own[np.argmax(stock.covers[own])]),), stock, master, patterns)
    known = set(patterns)
    if not master.solve():
        return None
    for _ in range(rounds):
        values = np.maximum(0.0, master.prices()[stock.region] * stock.covers)
        ranked = best_patterns(values, stock.needs, capacity, rates.of(values), width, 1 + SLACK)
        new = [pattern for _, pattern in ranked if pattern not in known][:PER_ROUND]
        if not new:
            break
        for pattern in new:
            _add(pattern, stock, master, patterns)
        known |= set(new)
        if not master.solve():
            return None
    return Fractions(master.cores, tuple(patterns), master.uses())


def _add(pattern: Pattern, stock: Stock, master: Master, patterns: list[Pattern]) -> None:
    covers: Counter[int] = Counter()
    for item in pattern:
        covers[int(stock.region[item])] += stock.covers[item]
    master.add(covers)
    patterns.append(pattern)
