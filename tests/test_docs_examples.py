"""What the pages of examples show works as shown: files are written, commands run, their output compared."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from neuedge_nir.chip.load import lint, parse
from tests.conftest import Neuedge

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what stands behind it on the fence, its text."""

    language: str
    about: str
    text: str

    @property
    def title(self) -> str:
        """What the fence names: a file, or how a session is meant; empty where it says nothing."""
        found = re.fullmatch(r' title="(.*)"', self.about)
        assert found or not self.about  # else the site takes the fence for text
        return found[1] if found else ""


INSTALLED = "the package installed"
EXIT = "exit status "


def blocks(page: str) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))]


def write_files(page: str, folder: Path) -> None:
    """Every file that the page shows, and the empty ones that make packages of folders."""
    for block in blocks(page):
        if block.title and block.language != "console":
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            if path.suffix == ".py":
                (path.parent / "__init__.py").touch()


def compare(shown: str, printed: str) -> None:
    """Every line shown was printed, in this order, and nothing between them.

    `...` stands for any lines, and at the end of a line for its rest.
    """
    lines = [line.rstrip() for line in printed.splitlines() if line.strip()]
    at, anywhere = 0, False
    for line in (line for line in shown.splitlines() if line):
        if line == "...":
            anywhere = True
            continue
        fits = [n for n in range(at, len(lines)) if matches(line, lines[n])]
        assert fits, f"{line!r} is not in {lines[at:]}"
        assert anywhere or fits[0] == at, lines[at : fits[0]]
        at, anywhere = fits[0] + 1, False
    assert anywhere or at == len(lines), lines[at:]


def matches(shown: str, line: str) -> bool:
    return line.startswith(shown.removesuffix(" ...")) if shown.endswith(" ...") else line == shown


def test_the_comparison_sees_what_differs() -> None:
    compare("a\n...\nc\n", "a\n\nb\nc  \n")
    compare("a b ...\n", "a b c\n")
    for shown in ("a\nc\n", "a\n", "c\n...\na\n", "b\n...\n", "a\nc ...\nc\n"):
        with pytest.raises(AssertionError):
            compare(shown, "a\nb\nc\n")


def test_the_chip_of_the_page_has_less_than_100_lines_and_no_mistakes() -> None:
    text = next(block.text for block in blocks("add_a_chip.md") if block.title == "otter.toml")
    assert text.count("\n") < 100
    assert lint(text.encode(), "otter.toml") == ()
    assert (parse(text.encode(), "otter.toml").topology.mesh.value, len(parse(text.encode(), "").limits)) == ("mesh", 3)


def test_a_chip_is_added_as_the_page_says(
    neuedge: Neuedge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files("add_a_chip.md", tmp_path)
    text = (tmp_path / "otter.toml").read_text(encoding="utf-8")
    (tmp_path / "typo.toml").write_text(text.replace("max_delay ", "max_delays "), encoding="utf-8")
    for block in blocks("add_a_chip.md"):
        if block.language == "console" and block.title != INSTALLED:
            for command, shown in COMMAND.findall(block.text):
                answer = neuedge(*shlex.split(command)[1:])
                assert answer.status == int(block.title.removeprefix(EXIT) or 0)
                compare(shown, answer.out + answer.err)
    exec(compile(next(b.text for b in blocks("add_a_chip.md") if "import neuedge_nir\n" in b.text), "page", "exec"), {})
    assert capsys.readouterr().out == "optimal 2\nTrue\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of both pages, really installed into a folder, as their readers would."""
    if not (importlib.util.find_spec("hatchling") and importlib.util.find_spec("pip")):
        pytest.skip("needs hatchling, which the development environment has")
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for page in ("add_a_chip.md", "add_a_pass.md"):
        write_files(page, source)
    (source / "otter-chip/otter_chip/otter.toml").write_bytes((source / "otter.toml").read_bytes())
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    packages = [source / "otter-chip", source / "clip-pass"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", folder, *packages], check=True, timeout=120
    )
    return folder


@pytest.mark.parametrize("page", ["add_a_chip.md", "add_a_pass.md"])
def test_a_package_works_as_the_page_says(
    page: str, installed: Path, neuedge: Neuedge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(installed)
    assert neuedge("models", "export", "digits", "digits.nir").status == 0
    sessions = [block for block in blocks(page) if block.title == INSTALLED]
    assert len(sessions) == 1
    for command, shown in COMMAND.findall(sessions[0].text):
        if not command.startswith("pip "):
            answer = neuedge(*shlex.split(command)[1:])
            assert answer.status == 0
            compare(shown, answer.out)
    if page == "add_a_chip.md":
        lines = (tmp_path / "loaded" / "cores.csv").read_text().splitlines()
        assert lines[:2] == ["column,row,slot,population,neurons", "0,0,0,if1,0:48"]


def test_a_page_names_every_file_that_its_package_needs() -> None:
    for page, package in (("add_a_chip.md", "otter-chip/otter_chip"), ("add_a_pass.md", "clip-pass/clip_pass")):
        text = (DOCS / page).read_text(encoding="utf-8")
        assert f"`{package}/__init__.py`" in text
        assert os.path.dirname(package) + "/pyproject.toml" in {block.title for block in blocks(page)}
