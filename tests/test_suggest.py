"""`--suggest`: commands that make a network fit, each of which was run, and does."""

from __future__ import annotations

import importlib.resources
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuedge_nir.across.changes import MAKERS, Change, Family
from neuedge_nir.across.search import MOST, Changes, Found, Tried, Words, search
from neuedge_nir.cli.suggest import suggestion_lines, suggestions_json
from neuedge_nir.errors import CapacityError, NeuedgeError, UsageError
from neuedge_nir.events import Event, Progress
from neuedge_nir.plan.figures import Counts
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import read
from tests.conftest import TOYCHIP, Compiled, Neuedge
from tests.nirfile import SHARED, chain, delay, inputs, lif, linear, outputs, row, write_nir


def integrators(*shape: int) -> dict[str, Any]:
    return {"type": "IF", "r": np.ones(shape), "v_threshold": np.ones(shape), "v_reset": np.zeros(shape)}


def written(path: Path, hidden: dict[str, Any], wide: int = 300) -> Path:
    rng = np.random.default_rng(1)
    first, second = (linear(rng.normal(size=size) / 8) for size in ((8, wide), (4, 8)))
    return model(path, wide, ("fc1", first), ("hidden", hidden), ("fc2", second), ("last", integrators(4)), last=4)


def model(path: Path, first: int, *nodes: tuple[str, dict[str, Any]], last: int) -> Path:
    return write_nir(path, *chain(("in", inputs(first)), *nodes, ("out", outputs(last))))


def commands(answer: dict[str, object]) -> list[list[str]]:
    told = answer["suggestions"]
    assert isinstance(told, dict)
    return [shlex.split(each["command"]) for each in told["verified"]]


def test_what_is_suggested_fits_when_it_is_run(neuedge: Neuedge, tmp_path: Path) -> None:
    """The node, the figure and the smallest excess; inputs summed in two stages, and another chip."""
    wide = written(tmp_path / "wide model.nir", integrators(8))
    answer = neuedge("compile", wide, "--target", "truenorth", "--dt", 1, "--effort", "quick", "--suggest", "--json")
    assert answer.status == 4
    last = answer.json["diagnostics"][-1]
    assert (last["code"], last["node"], last["resource"]) == ("FIT010", "node 'fc1'", "input_axons")
    assert (last["needed"], last["available"], last["excess"]) == (300, 256, 44)
    assert "44 too many" in answer.complaint
    first, second = commands(answer.json)
    assert first[:5] == ["neuedge-nir", "compile", str(wide), "--target", "truenorth"]
    assert "split-fan-in:limit=256" in first
    assert second[4] == "loihi1"
    told = answer.json["suggestions"]["verified"]
    assert [each["alters_what_is_computed"] for each in told] == [True, False]
    assert told[0]["accuracy_basis"] == "unknown without --data"
    for words, each in zip((first, second), told, strict=True):
        plan = tmp_path / "plan.json"
        assert neuedge(*words[1:], "-o", plan).status == 0
        assert read(plan).mapping.cores_used == each["cores"]


def test_changes_are_put_on_top_of_each_other(neuedge: Neuedge, tmp_path: Path) -> None:
    """A leak that the chip has not, and behind it a wall: both at once, measured on samples."""
    both = written(tmp_path / "both.nir", lif(8, tau=np.full(8, 1.0)))
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(2).random((4, 5, 300)) < 0.1, y=np.arange(4))
    words = ("check", both, "--target", "truenorth", "--dt", 0.1, "--suggest", "--json")
    answer = neuedge(*words, "--data", tmp_path / "data.npz")
    assert answer.json["diagnostics"][-1]["code"] == "FIT002"
    assert answer.json["diagnostics"][-1]["excess"] == 8
    found = answer.json["suggestions"]
    assert ["approximate-leak" in each["command"] for each in found["tried_in_vain"]] == [True]
    assert [each["change"] for each in found["verified"]] == ["another chip"]
    assert isinstance(found["verified"][0]["accuracy"], float)


