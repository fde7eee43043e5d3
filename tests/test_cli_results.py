"""What the command line answers: tables for people, one JSON value for programs, plans that verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuedge_nir import __version__
from neuedge_nir.chip.load import from_dict
from neuedge_nir.cli.main import COMMANDS, main
from neuedge_nir.codes import explanations
from tests.conftest import CHIPS, TOYCHIP, Compiled, Neuedge
from tests.nirfile import chain, inputs, lif, linear, outputs, tiny, write_nir

CONTRACT: dict[str, set[str]] = {
    "schema": set(),
    "outcome": set(),
    "scope": set(),
    "not_checked": set(),
    "model": {"name", "sha256", "populations", "projections", "neurons", "synapses", "stored_weights"},
    "target": {"name", "chips_available", "cores_per_chip"},
    "mapping": {
        *("cores_used", "cores_input", "cores_neurons", "cores_relay_or_copy", "cores_io", "chips_used"),
        *("cores_lower_bound", "bound_scope", "packing_proven", "utilisation"),
    },
    "traffic": {
        *("spikes_per_step", "deliveries_per_step", "unicast_hops_per_step", "tree_hops_per_step", "max_link_load"),
        *("interchip_spikes_per_step", "table_entries_max"),
    },
    "energy": {"dynamic_j_per_step", "static_w"},
    "latency": {"step_s"},
    "inference": set(),
    "activity": {"kind", "spikes_per_neuron_per_step"},
    "diagnostics": set(),
}
"""The keys of a report that programs rely on."""

INTERVAL = {"low", "typical", "high", "basis"}
DIAGNOSTIC = {"code", "severity", "node", "message", "hint"}
UTILISATION = {"cores", "neurons", "synapse_memory", "axons_in"}


def tight(tmp_path: Path, neurons: int, **changes: str) -> Path:
    """The toy chip with other limits, as a file named by its neurons per core."""
    text = TOYCHIP.read_text(encoding="utf-8").replace("value = 50", f"value = {neurons}")
    for old, new in changes.items():
        text = text.replace(old, new)
    path = tmp_path / f"toy{neurons}.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- compile and verify


@pytest.mark.parametrize("chip", CHIPS)
def test_the_report_of_a_plan_keeps_the_contract(compiled: dict[str, Compiled], chip: str) -> None:
    answer = compiled[chip].answer
    report = answer.json
    assert answer.status == 0
    assert report.keys() >= CONTRACT.keys()
    assert {
        key: keys - report[key].keys() for key, keys in CONTRACT.items() if keys and keys - report[key].keys()
    } == {}
    assert report["schema"] == "neuedge-nir/report/1"
    assert report["outcome"] in ("optimal", "feasible")
    assert report["scope"] == ("published limits only" if report["not_checked"] else "all limits")
    assert all(left.keys() == {"name", "why", "source"} for left in report["not_checked"])
    assert report["target"]["name"] == chip
    assert report["activity"] == {"kind": "assumed", "spikes_per_neuron_per_step": pytest.approx(0.1)}
    for interval in (*report["energy"].values(), *report["latency"].values()):
        assert not isinstance(interval, dict) or interval.keys() >= INTERVAL
    assert all(remark.keys() >= DIAGNOSTIC for remark in report["diagnostics"])


@pytest.mark.parametrize("chip", CHIPS)
def test_a_utilisation_is_a_share_or_says_why_there_is_none(compiled: dict[str, Compiled], chip: str) -> None:
    use = compiled[chip].answer.json["mapping"]["utilisation"]
    assert use.keys() == {*UTILISATION, "why"}
    assert all(use[name] is None or 0.0 <= use[name] <= 1.0 for name in UTILISATION)
    assert use["why"].keys() == {name for name in UTILISATION if use[name] is None}


@pytest.mark.parametrize("chip", CHIPS)
def test_a_plan_verifies_with_and_without_its_model(
    neuedge: Neuedge, compiled: dict[str, Compiled], digits: Path, chip: str
) -> None:
    for words in ([], ["--model", digits]):
        answer = neuedge("verify", compiled[chip].plan, *words)
        assert (answer.status, answer.err) == (0, "")
        assert answer.out.startswith("accepted: ")


def test_a_verification_is_told_in_json(neuedge: Neuedge, compiled: dict[str, Compiled], digits: Path) -> None:
    plan = compiled["loihi2"].plan
    alone = {"accepted": True, "model_recounted": False, "outcome": "optimal"}
    assert neuedge("verify", plan, "--json").json == alone
    assert neuedge("verify", plan, "--model", digits, "--target", "loihi2", "--json").json == {
        **alone,
        "model_recounted": True,
    }


def test_the_report_for_people_leads_with_the_verdict(neuedge: Neuedge, digits: Path) -> None:
    answer = neuedge("compile", digits, "--target", "loihi2")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("digits fits Intel Loihi 2")
    assert "\x1b" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 120


def test_a_new_plan_takes_the_place_of_the_old(neuedge: Neuedge, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("the plan before")
    assert neuedge("compile", tiny(tmp_path), "--target", "loihi2", "-o", plan).status == 0
    assert neuedge("verify", plan).status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.json", "tiny.nir"]


def test_the_options_stand_in_the_plan(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    words = "--pass fold-scale --pass drop-dead --activity 0.25 --reset zero --dt 2 --chips 2 --seed 7 --effort quick"
    answer = neuedge("compile", digits, "--target", TOYCHIP, "-o", plan, *words.split(), "--map-inputs", "--json")
    assert answer.status == 0
    assert answer.json["activity"] == {"kind": "given", "spikes_per_neuron_per_step": 0.25}
    assert answer.json["target"]["chips_available"] == 2
    assert answer.json["mapping"]["cores_input"] > 0
    assert json.loads(plan.read_bytes())["options"] == {
        "passes": ["fold-scale", "drop-dead"],
        "chips": 2,
        "constraints": {kind: [] for kind in ("pin", "together", "apart", "forbid", "cap", "reserve", "dead")},
        "copies": None,
        "dt": 2.0,
        "effort": "quick",
        "inputs": "onchip",
        "outputs": "probe",
        "recurrence": "exact",
        "reset": "zero",
        "seed": 7,
        "splitters": "auto",
        "objective": "cores",
        "steps_per_sample": None,
        "tiles": {},
        "time_scale": 1,
    }
    assert neuedge("verify", plan, "--model", digits).status == 0


def test_a_profile_gives_each_population_its_rate(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "profile.npz", if1=np.linspace(0.0, 0.5, 96), input_1=np.float64(0.5))
    answer = neuedge("compile", digits, "--target", TOYCHIP, "--activity", tmp_path / "profile.npz", "--json")
    assert answer.json["activity"]["kind"] == "given"
    assert answer.json["traffic"]["spikes_per_step"] == pytest.approx(0.25 * 96 + 0.1 * 10)


# --- check


def test_one_chip_is_checked_into_one_object(neuedge: Neuedge, digits: Path) -> None:
    answer = neuedge("check", digits, "--target", "loihi2", "--json")
    assert (answer.status, answer.json["outcome"]) == (0, "optimal")
    assert answer.json.keys() >= CONTRACT.keys()


def test_several_chips_are_checked_into_a_list_in_their_order(neuedge: Neuedge, digits: Path) -> None:
    answer = neuedge("check", digits, "--target", ", ".join(CHIPS), "--json")
    assert answer.status == 0
    assert [report["target"]["name"] for report in answer.json] == list(CHIPS)


def test_a_check_answers_people_with_a_row_for_each_chip(neuedge: Neuedge, digits: Path) -> None:
    answer = neuedge("check", digits, "--target", ",".join(CHIPS))
    assert (answer.status, answer.err.count("\n")) == (0, answer.err.count("warning["))
    assert [line.split()[:2] for line in answer.out.splitlines() if "yes" in line] == [[chip, "yes"] for chip in CHIPS]


@pytest.mark.parametrize(
    ("neurons", "status"),
    [([9], 4), ([8, 9], 4), ([9, 50], 0), ([50, 9], 0)],
)
def test_a_check_succeeds_if_any_chip_fits(
    neuedge: Neuedge, digits: Path, tmp_path: Path, neurons: list[int], status: int
) -> None:
    chips = ",".join(str(tight(tmp_path, n)) for n in neurons)
    answer = neuedge("check", digits, "--target", chips)
    assert answer.status == status
    assert answer.err.count("error[FIT015]") == neurons.count(8) + neurons.count(9)
    told = neuedge("check", digits, "--target", chips, "--json")
    assert told.status == status
    assert ("infeasible" in told.out, "optimal" in told.out) == (True, 50 in neurons)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A chip with one entry in its routing table: no plan is found, and none is proved impossible."""
    table = 'table_entries = { value = 1, unit = "entries", source = "ACME", confidence = "A1" }\n'
    return tight(
        tmp_path,
        40,
        **{
            '"xy"': '"multicast"',
            '"mesh"': '"hex"',
            "columns = { value = 2": "columns = { value = 1",
            "rows = { value = 2": f"{table}rows = {{ value = 1",
            "cores_per_router = { value = 1": "cores_per_router = { value = 4",
        },
    )


