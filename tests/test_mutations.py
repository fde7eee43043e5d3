"""Plans with random damage of every kind: what means something else is refused, what means the same is accepted.

docs/verification.md is written by `pytest -m slow tests/test_mutations.py --update-golden`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random

import pytest

from neuedge_nir.errors import VerificationError
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.conftest import CHIPS, Golden
from tests.mutations import KINDS
from tests.plan_meaning import meaning
from tests.plan_zoo import BUILDERS, plan_of

ROOT = Path(__file__).parents[1]
LONG_MADE = ("truenorth splitters", "spinnaker1 dead", "toy order")
QUICK = [name for name in BUILDERS if name not in LONG_MADE]

Damaged = tuple[str, int, Plan, bool]
"""The name of the plan, the seed, what became of it, and whether that means the same."""


@cache
def meant(name: str) -> tuple[object, ...]:
    return meaning(plan_of(name)[0])


def damaged(kind: str, number: int, names: Sequence[str]) -> Iterator[Damaged]:
    """Until so many plans mean something else; always the same."""
    seed = found = 0
    while found < number:
        rng = Random(f"{kind} {seed}")
        name = rng.choice(names)
        mutant = KINDS[kind](plan_of(name)[0], rng)
        if mutant is not None and mutant != plan_of(name)[0]:
            same = meaning(mutant) == meant(name)
            found += not same
            yield name, seed, mutant, same
        seed += 1


def accepted(name: str, plan: Plan) -> bool:
    try:
        verify(plan, plan_of(name)[1])
    except VerificationError:
        return False
    return True


def test_there_are_plans_of_all_chips_and_all_that_a_plan_can_hold() -> None:
    assert {name.split()[0] for name in BUILDERS} == {*CHIPS, "toy"}
    plans = [plan_of(name)[0] for name in QUICK]
    for name in QUICK:
        verify(*plan_of(name))
    assert {core.role for plan in plans for core in plan.cores} == {"neurons", "input", "synapses"}
    assert max(len(plan.machine.chips) for plan in plans) > 1
    for part in ("tables", "keys", "copies", "orders"):
        assert any(getattr(plan, part) for plan in plans), part
    assert any(plan.options.constraints for plan in plans)
    assert any(plan.cost.inference for plan in plans)
    assert {bool(p.relay.stages) for plan in plans for p in plan.populations if p.relay} == {True, False}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_with_damage_is_refused_and_one_that_means_the_same_is_not(kind: str) -> None:
    for name, seed, plan, same in damaged(kind, 6, QUICK):
        assert accepted(name, plan) == same, (name, seed)


@pytest.mark.slow
def test_ten_thousand_damaged_plans_are_refused(golden: Golden) -> None:
    tried, refused, equal, missed = Counter[str](), Counter[str](), Counter[str](), []
    for kind in KINDS:
        for name, seed, plan, same in damaged(kind, -(-10_000 // len(KINDS)), list(BUILDERS)):
            passed = accepted(name, plan)
            assert passed or not same, (kind, name, seed)
            equal[kind] += same
            tried[kind] += not same
            refused[kind] += not passed
            missed += [(kind, name, seed)] if passed and not same else []
    assert tried.total() >= 10_000
    assert refused.total() >= 0.999 * tried.total(), missed
    rows = [f"| {kind} | {tried[kind]} | {refused[kind]} | {equal[kind]} |" for kind in KINDS]
    rows.append(f"| all {len(KINDS)} kinds | {tried.total()} | {refused.total()} | {equal.total()} |")
    golden("verification.md", DOCUMENT.format(table="\n".join(rows), plans=len(BUILDERS)), ROOT / "docs")


DOCUMENT = """\
# What `verify` holds a plan to

`neuedge-nir verify PLAN.json --model MODEL.nir` recounts a plan by code that shares nothing with the mapper
(`neuedge_nir/plan/check_*.py`): that every neuron is on one core, every use of every limit, every message, link, key
and table entry, lags and delays, weights and their errors, bounds, energy and time. Without the model it checks what
follows from the plan alone.

## Damaged plans

{plans} plans of all five chips and of made-up ones (several chips, irregular networks, constraints, copies, dead
links, splitters, relays, delay extensions, synapse cores) are damaged at random. `tests/mutations.py` has the kinds,
this table is written by `pytest -m slow tests/test_mutations.py --update-golden` and held by the same test.

| kind of damage | tried | refused | means the same |
|---|---|---|---|
{table}

A plan that means the same after all is no damaged plan and is not among those tried; the test holds that all of these
are accepted. What is free is listed in `tests/plan_meaning.py`, and nothing else is:

* which number a core has, and in which order its slices stand;
* which of a router's cores a core is, where no routing table names cores;
* which of several cores stands where, as long as from each place the same messages go to the same places;
* which of several slices has which neurons, as long as those that lie together, use and send the same;
* where on its chip the only core of a plan without constraints is;
* which neurons a slice has of a population that sends nothing and hears all there is to hear with every neuron, on a
  chip of axon types, where zeros take what other weights take;
* where two slices of a population meet that lie on one core and send nothing;
* which key a slice has and how tables are written down, as long as they do the same with the keys of every slice;
* the names of projections into relays, which no model has.

## What has to be believed

Some of a plan stands nowhere else, so that nobody can recount it: the model's name and the versions of tools, remarks
of the mapper and the texts that say what a figure rests on or why there is none; what the user asked for where the plan
keeps it either way (which seed, which effort and objective, that a clock stopped the search, a timestep that neither
file nor network has, a cap that binds nothing); in which order populations and projections are listed; how long samples
were and what late projections did to them; and that no packing of these slices takes fewer cores (`packing_proven`)
where the cores exceed the universal bound. Where several answers are right (links of equal load among the hottest, a
system larger than the plan needs) any is accepted. The chip's own figures are those of the plan: the command compares
them with the chip that is installed (PLAN003); of a chip that is not installed a plan says what it likes.

Each leaf of a plan of the digits, on TrueNorth and on both SpiNNakers, was also changed alone (a number by 1 and 1 %, a
text, an item or key more or less): nothing was accepted but what is named here and above.
"""
