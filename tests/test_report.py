"""`report` and the text report: ten lines first, then layer by layer; tables for spreadsheets; what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from neuedge_nir.cli.shared import print_tables
from neuedge_nir.plan.model import Plan, PlanCore
from neuedge_nir.plan.store import encode, read
from neuedge_nir.report.contract import report_of
from neuedge_nir.report.core_use import binding
from neuedge_nir.report.figures import figures_of
from neuedge_nir.report.headline import headline_of, told
from neuedge_nir.report.page.view import view_of
from neuedge_nir.report.per_layer import layers_of
from neuedge_nir.report.plan_text import plan_report
from neuedge_nir.report.spreadsheet import csv_of
from neuedge_nir.report.use import layer_uses
from tests.conftest import CHIPS, Compiled, Neuedge, Refused, everything_in
from tests.plan_zoo import plan_of
from tests.worlds import limit as made


@pytest.mark.parametrize("chip", CHIPS)
def test_the_report_of_a_plan_is_what_compile_printed(
    neuedge: Neuedge, digits: Path, compiled: dict[str, Compiled], chip: str
) -> None:
    plan = compiled[chip].plan
    answer = neuedge("report", plan)
    assert (answer.status, answer.out) == (0, neuedge("compile", digits, "--target", chip).out)
    again, known = neuedge("report", plan, "--json").json, compiled[chip].answer.json
    assert again == {key: value for key, value in known.items() if key != "passes"}


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
        *((chip, layer) for chip in ("loihi2", "truenorth") for layer in ("input_1", "if1", "if2")),
        ("truenorth", "(of no layer)"),
    ]
    assert [row["neurons"] for row in rows[:3]] == ["64", "96", "10"]
    assert rows[1]["share_of_neuron_groups"] == rows[1]["share"] == "0.25"
    assert rows[4]["share_of_neuron_groups"] == ""
    assert neuedge("compile", digits, "--target", "loihi2", "--csv", tmp_path / "one.csv").status == 0
    one = rows_of((tmp_path / "one.csv").read_bytes())
    assert [list(row.values())[2:16] for row in one] == [list(row.values())[2:16] for row in rows[:3]]


@pytest.mark.parametrize("name", ["loihi1 relays", "spinnaker2 copies", "truenorth splitters", "spinnaker1 slow"])
def test_energies_of_layers_add_up_in_every_form(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what other copies take and what no layer has: table for spreadsheets, JSON, text, page."""
    plan, _ = plan_of(name)
    whole = plan.cost.dynamic_j_per_step.typical
    rows = rows_of(csv_of([("plan", plan)]))
    assert sum(float(row["energy_typical_j_per_step"] or 0) for row in rows) == pytest.approx(whole, rel=1e-7, abs=0)
    found: Any = report_of(plan)
    energy = found["energy"]
    rest = [energy["of_no_layer_j_per_step"], energy["other_copies_j_per_step"] or {"typical": 0.0}]
    parts = [layer["energy_j"] for layer in found["layers"]] + rest
    assert sum(part["typical"] for part in parts) == pytest.approx(whole, rel=1e-7, abs=0)
    said = told(figures_of(plan)["energy.dynamic"], span=False)
    print_tables(plan_report(plan))
    assert re.search(rf"^ *\(all\)\s+(energy: )?{re.escape(said)} *$", capsys.readouterr().out, re.MULTILINE)
    assert f"add up to {said}." in view_of("plan", plan).beside


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
    return content.replace(b'"schema":"neuedge-nir/plan/2"', b'"schema":"neuedge-nir/plan/3"')


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


@pytest.mark.parametrize(("option", "output"), [("-o", "page.pdf"), ("-o", "model.nir"), ("--csv", "layers.html")])
def test_a_file_is_named_by_what_is_in_it(
    refused: Refused, compiled: dict[str, Compiled], tmp_path: Path, option: str, output: str
) -> None:
    (tmp_path / output).write_bytes(b"mine")
    assert refused("report", compiled["loihi2"].plan, option, output) == (2, "USE130")
    assert (tmp_path / output).read_bytes() == b"mine"


Change = Callable[[Plan], Plan]


def shaped(plan: Plan, *shape: int) -> Plan:
    return replace(plan, populations=(replace(plan.populations[0], shape=shape), *plan.populations[1:]))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda plan: replace(plan, counts=replace(plan.counts, neurons=1_000_000)), "PLAN104"),
        (lambda plan: replace(plan, counts=replace(plan.counts, populations=-1)), "PLAN104"),
        (lambda plan: replace(plan, counts=replace(plan.counts, synapses=-5)), "PLAN104"),
        (lambda plan: replace(plan, mapping=replace(plan.mapping, chips_lower_bound=0)), "PLAN245"),
        (lambda plan: replace(plan, cores=(with_use(plan.cores[0], -1), *plan.cores[1:])), "PLAN112"),
        (lambda plan: shaped(plan, -1), "PLAN102"),
        (lambda plan: replace(plan, cost=replace(plan.cost, synaptic_events_per_step=700.5)), "PLAN270"),
    ],
)
@pytest.mark.parametrize("command", ["report", "explain", "diff"])
def test_no_command_tells_of_a_plan_that_contradicts_itself(
    refused: Refused, compiled: dict[str, Compiled], tmp_path: Path, command: str, change: Change, code: str
) -> None:
    (tmp_path / "lie.json").write_bytes(encode(change(read(compiled["loihi2"].plan))))
    others = [compiled["loihi2"].plan] if command == "diff" else []
    assert refused(command, *others, "lie.json") == (6, code)


def with_use(core: PlanCore, used: int) -> PlanCore:
    return replace(core, used={**core.used, "axon_map": used})


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


def test_a_limit_that_every_core_meets_by_rule_binds_nothing(compiled: dict[str, Compiled]) -> None:
    """One population to a core of SpiNNaker; the table still tells it."""
    layers = [layer for layer in layers_of(read(compiled["spinnaker1"].plan)) if layer.binds is not None]
    assert layers
    assert all(layer.shares["populations"] == 1 for layer in layers)
    assert {layer.binds for layer in layers} == {"neurons"}


def test_a_bit_of_an_index_less_is_half_of_what_it_counts() -> None:
    """And where one population is all that a core is told to hold, that binds."""
    index, neurons, one = made("ring_buffer_bits", 8), made("neurons", 256), made("slices", 1)
    used = {index.name: (7, 8.0), neurons.name: (150, 256.0), one.name: (1, 1.0)}
    assert binding(used, (index, neurons, one)) == (neurons.name, 150 / 256)
    assert binding({**used, neurons.name: (100, 256.0)}, (index, neurons, one)) == (index.name, 7 / 8)
    assert binding({one.name: (1, 1.0)}, (one,)) == (one.name, 1)
    assert binding({}, ()) == (None, None)


@pytest.mark.parametrize("name", [*SMALL, "spinnaker1 tables", "loihi2 two chips"])
def test_there_is_one_count_of_messages(name: str) -> None:
    """What layers send, what cores send and what is on the way are the same messages."""
    plan, _ = plan_of(name)
    whole = plan.cost.traffic.deliveries_per_step
    assert math.fsum(core.messages_out for core in plan.cost.cores) == pytest.approx(whole)
    assert math.fsum(layer.messages for layer in layer_uses(plan)) == pytest.approx(whole)