def test_where_nothing_is_found_and_nothing_proved_the_status_is_5(
    neuedge: Neuedge, digits: Path, tmp_path: Path, crowded: Path
) -> None:
    assert neuedge("compile", digits, "--target", crowded).refusal == (5, "FIT017")
    assert neuedge("check", digits, "--target", crowded).status == 5
    assert neuedge("check", digits, "--target", f"{crowded},{tight(tmp_path, 9)}").status == 5
    told = neuedge("compile", digits, "--target", crowded, "--json")
    assert (told.status, told.json["outcome"]) == (5, "timeout")


@pytest.mark.parametrize("command", ["compile", "check"])
def test_a_refusal_keeps_the_contract_and_says_why(
    neuedge: Neuedge, digits: Path, tmp_path: Path, command: str
) -> None:
    answer = neuedge(command, digits, "--target", tight(tmp_path, 9), "--json")
    report = answer.json
    assert (answer.status, report["outcome"]) == (4, "infeasible")
    assert report.keys() >= CONTRACT.keys()
    assert report["model"].keys() >= CONTRACT["model"]
    assert report["target"].keys() >= CONTRACT["target"]
    assert report["mapping"] is report["traffic"] is report["energy"] is report["latency"] is None
    why: dict[str, Any] = report["diagnostics"][-1]
    assert why.keys() >= DIAGNOSTIC
    assert (why["code"], why["severity"]) == ("FIT015", "error")
    assert (why["resource"], why["needed"], why["available"]) == ("chips", 3, 2)


