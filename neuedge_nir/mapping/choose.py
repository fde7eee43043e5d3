"""Which tiling for each population: CP-SAT over the candidates, under several objectives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import product

from neuedge_nir.mapping.candidates import asked_of
from neuedge_nir.mapping.demand import Demand, Demands
from neuedge_nir.mapping.split import Tiling

MOST_COMPARED = 512
"""Choices that are compared one by one: in less time than a solver takes to be loaded."""


class Aim(Enum):
    """What a choice minimises first; the other two break ties.

    The bound on cores ignores what packing wastes, the number of slices overrates it, and the axons are the traffic:
    none is right alone, so each proposes and the packing decides.
    """

    CORES = (1_000_000, 1_000, 1)
    SLICES = (1_000, 1_000_000, 1)
    AXONS = (1_000, 1, 1_000_000)


def by_rules(candidates: Sequence[Sequence[Tiling]]) -> Iterator[list[Tiling]]:
    """One tiling per population, without a solver: the first, of the fewest slices, and that of the fewest axons."""
    yield [options[0] for options in candidates]
    yield [min(options, key=lambda t: (t.axons, len(t))) for options in candidates]


def chosen(
    candidates: Sequence[Sequence[Tiling]], demands: Demands, aim: Aim, limit: float, seed: int
) -> tuple[list[Tiling] | None, bool]:
    """One tiling per population and whether it is proved the best, by CP-SAT where there are many to choose among.

    None where time ran out (limit 0).
    """
    if limit <= 0:
        return None, False
    if _few(candidates) and not demands.constraints.packs:
        return compared(candidates, demands.capacity, demands.per_core, aim), True
    return solved(candidates, demands.capacity, demands.per_core, aim, limit, seed)


def solved(
    candidates: Sequence[Sequence[Tiling]],
    capacity: Demand,
    per_core: tuple[int, ...],
    aim: Aim,
    limit: float,
    seed: int,
) -> tuple[list[Tiling] | None, bool]:
    """The same by CP-SAT, however few choices there are."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    flat = [(i, tiling) for i, options in enumerate(candidates) for tiling in options]
    pick = [model.new_bool_var(f"x{n}") for n in range(len(flat))]
    for i in range(len(candidates)):
        model.add_exactly_one(x for x, (j, _) in zip(pick, flat, strict=True) if i == j)
    most = sum(max(map(len, options)) for options in candidates)
    cores = model.new_int_var(1, max(1, most), "cores")
    for r in per_core:
        demand = sum(tiling.total[r] * x for x, (_, tiling) in zip(pick, flat, strict=True))
        model.add(demand <= capacity[r] * cores)
    weights = aim.value
    slices = sum(len(t) * x for x, (_, t) in zip(pick, flat, strict=True))
    unit = _axon_unit(candidates)
    axons = sum((t.axons // unit) * x for x, (_, t) in zip(pick, flat, strict=True))
    model.minimize(weights[0] * cores + weights[1] * slices + weights[2] * axons)
    solver = deterministic_solver(limit, seed)
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, False
    found = [tiling for x, (_, tiling) in zip(pick, flat, strict=True) if solver.boolean_value(x)]
    return found, status == cp_model.OPTIMAL


def _few(candidates: Sequence[Sequence[Tiling]]) -> bool:
    return math.prod(map(len, candidates)) <= MOST_COMPARED


def compared(
    candidates: Sequence[Sequence[Tiling]], capacity: Demand, per_core: tuple[int, ...], aim: Aim
) -> list[Tiling]:
    """The best of all choices, the first of equals: what a solver finds, without loading it."""
    unit = _axon_unit(candidates)

    def worth(pick: tuple[Tiling, ...]) -> int:
        used = ((sum(t.total[r] for t in pick), capacity[r]) for r in per_core)
        cores = max(1, *(-(-total // most) for total, most in used)) if per_core else 1
        terms = cores, sum(map(len, pick)), sum(t.axons // unit for t in pick)
        return sum(weight * term for weight, term in zip(aim.value, terms, strict=True))

    best = min(product(*candidates), key=worth)
    return list(best)


def _axon_unit(candidates: Sequence[Sequence[Tiling]]) -> int:
    """Axons may be many millions; a thousandth of the worst case each keeps the objective within 64 bits."""
    return max(1, sum(max(t.axons for t in options) for options in candidates) // 1000)


def least_axons(
    candidates: Sequence[Sequence[Tiling]], demands: Demands, room: int, limit: float, seed: int
) -> list[Tiling] | None:
    """Of the tilings whose sums fit so many cores those of the fewest axons; None where there are none, or no time."""
    if limit <= 0 or room < 1:
        return None
    if _few(candidates):
        fitting = [pick for pick in product(*candidates) if asked_of(pick, demands) <= room]
        return list(min(fitting, key=lambda pick: sum(t.axons for t in pick))) if fitting else None
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    picks = [[model.new_bool_var("") for _ in options] for options in candidates]
    for each in picks:
        model.add_exactly_one(each)
    flat = [pair for each, options in zip(picks, candidates, strict=True) for pair in zip(each, options, strict=True)]
    for r in demands.per_core:
        model.add(sum(tiling.total[r] * x for x, tiling in flat) <= demands.capacity[r] * room)
    model.minimize(sum(tiling.axons * x for x, tiling in flat))
    solver = deterministic_solver(limit, seed)
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return [tiling for x, tiling in flat if solver.boolean_value(x)]


def deterministic_solver(limit: float, seed: int):  # type: ignore[no-untyped-def]  # ortools has no types
    """A CP-SAT solver that answers the same on every run: one worker, a seed, deterministic time only."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = limit
    return solver
