"""`explain PLAN.json:PATH`: what a number of a plan rests on, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuedge_nir.plan.store import encode
from neuedge_nir.report.figures import figures_of
from tests.conftest import Neuedge
from tests.plan_zoo import plan_of

PLAN = "loihi1 relays"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explained") / "a:b.json"
    path.write_bytes(encode(plan_of(PLAN)[0]))
    return path


def test_a_figure_is_told_with_formula_inputs_sources_and_how_sure_they_are(neuedge: Neuedge, plan: Path) -> None:
    answer = neuedge("explain", f"{plan}:energy.dynamic")
    assert answer.status == 0
    for word in ("span(davies2018, sanafe, frady2020)", "disagree", "A2", "SANA-FE", "Davies", "assumed", "*"):
        assert word in answer.out, word


def test_programs_read_the_same(neuedge: Neuedge, plan: Path) -> None:
    told = json.loads(neuedge("explain", f"{plan}:energy.dynamic", "--json").out)
    figure, known = told["figures"]["energy.dynamic"], figures_of(plan_of(PLAN)[0])["energy.dynamic"]
    assert (figure["low"], figure["typical"], figure["high"]) == (known.low, known.typical, known.high)
    assert figure["formula"] == known.formula
    names = {given["name"] for given in figure["rests_on"]}
    assert {"synaptic_event_j", "hop_j", "rate.1", "count"} <= names
    assert all(given["source"] and given["confidence"] for given in figure["rests_on"])
    assert all("path" not in given for given in figure["rests_on"])


def test_without_a_path_all_are_listed_and_a_path_above_lists_those_below(neuedge: Neuedge, plan: Path) -> None:
    every = json.loads(neuedge("explain", str(plan), "--json").out)["figures"]
    assert list(every) == list(figures_of(plan_of(PLAN)[0]))
    some = json.loads(neuedge("explain", f"{plan}:utilisation", "--json").out)["figures"]
    assert list(some) == [path for path in every if path.startswith("utilisation.")]
    assert "utilisation.neurons" in neuedge("explain", f"{plan}:utilisation").out


def test_a_core_and_a_link_have_figures_of_their_own(neuedge: Neuedge, plan: Path) -> None:
    core = json.loads(neuedge("explain", f"{plan}:cores.1", "--json").out)["figures"]
    assert {"cores.1.energy", "cores.1.time", "cores.1.used.synapse_memory"} <= set(core)
    assert "error[USE101]" in neuedge("explain", f"{plan}:cores.99.energy").err
    assert "error[USE101]" in neuedge("explain", f"{plan}:links.(70,1)-(71,1)").err


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [("energy.dynamo", "USE100", "'energy.dynamic'"), ("nothing at all", "USE100", "lists all paths")],
)
def test_an_unknown_path_names_the_nearest(neuedge: Neuedge, plan: Path, path: str, code: str, words: str) -> None:
    answer = neuedge("explain", f"{plan}:{path}")
    assert answer.status == 2
    assert f"error[{code}]" in answer.err
    assert words in answer.err


def test_what_is_no_plan_is_refused(neuedge: Neuedge, plan: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.json"
    cut.write_bytes(plan.read_bytes()[:-100])
    old = tmp_path / "old.json"
    old.write_bytes(plan.read_bytes().replace(b"neuedge-nir/plan/2", b"neuedge-nir/plan/1"))
    for path in (cut, old, tmp_path / "none.json"):
        answer = neuedge("explain", f"{path}:energy.dynamic")
        assert (answer.status, "error[PLAN" in answer.err) == (3, True), path


def test_json_is_of_figures(neuedge: Neuedge) -> None:
    assert "error[USE102]" in neuedge("explain", "FIT010", "--json").err