def test_more_chips_as_few_as_do(neuedge: Neuedge, tmp_path: Path) -> None:
    layers = ("fc", linear(np.ones((9000, 4)))), ("big", integrators(9000))
    big = model(tmp_path / "big.nir", 4, *layers, last=9000)
    words = ("check", big, "--target", "spinnaker1", "--chips", 1, "--input", "host", "--dt", 1)
    plain = neuedge(*words)
    assert plain.status == 4
    assert "error[FIT015]: node 'big'" in plain.err
    assert "--suggest looks for a change" in plain.err
    shown = neuedge(*words, "--suggest")
    assert shown.status == 4
    found = next(line for line in shown.out.splitlines() if line.startswith("  neuedge-nir check"))
    assert neuedge(*shlex.split(found)[1:]).status == 0


def test_a_longer_timestep_gives_time_for_the_events(neuedge: Neuedge, tmp_path: Path) -> None:
    many = 200_000
    busy = model(tmp_path / "busy.nir", many, ("fc", linear(np.ones((1, many)))), ("busy", integrators(1)), last=1)
    words = ("check", busy, "--target", "spinnaker1", "--activity", 1, "--input", "host", "--dt", 1)
    answer = neuedge(*words, "--suggest", "--json")
    last = answer.json["diagnostics"][-1]
    assert (last["code"], last["node"]) == ("FIT041", "node 'busy'")
    assert last["excess"] == last["needed"] - last["available"] > 0
    slower = next(words for words in commands(answer.json) if "--time-scale" in words)
    assert neuedge(*slower[1:]).status == 0


def test_fewer_bits_or_weights_fit_a_memory(neuedge: Neuedge, tmp_path: Path) -> None:
    """The most bits that fit, found by halving; and pruning to a budget."""
    loihi2 = importlib.resources.files("neuedge_loihi").joinpath("loihi2.toml").read_text()
    single = re.sub(r"cores_per_chip = { value = \d+", "cores_per_chip = { value = 1", loihi2)
    (tmp_path / "one.toml").write_text(single.replace('name = "loihi2"', 'name = "onecore"', 1))
    weights = np.random.default_rng(1).normal(size=(150, 600))
    dense = model(tmp_path / "dense.nir", 600, ("fc", linear(weights)), ("lif", integrators(150)), last=150)
    words = ("check", dense, "--target", f"{tmp_path / 'one.toml'}", "--chips", 1, "--dt", 1)
    answer = neuedge(*words, "--suggest", "--json")
    last = answer.json["diagnostics"][-1]
    assert (last["code"], last["node"], last["excess"]) == ("FIT015", "node 'lif'", 1)
    found = {each["change"]: each for each in answer.json["suggestions"]["verified"]}
    assert {"fewer weight bits", "fewer weights"} <= found.keys()
    bits = int(re.findall(r"quantise:bits=(\d+)", found["fewer weight bits"]["command"])[0])
    assert neuedge(*words, "--pass", f"quantise:bits={bits}").status == 0
    assert neuedge(*words, "--pass", f"quantise:bits={bits + 1}").status == 4


def test_the_other_reset_is_tried(neuedge: Neuedge, tmp_path: Path) -> None:
    text = re.sub(r"reset_modes = \[.*\]", 'reset_modes = ["zero"]', TOYCHIP.read_text())
    chip = tmp_path / "zero.toml"
    chip.write_text(text.replace('"toychip"', '"zerochip"'))
    small = written(tmp_path / "model.nir", integrators(8), 10)
    answer = neuedge("check", small, "--target", chip, "--reset", "subtract", "--dt", 1, "--suggest", "--json")
    last = answer.json["diagnostics"][-1]
    assert (last["code"], last["node"], last["excess"]) == ("FIT003", "node 'hidden'", 12)
    first = commands(answer.json)[0]
    assert first[first.index("--reset") + 1] == "zero"
    assert neuedge(*first[1:]).status == 0


