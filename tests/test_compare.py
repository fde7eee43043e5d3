"""`compare`: several chips side by side, whatever becomes of one of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from neuedge_nir import Options, check, compare
from neuedge_nir.across.baseline import baseline_of
from neuedge_nir.cli import comparing
from neuedge_nir.emission.files import with_manifest
from neuedge_nir.emission.folder import write_folder
from neuedge_nir.errors import CapacityError, UsageError
from neuedge_nir.plan.store import encode
from tests.conftest import CHIPS, TOYCHIP, Answer, Golden, Neuedge, Refused, everything_in
from tests.nirfile import chain, inputs, lif, linear, outputs, write_nir
from tests.test_golden import steady

BASELINE = ("--baseline", "cpu:15:0.004:bench of March")
KEYS = {"schema", "outcome", "scope", "model", "target", "mapping", "traffic", "energy", "latency", "activity",
        "diagnostics", "figures", "suggestions", "asked", "compared", "pareto"}  # fmt: skip


@pytest.fixture(scope="module")
def whole(neuedge: Neuedge, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    """All chips, twice at once, with plans."""
    folder = tmp_path_factory.mktemp("compared") / "plans"
    words = ("compare", digits, "--steps-per-sample", 32, *BASELINE, "--jobs", 2, "-o", folder, "--json")
    return neuedge(*words), folder


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 inputs for each neuron: too many for TrueNorth."""
    rng = np.random.default_rng(1)
    layers = ("fc1", linear(rng.normal(size=(40, 300)))), ("hidden", lif(40)), ("fc2", linear(rng.normal(size=(4, 40))))
    nodes, edges = chain(("in", inputs(300)), *layers, ("last", lif(4)), ("out", outputs(4)))
    return write_nir(tmp_path_factory.mktemp("wide") / "wide.nir", nodes, edges)


def test_every_chip_has_an_entry_with_the_keys_of_a_report(whole: tuple[Answer, Path]) -> None:
    answer, _ = whole
    assert answer.status == 0
    *chips, cpu = answer.json
    assert [entry["asked"] for entry in chips] == list(CHIPS)
    for entry in answer.json:
        assert entry.keys() >= KEYS
        assert entry["compared"].keys() == cpu["compared"].keys()
    assert all(entry["compared"]["per"] == "inference" and entry["compared"]["fits"] for entry in chips)
    assert cpu["outcome"] == "baseline"
    assert cpu["compared"]["energy_j"]["typical"] == pytest.approx(0.06)
    assert "bench of March" in cpu["compared"]["energy_j"]["basis"]


def test_the_front_is_marked_and_what_beats_the_others_named(whole: tuple[Answer, Path]) -> None:
    *chips, cpu = whole[0].json
    front = [entry for entry in chips if entry["pareto"]["front"]]
    assert front
    assert cpu["pareto"] is None
    for entry in chips:
        for beaten in entry["pareto"]["dominated_by"]:
            other = next(each for each in chips if each["asked"] == beaten["target"])
            assert all(typical(other, what) < typical(entry, what) for what in beaten["better"])


def typical(entry: dict[str, dict[str, object]], what: str) -> float:
    found = entry["compared"][{"energy": "energy_j", "latency": "latency_s"}.get(what, what)]
    value = found["typical"] if isinstance(found, dict) else found
    assert isinstance(value, float | int)
    return value


def test_the_plans_are_those_of_compile(whole: tuple[Answer, Path], neuedge: Neuedge, digits: Path) -> None:
    _, folder = whole
    assert {path.name for path in folder.iterdir()} == {*(f"{chip}.json" for chip in CHIPS), "manifest.json"}
    own = folder.parent / "own.json"
    assert neuedge("compile", digits, "--target", "loihi1", "--steps-per-sample", 32, "-o", own).status == 0
    assert own.read_bytes() == (folder / "loihi1.json").read_bytes()


def test_the_number_of_processes_changes_no_byte(whole: tuple[Answer, Path], neuedge: Neuedge, digits: Path) -> None:
    again = neuedge("compare", digits, "--steps-per-sample", 32, *BASELINE, "--jobs", 1, "--json")
    assert again.out == whole[0].out