# --- inspect


def test_a_model_is_shown(neuedge: Neuedge, digits: Path) -> None:
    answer = neuedge("inspect", digits)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("digits: 106 neurons, 7,104 synapses, 7,104 stored weights")


def test_a_model_is_told_in_json(neuedge: Neuedge, digits: Path) -> None:
    told = neuedge("inspect", digits, "--json").json
    assert told["model"]["neurons"] == 106
    assert [(p["name"], p["model"], p["shape"]) for p in told["populations"]] == [
        ("if1", "IF", [96]),
        ("if2", "IF", [10]),
    ]
    assert [p["operators"] for p in told["projections"]] == [["Dense fc1"], ["Dense fc2"], []]
    assert (told["reset"], told["dt"]) == ("zero", 1.0)


def test_what_was_assumed_is_told_on_stderr_and_in_json(neuedge: Neuedge, tmp_path: Path) -> None:
    nodes, edges = chain(("in", inputs(2)), ("fc", linear(np.ones((3, 2)))), ("lif", lif(3)), ("out", outputs(3)))
    model = write_nir(tmp_path / "model.nir", {**nodes, "lif": lif(3, v_threshold=np.float64(1.0))}, edges)
    answer = neuedge("inspect", model, "--json")
    assert answer.status == 0
    assert [remark["code"] for remark in answer.json["diagnostics"]] == ["NIR002", "NIR003", "NIR006"]
    assert "[NIR006]: 'lif': " in answer.err


# --- targets, passes, models, explain


def test_the_chips_are_listed_with_the_package_they_come_from(neuedge: Neuedge) -> None:
    told = neuedge("targets", "--json").json
    assert [entry["name"] for entry in told] == ["isaac", *CHIPS]
    assert {entry["package"] for entry in told} == {f"neuedge-nir {__version__}"}
    shown = neuedge("targets")
    assert (shown.status, shown.err) == (0, "")
    assert all(chip in shown.out for chip in CHIPS)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_chip_is_shown_with_the_source_of_every_number(neuedge: Neuedge, chip: str) -> None:
    shown = neuedge("targets", "show", chip)
    assert (shown.status, shown.err) == (0, "")
    assert "limits[neurons].limit" in "".join(shown.out.split())
    told = from_dict(neuedge("targets", "show", chip, "--json").json)
    assert told.name == chip
    assert all("".join(left.name.split()) in "".join(shown.out.split()) for left in told.not_checked)


def test_a_sound_chip_file_has_no_mistakes(neuedge: Neuedge) -> None:
    assert neuedge("targets", "lint", TOYCHIP).out == "toychip.toml: no mistakes found\n"
    assert neuedge("targets", "lint", TOYCHIP, "--json").json == []
    assert neuedge("targets", "show", TOYCHIP, "--json").json["name"] == "toychip"


