"""What tools that watch over a repository are told: SARIF 2.1.0 and workflow commands of GitHub."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuedge_nir.codes import explanations
from neuedge_nir.report.findings import Finding, commands_of, sarif_of, uri_of
from tests.conftest import Neuedge, Refused
from tests.nirfile import chain, inputs, lif, linear, outputs, tiny, write_nir
from tests.sampling import examples

COMMAND = re.compile(r"::(error|warning|notice) file=([^,:]*),title=([^,:]*)::(.*)")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of which the reset and the timestep are assumed, with neurons that no TrueNorth has."""
    return tiny(tmp_path)


def run_of(path: Path) -> dict[str, Any]:
    log = json.loads(path.read_text(encoding="utf-8"))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert rules[result["ruleIndex"]]["help"]["text"] == explanations()[result["ruleId"]]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
    return dict(run)


def told(run: dict[str, Any]) -> set[tuple[str, str]]:
    return {(result["level"], result["ruleId"]) for result in run["results"]}


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("compile", "--target", "loihi2"), 0, None),
        (("compile", "--target", "truenorth"), 4, "FIT002"),
        (("check", "--target", "loihi2"), 0, None),
        (("check", "--target", "truenorth"), 4, "FIT002"),
        (("compile", "--target", "loihi9"), 2, "PLUG001"),
        (("compile", "--target", "loihi2", "--strict", "--dt", "1e-3", "--limits", "nodes=1"), 3, "FILE010"),
    ],
    ids=str,
)
def test_the_exit_status_stays_and_the_log_tells_why(
    neuedge: Neuedge, model: Path, tmp_path: Path, words: tuple[str, ...], status: int, error: str | None
) -> None:
    log = tmp_path / "log.sarif"
    command, *options = words
    plain = neuedge(command, model, *options)
    answer = neuedge(command, model, *options, "--sarif", log)
    assert (answer.status, answer.out, answer.err) == (plain.status, plain.out, plain.err)
    run = run_of(log)
    assert run["invocations"] == [{"executionSuccessful": status == 0, "exitCode": status}]
    errors = [code for level, code in told(run) if level == "error"]
    assert (answer.status, len(errors)) == (status, error is not None)
    assert all(f"error[{code}]" in plain.err for code in errors)
    for place in (result["locations"][0]["physicalLocation"]["artifactLocation"] for result in run["results"]):
        assert place["uri"] == model.as_uri()


def test_remarks_name_their_node(neuedge: Neuedge, tmp_path: Path) -> None:
    leaky = lif(3, tau=np.full(3, 5.0), r=np.full(3, 5.0))
    nodes = chain(("in", inputs(2)), ("fc", linear(np.ones((3, 2)))), ("leaky", leaky), ("out", outputs(3)))
    path = write_nir(tmp_path / "leaky.nir", *nodes)
    neuedge("check", path, "--target", "loihi2", "--sarif", tmp_path / "log.sarif")
    run = run_of(tmp_path / "log.sarif")
    named = [place for result in run["results"] for place in result["locations"][0].get("logicalLocations", [])]
    assert {"name": "leaky", "kind": "object"} in named


def test_a_chip_that_refuses_is_a_warning_where_another_takes_the_model(
    neuedge: Neuedge, model: Path, tmp_path: Path
) -> None:
    answer = neuedge("check", model, "--target", "truenorth,loihi2", "--sarif", tmp_path / "log.sarif")
    run = run_of(tmp_path / "log.sarif")
    assert answer.status == 0
    assert ("warning", "FIT002") in told(run)
    (text,) = [r["message"]["text"] for r in run["results"] if r["ruleId"] == "FIT002"]
    assert text.startswith("truenorth: ")