def test_the_comparison_is_as_agreed(
    whole: tuple[Answer, Path], neuedge: Neuedge, digits: Path, golden: Golden
) -> None:
    told = [{key: entry[key] for key in ("asked", "outcome", "compared", "pareto")} for entry in whole[0].json]
    golden("compare.json", json.dumps(steady(told), indent=2, ensure_ascii=False) + "\n")
    shown = neuedge("compare", digits, "--targets", "loihi1,truenorth", *BASELINE)
    golden("compare.txt", "\n".join(line.rstrip() for line in shown.out.splitlines()).rstrip() + "\n")


def test_what_does_not_fit_says_why_and_what_helps(neuedge: Neuedge, wide: Path) -> None:
    words = ("compare", wide, "--targets", f"truenorth,loihi2,{TOYCHIP}", "--effort", "quick", "--dt", 1)
    shown = neuedge(*words, "--json")
    assert shown.status == 0
    refused, fits, toy = shown.json
    last = refused["diagnostics"][-1]
    assert (refused["outcome"], refused["compared"]["fits"], refused["pareto"]) == ("infeasible", False, None)
    assert (last["code"], last["node"], last["excess"]) == ("FIT002", "node 'hidden'", 40)
    assert refused["suggestions"]["verified"]
    assert fits["compared"]["fits"]
    assert toy["asked"] == str(TOYCHIP)
    quiet = neuedge("compare", wide, "--targets", "truenorth", "--dt", 1, "--no-suggest")
    assert "error[FIT0" in quiet.err
    assert "It fits with a change" not in quiet.out


