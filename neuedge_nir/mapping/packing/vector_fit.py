"""First-fit decreasing over classes of equal slices, in several orders: cores that are filled alike count together."""

from __future__ import annotations

from collections.abc import Sequence

from neuedge_nir.mapping.demand import Demand

Counts = tuple[int, ...]
"""How many slices of each class a core holds."""

Bins = list[tuple[Counts, int]]
"""Slices of each class on a core, and how many cores are filled so."""


def best_of_orders(needs: Sequence[Demand], amounts: Sequence[int], capacity: Demand) -> Bins:
    """The fewest cores of several orders: by the largest share of a limit, all shares, and shares of what is scarce."""
    totals = [sum(n[r] * q for n, q in zip(needs, amounts, strict=True)) for r in range(len(capacity))]
    scarce = [total / most if most else 0.0 for total, most in zip(totals, capacity, strict=True)]
    shares = [[n / most if most else 0.0 for n, most in zip(need, capacity, strict=True)] for need in needs]
    keys = (
        [max(share, default=0.0) for share in shares],
        [sum(share) for share in shares],
        [sum(s * w for s, w in zip(share, scarce, strict=True)) for share in shares],
        [max((s * w for s, w in zip(share, scarce, strict=True)), default=0.0) for share in shares],
    )
    found = []
    for key in keys:
        order = sorted((k for k in range(len(needs)) if amounts[k]), key=lambda k: (-round(key[k], 12), k))
        found.append(_first_fit(order, needs, amounts, capacity))
    return min(found, key=lambda bins: sum(times for _, times in bins))


def _first_fit(order: Sequence[int], needs: Sequence[Demand], amounts: Sequence[int], capacity: Demand) -> Bins:
    bins: list[tuple[list[int], Demand, int]] = []
    for k in order:
        left, at = amounts[k], 0
        while left:
            if at == len(bins):
                bins.append(([0] * len(needs), capacity, left))  # at least one slice each: no more cores than slices
            held, room, times = bins[at]
            most = min([left, *(c // n for n, c in zip(needs[k], room, strict=True) if n)])
            if most:
                cores = min(times, left // most)
                filled = ([n + most * (c == k) for c, n in enumerate(held)], _less(room, needs[k], most), cores)
                rest = [] if cores == times or not any(held) else [(held, room, times - cores)]
                bins[at : at + 1] = [filled, *rest]
                left -= cores * most
            at += 1
    return [(tuple(held), times) for held, _, times in bins]


def _less(room: Demand, need: Demand, times: int) -> Demand:
    return tuple(c - times * n for c, n in zip(room, need, strict=True))
