"""What the command line says no to: one line with a code, the agreed exit status, nothing printed, no file left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import neuedge_loihi
from neuedge_nir.cli.main import main
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.store import encode
from tests.conftest import TOYCHIP, Compiled, Neuedge, Refusal, Refused, raising
from tests.nirfile import chain, inputs, lif, linear, outputs, tiny, write_nir

# --- the words


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["--nonsense"],
        ["compile"],
        ["compile", "m.nir"],
        ["compile", "m.nir", "--target", "loihi2", "--nonsense"],
        ["compile", "m.nir", "--target", "loihi2", "--effort", "most"],
        ["compile", "m.nir", "--target", "loihi2", "--reset", "never"],
        ["explain"],
        ["targets", "nonsense"],
        ["models", "export", "digits"],
        ["targets", "--a\nb"],
        ["targets", "\x1b[31m"],
    ],
)
def test_words_that_mean_nothing_are_refused(refused: Refused, words: list[str]) -> None:
    assert refused(*words) == (2, "USE001")


@pytest.mark.parametrize("command", ["compile", "check"])
@pytest.mark.parametrize(
    "option",
    [
        *(["--max-cores", text] for text in ("0", "-1", "1.5")),
        *(["--chips", text] for text in ("0", "-1", "1.5", "1e3", "many", "", "0\n")),
        *(["--dt", text] for text in ("0", "-1", "nan", "inf", "second")),
    ],
    ids=repr,
)
def test_a_number_out_of_range_is_refused(refused: Refused, digits: Path, command: str, option: list[str]) -> None:
    assert refused(command, digits, "--target", "loihi2", *option) == (2, "USE001")


@pytest.mark.parametrize("seed", ["-1", "2147483648", "1.5", "x", "9" * 5000])
def test_a_seed_the_solver_cannot_take_is_refused(refused: Refused, digits: Path, seed: str) -> None:
    assert refused("compile", digits, "--target", "loihi2", "--seed", seed) == (2, "USE001")


@pytest.mark.parametrize("command", ["compile", "check"])
def test_more_chips_than_the_largest_system_has_are_refused(refused: Refused, digits: Path, command: str) -> None:
    assert refused(command, digits, "--target", "loihi2", "--chips", 1153) == (2, "USE015")


# --- names


@pytest.mark.parametrize(
    ("words", "code", "guess"),
    [
        (["compile", "DIGITS", "--target", "loihi3"], "USE002", "loihi2"),
        (["check", "DIGITS", "--target", "loihi2,spinaker1"], "USE002", "spinnaker1"),
        (["targets", "show", "truenort"], "USE002", "truenorth"),
        (["compile", "DIGITS", "--target", "loihi2", "--pass", "fold-scal"], "USE003", "fold-scale"),
        (["check", "DIGITS", "--target", "loihi2", "--pass", "drop_dead"], "USE003", "drop-dead"),
        (["passes", "show", "foldscale"], "USE003", "fold-scale"),
        (["models", "export", "digit", "d.nir"], "USE004", "digits"),
        (["models", "train", "digit"], "USE004", "digits"),
        (["explain", "FIT10"], "USE016", "FIT010"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest_one(
    neuedge: Neuedge, refused: Refused, digits: Path, words: list[str], code: str, guess: str
) -> None:
    words = [str(digits) if word == "DIGITS" else word for word in words]
    assert refused(*words) == (2, code)
    assert f"did you mean '{guess}'?" in neuedge(*words).complaint


@pytest.mark.parametrize(
    ("target", "refusal"),
    [
        ("", (2, "USE002")),
        ("nonsense", (2, "USE002")),
        ("\x1b[31mred", (2, "USE002")),
        ("missing.toml", (3, "CHIP002")),
        ("./", (3, "CHIP002")),
    ],
)
def test_a_chip_that_is_not_there_is_refused(refused: Refused, digits: Path, target: str, refusal: Refusal) -> None:
    assert refused("compile", digits, "--target", target) == refusal


@pytest.mark.parametrize("targets", ["", ",", "loihi2,", " , loihi2"])
def test_an_empty_name_among_several_chips_is_refused(refused: Refused, digits: Path, targets: str) -> None:
    assert refused("check", digits, "--target", targets) == (2, "USE009")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fold-scale:", None),
        ("fold-scale:x", "USE008"),
        ("fold-scale:=1", "USE008"),
        ("fold-scale:a=1,", "USE008"),
        ("fold-scale:a=1", "USE014"),
        ("drop-dead:a=1", "USE014"),
        ("", "USE003"),
        (":a=1", "USE003"),
    ],
)
def test_a_malformed_pass_is_refused(
    neuedge: Neuedge, refused: Refused, digits: Path, text: str, code: str | None
) -> None:
    words = ["check", digits, "--target", "loihi2", "--pass", text]
    if code is None:
        assert neuedge(*words).status == 0
    else:
        assert refused(*words) == (2, code)


# --- models


def hdf5(path: Path) -> bytes:
    return tiny(path.parent).read_bytes()


NOT_A_MODEL: dict[str, tuple[str, Callable[[Path], object]]] = {
    "missing": ("FILE001", lambda _: None),
    "directory": ("FILE002", Path.mkdir),
    "empty": ("FILE004", Path.touch),
    "LFS pointer": (
        "FILE005",
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0"),
    ),
    "torch zip": ("FILE006", lambda path: path.write_bytes(b"PK\x03\x04" + bytes(90))),
    "text": ("FILE007", lambda path: path.write_text("<!DOCTYPE html>\n<p>Not found")),
    "noise": ("FILE008", lambda path: path.write_bytes(bytes(range(256)) * 9)),
    "truncated": ("FILE009", lambda path: path.write_bytes(hdf5(path)[:3000])),
    "a head alone": ("FILE009", lambda path: path.write_bytes(hdf5(path)[:8])),
}


@pytest.mark.parametrize("kind", NOT_A_MODEL)
@pytest.mark.parametrize(
    "command",
    [["compile", "--target", "loihi2", "-o", "plan.json"], ["check", "--target", "loihi2", "--json"], ["inspect"]],
    ids=lambda words: words[0],
)
def test_a_file_that_is_no_model_is_refused(refused: Refused, tmp_path: Path, command: list[str], kind: str) -> None:
    code, make = NOT_A_MODEL[kind]
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "model.nir"
    make(path)
    assert refused(command[0], path, *command[1:]) == (3, code)


def test_a_path_under_a_file_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert refused("inspect", tiny(tmp_path) / "model.nir") == (3, "FILE001")


def test_a_pipe_in_place_of_a_model_is_refused(refused: Refused, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.nir")
    assert refused("inspect", "model.nir") == (3, "FILE002")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lif": {"type": "Izhikevich"}}, "NET001"),
        ({"fc": linear(np.ones((3, 7)))}, "NET009"),
        ({"fc": linear(np.full((3, 2), np.nan))}, "NET016"),
        ({"lif": lif(3, tau=np.zeros(3))}, "NET015"),
    ],
)
def test_a_graph_with_a_mistake_is_refused(refused: Refused, tmp_path: Path, change: dict[str, Any], code: str) -> None:
    nodes, edges = chain(("in", inputs(2)), ("fc", linear(np.ones((3, 2)))), ("lif", lif(3)), ("out", outputs(3)))
    write_nir(tmp_path / "model.nir", {**nodes, **change}, edges)
    for words in (["inspect"], ["check", "--target", "loihi2"], ["compile", "--target", "loihi2"]):
        assert refused(words[0], "model.nir", *words[1:]) == (3, code)


def test_an_edge_to_nowhere_is_refused_and_named(neuedge: Neuedge, refused: Refused, tmp_path: Path) -> None:
    nodes, edges = chain(("in", inputs(2)), ("fc", linear(np.ones((3, 2)))), ("lif", lif(3)), ("out", outputs(3)))
    write_nir(tmp_path / "model.nir", nodes, [*edges, ("lif", "ghost")])
    assert refused("inspect", "model.nir") == (3, "NET004")
    assert "'ghost'" in neuedge("inspect", "model.nir").complaint


# --- chip files


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("schema = 1", "schema = ", "CHIP001"),
        ("schema = 1", "schema = 99", "CHIP005"),
        ('limit = { value = 50, unit = "neurons", source = "ACME", confidence = "A1" }\n', "", "CHIP006"),
        ('name = "toychip"', 'name = "toychip"\ncolour = "red"', "CHIP007"),
        ("value = 50", 'value = "many"', "CHIP008"),
        ('title = "Acme toy chip"', 'title = "\\u001b[31mAcme"', "CHIP008"),
        ('formula = "neurons"', 'formula = "neurones"', "CHIP009"),
        ("value = 50", "value = 0", "CHIP010"),
    ],
)
def test_a_chip_file_with_a_mistake_is_refused(
    neuedge: Neuedge, refused: Refused, digits: Path, tmp_path: Path, old: str, new: str, code: str
) -> None:
    text = TOYCHIP.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "chip.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    for words in (
        ["compile", digits, "--target"],
        ["check", digits, "--target"],
        ["targets", "show"],
        ["targets", "lint"],
    ):
        assert refused(*words, "chip.toml") == (3, code)
        assert "chip.toml" in neuedge(*words, "chip.toml").complaint


def test_every_mistake_in_a_chip_file_has_a_line_of_its_own(neuedge: Neuedge, tmp_path: Path) -> None:
    path = tmp_path / "chip.toml"
    path.write_text(TOYCHIP.read_text().replace("value = 50", "value = 0").replace("schema = 1", "schema = 1\na = 1"))
    answer = neuedge("targets", "lint", path)
    assert answer.status == 3
    assert [line.partition(": ")[0] for line in answer.err.splitlines()] == ["error[CHIP007]", "error[CHIP010]"]
    listed = neuedge("targets", "lint", path, "--json")
    assert (listed.status, listed.err) == (3, "")
    assert [finding["code"] for finding in listed.json] == ["CHIP007", "CHIP010"]


# --- activity


def npz(path: Path, **arrays: Any) -> None:
    np.savez_compressed(path, **arrays)


def damaged(path: Path) -> None:
    npz(path, if1=np.linspace(0.0, 1.0, 96))
    content = bytearray(path.read_bytes())
    content[120] ^= 0xFF
    path.write_bytes(content)


NOT_A_PROFILE: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "directory": Path.mkdir,
    "empty": Path.touch,
    "text": lambda path: path.write_text("0.1"),
    "zip cut short": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(90)),
    "damaged": damaged,
    "one array": lambda path: np.save(path.open("wb"), np.zeros(96)),
    "unknown population": lambda path: npz(path, if9=np.zeros(96)),
    "too few rates": lambda path: npz(path, if1=np.zeros(95)),
    "no rates": lambda path: npz(path, if1=np.zeros(0)),
    "words": lambda path: npz(path, if1=np.array(["often"])),
    "objects": lambda path: npz(path, if1=np.array([None])),
    "complex": lambda path: npz(path, if1=np.full(96, 1j)),
}


@pytest.mark.parametrize("rate", ["-1", "-0.1", "1.5", "nan", "inf", "1e9"])
def test_a_rate_that_cannot_be_is_refused(refused: Refused, digits: Path, rate: str) -> None:
    assert refused("compile", digits, "--target", "loihi2", "--activity", rate) == (2, "USE010")


@pytest.mark.parametrize("kind", NOT_A_PROFILE)
def test_a_file_that_is_no_profile_is_refused(refused: Refused, digits: Path, tmp_path: Path, kind: str) -> None:
    NOT_A_PROFILE[kind](tmp_path / "profile.npz")
    assert refused("check", digits, "--target", "loihi2", "--activity", "profile.npz") == (3, "USE011")


# --- plans


def test_a_plan_that_is_not_there_is_refused(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert refused("verify", "missing.json") == (3, "PLAN001")
    assert refused("verify", "folder") == (3, "PLAN001")
    assert refused("verify", "x" * 300) == (3, "PLAN001")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "PLAN281"),
        (b"not JSON", "PLAN001"),
        (b"[]", "PLAN001"),
        (b"{}", "PLAN001"),
        (b"null", "PLAN001"),
        (b"\xff\xfe", "PLAN001"),
        (b"[" * 100_000, "PLAN001"),
    ],
    ids=lambda content: repr(content[:9]),
)
def test_a_file_that_is_no_plan_is_refused(refused: Refused, tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    assert refused("verify", "plan.json") == (3, code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda plan: {**plan, "schema": "neuedge-nir/plan/99"}, "PLAN280"),
        (lambda plan: {key: value for key, value in plan.items() if key != "cores"}, "PLAN001"),
        (lambda plan: {**plan, "chips_available": "all"}, "PLAN001"),
        (lambda plan: {**plan, "colour": "red"}, "PLAN002"),
        (lambda plan: dict(reversed(plan.items())), "PLAN002"),
    ],
    ids=["schema", "missing", "mistyped", "unknown", "order"],
)
def test_a_plan_that_was_edited_is_refused(
    refused: Refused, compiled: dict[str, Compiled], tmp_path: Path, change: Callable[[dict[str, Any]], Any], code: str
) -> None:
    edited = change(json.loads(compiled["loihi2"].plan.read_bytes()))
    (tmp_path / "plan.json").write_text(json.dumps(edited, separators=(",", ":"), ensure_ascii=False) + "\n")
    assert refused("verify", "plan.json") == (3, code)


def test_a_plan_with_a_space_too_many_is_refused(
    refused: Refused, compiled: dict[str, Compiled], tmp_path: Path
) -> None:
    (tmp_path / "plan.json").write_bytes(compiled["loihi2"].plan.read_bytes() + b" ")
    assert refused("verify", "plan.json") == (3, "PLAN002")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("chip", "topology", "columns"), {"low": 0.0, "typical": 0.0, "high": 0.0}),
        (("chip", "limits", 0, "limit"), {"low": -1.0, "typical": -1.0, "high": -1.0}),
        (("chip", "limits", 0), {"formula": "weight_bytes"}),
        (("activity", "rates"), {"if1": 1e308}),
    ],
    ids=lambda part: part[-1] if isinstance(part, tuple) else "",
)
@pytest.mark.parametrize("recounted", [False, True])
@pytest.mark.filterwarnings("error")
def test_a_plan_that_states_the_impossible_is_refused_not_tripped_over(
    refused: Refused,
    compiled: dict[str, Compiled],
    digits: Path,
    tmp_path: Path,
    keys: tuple[Any, ...],
    value: dict[str, Any],
    recounted: bool,
) -> None:
    content = part = json.loads(compiled["spinnaker1"].plan.read_bytes())
    for key in keys:
        part = part[key]
    part |= value
    (tmp_path / "plan.json").write_bytes(encode(msgspec.json.decode(json.dumps(content), type=Plan)))
    status, code = refused("verify", "plan.json", *(["--model", digits] if recounted else []))
    assert status in (3, 6)
    assert code.startswith(("PLAN", "CHIP"))


def test_a_plan_that_breaks_a_rule_fails_verification(
    refused: Refused, neuedge: Neuedge, compiled: dict[str, Compiled], tmp_path: Path
) -> None:
    crowded = compiled["loihi2"].plan.read_bytes().replace(b'"slot":0', b'"slot":99')
    assert crowded != compiled["loihi2"].plan.read_bytes()
    (tmp_path / "plan.json").write_bytes(crowded)
    status, code = refused("verify", "plan.json")
    assert (status, code[:5]) == (6, "PLAN1")
    told = neuedge("verify", "plan.json", "--json")
    assert told.json["accepted"] is False
    assert (told.status, told.json["code"]) == (6, code)


def test_a_plan_of_another_model_fails_verification(
    refused: Refused, compiled: dict[str, Compiled], tmp_path: Path
) -> None:
    tiny(tmp_path)
    assert refused("verify", compiled["loihi2"].plan, "--model", "tiny.nir") == (6, "PLAN101")


def test_a_plan_with_a_chip_of_its_own_is_told_of_with_a_warning(
    refused: Refused, neuedge: Neuedge, compiled: dict[str, Compiled], tmp_path: Path
) -> None:
    plan = compiled["loihi2"].plan
    content = json.loads(plan.read_bytes())
    content["chip"]["title"] = "Intel Loihi 2, as somebody has it"
    (tmp_path / "plan.json").write_bytes(encode(msgspec.json.decode(json.dumps(content), type=Plan)))
    assert refused("verify", "plan.json") == (6, "PLAN003")
    told = neuedge("report", "plan.json", "-o", "report.html")
    assert (told.status, told.err.split(":")[0]) == (0, "warning[WARN055]")
    assert "WARN055" not in neuedge("report", plan, "-o", "report.html").err


def test_a_plan_of_another_chip_fails_verification(refused: Refused, compiled: dict[str, Compiled]) -> None:
    assert refused("verify", compiled["loihi2"].plan, "--target", "loihi1") == (6, "PLAN003")


def test_a_plan_whose_model_is_refused_is_not_verified(refused: Refused, compiled: dict[str, Compiled]) -> None:
    assert refused("verify", compiled["loihi2"].plan, "--model", "missing.nir") == (3, "FILE001")


# --- what does not fit


def test_what_is_proved_not_to_fit_exits_with_4(neuedge: Neuedge, tmp_path: Path) -> None:
    model = tiny(tmp_path)
    answer = neuedge("compile", model, "--target", "truenorth", "-o", tmp_path / "plan.json")
    assert answer.refusal == (4, "FIT002")
    assert "'lif'" in answer.complaint
    assert list(tmp_path.iterdir()) == [model]


def test_too_few_chips_are_a_proof(refused: Refused, digits: Path, tmp_path: Path) -> None:
    crowded = TOYCHIP.read_text(encoding="utf-8").replace("value = 50", "value = 9")
    (tmp_path / "chip.toml").write_text(crowded, encoding="utf-8")
    assert refused("compile", digits, "--target", "chip.toml") == (4, "FIT015")


# --- what is not ours to hide, and what is


def test_a_bug_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch, digits: Path) -> None:
    monkeypatch.setattr("neuedge_nir.frontend.read", raising(ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        main(["inspect", str(digits)])


def test_an_interrupted_command_exits_with_130(neuedge: Neuedge, monkeypatch: pytest.MonkeyPatch, digits: Path) -> None:
    monkeypatch.setattr("neuedge_nir.frontend.read", raising(KeyboardInterrupt))
    answer = neuedge("inspect", digits)
    assert (answer.status, answer.out, answer.err) == (130, "", "interrupted\n")


def test_a_plan_replaces_nothing_that_it_is_made_from(refused: Refused, tmp_path: Path, digits: Path) -> None:
    """Refused before anything is read, and the files are as they were."""
    (tmp_path / "m.nir").write_bytes(digits.read_bytes())
    (tmp_path / "chip.toml").write_bytes(TOYCHIP.read_bytes())
    np.savez(tmp_path / "rates.npz", input=np.array(0.2))
    words = ("compile", "m.nir", "--target", "chip.toml", "--activity", "rates.npz", "-o")
    for output in ("m.nir", "chip.toml", "rates.npz", "./chip.toml"):
        assert refused(*words, output) == (2, "USE006")


def test_a_chip_file_cannot_take_the_name_of_an_installed_target(
    refused: Refused, neuedge: Neuedge, tmp_path: Path, digits: Path
) -> None:
    text = TOYCHIP.read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('name = "toychip"', 'name = "loihi2"'))
    assert refused("compile", digits, "--target", "./mine.toml") == (3, "CHIP013")
    assert refused("targets", "lint", "mine.toml") == (3, "CHIP013")
    copied = Path(neuedge_loihi.__file__).with_name("loihi2.toml")
    (tmp_path / "copy.toml").write_bytes(copied.read_bytes())
    assert neuedge("targets", "lint", tmp_path / "copy.toml").status == 0


@pytest.mark.parametrize("words", [["--limits", "nodes"], ["--limits", "speed=3"], ["--dt", "0"]])
def test_reading_options_that_make_no_sense_are_usage_errors(refused: Refused, digits: Path, words: list[str]) -> None:
    assert refused("inspect", digits, *words)[0] == 2


def test_strict_refuses_a_model_that_needs_a_repair(refused: Refused, neuedge: Neuedge, tmp_path: Path) -> None:
    nodes, edges = chain(("in", inputs(2)), ("lif", lif()), ("b", lif(2)), ("out", outputs(2)))
    model = write_nir(tmp_path / "m.nir", nodes, edges)
    for command in (["inspect"], ["compile", "--target", "loihi2"], ["check", "--target", "loihi2,truenorth"]):
        assert refused(command[0], model, *command[1:], "--strict") == (3, "NIR006")
    assert neuedge("inspect", model).status == 0