def test_where_nothing_helps_it_says_what_was_tried(neuedge: Neuedge, tmp_path: Path) -> None:
    waits = ("fc", linear(np.ones((2, 2)))), ("late", delay([1.0, 2.0])), ("x", integrators(2))
    late = model(tmp_path / "late.nir", 2, *waits, last=2)
    answer = neuedge("check", late, "--target", "loihi1", "--dt", 1, "--suggest")
    assert answer.status == 4
    assert "error[FIT009]: node 'late'" in answer.err
    assert "1 too many" in answer.err
    assert "Nothing that was tried makes it fit." in answer.out
    assert answer.out.count("  neuedge-nir check") == 4


# --- the search itself


def refusal(code: str = "FIT010", needed: float = 2) -> CapacityError:
    return CapacityError(code, "no", resource="axons", needed=needed, available=1)


def ladder(kind: str, *names: str, ordered: bool = True) -> Family:
    return Family(kind, tuple(Change({"x": name}) for name in names), ordered)


def spelled(changes: Changes) -> Words:
    return tuple(str(change.sets["x"]) for change in changes)


def run(
    fits: set[Words],
    families: dict[str, list[Family]],
    plan: Plan,
    leads: dict[Words, str],
    others: Sequence[Family] = (),
) -> tuple[Found, list[Words]]:
    asked: list[Words] = []

    def attempt(words: Words) -> Plan | NeuedgeError:
        asked.append(words)
        return plan if words in fits else refusal(leads.get(words, "FIT010"))

    net = row(("in", inputs(2)), ("fc", linear(np.ones((2, 2)))), ("x", lif(2)), ("out", outputs(2)))
    found = search(refusal(), net, lambda error, _: families.get(error.code, []), spelled, attempt, others)
    return found, asked


@pytest.fixture(scope="module")
def plan(compiled: dict[str, Compiled]) -> Plan:
    return read(compiled["loihi2"].plan)


@pytest.mark.parametrize("least", range(6))
def test_the_weakest_of_a_ladder_is_found_by_halving(plan: Plan, least: int) -> None:
    names = "abcdef"
    found, asked = run({(n,) for n in names[least:]}, {"FIT010": [ladder("k", *names)]}, plan, {})
    assert [tried.words for tried in found.verified] == [(names[least],)]
    assert len(asked) <= 4


def test_of_a_ladder_without_order_the_first_that_fits(plan: Plan) -> None:
    found, asked = run({("b",)}, {"FIT010": [ladder("k", "a", "b", "c", ordered=False)]}, plan, {})
    assert [tried.words for tried in found.verified] == [("b",)]
    assert asked == [("a",), ("b",)]


def test_what_leads_to_another_limit_is_followed(plan: Plan) -> None:
    families = {"FIT010": [ladder("one", "a"), ladder("two", "b")], "FIT015": [ladder("three", "c")]}
    found, _ = run({("b", "c")}, families, plan, {("b",): "FIT015"})
    assert [(tried.words, tried.kinds) for tried in found.verified] == [(("b", "c"), ("two", "three"))]
    assert [tried.words for tried in found.vain] == [("a",), ("b",)]


def test_changes_are_put_on_top_of_another_chip_too(plan: Plan) -> None:
    families = {"FIT007": [ladder("three", "c")]}
    found, _ = run({("other", "c")}, families, plan, {("other",): "FIT007"}, [ladder("another chip", "other")])
    assert [(tried.words, tried.kinds) for tried in found.verified] == [(("other", "c"), ("another chip", "three"))]


def test_a_suggested_command_has_the_steps_that_were_asked_for(neuedge: Neuedge, tmp_path: Path) -> None:
    wide = written(tmp_path / "wide.nir", integrators(8))
    answer = neuedge("check", wide, "--target", "truenorth,loihi1", "--dt", 1, "--steps", 7, "--suggest", "--json")
    first, second = answer.json
    assert all(words[words.index("--steps") + 1] == "7" for words in commands(first))
    assert second["inference"]["steps"] == 7


def test_no_more_is_tried_than_the_budget_allows(plan: Plan) -> None:
    many = [ladder(f"k{n}", f"w{n}") for n in range(100)]
    found, asked = run(set(), {"FIT010": many}, plan, {})
    assert len(asked) == MOST
    assert found.stopped
    assert found.untried == tuple(f"k{n}" for n in range(MOST, 100))