def test_the_passes_are_listed_and_say_why_they_are_sound(neuedge: Neuedge) -> None:
    passes = [entry["name"] for entry in neuedge("passes", "--json").json]
    folding = ["fold-gain", "fold-li", "fold-pool", "fold-scale", "merge-linear"]
    pruning = ["prune", "prune-silent", "prune-zero"]
    adapting = ["adaptive-threshold", "approximate-leak", "lower-adaptive"]
    rounding = ["cluster-parameters", "quantise", "split-fan-in"]
    assert passes == sorted(["drop-dead", "hybrid-encoding", *adapting, *folding, *pruning, *rounding])
    assert all(name in neuedge("passes").out for name in passes)
    for name in passes:
        shown = neuedge("passes", "show", name)
        assert (shown.status, shown.err) == (0, "")
        assert shown.out.startswith(f"{name}: ")
        assert "keeps: exact\n" not in shown.out or "Sound" in shown.out


def test_the_models_are_listed(neuedge: Neuedge) -> None:
    ours = ["cifar10", "control", "digits", "fsdd", "mnist", "nmnist", "speech", "tactile"]
    assert [entry["name"] for entry in neuedge("models", "--json").json] == ours
    assert neuedge("models").out == neuedge("models", "list").out
    assert "digits" in neuedge("models").out


def test_a_model_is_exported_as_it_is(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    answer = neuedge("models", "export", "digits", tmp_path / "copy.nir")
    assert (answer.status, answer.out, answer.err) == (0, "", "")
    assert (tmp_path / "copy.nir").read_bytes() == digits.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["copy.nir"]


def test_every_code_is_explained(neuedge: Neuedge) -> None:
    for code, text in explanations().items():
        answer = neuedge("explain", code.lower())
        assert (answer.status, answer.err) == (0, "")
        assert answer.out.split() == [code, *text.split()]


def test_json_may_be_asked_for_before_or_after_an_inner_command(neuedge: Neuedge) -> None:
    for words in (["targets", "show", "loihi2"], ["targets", "lint", TOYCHIP], ["models", "list"]):
        after, before = neuedge(*words, "--json"), neuedge(words[0], "--json", *words[1:])
        assert before.json == after.json


@pytest.mark.parametrize(
    "words", [["--help"], *([command, "--help"] for command in COMMANDS), ["targets", "lint", "-h"]]
)
def test_help_is_a_result(neuedge: Neuedge, words: list[str]) -> None:
    answer = neuedge(*words)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("usage: neuedge-nir")


def test_the_version_is_told(neuedge: Neuedge) -> None:
    assert neuedge("--version").out == f"neuedge-nir {__version__}\n"


def test_without_words_given_those_of_the_process_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["neuedge-nir", "explain", "FIT010"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("FIT010\n")


# --- names from strangers

RED, BOLD, LINES = "\x1b[31mred", "[bold]bold", "two\nlines\rback\x07"


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A model whose names steer a terminal, or mean something to the library that draws the tables."""
    nodes, edges = chain(
        (RED, inputs(2)), (LINES, linear(np.ones((3, 2)))), (BOLD, lif(3)), ("[link=x]out", outputs(3))
    )
    return write_nir(tmp_path / "[red]\x1b[1mmodel.nir", nodes, edges)


@pytest.mark.parametrize(
    "words",
    [["inspect"], ["compile", "--target", "loihi2"], ["check", "--target", "loihi2,truenorth"]],
    ids=lambda words: words[0],
)
def test_names_are_printed_as_they_are_and_steer_nothing(neuedge: Neuedge, stranger: Path, words: list[str]) -> None:
    answer = neuedge(words[0], stranger, *words[1:])
    assert answer.status == 0
    assert all(line.isprintable() for line in (answer.out + answer.err).split("\n"))
    assert "[red]\\x1b[1mmodel" in answer.out or words[0] == "check"
    if words[0] != "check":
        assert "\\x1b[31mred" in answer.out
        assert "[bold]bold" in answer.out


def test_names_in_an_error_steer_nothing(neuedge: Neuedge, stranger: Path) -> None:
    assert "node '[bold]bold'" in neuedge("compile", stranger, "--target", "truenorth").complaint


def test_names_are_whole_in_json(neuedge: Neuedge, stranger: Path) -> None:
    answer = neuedge("inspect", stranger, "--json")
    assert "\x1b" not in answer.out
    assert [port["name"] for port in answer.json["inputs"]] == [RED]
    assert answer.json["projections"][0]["operators"] == [f"Dense {LINES}"]


def test_the_words_of_a_chip_file_are_no_markup(neuedge: Neuedge, tmp_path: Path) -> None:
    chip = tight(tmp_path, 50, **{"Acme toy chip": "[bold red]Acme[/bold red] [/]"})
    assert "[bold red]Acme[/bold red] [/]" in neuedge("targets", "show", chip).out
    assert "fits [bold red]Acme[/bold red] [/]" in neuedge("compile", tiny(tmp_path), "--target", chip).out
