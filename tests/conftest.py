"""The command line as a function and as a process, the bundled model and its plans, and golden files."""

from __future__ import annotations

import contextlib
import importlib.resources
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from neuedge_nir.cli.main import main
from tests.sampling import examples

# The same examples on every run: a test that fails must fail for everyone, and slow machines are no failure.
settings.register_profile(
    "steady",
    max_examples=examples(100),
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.load_profile("steady")
os.environ.pop("COLUMNS", None)  # outputs are as wide as where nobody asks for a width


TOYCHIP = Path(__file__).with_name("plugin") / "acme_chips" / "toychip.toml"
GOLDEN = Path(__file__).with_name("golden")
CHIPS = ("loihi1", "loihi2", "spinnaker1", "spinnaker2", "truenorth")
ERROR = re.compile(r"(?:[^\[\]:]+: )?error\[([A-Z]+\d{3})\]: ")
REMARK = re.compile(r"(?:info|assumption|repair|warning)\[[A-Z]+\d{3}\]: ")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite generated files instead of comparing")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value that stdout is."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on stderr that says what is wrong; remarks on the model may stand before it."""
        *remarks, line = self.err.splitlines()
        assert self.err.endswith("\n")
        assert all(REMARK.match(remark) for remark in remarks)
        assert ERROR.match(line)
        assert line.isprintable()
        return line

    @property
    def refusal(self) -> tuple[int, str]:
        """The exit status and the code of a complaint with nothing else printed."""
        found = ERROR.match(self.complaint)
        assert found
        assert self.out == ""
        return self.status, found[1]


Neuedge = Callable[..., Answer]
Golden = Callable[..., None]


@pytest.fixture(scope="session")
def neuedge() -> Neuedge:
    """The command line as a function."""

    def call(*words: object) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([str(word) for word in words])
        return Answer(status, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def process() -> Neuedge:
    """The command line as a process of its own, in a plain environment: settings are added to it."""

    def call(*words: object, cwd: Path | None = None, **settings: str) -> Answer:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        command = [sys.executable, "-m", "neuedge_nir", *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, cwd=cwd, env={**plain, **settings}, check=False, timeout=120
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture(scope="session")
def digits() -> Path:
    """The model that comes with the package."""
    return Path(str(importlib.resources.files("neuedge_models") / "digits.nir"))


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan, and what `compile --json` said of it."""

    plan: Path
    answer: Answer


@pytest.fixture(scope="session")
def compiled(neuedge: Neuedge, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Compiled]:
    """The bundled model on every chip."""
    folder = tmp_path_factory.mktemp("plans")
    plans = {chip: folder / f"{chip}.json" for chip in CHIPS}
    return {
        chip: Compiled(plan, neuedge("compile", digits, "--target", chip, "-o", plan, "--json"))
        for chip, plan in plans.items()
    }


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Holds a text against the golden file of that name; with `--update-golden` it becomes that file."""

    def hold(name: str, text: str, folder: Path = GOLDEN) -> None:
        path = folder / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), f"no golden file {name}: make it with pytest --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return hold


Refusal = tuple[int, str]
Refused = Callable[..., Refusal]


@pytest.fixture
def refused(neuedge: Neuedge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Exit status and code of a refusal that leaves its folder as it was."""
    monkeypatch.chdir(tmp_path)

    def ask(*words: object) -> Refusal:
        before = everything_in(tmp_path)
        refusal = neuedge(*words).refusal
        assert everything_in(tmp_path) == before
        return refusal

    return ask


def everything_in(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def raising(kind: type[BaseException]) -> Callable[..., None]:
    """A function that fails in this way, whatever it is given."""

    def fail(*_: object, **__: object) -> None:
        raise kind

    return fail
