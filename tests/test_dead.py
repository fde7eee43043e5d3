"""Dead cores, chips and links: named on the command line or in a file, gone round or avoided, and checked."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from neuedge_nir.chip.model import Chip
from neuedge_nir.cli.main import main
from neuedge_nir.constraints.dead import with_dead
from neuedge_nir.constraints.load import parse
from neuedge_nir.constraints.model import NONE, Constraints, Core, Dead, Forbid, Pin
from neuedge_nir.errors import CapacityError, InputError, NoPlanError, UsageError, VerificationError
from neuedge_nir.mapping import shun
from neuedge_nir.mapping.fabric import fabric_for
from neuedge_nir.mapping.routing.mesh import link_loads
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.verify import verify
from tests.test_route import moves
from tests.test_routing_tables import world as spread
from tests.test_verify import changed, named, put
from tests.worlds import chain, chip, real, system, topology


def dead(*what: str) -> Constraints:
    return with_dead(NONE, what)


# --- What may be said


def test_cores_chips_and_links_are_named_on_the_command_line() -> None:
    found = dead("core:3,2:1", "core:4,0", "chip:1,0", "link:0,0-1,0")
    assert found.forbid == (Forbid(router=(3, 2), slot=1), Forbid(router=(4, 0)))
    assert found.dead == (Dead(chip=(1, 0)), Dead(link=((0, 0), (1, 0))))
    assert found.dead_links == {((0, 0), (1, 0)), ((1, 0), (0, 0))}


@pytest.mark.parametrize(
    "text", ["", "core", "core:1", "core:1,2:", "chip:1,0:3", "link:0,0", "link:1,1-1,1", "router:0,0", "chip:-1,0"]
)
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        dead(text)
    assert refusal.value.code == "USE087"


def test_a_file_says_the_same() -> None:
    text = "schema = 1\n[[dead]]\nchip = [1, 0]\n[[dead]]\nlink = [[0, 0], [1, 0]]\n"
    assert parse(text.encode(), "c.toml") == dead("chip:1,0", "link:0,0-1,0")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("schema = 1\n[[dead]]", 2, "one of the two"),
        ("schema = 1\n[[dead]]\nchip = [0, 0]\nlink = [[0, 0], [1, 0]]", 3, "one of the two"),
        ("schema = 1\n[[dead]]\nlink = [[1, 0], [1, 0]]", 3, "two routers"),
        ("schema = 1\n[[dead]]\nlink = [[1, 0]]", 3, "2 elements"),
        ("schema = 1\n[[dead]]\nlink = [[1, 0], [-1, 0]]", 3, "number from 0"),
    ],
)
def test_a_wrong_key_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse(text.encode(), "c.toml")
    assert (refusal.value.code, refusal.value.where) == ("USE081", f"c.toml line {line}")
    assert said in str(refusal.value)


@pytest.mark.parametrize("what", ["chip:240,0", "link:0,0-2,0", "link:0,0-0,300", "link:3,1-2,2"])
def test_what_no_system_has_cannot_be_dead(what: str) -> None:
    with pytest.raises(UsageError) as refusal:
        compile_network(named(chain(a=3)), real("spinnaker1"), Options(effort="none", constraints=dead(what)))
    assert refusal.value.code == "USE088"


def test_a_link_round_the_edge_of_a_torus_can_be_dead() -> None:
    plan = compile_network(
        named(chain(a=3)), real("spinnaker1"), Options(effort="none", constraints=dead("link:0,0-239,0"))
    )
    assert plan.options.constraints.dead


# --- Multicast goes round


@cache
def round_it() -> tuple[Plan, Plan, Network]:
    """A plan over some chips, and one where the link with most messages is dead, and the third chip."""
    plan, net = spread()
    (a, b), _ = plan.cost.traffic.hottest_links[0]
    chip_at = plan.machine.chips[2]
    what = dead(f"link:{a[0]},{a[1]}-{b[0]},{b[1]}", f"chip:{chip_at[0]},{chip_at[1]}")
    options = Options(effort="none", tiles=plan.options.tiles, constraints=what)
    return plan, compile_network(net, plan.chip, options), net


def test_trees_go_round_what_is_dead() -> None:
    plain, plan, _ = round_it()
    broken, gone = plan.options.constraints.dead_links, plan.options.constraints.dead_chips
    links = {link for route in plan.routes for link in route.links}
    assert broken & {link for route in plain.routes for link in route.links}
    assert not broken & links
    assert not gone & {router for link in links for router in link}
    assert gone <= {*plain.machine.chips}
    assert not gone & {*plan.machine.chips}
    assert len(plan.cores) == len(plain.cores)


@pytest.mark.parametrize("which", [0, 1])
def test_a_plan_that_uses_what_is_dead_is_refused(which: int) -> None:
    plain, plan, net = round_it()
    broken = (plan.options.constraints.dead[which],)
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plain, ("options", "constraints", "dead"), put(broken)), net)
    assert refusal.value.code == "PLAN238"


def test_dead_is_a_chip_or_a_link_and_not_both() -> None:
    plain, _, net = round_it()
    both = (Dead((7, 7), ((6, 6), (6, 7))),)
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plain, ("options", "constraints", "dead"), put(both)), net)
    assert refusal.value.code == "PLAN216"


CUT_OFF = ("link:0,0-1,0", "link:0,0-0,1", "link:0,0-1,1")
"""All links that the first chip of a board without a neighbour has."""


def board_of_48(on: Chip) -> Chip:
    """The chip with that system alone."""
    return replace(on, topology=replace(on.topology, systems=on.topology.systems[1:2]))


def test_chips_that_are_cut_off_are_named() -> None:
    plan, net = spread()
    what = replace(dead(*CUT_OFF), pin=(Pin("a", neurons=(0, 1), chips=((0, 0),)),))
    options = Options(effort="none", tiles=plan.options.tiles, constraints=what)
    with pytest.raises(NoPlanError, match=r"cuts the routers \(0, 0\) off") as refusal:
        compile_network(net, board_of_48(plan.chip), options)
    assert refusal.value.code == "FIT064"


def test_nothing_stands_on_chips_that_are_cut_off() -> None:
    plain, net = spread()
    options = Options(effort="none", tiles=plain.options.tiles, constraints=dead(*CUT_OFF))
    plan = compile_network(net, board_of_48(plain.chip), options)
    assert (0, 0) not in {plan.machine.chips[core.chip] for core in plan.cores}
    assert plan.mapping.chips_used == plain.mapping.chips_used


def test_what_is_pinned_to_a_chip_that_is_cut_off_has_a_larger_system_round_it() -> None:
    plain, net = spread()
    what = replace(dead(*CUT_OFF), pin=(Pin("a", neurons=(0, 1), chips=((0, 0),)),))
    plan = compile_network(net, plain.chip, Options(effort="none", tiles=plain.options.tiles, constraints=what))
    assert (plan.machine.system, plan.machine.chips[0]) == ("million-core machine", (0, 0))
    assert plan.mapping.chips_used == plain.mapping.chips_used == len(plan.machine.chips)


def test_a_dead_core_holds_nothing() -> None:
    plain, _ = spread()
    core = plain.cores[5]
    what = dead(f"core:{core.router[0]},{core.router[1]}:{core.slot}")
    plan = compile_network(
        named(chain(a=440, b=200, c=140)),
        plain.chip,
        Options(effort="none", tiles=plain.options.tiles, constraints=what),
    )
    assert (core.router, core.slot) not in {(other.router, other.slot) for other in plan.cores}


# --- Dimension order keeps off


LINE = chip(on=topology(columns=4, rows=1, systems=(system(1, 1),)), neurons=10)
SQUARE = chip(on=topology(columns=4, rows=4, systems=(system(1, 1), system(2, 2))), neurons=10)


def test_cores_keep_off_the_row_of_a_dead_link(monkeypatch: pytest.MonkeyPatch) -> None:
    net = named(chain(a=40, b=40))
    plain = compile_network(net, SQUARE, Options(effort="none"))
    (a, b), _ = next(one for one in plain.cost.traffic.hottest_links if one[0][0][1] == one[0][1][1])
    what = dead(f"link:{a[0]},{a[1]}-{b[0]},{b[1]}")
    plan = compile_network(net, SQUARE, Options(effort="none", constraints=what))
    assert plan.options.constraints == what, "what was shunned is no constraint of the plan"
    with pytest.raises(VerificationError) as refusal:
        verify(changed(plain, ("options", "constraints"), put(what)), net)
    assert refusal.value.code == "PLAN238"
    monkeypatch.setattr(shun, "_ways", lambda demands: iter([demands]))
    with pytest.raises(NoPlanError) as none:
        compile_network(net, SQUARE, Options(effort="none", constraints=what))
    assert none.value.code == "FIT063", "the first placement does cross it"


def test_where_every_placement_crosses_it_the_dead_link_is_named() -> None:
    with pytest.raises(NoPlanError, match=r"the dead link between \(\d, 0\) and \(\d, 0\)") as refusal:
        compile_network(named(chain(a=20, b=20)), LINE, Options(effort="none", constraints=dead("link:1,0-2,0")))
    assert refusal.value.code == "FIT063"


def test_a_dead_chip_of_a_mesh_is_no_part_of_its_rectangle() -> None:
    net = named(chain(a=160, b=100))  # 26 cores
    plan = compile_network(net, SQUARE, Options(effort="none", constraints=dead("chip:0,0")))
    assert set(plan.machine.chips) <= {(1, 0), (0, 1), (1, 1)}
    fabric = fabric_for(SQUARE, 2, gone=frozenset({(0, 0)}))
    assert (fabric.positions[:2], fabric.positions[2:]) == (((1, 0), (1, 1)), ((0, 1),))


def test_a_way_over_a_dead_chip_names_it() -> None:
    fabric = replace(fabric_for(SQUARE, 4), gone=frozenset({(1, 0)}))
    broken = replace(fabric, positions=tuple(p for p in fabric.positions if p not in fabric.gone))
    with pytest.raises(NoPlanError, match=r"the dead chip at \(1, 0\)") as refusal:
        link_loads(moves(((0, 0), (5, 5), 1)), broken)
    assert refusal.value.code == "FIT063"


@pytest.mark.parametrize("what", ["chip:1,0", "link:0,0-1,1"])
def test_a_mapping_that_is_kept_keeps_off_what_is_dead(what: str) -> None:
    plan, net = spread()
    options = Options(effort="none", tiles=plan.options.tiles, constraints=dead(what))
    old = compile_network(net, plan.chip, options)
    new = compile_network(net, plan.chip, Options(keep=old))
    assert (new.cores, new.routes, new.tables, new.machine) == (old.cores, old.routes, old.tables, old.machine)


def test_with_too_many_dead_chips_no_plan_is_proved() -> None:
    what = dead("chip:0,0", "chip:0,1", "chip:1,1")
    with pytest.raises(CapacityError) as refusal:
        compile_network(named(chain(a=160, b=100)), SQUARE, Options(effort="none", constraints=what))
    assert refusal.value.code == "FIT055"


@pytest.mark.parametrize(
    ("pins", "what"),
    [
        ([Pin("a", chips=((0, 0),))], "[[dead]] 2"),
        ([Pin("a", cores=(Core((1, 2)),))], "[[dead]] 2"),
        ([Pin("a", chips=((0, 0), (1, 0))), Pin("a", chips=((0, 0), (0, 1)))], "[[dead]] 2"),
        ([Pin("a", chips=((0, 0), (1, 1)), neurons=(0, 9)), Pin("b", chips=((0, 0),))], "[[dead]] 2"),
    ],
)
def test_a_pin_to_a_dead_chip_names_what_is_dead(pins: list[Pin], what: str) -> None:
    given = replace(dead("chip:1,1", "chip:0,0"), pin=tuple(pins))
    with pytest.raises(CapacityError) as refusal:
        compile_network(named(chain(a=16, b=10)), SQUARE, Options(effort="none", constraints=given))
    assert (refusal.value.code, what in str(refusal.value.where)) == ("FIT055", True)


# --- The command line


def test_a_pin_to_a_dead_chip_names_it_as_it_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "export", "digits", str(tmp_path / "d.nir")]) == 0
    (tmp_path / "c.toml").write_text('schema = 1\n[[pin]]\npopulation = "if1"\nchips = [[0, 0]]\n', "utf-8")
    capsys.readouterr()
    given = ["--constraints", str(tmp_path / "c.toml"), "--dead", "chip:0,0"]
    assert main(["compile", str(tmp_path / "d.nir"), "--target", "loihi2", "--effort", "none", *given]) == 4
    assert "--dead chip:0,0" in capsys.readouterr().err


def test_compile_takes_what_is_dead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "export", "digits", str(tmp_path / "d.nir")]) == 0
    capsys.readouterr()
    run = ["compile", str(tmp_path / "d.nir"), "--target", "loihi2", "--effort", "quick", "--json"]
    assert main([*run, "--dead", "core:0,0", "--dead", "link:0,0-1,0", "-o", str(tmp_path / "p.json")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["constraints"] == {"forbid": [{"router": [0, 0]}], "dead": [{"link": [[0, 0], [1, 0]]}]}
    assert main(["verify", str(tmp_path / "p.json"), "--model", str(tmp_path / "d.nir")]) == 0
    assert main([*run, "--dead", "core"]) == 2
