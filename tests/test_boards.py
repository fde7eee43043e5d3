"""Systems built of boards: powered whole, with one chip each that has fewer cores."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.chip.load import to_dict
from neuedge_nir.chip.model import Boards, Chip, Confidence, System
from neuedge_nir.chip.rules import contradictions
from neuedge_nir.errors import NoPlanError, VerificationError
from neuedge_nir.mapping.fabric import Fabric, fabric_for
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.check_links import board_of
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.sampling import examples
from tests.worlds import between, chain, chip, hexagonal, known, real, system

SPINNAKER = real("spinnaker1")
SYSTEMS = {found.name: found for found in SPINNAKER.topology.systems}


def boards(side: int, corner_cores: int | None = None, period: int | None = None) -> Boards:
    """Square boards side by side."""
    spans = ((0, side - 1),) * side
    cores = None if corner_cores is None else known(corner_cores)
    return Boards(spans, ((0, 0),), period or side, between(1, 2, 3), "made up", Confidence.ASSUMED, cores)


def on_boards(made: System, side: int, corner_cores: int | None = None, per_chip: int = 4) -> Chip:
    return chip(on=hexagonal(per_chip, [replace(made, boards=boards(side, corner_cores))]), neurons=10)


@cache
def plan_of(neurons: int, side: int = 2, corner_cores: int | None = 2) -> Plan:
    return compile_network(chain(a=neurons), on_boards(system(4, 4), side, corner_cores), Options(effort="none"))


@pytest.mark.parametrize(("name", "count"), [("SpiNN-3", 1), ("SpiNN-5", 1), ("million-core machine", 1200)])
def test_every_chip_of_a_published_system_stands_on_one_board_of_its_size(name: str, count: int) -> None:
    fabric = fabric_for(SPINNAKER, SYSTEMS[name].chips)
    assert fabric.system.name == name
    assert fabric.boards_of(range(fabric.system.chips)) == count
    held = Counter(board_of(fabric.system, position) for position in fabric.positions)
    assert set(held.values()) == {fabric.system.chips // count}
    assert sum(fabric.cores_of(k) for k in range(fabric.system.chips)) == 16 * fabric.system.chips - count


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 239), st.integers(0, 239))
def test_mapper_and_checker_agree_on_the_board_of_a_chip(x: int, y: int) -> None:
    made = SYSTEMS["million-core machine"]
    assert Fabric(SPINNAKER, made, ((x, y),))._corner((x, y)) == board_of(made, (x, y))


def test_a_corner_offers_fewer_cores_and_whole_boards_are_powered() -> None:
    plan = plan_of(60)
    assert plan.mapping.cores_neurons == 6
    assert sorted(Counter(core.chip for core in plan.cores).items()) == [(0, 2), (1, 4)]
    assert plan.mapping.boards_used == 1
    assert (plan.cost.static_w.low, plan.cost.static_w.typical, plan.cost.static_w.high) == (1, 2, 3)
    assert plan.mapping.utilisation.cores == 1.0


def test_boards_that_are_crossed_or_used_count() -> None:
    plan = plan_of(10 * 30, 1, 3)
    assert plan.mapping.chips_used == 10
    assert plan.mapping.boards_used == 10
    assert plan.cost.static_w.typical == 20


def test_what_only_the_corners_lack_is_no_proof() -> None:
    full = on_boards(system(2, 1), 1, 2)
    assert compile_network(chain(a=40), full, Options(effort="none")).mapping.chips_used == 2
    with pytest.raises(NoPlanError, match="whether fewer do is not proved"):
        compile_network(chain(a=50), full, Options(effort="none"))


@pytest.mark.parametrize(
    ("change", "code"),
    [({"boards_used": 2}, "PLAN126"), ({"boards_used": None}, "PLAN126")],
)
def test_the_checker_counts_boards(change: dict[str, object], code: str) -> None:
    plan = plan_of(60)
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, mapping=replace(plan.mapping, **change)), None)  # type: ignore[arg-type]
    assert refusal.value.code == code


def test_the_checker_knows_what_a_corner_offers() -> None:
    plan = plan_of(60)
    (made,) = plan.chip.topology.systems
    tight = replace(made, boards=boards(2, 1))
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, chip=replace(plan.chip, topology=replace(plan.chip.topology, systems=(tight,)))), None)
    assert refusal.value.code == "PLAN111"


def test_the_checker_charges_whole_boards() -> None:
    plan = plan_of(60)
    (made,) = plan.chip.topology.systems
    dearer = replace(made, boards=replace(boards(2, 2), static_w=known(7)))
    with pytest.raises(VerificationError) as refusal:
        verify(replace(plan, chip=replace(plan.chip, topology=replace(plan.chip.topology, systems=(dearer,)))), None)
    assert refusal.value.code == "PLAN131"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(boards(2), corners=()), "on 0 boards"),
        (replace(boards(2), corners=((0, 0), (1, 0))), "on 2 boards"),
        (replace(boards(2), period=3), "on 0 boards"),
        (replace(boards(2), row_spans=((1, 0), (0, 1))), "must have 0 <= first <= last < 2"),
        (replace(boards(2), row_spans=((0, 2), (0, 1))), "must have 0 <= first <= last < 2"),
    ],
)
def test_a_chip_file_puts_every_chip_on_one_board(wrong: Boards, words: str) -> None:
    problems = list(contradictions(replace(system(4, 4), boards=wrong)))
    assert [problem.code for problem in problems] == ["CHIP012"]
    assert words in problems[0].message


def test_a_small_plan_on_spinnaker_pays_for_a_board_of_four_chips() -> None:
    plan = compile_network(chain(a=10), SPINNAKER, Options(effort="none"))
    assert plan.machine.system == "SpiNN-3"
    assert plan.cost.static_w.typical == 3.56
    more = compile_network(chain(a=256 * 64), SPINNAKER, Options(effort="none"))
    assert more.machine.system == "SpiNN-5"
    assert more.mapping.chips_used == math.ceil((64 + 1) / 16)
    assert more.cost.static_w.typical == 26.84
    assert "boards" in str(to_dict(SPINNAKER))
