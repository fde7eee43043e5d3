"""How many copies of a network a machine may hold at most: a proof, and a search for how many it is found to hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.model import LimitScope
from neuedge_nir.constraints.model import Constraints
from neuedge_nir.mapping.bounds import least_totals
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.network.copies import MOST, named

FEW = 8
"""Copies of which it is seen how many cores they share, for a guess at how many fill a chip."""


@dataclass(frozen=True, slots=True)
class MostCopies:
    """No mapping holds more copies, by the limit named."""

    count: int
    resource: str


def most_copies(demands: Demands, chips: int) -> MostCopies:
    """What so many chips have of each limit over what one copy needs of it at least, however it is cut."""
    topology = demands.legal.chip.topology
    found: dict[str, int] = {}
    summed = [i for i, limit in enumerate(demands.limits) if FORMULAS[limit.formula].sums]
    for i, total in least_totals(demands.uncrossed, summed).items():
        limit = demands.limits[i]
        holders = chips * (topology.cores_per_chip.count if limit.scope is LimitScope.CORE else 1)
        if total:
            found[limit.name] = holders * demands.capacity[i] // total
    resource = min(found, key=lambda name: found[name], default="copies")
    return MostCopies(min(found.get(resource, MOST), MOST), resource)


def largest(fits: Callable[[int], bool], guess: int, most: int) -> int:
    """The largest count from 1 to `most` that is found to fit: what holds n copies holds fewer. 1 is not tried.

    Away from the guess in doubling steps to where the answer changes, then by halves.
    """
    guess, step = min(max(1, guess), most), 1
    if guess == 1 or fits(guess):
        sure, bad = guess, most + 1
        while sure < most:
            trial = min(most, sure + step)
            if not fits(trial):
                bad = trial
                break
            sure, step = trial, 2 * step
    else:
        sure, bad = 1, guess
        while bad > 2:
            trial = max(2, bad - step)
            if fits(trial):
                sure = trial
                break
            bad, step = trial, 2 * step
    while bad - sure > 1:
        middle = (sure + bad) // 2
        sure, bad = (middle, bad) if fits(middle) else (sure, middle)
    return sure


def most_found(needed: Callable[[int, str], int | None], room: int, most: int, effort: str) -> int:
    """The most copies found on `room` cores; `needed` are the cores of so many, None where no mapping is found.

    First without a solver, from a guess; where it may find more, then with one.
    """
    most = max(1, most)
    few = min(FEW, most)
    cores = needed(few, "none")
    guess = 1 if cores is None else few * room // cores
    found = largest(lambda count: needed(count, "none") is not None, guess, most)
    if effort != "none" and found < most and needed(found + 1, effort) is not None:
        found = largest(lambda count: needed(count, effort) is not None, found + 1, most)
    return found


def of_each_copy(given: Constraints, count: int) -> Constraints:
    """Groups and caps of the model's populations hold in each copy; a pin holds for the population that it names."""
    copies = range(1, count + 1)
    return replace(
        given,
        together=tuple(replace(g, populations=_in(g.populations, k)) for k in copies for g in given.together),
        apart=tuple(replace(g, populations=_in(g.populations, k)) for k in copies for g in given.apart),
        cap=tuple(
            cap if cap.population is None else replace(cap, population=named(cap.population, k))
            for cap in given.cap
            for k in (copies if cap.population is not None else (1,))
        ),
    )


def _in(names: tuple[str, ...], copy: int) -> tuple[str, ...]:
    return tuple(named(name, copy) for name in names)
