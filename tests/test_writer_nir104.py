"""What nir 1.0.4 makes of our files, in an environment of its own: sinabs 3 and rockpool ask for that version."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

from neuedge_nir.frontend.writer import file_of
from neuedge_nir.network.model import Network
from tests.conftest import Neuedge
from tests.graphs import networks

pytestmark = pytest.mark.frameworks

READ = """
import json, pathlib, sys, nir

def reads(path):
    try:
        graph = nir.read(path)
    except (TypeError, AssertionError, IndexError):
        return None
    return len(graph.nodes), len(graph.edges)

print(nir.version, json.dumps({p.name: reads(p) for p in sorted(pathlib.Path(sys.argv[1]).glob('*.nir'))}))
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nir 1.0.4."""
    home = tmp_path_factory.mktemp("nir104")
    python = home / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", home], check=True, timeout=300)
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "nir==1.0.4",
        "h5py",
        "numpy",
    ]
    done = subprocess.run(install, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        pytest.skip(f"nir 1.0.4 cannot be installed here: {done.stderr[-300:]}")
    return python


def read_by(python: Path, folder: Path) -> dict[str, list[int] | None]:
    """Nodes and edges of each file of a folder, None where it is not read."""
    done = subprocess.run([python, "-c", READ, folder], capture_output=True, text=True, timeout=900, check=True)
    version, _, answer = done.stdout.splitlines()[-1].partition(" ")
    assert version == "1.0.4"
    found: dict[str, list[int] | None] = json.loads(answer)
    return found


def test_it_is_known_what_nir_1_0_4_reads(old: Path, tmp_path: Path) -> None:
    expected: dict[str, list[int] | None] = {}

    @settings(max_examples=300, deadline=None)
    @given(networks(odd=True))
    def written(net: Network) -> None:
        file = file_of(net)
        name = f"{len(expected)}.nir"
        (tmp_path / name).write_bytes(file.content)
        expected[name] = [file.nodes, file.edges] if "1.0.4" in file.readers else None

    written()
    assert {size is None for size in expected.values()} == {True, False}
    assert read_by(old, tmp_path) == expected


def test_a_converted_model_is_read_by_nir_1_0_4(old: Path, neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    assert neuedge("convert", digits, tmp_path / "clean.nir", "--compat", "1.0.4").status == 0
    (tmp_path / "digits.nir").write_bytes(digits.read_bytes())
    assert read_by(old, tmp_path) == {"clean.nir": [6, 5], "digits.nir": None}
