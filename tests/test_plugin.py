"""An outside package, really installed: what works is used, what does not is named, and harms nobody else."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from neuedge_nir.errors import UsageError
from neuedge_nir.frontend import read
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.plugin import PASSES, names, unknown_name
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context, load_pass
from neuedge_nir.rewrite.manager import apply_passes
from tests.conftest import CHIPS, Neuedge, Refused

PACKAGE = Path(__file__).with_name("plugin")
ACME, OURS = "acme-chips 2.5", "neuedge-nir "


@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed in it."""
    folder = tmp_path_factory.mktemp("acme")
    if importlib.util.find_spec("hatchling") and importlib.util.find_spec("pip"):
        # A copy, as building may write into the source.
        source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "plugin")
        offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
        subprocess.run(
            [sys.executable, "-m", "pip", "install", *offline, "--target", folder, source], check=True, timeout=120
        )
    else:
        _install_by_hand(folder)
    return folder


def _install_by_hand(folder: Path) -> None:
    """What pip would leave there, for environments without a build backend."""
    with (PACKAGE / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    shutil.copytree(PACKAGE / "acme_chips", folder / "acme_chips")
    info = folder / "acme_chips-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [line for group, points in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in points.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def installed(acme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is found in this process too."""
    monkeypatch.syspath_prepend(acme)


def test_both_ways_to_install_register_the_same(acme: Path, tmp_path: Path) -> None:
    _install_by_hand(tmp_path)
    ways = [(folder / "acme_chips-2.5.dist-info" / "entry_points.txt").read_text() for folder in (acme, tmp_path)]
    first, second = ({line for line in way.split("\n") if line} for way in ways)
    assert first == second


# --- what works


def test_an_outside_chip_and_pass_are_compiled_with(process: Neuedge, acme: Path, digits: Path, tmp_path: Path) -> None:
    answer = process(
        *("compile", digits, "--target", "toychip", "--pass", "noop", "-o", "plan.json", "--json"),
        cwd=tmp_path,
        PYTHONPATH=str(acme),
    )
    assert (answer.status, answer.err) == (0, "pass noop (exact): nothing to do\n")
    assert answer.json["passes"] == [{"pass": "noop", "keeps": "exact", "changed": False, "effect": None, "report": []}]
    assert answer.json["target"]["name"] == "toychip"
    verified = process("verify", "plan.json", "--model", digits, cwd=tmp_path, PYTHONPATH=str(acme))
    assert verified.status == 0
    assert process("verify", "plan.json", cwd=tmp_path).status == 0


@pytest.mark.usefixtures("installed")
def test_an_outside_chip_and_pass_are_listed_and_shown(neuedge: Neuedge) -> None:
    passes = {entry["name"]: entry["package"] for entry in neuedge("passes", "--json").json}
    assert (passes["noop"], passes["broken"]) == (ACME, ACME)
    assert neuedge("passes", "show", "noop").out.startswith("noop: change nothing\n")
    assert neuedge("targets", "show", "toychip").out.startswith("Acme toy chip (toychip)")


@pytest.mark.usefixtures("installed")
def test_an_outside_chip_is_suggested(neuedge: Neuedge, digits: Path) -> None:
    answer = neuedge("compile", digits, "--target", "toychop")
    assert answer.refusal == (2, "USE002")
    assert "did you mean 'toychip'?" in answer.err


@pytest.mark.usefixtures("installed")
def test_a_pass_that_finds_its_options_is_named_with_them(digits: Path) -> None:
    net = read(digits)
    data = Samples({port.name: np.zeros((7, 2, *port.shape), bool) for port in net.inputs})
    (done,) = apply_passes(net, [PassCall("seek", (("gain", "0.25"),))], Context(samples=data))
    assert str(done.call) == "seek:depth=7"
    with pytest.raises(UsageError) as caught:
        list(apply_passes(net, [PassCall("seek")], Context()))
    assert (caught.value.code, caught.value.hint) == ("USE026", "give it with --data")


# --- what does not


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--target", "truenorth", "--pass", "broken"], "PLUG002", "ImportError: acme_driver 7 is needed"),
        (["--target", "truenorth", "--pass", "quits"], "PLUG002", "SystemExit: 0"),
        (["--target", "truenorth", "--pass", "shapeless"], "PLUG003", "run(network, context)"),
        (["--target", "truenorth", "--pass", "forget"], "PLUG004", "NoneType"),
        (["--target", "truenorth", "--pass", "stumble"], "PLUG005", "RuntimeError: cannot cope with 106 neurons"),
        (["--target", "truenorth", "--pass", "tear"], "PLUG006", "no target"),
        (["--target", "classchip"], "PLUG003", "chip()"),
        (["--target", "lostchip"], "PLUG005", "lostchip.toml"),
        (["--target", "loihi2"], "PLUG001", OURS),
    ],
)
def test_a_bad_plugin_is_named_with_its_package(
    neuedge: Neuedge, digits: Path, words: list[str], code: str, why: str
) -> None:
    answer = neuedge("compile", digits, *words)
    assert answer.refusal == (2, code)
    assert ACME in answer.complaint
    assert why in answer.complaint


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("chip", [*(chip for chip in CHIPS if chip != "loihi2"), "toychip"])
def test_a_clash_of_names_leaves_other_chips_alone(neuedge: Neuedge, digits: Path, chip: str) -> None:
    assert neuedge("check", digits, "--target", chip).status == 0


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("words", [["targets"], ["targets", "--json"]])
def test_a_list_with_a_clash_names_both_packages(neuedge: Neuedge, words: list[str]) -> None:
    answer = neuedge(*words)
    assert ACME in answer.out + answer.err
    assert OURS in answer.out + answer.err


@pytest.mark.usefixtures("installed")
def test_a_broken_model_leaves_the_others_listed(neuedge: Neuedge) -> None:
    answer = neuedge("models")
    assert answer.status == 0
    assert "digits" in answer.out
    assert ACME in answer.out + answer.err


def test_an_installed_package_runs_none_of_its_code_while_it_is_not_named(
    process: Neuedge, acme: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys; atexit.register(lambda: print('acme_chips' in sys.modules, file=sys.stderr))"
    )
    path = f"{tmp_path}{os.pathsep}{acme}"
    assert process("passes", PYTHONPATH=path).err == "False\n"
    assert process("passes", "show", "noop", PYTHONPATH=path).err == "True\n"


def test_an_unknown_name_lists_all_that_are_known_or_leaves_out_many() -> None:
    for count in (0, 1, 14, 28):
        known = [f"x{number:02}" for number in range(count)]
        assert str(unknown_name("USE003", "pass", "?", known).hint) == f"known: {', '.join(known) or 'none'}"
    many = str(unknown_name("USE003", "pass", "?", [f"x{number:02}" for number in range(29)]).hint)
    assert many.endswith(", x23 and 5 more")


def test_every_pass_is_named_where_one_is_unknown(refused: Refused, digits: Path) -> None:
    assert refused("convert", digits, "out.nir", "--pass", "xxxx") == (2, "USE003")
    with pytest.raises(UsageError) as caught:
        load_pass("xxxx")
    assert str(caught.value.hint) == f"known: {', '.join(names(PASSES))}"
