"""Slices that need the same are one class: their packing by patterns (Gilmore and Gomory), with a bound that is exact.

The linear program and its prices are found in floating point and only guide. A bound rests on prices rounded to whole
numbers and on an exact search for the dearest core at these prices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.mapping.choose import deterministic_solver
from neuedge_nir.mapping.demand import Demand
from neuedge_nir.mapping.first_fit import Cores
from neuedge_nir.mapping.packing.master import Master
from neuedge_nir.mapping.packing.vector_fit import Bins, Counts, best_of_orders
from neuedge_nir.mapping.partition import Piece

Ints = NDArray[np.int64]

PRICE_UNIT = 1_000_000
"""What a core is worth where prices are whole numbers."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Deterministic solver time for one pricing and for the whole numbers at the end; rounds of pricing."""

    pricing: float = 0.2
    master: float = 2.0
    rounds: int = 400


@dataclass(frozen=True, slots=True)
class Packing:
    """Cores by pattern, each with how often it is used, and the fewest cores that any packing of the slices takes."""

    patterns: tuple[tuple[Counts, int], ...]
    bound: int

    @property
    def cores(self) -> int:
        return sum(times for _, times in self.patterns)

    @property
    def proven(self) -> bool:
        return self.cores == self.bound


def effort_of(limit: float) -> Effort:
    """What a packing may take, by the deterministic time of the effort that a user asked for."""
    return Effort(pricing=min(0.2, 0.02 + limit / 10), master=limit, rounds=min(400, 30 + int(100 * limit)))


def packed_again(needs: Mapping[Piece, Demand], capacity: Demand, effort: Effort, seed: int) -> tuple[Cores, int]:
    """The slices on as few cores as found, and the fewest that any packing of them takes."""
    waiting: dict[Demand, list[Piece]] = {}
    for piece, need in needs.items():
        waiting.setdefault(need, []).append(piece)
    kinds = sorted(waiting)
    found = pack_classes(kinds, [len(waiting[kind]) for kind in kinds], capacity, effort, seed)
    cores = [
        tuple(waiting[kind].pop(0) for kind, count in zip(kinds, pattern, strict=True) for _ in range(count))
        for pattern, times in found.patterns
        for _ in range(times)
    ]
    return tuple(cores), found.bound


def pack_classes(
    needs: Sequence[Demand], amounts: Sequence[int], capacity: Demand, effort: Effort, seed: int
) -> Packing:
    """So many slices of each class on as few cores as found. Every slice fits an empty core."""
    best = best_of_orders(needs, amounts, capacity)
    bound = max(_by_sums(needs, amounts, capacity), 1 if any(amounts) else 0)
    if _cores(best) <= bound:
        return Packing(tuple(best), bound)
    patterns, uses, proven = _generated(needs, amounts, capacity, [p for p, _ in best], effort, seed)
    bound = max(bound, proven)
    for found in (
        _rounded(patterns, uses, needs, amounts, capacity),
        _whole(patterns, amounts, best, bound, effort, seed),
    ):
        if _cores(found) < _cores(best):
            best = found
        if _cores(best) <= bound:
            break
    return Packing(tuple(best), bound)


def _cores(found: Bins) -> int:
    return sum(times for _, times in found)


