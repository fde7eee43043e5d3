"""What the README shows works as shown."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from neuedge_nir.chip.load import lint
from neuedge_nir.cli.main import main
from neuedge_nir.rewrite.call import pipeline
from neuedge_nir.rewrite.door import choices

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    return [text for named, text in fenced if named == language]


@pytest.fixture
def chip_file(tmp_path: Path) -> Path:
    path = tmp_path / "mychip.toml"
    path.write_text(next(b for b in blocks("toml") if 'name = "mychip"' in b), encoding="utf-8")
    return path


def test_the_chip_of_the_readme_has_no_mistakes(chip_file: Path) -> None:
    assert lint(chip_file.read_bytes(), chip_file.name) == ()


def test_the_bundled_model_compiles_for_the_chip_of_the_readme(chip_file: Path, tmp_path: Path) -> None:
    model, plan = str(tmp_path / "digits.nir"), str(tmp_path / "plan.json")
    assert main(["models", "export", "digits", model]) == 0
    assert main(["compile", model, "--target", str(chip_file), "-o", plan]) == 0
    assert main(["verify", plan, "--model", model, "--target", str(chip_file)]) == 0


def test_the_commands_of_the_readme_print_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sessions = "".join(b for b in blocks("") if "digits.nir" in b or "models samples" in b)
    assert all(command in sessions for command in ("compile", "inspect", "convert", "simulate"))
    exec(compile(next(b for b in blocks("python") if "noise.npz" in b), "README.md", "exec"), {})
    for command, shown in re.findall(r"\$ neuedge-nir (.*)\n((?:(?!\$ ).*\n)*)", sessions):
        assert main(command.split()) == 0
        said = capsys.readouterr()
        passes = [line for line in said.err.splitlines() if line.startswith("pass ")]
        printed = passes + [line.rstrip() for line in said.out.splitlines()]
        assert [line for line in printed if line] == [line for line in shown.splitlines() if line]


def test_the_pass_and_the_pipeline_of_the_readme_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = ModuleType("shown")
    monkeypatch.setitem(sys.modules, "shown", shown)
    exec(compile(next(b for b in blocks("python") if "class MyPass" in b), "README.md", "exec"), shown.__dict__)
    assert [(choice.name, choice.type) for choice in choices(shown.MyPass)] == [("bits", "whole number >= 2")]
    path = tmp_path / "passes.toml"
    path.write_text(next(b for b in blocks("toml") if "[pipelines]" in b), encoding="utf-8")
    assert [str(call) for call in pipeline(f"{path}:small")] == ["fold-scale", "quantise:bits=4"]


def test_the_json_of_inspect_has_the_keys_that_the_readme_names() -> None:
    told = json.loads((Path(__file__).parent / "golden" / "inspect.json").read_text(encoding="utf-8"))
    named = next(block for block in blocks("") if block.startswith("schema, reset, dt")).replace("the same", "")
    assert "{low, median, high}" in README  # of any value, so it stands before the block
    assert set(re.findall(r"\w+", named)) | {"median"} == keys_of(told)


def keys_of(value: object) -> set[str]:
    """The keys at any depth of a JSON value, but for the names of parameters."""
    match value:
        case dict():
            inner = (item for key, item in value.items() if key != "parameters")
            return set(value).union(*map(keys_of, inner))
        case list():
            return set().union(*map(keys_of, value))
    return set()


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["models", "export", "digits", "digits.nir"]) == 0
    capsys.readouterr()
    exec(compile(blocks("python")[0], "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("optimal 1 ")
