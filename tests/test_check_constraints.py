"""The checker of plans recounts constraints from the plan alone, and refuses each that is broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from neuedge_nir.constraints.model import (
    Apart,
    Cap,
    Constraints,
    Core,
    Forbid,
    Holder,
    Pin,
    Reserve,
    Together,
)
from neuedge_nir.errors import VerificationError
from neuedge_nir.plan.model import Plan, PlanCore, PlanSlice
from neuedge_nir.plan.verify import verify
from tests.test_constraints import mapped
from tests.worlds import chain, chip, limit


def kept() -> Plan:
    toy = chip(neurons=32, input_axons=1000, rules=[limit("row_table_bytes", 1e9, shared=True)])
    return mapped("", on=toy)


def under(plan: Plan, **given: object) -> Plan:
    return replace(plan, options=replace(plan.options, constraints=Constraints(**given)))  # type: ignore[arg-type]


def refusal_of(plan: Plan) -> str:
    with pytest.raises(VerificationError) as refusal:
        verify(plan, chain(a=30, b=10, c=5))
    return refusal.value.code


BROKEN: Mapping[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "a pin to a core": (
        "PLAN210",
        {"pin": (Pin("a", cores=(Core((0, 0)),)),)},
        {"pin": (Pin("a", cores=(Core((7, 7)),)),)},
    ),
    "a pin of a part": (
        "PLAN210",
        {"pin": (Pin("a", (3, 4), cores=(Core((0, 0)),)),)},
        {"pin": (Pin("a", (3, 4), cores=(Core((1, 0)),)),)},
    ),
    "a pin to a slot": (
        "PLAN210",
        {"pin": (Pin("a", cores=(Core((0, 0), 0),)),)},
        {"pin": (Pin("a", cores=(Core((0, 0), 1),)),)},
    ),
    "a pin to a chip": (
        "PLAN210",
        {"pin": (Pin("b", chips=((0, 0), (1, 0))),)},
        {"pin": (Pin("b", chips=((1, 0),)),)},
    ),
    "together on a core": (
        "PLAN211",
        {"together": (Together(("b", "c"), Holder.CORE),)},
        {"together": (Together(("a", "b"), Holder.CORE),)},
    ),
    "apart on a core": (
        "PLAN212",
        {"apart": (Apart(("a", "b"), Holder.CORE),)},
        {"apart": (Apart(("b", "c"), Holder.CORE),)},
    ),
    "apart on a chip": (
        "PLAN212",
        {"apart": (Apart(("a", "b"), Holder.CORE),)},
        {"apart": (Apart(("a", "b"), Holder.CHIP),)},
    ),
    "a dead router": (
        "PLAN213",
        {"forbid": (Forbid(router=(5, 5)),)},
        {"forbid": (Forbid(router=(1, 0)),)},
    ),
    "a dead core": (
        "PLAN213",
        {"forbid": (Forbid(router=(1, 1), slot=0),)},
        {"forbid": (Forbid(router=(1, 0), slot=0),)},
    ),
    "a dead chip": (
        "PLAN213",
        {"forbid": (Forbid(chip=(1, 0)),)},
        {"forbid": (Forbid(chip=(0, 0)),)},
    ),
    "a cap": ("PLAN214", {"cap": (Cap(30, "a"),)}, {"cap": (Cap(29, "a"),)}),
    "a cap of all": ("PLAN214", {"cap": (Cap(30),)}, {"cap": (Cap(14),)}),
    "spare cores": ("PLAN215", {"reserve": (Reserve(62),)}, {"reserve": (Reserve(63),)}),
    "spare cores of a chip": (
        "PLAN215",
        {"reserve": (Reserve(63, (1, 0)),)},
        {"reserve": (Reserve(63, (0, 0)),)},
    ),
    "spare and dead cores": (
        "PLAN215",
        {"reserve": (Reserve(61),), "forbid": (Forbid(router=(4, 4)),)},
        {"reserve": (Reserve(62),), "forbid": (Forbid(router=(4, 4)),)},
    ),
    "no such population": ("PLAN216", {"cap": (Cap(30, "a"),)}, {"cap": (Cap(30, "x"),)}),
    "no such neurons": (
        "PLAN216",
        {"pin": (Pin("a", (0, 30), chips=((0, 0),)),)},
        {"pin": (Pin("a", (0, 31), chips=((0, 0),)),)},
    ),
    "nowhere": ("PLAN216", {"pin": (Pin("a", chips=((0, 0),)),)}, {"pin": (Pin("a"),)}),
    "forbidden nowhere": ("PLAN216", {"forbid": (Forbid(router=(4, 4)),)}, {"forbid": (Forbid(),)}),
    "apart from none": (
        "PLAN216",
        {"apart": (Apart(("a", "b"), Holder.CORE),)},
        {"apart": (Apart(("a",), Holder.CORE),)},
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_checker_refuses_what_breaks_a_constraint_and_accepts_what_keeps_it(what: str) -> None:
    code, good, bad = BROKEN[what]
    verify(under(kept(), **good), chain(a=30, b=10, c=5))
    assert refusal_of(under(kept(), **bad)) == code


def moved(plan: Plan, number: int, **where: object) -> Plan:
    cores: list[PlanCore] = list(plan.cores)
    cores[number] = replace(cores[number], **where)  # type: ignore[arg-type]
    return replace(plan, cores=tuple(cores))


def test_a_core_that_moved_off_its_pin_is_refused() -> None:
    plan = mapped('[[pin]]\npopulation = "a"\ncores = [{ router = [5, 6] }]')
    assert refusal_of(moved(plan, 0, router=(5, 5))) == "PLAN210"


def test_a_core_that_moved_onto_a_dead_one_is_refused() -> None:
    plan = mapped("[[forbid]]\nrouter = [5, 5]")
    assert refusal_of(moved(plan, 0, router=(5, 5))) == "PLAN213"


def test_slices_beyond_a_cap_are_refused() -> None:
    plan = mapped('[[cap]]\npopulation = "a"\nneurons = 15')
    cores = [c for c in range(len(plan.cores)) if any(s.population == "a" for s in plan.cores[c].slices)]
    spans = [(0, 16), (16, 30)]
    for number, span in zip(cores, spans, strict=True):
        rest = tuple(s for s in plan.cores[number].slices if s.population != "a")
        plan = moved(plan, number, slices=(PlanSlice("a", run=span), *rest))
    assert refusal_of(plan) == "PLAN214"