def test_github_is_told_on_stdout_behind_the_report(
    neuedge: Neuedge, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    plain = neuedge("check", model.name, "--target", "truenorth")
    answer = neuedge("check", model.name, "--target", "truenorth", "--format", "github")
    assert answer.status == plain.status == 4
    assert answer.out.startswith(plain.out)
    lines = answer.out.removeprefix(plain.out).splitlines()
    found = [COMMAND.fullmatch(line) for line in lines]
    assert all(match and match[2] == model.name for match in found)
    assert [(match[1], match[3]) for match in found if match][-1] == ("error", "FIT002")
    assert "assumption" not in answer.err  # said once
    assert answer.err in plain.err


def test_a_refusal_is_told_before_the_command_ends(neuedge: Neuedge, model: Path) -> None:
    answer = neuedge("compile", model, "--target", "truenorth", "--format", "github")
    assert answer.status == 4
    assert answer.out.splitlines()[-1].startswith("::error file=")
    assert "error[FIT002]" in answer.err


def test_json_and_commands_are_not_mixed(refused: Refused, model: Path) -> None:
    for command in ("check", "compile"):
        words = (command, model, "--target", "loihi2", "--json", "--format", "github")
        assert refused(*words) == (2, "USE104")


@pytest.mark.parametrize("output", ["folder", "/dev/null", "missing/log", "-"])
def test_a_log_goes_into_a_file(refused: Refused, model: Path, tmp_path: Path, output: str) -> None:
    (tmp_path / "folder").mkdir()
    for command in ("check", "compile"):
        assert refused(command, model, "--target", "loihi2", "--sarif", output) == (2, "USE006")
        assert refused(command, model, "--target", "loihi2", "--sarif", model) == (2, "USE006")


@settings(deadline=None, max_examples=examples(50))
@given(st.text(), st.text(), st.text(min_size=1), st.sampled_from(["error", "warning", "note"]))
def test_whatever_names_say_a_finding_is_one_command(message: str, where: str, file: str, level: str) -> None:
    (line,) = commands_of([Finding(level, "FIT010", where, message)], file).splitlines()
    match = COMMAND.fullmatch(line)
    assert match
    assert line.isprintable()
    assert "%" not in re.sub(r"%(25|3A|2C)", "", line)


@settings(deadline=None, max_examples=examples(50))  # the first reads all explanations
@given(st.text(), st.text())
def test_whatever_names_say_a_log_is_json_and_has_no_link(message: str, where: str) -> None:
    content = sarif_of([Finding("note", "FIT010", where or None, f"[{message}](x)", where)], "a b.nir", 0)
    log = json.loads(content)
    (result,) = log["runs"][0]["results"]
    assert not re.search(r"(?<!\\)\](?=\()", result["message"]["text"])
    assert log["runs"][0]["artifacts"] == [{"location": {"uri": "a%20b.nir"}}]


def test_equal_remarks_about_several_nodes_are_one_command_and_each_a_result() -> None:
    findings = [Finding("note", "NIR004", f"lif{n}", "taken as gain") for n in range(5)]
    assert commands_of(findings, "m.nir") == (
        "::notice file=m.nir,title=NIR004::lif0, lif1, lif2 and 2 more: taken as gain\n"
    )
    results = json.loads(sarif_of(findings, "m.nir", 0))["runs"][0]["results"]
    assert len({result["partialFingerprints"]["neuedgeNir/v1"] for result in results}) == 5


def test_a_path_is_a_uri_whatever_is_in_it() -> None:
    assert uri_of("models/a.nir") == "models/a.nir"
    assert uri_of("c:d.nir") == "./c%3Ad.nir"
    assert uri_of("ä #1?.nir") == "%C3%A4%20%231%3F.nir"
    assert uri_of("/x y.nir") == "file:///x%20y.nir"


def test_the_commands_of_the_workflow_in_the_docs_work(
    neuedge: Neuedge, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.nir").write_bytes(digits.read_bytes())
    text = (Path(__file__).parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")
    commands = re.findall(r"^ +(?:run: )?neuedge-nir (.*)$", text, flags=re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["check", "compile", "verify", "report"]
    for command in commands:
        assert neuedge(*command.split()).status == 0
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"model.nir", "check.sarif", "plan.json", "layers.csv", "report.html"}
