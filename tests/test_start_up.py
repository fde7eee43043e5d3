"""What starts costs next to nothing: nothing is imported before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"numpy", "h5py", "nir", "networkx", "ortools", "rich", "torch", "msgspec", "jinja2", "pandas"}
PLUGINS = {
    "neuedge_loihi",
    "neuedge_truenorth",
    "neuedge_spinnaker",
    "neuedge_passes",
    "neuedge_models",
    "neuedge_memristive",
}


# `-X importtime` would miss what importlib.import_module imports, as commands and plugins are.
TELL = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
COMMAND = "from runpy import run_module; run_module('neuedge_nir', run_name='__main__', alter_sys=True)"


def imported(code: str, *words: str) -> set[str]:
    """The top-level packages that a fresh Python imports while it runs code that succeeds."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", TELL + code, *words], capture_output=True, text=True, env=plain, check=True, timeout=60
    )
    return {module.partition(".")[0] for module in done.stderr.splitlines()[-1].split()}


def by_neuedge(*words: str) -> set[str]:
    return imported(COMMAND, *words)


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["explain", "FIT010"], ["compile", "--help"], ["report", "--help"]]
)
def test_help_and_explanations_import_nothing_heavy(words: list[str]) -> None:
    found = by_neuedge(*words)
    assert "neuedge_nir" in found
    assert not found & (HEAVY | PLUGINS)


def test_the_package_imports_nothing_heavy() -> None:
    found = imported("import neuedge_nir")
    assert "neuedge_nir" in found
    assert not found & (HEAVY | PLUGINS)


def test_the_public_names_are_there_when_asked_for() -> None:
    code = "import neuedge_nir; assert all(getattr(neuedge_nir, name) for name in neuedge_nir.__all__)"
    assert "numpy" in imported(code)


@pytest.mark.parametrize("words", [["targets"], ["targets", "--json"], ["passes"]])
def test_plugins_are_listed_without_being_imported(words: list[str]) -> None:
    assert not by_neuedge(*words) & (PLUGINS | {"numpy", "ortools", "h5py", "torch"})


def test_only_the_named_plugin_is_imported() -> None:
    assert by_neuedge("targets", "show", "loihi2") & PLUGINS == {"neuedge_loihi"}


def test_a_check_needs_no_solver(digits: Path) -> None:
    found = by_neuedge("check", str(digits), "--target", "loihi2")
    assert "msgspec" in found
    assert not found & {"ortools", "pandas", "torch", "nir"}
    assert "h5py" not in found, "another process reads the file"


@pytest.mark.parametrize("words", [[], ["--json"], ["--svg", "-"]])
def test_to_inspect_needs_no_solver_and_no_tables(digits: Path, words: list[str]) -> None:
    found = by_neuedge("inspect", str(digits), *words)
    assert "msgspec" in found
    assert not found & {"ortools", "pandas", "torch", "nir", "networkx", "rich", "h5py"}


def test_a_small_network_is_mapped_without_a_solver_and_without_a_compiler(tmp_path: Path) -> None:
    model = str(tmp_path / "digits.nir")
    by_neuedge("models", "export", "digits", model)
    assert not by_neuedge("compile", model, "--target", "loihi2") & {"ortools", "pandas", "numba", "scipy", "networkx"}
