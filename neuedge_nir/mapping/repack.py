"""The same slices on fewer cores: patterns over classes of them and CP-SAT improve a packing, or prove it minimal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from neuedge_nir.mapping.choose import deterministic_solver
from neuedge_nir.mapping.demand import Demand, Demands, add
from neuedge_nir.mapping.first_fit import Cores
from neuedge_nir.mapping.grouping import consistent, grouped
from neuedge_nir.mapping.obey import Obliged, unkept
from neuedge_nir.mapping.obliged_pack import packed_into
from neuedge_nir.mapping.packing.classes import effort_of, packed_again
from neuedge_nir.mapping.partition import Piece
from neuedge_nir.mapping.split import Tiling

MAX_CLASSES = 200
"""Above this many classes of slices that need the same, patterns are not generated."""

MAX_PACKING_VARIABLES = 4000
"""Above this many (class of slices, core) pairs CP-SAT is not asked to improve a packing."""


def improved(cores: Cores, demands: Demands, limit: float, seed: int) -> tuple[Cores, int, bool]:
    """A packing of the same slices with fewer cores where CP-SAT finds one; their bound; whether none is smaller.

    Slices with equal demands are one class, so the model grows with the classes and cores, not with the slices.
    """
    if demands.constraints.packs:
        return _improved_obliged(cores, demands, limit, seed)
    targets = grouped(cores, demands)
    needs = {piece: demands.summed(piece, targets) for core in cores for piece in core}
    bound = tiles_bound(cores, demands)
    best, proven = cores, len(cores) <= bound
    classes = len(set(needs.values()))
    if limit > 0 and not proven and classes <= MAX_CLASSES:
        found, least = packed_again(needs, demands.capacity, effort_of(limit), seed)
        best = found if len(found) < len(best) and consistent(found, demands) else best
        if len(best) <= least:  # a proof, unless slices that share a core use less than they do apart
            return best, bound, len(best) <= bound or not demands.depends_on_targets
    while limit > 0 and not proven and classes * len(best) <= MAX_PACKING_VARIABLES:
        smaller = _pack_into(len(best) - 1, needs, demands.capacity, limit, seed)
        # Slices of a target that part company make its sources drive more cores; those that meet may differ in values.
        if smaller is None or not consistent(smaller, demands):
            break
        if not smaller:
            return best, bound, not demands.depends_on_targets
        best, proven = smaller, len(smaller) <= bound
    return best, bound, proven


def _improved_obliged(cores: Cores, demands: Demands, limit: float, seed: int) -> tuple[Cores, int, bool]:
    """The same where constraints say who may share a core."""
    bound, best = tiles_bound(cores, demands), cores
    pieces = [piece for core in cores for piece in core]
    while len(best) > bound:
        smaller = _exactly(len(best) - 1, pieces, demands, limit, seed)
        if smaller is None or not consistent(smaller, demands):
            return best, bound, False
        if not smaller:
            return best, bound, not demands.depends_on_targets
        best = smaller
    return best, bound, True


def obliged_packing(candidates: Sequence[Sequence[Tiling]], demands: Demands, limit: float, seed: int) -> Cores:
    """A packing by the solver alone, where first fit finds none that keeps the constraints. Raises `NoPlanError`."""
    for pick in ([options[0] for options in candidates], [options[-1] for options in candidates]):
        pieces = [Piece(t.population, part) for t in pick for part in t.parts]
        found = _exactly(len(pieces), pieces, demands, limit, seed)
        if found and consistent(found, demands):
            return found
    names = [p.name for p in demands.legal.network.populations]
    raise unkept("no packing was found that keeps the constraints", Obliged(demands), names)


def _exactly(count: int, pieces: Sequence[Piece], demands: Demands, limit: float, seed: int) -> Cores | None:
    """The pieces on at most `count` cores, by the solver; () where that is proved impossible, None where it gave up."""
    obliged, targets = Obliged(demands), grouped(tuple((piece,) for piece in pieces), demands)
    units = [tuple(pieces[i] for i in unit) for unit in obliged.units(pieces)]
    zero: Demand = (0,) * len(demands.limits)
    amounts = []
    for unit in units:
        total = zero
        for piece in unit:
            total = add(total, demands.summed(piece, targets))
        amounts.append(total)
    found = packed_into(count, units, amounts, demands.capacity, obliged, limit, seed)
    return None if found is None else tuple(found)


def tiles_bound(cores: Cores, demands: Demands) -> int:
    """The cores that these slices take however they are packed: no cut of the targets asks less than none."""
    uncut, demands = demands.uncut(), demands.uncrossed
    totals = list(map(sum, zip(*(demands.of(piece, uncut) for core in cores for piece in core), strict=True)))
    return max([1, *(math.ceil(totals[i] / demands.capacity[i]) for i in demands.per_core)])


def _pack_into(count: int, needs: dict[Piece, Demand], capacity: Demand, limit: float, seed: int) -> Cores | None:
    """The slices on `count` cores; () where that is proved impossible, None where the time ran out."""
    from ortools.sat.python import cp_model

    amounts = Counter(needs.values())
    kinds = sorted(amounts)
    model = cp_model.CpModel()
    on = [[model.new_int_var(0, amounts[kind], f"y{k}_{c}") for c in range(count)] for k, kind in enumerate(kinds)]
    for k, kind in enumerate(kinds):
        model.add(sum(on[k]) == amounts[kind])
    for c in range(count):
        for r, most in enumerate(capacity):
            model.add(sum(kind[r] * on[k][c] for k, kind in enumerate(kinds)) <= most)
    for c in range(count - 1):  # cores are interchangeable: order them by the class that comes first
        model.add(on[0][c] >= on[0][c + 1])
    solver = deterministic_solver(limit, seed)
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return ()
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    waiting = {kind: [piece for piece in needs if needs[piece] == kind] for kind in kinds}
    cores = []
    for c in range(count):
        taken = [waiting[kind].pop(0) for k, kind in enumerate(kinds) for _ in range(solver.value(on[k][c]))]
        cores.append(tuple(taken))
    return tuple(core for core in cores if core)
