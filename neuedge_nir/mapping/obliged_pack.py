"""Packings that keep constraints, exactly: CP-SAT over which unit of slices stands on which core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from neuedge_nir.constraints.model import Core
from neuedge_nir.mapping.choose import deterministic_solver
from neuedge_nir.mapping.demand import Demand
from neuedge_nir.mapping.obey import Need, Obliged
from neuedge_nir.mapping.partition import Piece

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, IntVar

MAX_VARIABLES = 4000
"""Above this many (unit, core) pairs the solver is not asked."""


def packed_into(
    count: int,
    units: Sequence[tuple[Piece, ...]],
    amounts: Sequence[Demand],
    capacity: Demand,
    obliged: Obliged,
    limit: float,
    seed: int,
) -> list[tuple[Piece, ...]] | None:
    """The units on at most `count` cores; [] where that is proved impossible, None where the time ran out.

    Cores that pins name come first, each a core of its own; those behind them are interchangeable.
    """
    from ortools.sat.python import cp_model

    needs = [obliged.needs(unit) for unit in units]
    named = sorted({core for need in needs if need.sites is not None for core in need.sites})
    bins: list[Core | None] = [*named, *([None] * count)]
    if limit <= 0 or len(units) * len(bins) > MAX_VARIABLES:
        return None
    model, on = _posed(count, bins, needs, amounts, capacity, obliged)
    solver = deterministic_solver(limit, seed)
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return []
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    cores: list[list[Piece]] = [[] for _ in bins]
    for unit, row in zip(units, on, strict=True):
        at = next(b for b, x in enumerate(row) if not isinstance(x, int) and solver.boolean_value(x))
        cores[at] += unit
    return [tuple(core) for core in cores if core]


def _posed(
    count: int,
    bins: Sequence[Core | None],
    needs: Sequence[Need],
    amounts: Sequence[Demand],
    capacity: Demand,
    obliged: Obliged,
) -> tuple[CpModel, list[list[IntVar | int]]]:
    """The model, and for each unit and core whether it stands there: a variable, or 0 where it may not."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    on: list[list[IntVar | int]] = [
        [model.new_bool_var(f"x{u}_{b}") if _allows(need, core, obliged) else 0 for b, core in enumerate(bins)]
        for u, need in enumerate(needs)
    ]
    used = [model.new_bool_var(f"used{b}") for b in range(len(bins))]
    model.add(sum(used) <= count)
    for row in on:
        model.add(sum(row) == 1)
    for b in range(len(bins)):
        column = [row[b] for row in on]
        for r, most in enumerate(capacity):
            model.add(sum(need[r] * x for need, x in zip(amounts, column, strict=True)) <= most * used[b])
        for cap in obliged.given.cap:
            counted = [n.neurons.total() if cap.population is None else n.neurons[cap.population] for n in needs]
            model.add(sum(n * x for n, x in zip(counted, column, strict=True)) <= cap.neurons)
        for x in column:
            model.add(x <= used[b])
    for u, v in combinations(range(len(needs)), 2):
        if not obliged.compatible(_uncounted(needs[u].with_(needs[v]))):
            for x, y in zip(on[u], on[v], strict=True):
                model.add(x + y <= 1)
    for b in range(sum(core is not None for core in bins), len(bins) - 1):
        model.add(used[b] >= used[b + 1])
    return model, on


def _allows(need: Need, core: Core | None, obliged: Obliged) -> bool:
    """Whether a unit may stand on a core that pins name, or on some other."""
    if core is None:
        return need.sites is None
    fits = need.sites is None or core in need.sites
    return fits and (need.chips is None or obliged.position(core) in need.chips)


def _uncounted(need: Need) -> Need:
    """Without the numbers that caps look at, which are summed over a core."""
    return Need(Counter(dict.fromkeys(need.neurons, 0)), need.sites, need.chips)
