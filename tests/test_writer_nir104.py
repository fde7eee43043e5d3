"""What nir 1.0.4 makes of our files, in an environment of its own: sinabs 3 and rockpool ask for that version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from neuedge_nir.frontend.writer import file_of
from neuedge_nir.network.model import Network
from tests.conftest import Neuedge
from tests.environments import python_of, run
from tests.graphs import networks
from tests.sampling import examples
from tests.written import content

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
def old() -> Path:
    """A Python with nir 1.0.4."""
    return python_of("nir104")


def read_by(python: Path, folder: Path) -> dict[str, list[int] | None]:
    """Nodes and edges of each file of a folder, None where it is not read."""
    version, _, answer = run(python, "-c", READ, folder).splitlines()[-1].partition(" ")
    assert version == "1.0.4"
    found: dict[str, list[int] | None] = json.loads(answer)
    return found


def test_it_is_known_what_nir_1_0_4_reads(old: Path, tmp_path: Path) -> None:
    expected: dict[str, list[int] | None] = {}

    @settings(max_examples=examples(300), deadline=None)
    @given(networks(odd=True))
    def written(net: Network) -> None:
        file = file_of(net)
        name = f"{len(expected)}.nir"
        (tmp_path / name).write_bytes(content(net))
        expected[name] = [file.nodes, file.edges] if "1.0.4" in file.readers else None

    written()
    assert {size is None for size in expected.values()} == {True, False}
    assert read_by(old, tmp_path) == expected


def test_a_converted_model_is_read_by_nir_1_0_4(old: Path, neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    assert neuedge("convert", digits, tmp_path / "clean.nir", "--compat", "1.0.4").status == 0
    (tmp_path / "digits.nir").write_bytes(digits.read_bytes())
    assert read_by(old, tmp_path) == {"clean.nir": [6, 5], "digits.nir": None}