def _by_sums(needs: Sequence[Demand], amounts: Sequence[int], capacity: Demand) -> int:
    totals = [sum(n[r] * q for n, q in zip(needs, amounts, strict=True)) for r in range(len(capacity))]
    return max((-(-total // most) for total, most in zip(totals, capacity, strict=True) if most), default=0)


def _generated(
    needs: Sequence[Demand],
    amounts: Sequence[int],
    capacity: Demand,
    first: Sequence[Counts],
    effort: Effort,
    seed: int,
) -> tuple[list[Counts], NDArray[np.float64], int]:
    """Patterns with their uses in fractions, and the best bound of all prices on the way (Farley)."""
    master, patterns = Master([float(q) for q in amounts]), []
    for pattern in dict.fromkeys([*first, *_alone(needs, amounts, capacity)]):
        master.add({k: float(n) for k, n in enumerate(pattern) if n})
        patterns.append(pattern)
    bound, known = 0, set(patterns)
    for _ in range(effort.rounds):
        if not master.solve():
            return patterns, np.zeros(len(patterns)), bound
        prices = [max(0, int(price * PRICE_UNIT)) for price in master.prices()]
        dearest, most, exact = dearest_core(prices, needs, amounts, capacity, effort.pricing, seed)
        if most > 0:
            bound = max(bound, -(-sum(p * q for p, q in zip(prices, amounts, strict=True)) // most))
        if dearest in known or (exact and sum(p * n for p, n in zip(prices, dearest, strict=True)) <= PRICE_UNIT):
            break
        master.add({k: float(n) for k, n in enumerate(dearest) if n})
        patterns.append(dearest)
        known.add(dearest)
    uses = master.uses() if master.solve() else np.zeros(len(patterns))
    return patterns, uses, bound


def _alone(needs: Sequence[Demand], amounts: Sequence[int], capacity: Demand) -> list[Counts]:
    """For each class a core with as many of it as fit."""
    found = []
    for k, (need, amount) in enumerate(zip(needs, amounts, strict=True)):
        most = min([amount, *(c // n for n, c in zip(need, capacity, strict=True) if n)])
        found.append(tuple(most if at == k else 0 for at in range(len(needs))))
    return [pattern for pattern in found if any(pattern)]


def dearest_core(
    prices: Sequence[int], needs: Sequence[Demand], amounts: Sequence[int], capacity: Demand, limit: float, seed: int
) -> tuple[Counts, int, bool]:
    """The dearest filling of a core found, what no filling is dearer than, and whether the two are equal.

    Prices are whole numbers, and the solver's bound on them is exact.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    fits = [
        min([q, *(c // n for n, c in zip(need, capacity, strict=True) if n)])
        for need, q in zip(needs, amounts, strict=True)
    ]
    counts = [model.new_int_var(0, most, f"n{k}") for k, most in enumerate(fits)]
    for r, most in enumerate(capacity):
        model.add(sum(need[r] * n for need, n in zip(needs, counts, strict=True)) <= most)
    model.maximize(sum(price * n for price, n in zip(prices, counts, strict=True)))
    solver = deterministic_solver(limit, seed)
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return tuple(0 for _ in needs), 0, False
    found = tuple(int(solver.value(n)) for n in counts)
    most = int(solver.best_objective_bound + 0.5)
    return found, most, status == cp_model.OPTIMAL


def _rounded(
    patterns: Sequence[Counts],
    uses: NDArray[np.float64],
    needs: Sequence[Demand],
    amounts: Sequence[int],
    capacity: Demand,
) -> Bins:
    """Patterns as often as they are used whole, and what is left packed by itself."""
    left, found = list(amounts), []
    for pattern, use in sorted(zip(patterns, uses.tolist(), strict=True), key=lambda each: (-each[1], each[0])):
        times = min([int(use + 1e-6), *(left[k] // n for k, n in enumerate(pattern) if n)])
        if times:
            found.append((pattern, times))
            left = [have - times * n for have, n in zip(left, pattern, strict=True)]
    return found + best_of_orders(needs, left, capacity)


def _whole(
    patterns: Sequence[Counts], amounts: Sequence[int], hint: Bins, bound: int, effort: Effort, seed: int
) -> Bins:
    """The fewest cores that these patterns make; slices that a pattern has too many of are left out."""
    from ortools.sat.python import cp_model

    model, told = cp_model.CpModel(), dict(hint)
    every = list(dict.fromkeys([*patterns, *told]))
    most = _cores(hint)
    times = [model.new_int_var(0, most, f"u{p}") for p in range(len(every))]
    for k, amount in enumerate(amounts):
        model.add(sum(pattern[k] * t for pattern, t in zip(every, times, strict=True)) >= amount)
    model.add(sum(times) >= bound)
    model.minimize(sum(times))
    for pattern, t in zip(every, times, strict=True):
        model.add_hint(t, told.get(pattern, 0))
    solver = deterministic_solver(effort.master, seed)
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return list(hint)
    return _trimmed([(p, int(solver.value(t))) for p, t in zip(every, times, strict=True) if solver.value(t)], amounts)


def _trimmed(found: Bins, amounts: Sequence[int]) -> Bins:
    """The same cores without the slices that are there too often."""
    over = [sum(p[k] * t for p, t in found) - amount for k, amount in enumerate(amounts)]
    trimmed: Bins = []
    for pattern, times in found:
        left = times
        while left:
            less = tuple(min(n, o) for n, o in zip(pattern, over, strict=True))
            often = min([left, *(o // n for n, o in zip(less, over, strict=True) if n)]) if any(less) else left
            trimmed.append((tuple(n - o for n, o in zip(pattern, less, strict=True)), often))
            over = [o - often * n for o, n in zip(over, less, strict=True)]
            left -= often
    return [(pattern, times) for pattern, times in trimmed if any(pattern)]