def test_a_chip_that_crashes_hides_no_other(neuedge: Neuedge, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = comparing.success

    def crash(question: comparing.Question, *rest: object) -> object:
        if question.target == "loihi1":
            os.kill(os.getpid(), signal.SIGKILL)
        if question.target == "loihi2":
            raise MemoryError
        if question.target == "truenorth":
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - of a process that ends here
            raise ValueError
        return honest(question, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(comparing, "success", crash)
    answer = neuedge("compare", digits, "--targets", "loihi1,loihi2,truenorth,spinnaker2", "--jobs", 2, "--json")
    assert answer.status == 0
    codes = [entry["diagnostics"][-1]["code"] for entry in answer.json[:3]]
    assert codes == ["FIT087", "FIT088", "FIT087"]
    assert "signal 9" in answer.json[0]["diagnostics"][-1]["message"]
    assert answer.json[3]["compared"]["fits"]
    monkeypatch.setattr(comparing, "success", lambda *_: os._exit(3))
    assert neuedge("compare", digits, "--targets", "loihi2").status == 5


def test_the_accuracy_is_that_of_the_emulation(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    data, targets = tmp_path / "data.npz", "loihi2,truenorth"
    np.savez(data, x=rng.random((12, 6, 64)) < 0.3, y=rng.integers(0, 10, 12))
    answer = neuedge("compare", digits, "--targets", targets, "--data", data, "--baseline", "cpu:20", "--json")
    due = neuedge("simulate", digits, "--data", data, "--as", "loihi2", "--as", "truenorth", "--json").json
    *chips, cpu = answer.json
    for entry, other in zip(chips, due["emulations"], strict=True):
        assert entry["compared"]["accuracy"] == other["accuracy"]
        assert entry["compared"]["same_class"] == other["same_class"]
        assert entry["compared"]["accuracy_as_read"] == due["accuracy"]
    assert "measured here, on this machine" in cpu["compared"]["latency_s"]["basis"]
    assert cpu["compared"]["energy_j"]["typical"] == pytest.approx(20 * cpu["compared"]["latency_s"]["typical"])
    assert "accuracy" in chips[0]["pareto"]["over"]


def test_ctrl_c_leaves_nothing(digits: Path, tmp_path: Path) -> None:
    stall = "c.success = lambda *_: (print('at it', flush=True), time.sleep(60))"
    code = f"import time, neuedge_nir.cli.comparing as c; {stall}; from neuedge_nir.cli.main import entry; entry()"
    words = [sys.executable, "-c", code, "compare", str(digits), "--targets", "loihi2", "-o", str(tmp_path / "plans")]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "at it\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)  # not before every process that holds the pipe is gone
    assert (running.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted"
    assert everything_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--targets", "loihi3"), "USE002"),
        (("--targets", "loihi1,,loihi2"), "USE009"),
        (("--targets", "loihi1,loihi1"), "USE111"),
        (("--targets", "loihi1,./none.toml"), "CHIP002"),
        (("--baseline", "cpu"), "USE112"),
        (("--baseline", ":15:1"), "USE112"),
        (("--baseline", "cpu:-1:1"), "USE112"),
        (("--baseline", "cpu:15:nan"), "USE112"),
        (("--baseline", "cpu:15"), "USE114"),
        (("--over", "energy,speed"), "USE113"),
        (("-o", "taken"), "USE036"),
        (("-o", "file"), "USE006"),
        (("--jobs", "0"), "USE001"),
    ],
)
def test_refusals(refused: Refused, digits: Path, tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").touch()
    (tmp_path / "file").touch()
    assert refused("compare", digits, *words)[1] == code


def test_plans_of_an_earlier_run_are_not_replaced(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "plans", with_manifest({"loihi1.json": b"{}"}))
    answer = neuedge("compare", digits, "--targets", "loihi1", "-o", tmp_path / "plans")
    assert answer.refusal == (2, "USE141")
    assert (tmp_path / "plans" / "loihi1.json").read_bytes() == b"{}"


def test_the_nearest_chip_is_named(neuedge: Neuedge, digits: Path) -> None:
    assert "did you mean 'spinnaker1'" in neuedge("compare", digits, "--targets", "spinaker1").complaint


def test_hostile_names_steer_no_terminal(neuedge: Neuedge, digits: Path) -> None:
    shown = neuedge("compare", digits, "--targets", "loihi2", "--baseline", "\x1b[31m[bold]cpu\n:15:0.1:\x1b]0;x\x07")
    assert shown.status == 0
    assert all(c.isprintable() or c == "\n" for c in shown.out)
    assert "[bold]cpu" in shown.out


def test_a_baseline_may_have_a_source_with_colons() -> None:
    assert baseline_of("gpu:70:1e-3:https://example.org/a").source == "https://example.org/a"
    with pytest.raises(UsageError) as wrong:
        baseline_of("gpu:70:1e400")
    assert wrong.value.code == "USE112"


def test_python_compares_in_its_own_process_with_the_plans_of_the_command(neuedge: Neuedge, wide: Path) -> None:
    options = Options(effort="none", dt=1e-4)
    found = compare(wide, ["loihi1", "truenorth", "loihi2"], options)
    assert (found[1].target, found[1].plan, found[1].front) == ("truenorth", None, False)
    assert isinstance(found[1].error, CapacityError)
    words = ("compare", wide, "--targets", "loihi1,truenorth,loihi2", "--effort", "quick", "--dt", 1e-4, "--no-suggest")
    answer = neuedge(*words, "--json")
    for each, entry in zip(found, answer.json, strict=True):
        assert each.front == bool(entry["pareto"] and entry["pareto"]["front"])
        beaten = [] if entry["pareto"] is None else [one["target"] for one in entry["pareto"]["dominated_by"]]
        assert list(each.beaten_by) == beaten
        if each.plan is not None:
            assert each.measures is not None
            assert each.over == tuple(entry["pareto"]["over"])
            assert each.measures.cores == entry["compared"]["cores"]
            assert encode(each.plan) == encode(check(wide, each.target, options))


@pytest.mark.parametrize(
    ("targets", "over", "code"),
    [
        ([], ("energy",), "USE118"),
        ("loihi1", ("energy",), "USE118"),
        (["loihi1", "loihi1"], ("energy",), "USE111"),
        (["loihi9"], ("energy",), "USE002"),
        (["loihi1"], ("enrgy",), "USE113"),
        (["loihi1"], "energy", "USE140"),
    ],
)
def test_python_is_refused_what_cannot_be_compared(
    wide: Path, targets: list[str], over: Sequence[str], code: str
) -> None:
    with pytest.raises(UsageError) as refused:
        compare(wide, targets, over=over)
    assert refused.value.code == code
