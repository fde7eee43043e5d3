"""`report` and the text report: ten lines first, then layer by layer; tables for spreadsheets; what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from neuedge_nir.cli.shared import print_tables
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import encode, read
from neuedge_nir.report.figures import figures_of
from neuedge_nir.report.headline import headline_of
from neuedge_nir.report.per_layer import layers_of
from neuedge_nir.report.plan_text import plan_report
from neuedge_nir.report.spreadsheet import csv_of
from tests.conftest import CHIPS, Compiled, Neuedge, Refused, everything_in
from tests.plan_zoo import plan_of


@pytest.mark.parametrize("chip", CHIPS)
def test_the_report_of_a_plan_is_what_compile_printed(
    neuedge: Neuedge, digits: Path, compiled: dict[str, Compiled], chip: str
) -> None:
    plan = compiled[chip].plan
    answer = neuedge("report", plan)
    assert (answer.status, answer.out) == (0, neuedge("compile", digits, "--target", chip).out)
    told, known = neuedge("report", plan, "--json").json, compiled[chip].answer.json
    assert told == {key: value for key, value in known.items() if key != "passes"}


SMALL = ("loihi1 copies", "loihi2 samples", "spinnaker1 slow", "toy torus", "toy synapse cores")
"""Plans of many kinds that take no second."""


@pytest.mark.parametrize("name", SMALL)
def test_ten_lines_say_what_matters_first(name: str) -> None:
    plan, _ = plan_of(name)
    found = headline_of(plan, figures_of(plan))
    assert len(found.lines) <= 10
    names = [name for name, _ in found.lines]
    assert names[:4] == ["binds", "cores", "energy", "time"]
    assert ("inference" in names) is (plan.cost.inference is not None)
    assert f"{plan.mapping.cores_used:,} core" in found.title
    assert found.proved is (plan.outcome == "optimal")


@pytest.mark.parametrize("name", SMALL)
def test_layers_hold_all_neurons_and_what_their_fullest_core_uses(name: str) -> None:
    plan, _ = plan_of(name)
    layers = {layer.name: layer for layer in layers_of(plan)}
    assert [*layers] == [p.name for p in plan.populations if p.model != "Output"]
    for layer in layers.values():
        assert layer.neurons == math.prod(layer.shape)
        cores = [core for core in plan.cores if any(piece.population == layer.name for piece in core.slices)]
        assert layer.cores == len(cores)
        for limit in plan.chip.limits:
            if limit.name in layer.shares and limit.scope == "core" and plan.options.time_scale == 1:
                assert layer.shares[limit.name] == max(core.used[limit.name] for core in cores) / limit.limit.typical
    sent = sum(layer.messages for layer in layers.values())
    assert sent == pytest.approx(plan.cost.traffic.deliveries_per_step)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(plan: Plan, stream: io.StringIO) -> str:
    print_tables(plan_report(plan), stream)
    return stream.getvalue()


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    plan, _ = plan_of("loihi2 onchip")
    green = "\x1b[32m" if plan.outcome == "optimal" else "\x1b[33m"
    assert "\x1b" not in printed(plan, io.StringIO())
    assert green in printed(plan, Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed(plan, Terminal())


# --- tables for spreadsheets


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_table_has_a_line_for_each_layer_of_each_plan(
    neuedge: Neuedge, digits: Path, compiled: dict[str, Compiled], tmp_path: Path
) -> None:
    both = [compiled["loihi2"].plan, compiled["truenorth"].plan]
    assert neuedge("report", *both, "--csv", tmp_path / "both.csv").status == 0
    rows = rows_of((tmp_path / "both.csv").read_bytes())
    assert [(row["plan"], row["layer"]) for row in rows] == [
        (chip, layer) for chip in ("loihi2", "truenorth") for layer in ("input_1", "if1", "if2")
    ]
    assert [row["neurons"] for row in rows[:3]] == ["64", "96", "10"]
    assert rows[1]["share_of_neuron_groups"] == rows[1]["share"] == "0.25"
    assert rows[4]["share_of_neuron_groups"] == ""
    assert neuedge("compile", digits, "--target", "loihi2", "--csv", tmp_path / "one.csv").status == 0
    one = rows_of((tmp_path / "one.csv").read_bytes())
    assert [list(row.values())[2:16] for row in one] == [list(row.values())[2:16] for row in rows[:3]]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", '=cmd|"/c calc"!A1'])
def test_no_name_is_a_formula(name: str) -> None:
    plan, _ = plan_of("loihi2 onchip")
    renamed = tuple(replace(p, name=name) if p.name == "lif" else p for p in plan.populations)
    cores = tuple(
        replace(c, slices=tuple(replace(s, population=name) if s.population == "lif" else s for s in c.slices))
        for c in plan.cores
    )
    rates = {name if key == "lif" else key: rate for key, rate in plan.activity.rates.items()}
    other = replace(plan, populations=renamed, cores=cores, activity=replace(plan.activity, rates=rates))
    assert f"'{name}" in {row["layer"] for row in rows_of(csv_of([("=label", other)]))}
    assert {row["plan"] for row in rows_of(csv_of([("=label", other)]))} == {"'=label"}


# --- what is refused


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def another_version(content: bytes) -> bytes:
    return content.replace(b'"schema":"neuedge-nir/plan/1"', b'"schema":"neuedge-nir/plan/2"')


def much_newer(_: bytes) -> bytes:
    return json.dumps({"schema": "neuedge-nir/plan/7", "parts": []}).encode()


def damaged(content: bytes) -> bytes:
    plan = msgspec.json.decode(content, type=Plan)
    return encode(replace(plan, cores=plan.cores[:-1] or plan.cores[1:]))


@pytest.mark.parametrize(
    ("damage", "refusal"),
    [
        (cut, (3, "PLAN281")),
        (another_version, (3, "PLAN280")),
        (much_newer, (3, "PLAN280")),
        (lambda _: b"{}\n", (3, "PLAN001")),
        (damaged, (6, "PLAN106")),
    ],
    ids=["cut", "version", "newer", "other", "damaged"],
)
@pytest.mark.parametrize("place", [0, 1])
def test_one_broken_plan_of_several_stops_all_before_anything_is_written(
    refused: Refused,
    compiled: dict[str, Compiled],
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    refusal: tuple[int, str],
    place: int,
) -> None:
    good = compiled["truenorth"].plan
    (tmp_path / "bad.json").write_bytes(damage(compiled["loihi2"].plan.read_bytes()))
    plans = [good, good.with_name("spinnaker1.json")]
    plans[place] = Path("bad.json")
    assert refused("report", *plans, "-o", "report.html", "--csv", "layers.csv") == refusal


def test_the_plan_that_is_refused_is_named(neuedge: Neuedge, compiled: dict[str, Compiled], tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(damaged(compiled["loihi2"].plan.read_bytes()))
    assert "bad.json: " in neuedge("report", compiled["truenorth"].plan, tmp_path / "bad.json").complaint


@pytest.mark.parametrize("option", ["-o", "--csv"])
@pytest.mark.parametrize("output", ["folder", "/dev/null", "missing/report", "-", ""])
def test_a_report_goes_into_a_file(
    refused: Refused, compiled: dict[str, Compiled], tmp_path: Path, option: str, output: str
) -> None:
    (tmp_path / "folder").mkdir()
    assert refused("report", compiled["loihi2"].plan, option, output) == (2, "USE006")


def test_a_report_replaces_no_plan_and_no_other_result(
    refused: Refused, digits: Path, compiled: dict[str, Compiled], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_bytes(compiled["loihi2"].plan.read_bytes())
    assert refused("report", plan, "-o", plan) == (2, "USE006")
    assert refused("report", plan, "-o", "a", "--csv", "./a") == (2, "USE103")
    assert refused("report", plan, compiled["truenorth"].plan, "./plan.json") == (2, "USE105")
    words = ("compile", digits, "--target", "loihi2")
    for pair in (("-o", "--csv"), ("-o", "--sarif"), ("--csv", "--sarif")):
        assert refused(*words, pair[0], "a", pair[1], "a") == (2, "USE103")
    assert refused(*words, "--csv", digits) == (2, "USE006")
    assert everything_in(tmp_path) == {plan: plan.read_bytes()}
    assert read(plan)
