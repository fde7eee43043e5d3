"""Tiles that the user asks for: taken as they are, or refused by name; and the checker holds a plan to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neuedge_nir.errors import CapacityError, NoPlanError, UsageError, VerificationError
from neuedge_nir.mapping.asked import Tiles
from neuedge_nir.network.slices import Grid
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan, PlanSlice
from neuedge_nir.plan.verify import verify
from tests.conftest import Neuedge
from tests.sampling import examples
from tests.worlds import chain, chips, conv, convnet, network, networks, real, recurrent, wire


def cut_of(plan: Plan, name: str) -> list[PlanSlice]:
    return sorted(
        (piece for core in plan.cores for piece in core.slices if piece.population == name),
        key=lambda piece: piece.block or (piece.run,),
    )


@pytest.mark.parametrize(
    ("tiles", "spans"),
    [
        (50, [(0, 50), (50, 100), (100, 128)]),
        ("50", [(0, 50), (50, 100), (100, 128)]),
        ("/3", [(0, 42), (42, 85), (85, 128)]),
        (Tiles((60,)), [(0, 60), (60, 120), (120, 128)]),
    ],
)
@pytest.mark.parametrize("effort", ["none", "quick"])
def test_a_population_is_cut_as_asked(tiles: str | int | Tiles, spans: list[tuple[int, int]], effort: str) -> None:
    net = chain(inputs=784, hidden=128, last=10)
    plan = compile_network(net, real("loihi2"), Options(tiles={"hidden": tiles}, effort=effort))
    assert [piece.block for piece in cut_of(plan, "hidden")] == [(span,) for span in spans]
    assert len(cut_of(plan, "last")) == 1
    assert plan.options.tiles == {"hidden": str(tiles)}


def test_axes_are_cut_each_or_together() -> None:
    net = network({"a": (4, 9, 8)}, wire("in", "a", conv((2, 9, 8), 4)), inputs={"in": (2, 9, 8)})
    by_axis = compile_network(net, real("loihi2"), Options(tiles={"a": "4x5x8"}))
    assert [piece.block for piece in cut_of(by_axis, "a")] == [((0, 4), (0, 5), (0, 8)), ((0, 4), (5, 9), (0, 8))]
    together = compile_network(net, real("loihi2"), Options(tiles={"a": 100}))
    assert [piece.run for piece in cut_of(together, "a")] == [(0, 100), (100, 200), (200, 288)]


def test_a_population_that_feeds_itself_is_cut_as_asked() -> None:
    plan = compile_network(recurrent(40), real("loihi1"), Options(tiles={"a": 15}))
    assert [piece.block for piece in cut_of(plan, "a")] == [((0, 15),), ((15, 30),), ((30, 40),)]


@settings(max_examples=examples(40), deadline=None)
@given(networks(), chips(), st.data())
def test_whatever_tiles_are_asked_for_the_plan_has_them_and_is_accepted(net, chip, data) -> None:  # type: ignore[no-untyped-def]
    first = net.populations[0]
    sizes = tuple(data.draw(st.integers(1, length)) for length in first.shape)
    tiles = Tiles(sizes, data.draw(st.booleans()))
    try:
        plan = compile_network(net, chip, Options(effort="none", tiles={first.name: tiles}))
    except (CapacityError, NoPlanError):
        assume(False)
    cut = tiles.of(first.shape)
    assert isinstance(cut, Grid)
    assert {piece.block for piece in cut_of(plan, first.name)} == {block.spans for block in cut.blocks()}
    verify(plan, net)


REFUSED: Mapping[str, tuple[str, str]] = {
    "hidden=0": ("hidden", "no size of tiles"),
    "hidden=5x": ("hidden", "no size of tiles"),
    "hidden": ("--tiles", "no POPULATION=TILES"),
    "hidden=4x4": ("hidden", "has 2 axes, the population 1: 30"),
    "hidden=31": ("hidden", "larger than the population"),
    "hidden=/31": ("hidden", "larger than the population"),
    "in=5": ("--tiles in=5", "no such population"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_cut_so_is_refused_by_name(text: str) -> None:
    where, message = REFUSED[text]
    name, _, size = text.rpartition("=")
    with pytest.raises(UsageError) as refusal:
        compile_network(chain(inputs=5, hidden=30), real("loihi2"), Options(tiles={name: size} if name else [text]))  # type: ignore[arg-type]
    assert refusal.value.code == "USE037"
    assert message in refusal.value.message
    assert where in str(refusal.value.where)


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_a_tile_too_large_for_a_core_is_no_plan_and_no_proof(target: str) -> None:
    net = chain(inputs=784, hidden=4000)
    with pytest.raises(NoPlanError) as refusal:
        compile_network(net, real(target), Options(tiles={"hidden": 2000}))
    assert refusal.value.code == "FIT023"
    assert refusal.value.where == "--tiles hidden"
    assert refusal.value.needed is not None
    assert refusal.value.available is not None
    assert refusal.value.needed > refusal.value.available


def test_a_plan_that_is_cut_otherwise_than_asked_is_refused() -> None:
    net = convnet(16, 8)
    name, shape = net.populations[0].name, net.populations[0].shape
    plan = compile_network(net, real("loihi2"), Options(tiles={name: "/" + "x".join(["2"] * len(shape))}))
    verify(plan, net)
    for asked in ("x".join(map(str, shape)), "/3", "x", "1x1", str(math.prod(shape) + 1), "/" + "9" * 30):
        other = replace(plan, options=replace(plan.options, tiles={name: asked}))
        with pytest.raises(VerificationError) as refusal:
            verify(other, net)
        assert refusal.value.code == "PLAN138", asked


def test_tiles_are_told_on_the_command_line(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    words = ("compile", digits, "--target", "loihi2", "--tiles", "if1=/4", "--tiles", "if2=5", "-o", plan)
    assert neuedge(*words).status == 0
    assert b'"tiles":{"if1":"/4","if2":"5"}' in plan.read_bytes()
    assert plan.read_bytes().count(b'"population":"if1"') == 4
    assert neuedge("verify", plan, "--model", digits).status == 0
    twice = neuedge("compile", digits, "--target", "loihi2", "--tiles", "if1=4", "--tiles", "if1=5")
    assert (twice.status, "error[USE037]" in twice.err) == (2, True)


def test_tiles_are_told_in_a_file(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    plan, tiles = tmp_path / "plan.json", tmp_path / "theirs.toml"
    tiles.write_text('if1 = "/4"\nif2 = 5\n', encoding="utf-8")
    assert neuedge("compile", digits, "--target", "loihi2", "--tiles", tiles, "-o", plan).status == 0
    assert b'"tiles":{"if1":"/4","if2":"5"}' in plan.read_bytes()


@pytest.mark.parametrize("text", ["if1 = 0.5", "if1 = [4]", "if1 =", 'if1 = "x"', "if1 = true", 'nobody = "4"'])
def test_a_file_of_no_tiles_is_refused(text: str, neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    tiles = tmp_path / "theirs.toml"
    tiles.write_text(text, encoding="utf-8")
    assert neuedge("compile", digits, "--target", "loihi2", "--tiles", tiles).refusal == (2, "USE037")
    assert neuedge("compile", digits, "--target", "loihi2", "--tiles", tmp_path / "gone.toml").refusal == (2, "USE037")
