"""`diff`: what a change costs, in plans and in reports."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.report.diff_figures import differences
from tests.conftest import Neuedge, Refused


@dataclass(frozen=True)
class Told:
    """A figure as a plan or a report has it."""

    title: str
    unit: str
    low: float | None
    typical: float | None
    high: float | None
    assumed: bool


def made(span: list[float] | None, assumed: bool) -> Told:
    low, typical, high = span or (None, None, None)
    return Told("t", "J", low, typical, high, assumed)


ends = st.tuples(*[st.floats(0, 1e3)] * 3).map(sorted)
figures = st.dictionaries(
    st.sampled_from("abcd"),
    st.builds(made, ends | st.none(), st.booleans()),
)


@given(figures, figures)
def test_a_figure_is_told_exactly_where_it_differs(old: dict[str, Told], new: dict[str, Told]) -> None:
    told = {each.path: each for each in differences(old, new)}
    for path in {*old, *new}:
        a, b = (of[path].typical if path in of else None for of in (old, new))
        known = [(each.low, each.typical, each.high) if each and each.low is not None else None
                 for each in (old.get(path), new.get(path))]  # fmt: skip
        assert (path in told) is (known[0] != known[1])
        if path in told and a is not None and b is not None:
            shared = max(old[path].low or 0, new[path].low or 0) <= min(old[path].high or 0, new[path].high or 0)
            assert told[path].disjoint is not shared
            assert told[path].assumed == (old[path].assumed, new[path].assumed)
            assert told[path].change == (pytest.approx(b / a - 1) if a else None)


@pytest.fixture(scope="module")
def pair(neuedge: Neuedge, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two plans, and their reports."""
    folder = tmp_path_factory.mktemp("pair")
    for name, words in (("old", ()), ("new", ("--tiles", "if1=/2", "--activity", 0.02))):
        answer = neuedge("compile", digits, "--target", "loihi2", *words, "-o", folder / f"{name}.json", "--json")
        (folder / f"{name}_report.json").write_text(answer.out)
    return {path.stem: path for path in folder.iterdir()}


def test_plans_and_reports_cost_the_same(neuedge: Neuedge, pair: dict[str, Path]) -> None:
    plans = neuedge("diff", pair["old"], pair["new"], "--json")
    assert plans.status == 1
    dynamic = next(each for each in plans.json["figures"] if each["path"] == "energy.dynamic")
    assert dynamic["change"] < 0
    assert dynamic["old"]["typical"] > dynamic["new"]["typical"]
    for old in ("old", "old_report"):
        for new in ("new", "new_report"):
            answer = neuedge("diff", pair[old], pair[new], "--json")
            paths = {each["path"]: each for each in answer.json["figures"]}
            assert paths["energy.dynamic"] == dynamic
            assert paths == {each["path"]: each for each in plans.json["figures"]}
    shown = neuedge("diff", pair["old"], pair["new"]).out
    assert "What it costs" in shown
    assert dynamic["assumed"] == {"old": True, "new": True}
    assert re.search(r"energy\.dynamic +\S+ nJ\*", shown)
    reports = neuedge("diff", pair["old_report"], pair["new_report"], "--json").json
    assert {"kind": "activity", "name": "kind", "old": "assumed", "new": "given"} in reports["values"]
    assert "disjoint" in shown or "overlap" in shown


def test_a_report_differs_in_nothing_from_its_plan(neuedge: Neuedge, pair: dict[str, Path]) -> None:
    answer = neuedge("diff", pair["new"], pair["new_report"], "--json")
    assert answer.status == 0
    assert (answer.json["mapping"], answer.json["values"], answer.json["figures"]) == ([], [], [])


def test_reports_tell_what_moved(neuedge: Neuedge, digits: Path, tmp_path: Path, pair: dict[str, Path]) -> None:
    (tmp_path / "there.toml").write_text(
        'schema = 1\n[[pin]]\npopulation = "if1"\ncores = [{ router = [3, 2], slot = 0 }]\n'
    )
    words = ("compile", digits, "--target", "loihi2", "--constraints", tmp_path / "there.toml", "--json")
    moved = neuedge(*words)
    assert moved.status == 0
    (tmp_path / "moved.json").write_text(moved.out)
    told = neuedge("diff", pair["old_report"], tmp_path / "moved.json", "--json")
    assert told.status == 1
    assert "if1" in {each["name"] for each in told.json["mapping"] if each["kind"] == "moved"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("[]", "PLAN001"),
        ('{"schema": "neuedge-nir/report/1", "figures": null}', "USE115"),
        ('{"schema": "neuedge-nir/report/1", "figures": {"a": 1}}', "USE115"),
        ('[{"schema": "neuedge-nir/report/1"}]', "USE115"),
        ("[" * 100_000, "PLAN001"),
    ],
)
def test_what_is_neither_is_refused(
    refused: Refused, tmp_path: Path, pair: dict[str, Path], content: str, code: str
) -> None:
    (tmp_path / "other.json").write_text(content)
    assert refused("diff", pair["old"], "other.json") == (3, code)


def test_a_report_that_was_cut_is_refused(refused: Refused, tmp_path: Path, pair: dict[str, Path]) -> None:
    told = json.loads(pair["old_report"].read_text())
    del told["cores"]
    (tmp_path / "cut.json").write_text(json.dumps(told))
    assert refused("diff", "cut.json", pair["old"]) == (3, "USE115")