def test_passes_over_many_synapses_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 million synapses: a plain try costs 6 of 40 units of work, one with a pass more than all of them."""
    many = Counts(2, 1, 4000, 20_000_000, 20_000_000)
    monkeypatch.setattr("neuedge_nir.across.search.counts", lambda _: many)
    net = row(("in", inputs(2)), ("fc", linear(np.ones((2, 2)))), ("x", lif(2)), ("out", outputs(2)))
    told: list[Event] = []
    heavy = Family("pruned", (Change({"x": "p"}, ("prune:synapses=9",)),))
    others = [ladder(f"k{n}", f"w{n}") for n in range(9)]
    found = search(refusal(), net, lambda *_: [heavy, *others], spelled, lambda _: refusal(), (), told.append)
    assert [tried.kinds for tried in found.vain] == [(f"k{n}",) for n in range(6)]
    assert found.untried[0] == "pruned"
    assert told[0] == Progress("trying k0", 1, MOST)


def test_what_a_pass_lacks_is_told_where_it_was_in_vain() -> None:
    lacks = UsageError("USE026", "the pass needs the length of a timestep", hint="give --dt")
    found = Found((), (Tried(("check", "m.nir"), ("a constant leak",), True, lacks),), False)
    told = suggestions_json(found, lambda _: None)
    assert "      USE026: the pass needs the length of a timestep; give --dt" in suggestion_lines(told)


def test_every_code_with_changes_is_one_of_fitting() -> None:
    assert all(code.startswith("FIT0") for code in MAKERS)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the files of others are not here")
@pytest.mark.parametrize(
    ("name", "target", "due"),
    [
        ("cnn_sinabs", "truenorth", ("FIT010", "node '5'", "input_axons", 320)),
        ("nirviz_srnn", "truenorth", ("FIT002", "node 'cu1'", "neurons that leak exponentially", 2)),
        ("nirtorch_feedback_graph", "loihi1", ("FIT005", "node 'feedback_ir'", "neurons that send potentials", 3)),
        ("nirtorch_feedback_graph", "loihi2", ("FIT007", "node 'feedback_ir'", "steps", 1)),
    ],
)
def test_strangers_that_do_not_fit_are_told_by_how_much(
    neuedge: Neuedge, name: str, target: str, due: tuple[str, str, str, int]
) -> None:
    answer = neuedge("check", SHARED / f"{name}.nir", "--target", target, "--json")
    last = answer.json["diagnostics"][-1]
    assert answer.status == 4
    assert (last["code"], last["node"], last["resource"], last["excess"]) == due
    assert f"; {due[2]}: {due[3]}" in answer.complaint


def test_a_leak_that_a_pass_made_is_left_out_again(neuedge: Neuedge, tmp_path: Path) -> None:
    leaky = written(tmp_path / "leaky.nir", lif(8, tau=np.full(8, 1.0)), 10)
    words = ("check", leaky, "--target", "loihi1", "--dt", 0.1, "--pass", "approximate-leak", "--suggest", "--json")
    answer = neuedge(*words)
    last = answer.json["diagnostics"][-1]
    assert (last["code"], last["node"], last["excess"]) == ("FIT051", "node 'hidden'", 8)
    first = commands(answer.json)[0]
    assert "approximate-leak" not in first
    assert neuedge(*first[1:]).status == 0


def test_where_there_is_nothing_to_map_no_change_is_made_up(neuedge: Neuedge, tmp_path: Path) -> None:
    bare = model(tmp_path / "bare.nir", 4, ("fc", linear(np.ones((3, 4)))), last=3)
    answer = neuedge("check", bare, "--target", "loihi1,loihi2", "--dt", 1, "--suggest")
    assert answer.status == 4
    assert answer.out.count("Nothing is known that might make it fit, so nothing was tried.") == 2
    assert "neurons to map: 1 too few" in answer.err
