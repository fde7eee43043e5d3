"""Environments of foreign tools, whose requirements clash with ours and with each other's.

Each is built from tests/frameworks/NAME.txt once and kept, so that only the first run takes minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOMES = ROOT / ".venv-frameworks"
SCRIPTS = Path(__file__).with_name("frameworks")
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def python_of(name: str) -> Path:
    """The Python of an environment, which is built if need be. Skips the test where it cannot be."""
    home, wanted = HOMES / name, _requirements(name)
    with _alone(name):
        stamp = home / "requirements.txt"
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            _build(home, name)
            stamp.write_text(wanted, encoding="utf-8")
    return home / "bin" / "python"


def run(python: Path, *words: object) -> str:
    """What a script of an environment prints. Nothing of our own Python reaches it, and sets of texts keep an order."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in (python, *words)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={**plain, "PYTHONHASHSEED": "0"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def _requirements(name: str) -> str:
    """All that an environment depends on."""
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return f"{sys.version}\n{(SCRIPTS / f'{name}.txt').read_text(encoding='utf-8')}{constraints}"


def _build(home: Path, name: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", home], check=True, timeout=300)
    file = SCRIPTS / f"{name}.txt"
    for torch in (line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("torch==")):
        # First and alone: what needs torch later would otherwise choose a build with gigabytes of CUDA.
        _install(home, name, [torch])
    _install(home, name, ["-r", str(file)])


def _install(home: Path, name: str, what: Sequence[str]) -> None:
    command = [str(home / "bin" / "python"), *PIP, *what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        pytest.skip(f"the environment {name!r} cannot be installed here: {done.stderr[-300:]}")


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Other workers of the same test run want the same environment."""
    fcntl = pytest.importorskip("fcntl")
    HOMES.mkdir(exist_ok=True)
    with (HOMES / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
