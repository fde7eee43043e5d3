"""What `make test` leaves out, `make test-all` runs, and CONTRIBUTING tells of it."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTEST = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]


def marks() -> set[str]:
    return {line.split(":")[0] for line in PYTEST["markers"]}


def expression(words: list[str]) -> str:
    return words[words.index("-m") + 1]


def recipe(target: str) -> list[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (command,) = re.findall(rf"^{target}:.*\n\t(.*pytest.*)$", text, flags=re.M)
    return shlex.split(command.partition("pytest")[2])


def test_what_is_marked_is_left_out_by_itself_and_selected_by_test_all() -> None:
    assert marks() == {"slow", "frameworks", "peers", "browser"}
    assert {*expression(shlex.split(PYTEST["addopts"])).split(" and ")} == {f"not {name}" for name in marks()}
    assert "-m" not in recipe("test")
    assert expression(recipe("test-all")) == ""
    assert "loadgroup" in recipe("test-all")  # environments of other tools are shared


def test_contributing_tells_what_test_all_runs() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith("| `make test-all`")]
    assert marks() <= {*re.findall(r"`(\w+)`", row)}
