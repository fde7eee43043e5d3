"""`neuedge-nir convert` as users run it: what it prints, what it leaves behind, and what it says no to."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import nir
import numpy as np
import pytest

from neuedge_nir.frontend import read
from neuedge_nir.network.equal import difference
from tests.conftest import Neuedge
from tests.nirfile import Fields, chain, conv2d, graph, inputs, lif, linear, outputs, scale, tiny, write_nir

RESET = np.array([0.0, -1.0, 0.0])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file in need of cleaning: single numbers, an inner graph, a field that old readers do not know."""
    inner: Fields = graph(*chain(("input", inputs(3)), ("lif", lif(3, v_reset=RESET)), ("output", outputs(3))))
    nodes, edges = chain(
        ("in", inputs(1, 2)),
        ("half", scale(np.full(2, 0.5))),
        ("fc", linear(np.arange(6).reshape(3, 2))),
        ("sub", inner),
        ("w", linear(np.eye(3))),
        ("last", lif(3, tau=np.array(2.0))),
        ("out", outputs(3)),
    )
    return write_nir(tmp_path / "model.nir", nodes, edges)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_model_becomes_a_file_that_others_read(process: Neuedge, model: Path, tmp_path: Path) -> None:
    answer = process("convert", "model.nir", "clean.nir", cwd=tmp_path)
    assert (answer.status, answer.out) == (0, "clean.nir: 7 nodes, 6 edges; for nir 1.0.8\n")
    remarks = answer.err.splitlines()
    assert (
        "warning[OUT101]: 'sub.lif': nir 1.0.4 cannot read the file: it has no v_reset, and here it is not 0" in remarks
    )
    assert (
        "info[OUT103]: 'sub/lif': a file cannot hold this name, or not twice: it was changed, and the metadata keeps it"
        in remarks
    )
    assert names(tmp_path) == {"model.nir", "clean.nir"}
    assert set(nir.read(tmp_path / "clean.nir").nodes) == {"in", "half", "fc", "sub.lif", "w", "last", "out"}
    assert difference(read(model), read(tmp_path / "clean.nir")) is None


def test_passes_come_first(process: Neuedge, model: Path, tmp_path: Path) -> None:
    answer = process("convert", model, "clean.nir", "--pass", "fold-scale", "--pass", "drop-dead", cwd=tmp_path)
    assert answer.out == "clean.nir: 6 nodes, 5 edges; for nir 1.0.8\n"
    weight = nir.read(tmp_path / "clean.nir").nodes["fc"].weight
    assert weight.tolist() == [[0, 0.5], [1, 1.5], [2, 2.5]]


def test_programs_get_one_value(process: Neuedge, model: Path, tmp_path: Path) -> None:
    answer = process("convert", model, "clean.nir", "--json", cwd=tmp_path)
    content = (tmp_path / "clean.nir").read_bytes()
    assert answer.json["schema"] == "neuedge-nir/convert/1"
    assert answer.json["model"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert answer.json["file"] == {
        "name": "clean.nir",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "nodes": 7,
        "edges": 6,
    }
    assert answer.json["nir_versions"] == ["1.0.8"]
    codes = [remark["code"] for remark in answer.json["diagnostics"] if remark["severity"] != "info"]
    assert codes == ["NIR002", "NIR003", "NIR005", "NIR006", "NIR017", "OUT101"]


def test_what_an_old_version_cannot_read_is_refused_if_it_must(process: Neuedge, model: Path, tmp_path: Path) -> None:
    answer = process("convert", model, "clean.nir", "--compat", "1.0.4", "--json", cwd=tmp_path)
    assert answer.refusal == (3, "OUT005")
    assert "node 'sub.lif'" in answer.complaint
    assert names(tmp_path) == {"model.nir"}
    assert process("convert", model, "clean.nir", "--compat", "1.0.8", cwd=tmp_path).status == 0


def test_an_old_version_gets_what_it_can_read(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    answer = neuedge("convert", digits, tmp_path / "clean.nir", "--compat", "1.0.4")
    assert (answer.status, answer.out) == (0, "clean.nir: 6 nodes, 5 edges; for nir 1.0.8 and 1.0.4\n")


def test_a_file_that_no_version_reads_is_written_all_the_same(neuedge: Neuedge, tmp_path: Path) -> None:
    kinds = ("tau_syn", "tau_mem", "r", "v_leak", "w_in")
    cuba = {"type": "CubaLI", **{key: np.ones((2, 2, 2)) for key in kinds}}
    conv = {"type": "Conv2d", "weight": np.ones((2, 1, 1, 1)), "bias": np.zeros(2), "groups": 2}
    conv |= {"stride": np.ones(2, int), "padding": np.zeros(2, int), "dilation": np.ones(2, int)}
    nodes, edges = chain(("in", inputs(2, 2, 2)), ("conv", conv), ("cuba", cuba), ("out", outputs(2, 2, 2)))
    answer = neuedge("convert", write_nir(tmp_path / "model.nir", nodes, edges), tmp_path / "clean.nir")
    assert answer.out == "clean.nir: 4 nodes, 3 edges; for no version of nir that was tried\n"
    assert difference(read(tmp_path / "model.nir"), read(tmp_path / "clean.nir")) is None


def test_hash_seed_folder_and_time_leave_no_trace(process: Neuedge, model: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "model.nir").write_bytes(model.read_bytes())
    one = process("convert", model, "a.nir", "--json", cwd=tmp_path, PYTHONHASHSEED="1")
    other = process("convert", "model.nir", "a.nir", "--json", cwd=there, PYTHONHASHSEED="2", TZ="Asia/Tokyo")
    assert (tmp_path / "a.nir").read_bytes() == (there / "a.nir").read_bytes()
    assert one.out == other.out
    assert process("convert", "a.nir", "b.nir", cwd=tmp_path).status == 0
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()


# --- what it says no to


@pytest.mark.parametrize("out", ["tiny.nir", "./tiny.nir", "link.nir", "hard.nir"])
def test_a_model_is_not_replaced_by_what_is_made_of_it(process: Neuedge, tmp_path: Path, out: str) -> None:
    content = tiny(tmp_path).read_bytes()
    (tmp_path / "link.nir").symlink_to("tiny.nir")
    os.link(tmp_path / "tiny.nir", tmp_path / "hard.nir")
    assert process("convert", "tiny.nir", out, cwd=tmp_path).refusal == (2, "USE006")
    assert (tmp_path / "tiny.nir").read_bytes() == content
    assert (tmp_path / "link.nir").is_symlink()


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["convert"], 2, "USE001"),
        (["convert", "tiny.nir"], 2, "USE001"),
        (["convert", "tiny.nir", "a.nir", "b.nir"], 2, "USE001"),
        (["convert", "tiny.nir", "no/such/a.nir"], 2, "USE006"),
        (["convert", "tiny.nir", "."], 2, "USE006"),
        (["convert", "tiny.nir", "a" * 300 + ".nir"], 2, "USE006"),
        (["convert", "tiny.nir", "a.nir", "--compat", "1.0.5"], 2, "OUT007"),
        (["convert", "tiny.nir", "a.nir", "--pass", "fold-scal"], 2, "USE003"),
        (["convert", "tiny.nir", "a.nir", "--pass", "fold-scale:depth"], 2, "USE008"),
        (["convert", "tiny.nir", "a.nir", "--pass", "fold-scale:depth=3"], 2, "USE014"),
        (["convert", "gone.nir", "a.nir"], 3, "FILE001"),
        (["convert", "text.nir", "a.nir"], 3, "FILE007"),
    ],
)
def test_a_wrong_request_leaves_no_file(
    neuedge: Neuedge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    status: int,
    code: str,
) -> None:
    tiny(tmp_path)
    (tmp_path / "text.nir").write_text("not a model")
    monkeypatch.chdir(tmp_path)
    assert neuedge(*words).refusal == (status, code)
    assert names(tmp_path) == {"tiny.nir", "text.nir"}


def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path: Path) -> None:
    """In a process of its own: the HDF5 library would crash at exit, had it been told."""
    conv = conv2d(np.ones((10, 1, 3, 3)), padding=np.array([1, 1]), input_shape=np.array([1000, 1000]))
    ends = inputs(1, 1000, 1000), outputs(10, 1000, 1000)
    nodes, edges = chain(("in", ends[0]), ("conv", conv), ("lif", lif()), ("out", ends[1]))
    write_nir(tmp_path / "model.nir", nodes, edges)
    (tmp_path / "clean.nir").write_bytes(b"old")
    most = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))"
    command = f"{most}; from neuedge_nir.cli.main import entry; entry()"
    words = [sys.executable, "-c", command, "convert", "model.nir", "clean.nir"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error[USE006]: clean.nir: cannot write: File too large")
    assert names(tmp_path) == {"model.nir", "clean.nir"}
    assert (tmp_path / "clean.nir").read_bytes() == b"old"


def test_names_in_a_file_steer_no_terminal(neuedge: Neuedge, tmp_path: Path) -> None:
    nodes, edges = chain(("\x1b[31min", inputs(2)), ("two\nlines", lif(2, v_reset=-np.ones(2))), ("out", outputs(2)))
    answer = neuedge("convert", write_nir(tmp_path / "model.nir", nodes, edges), tmp_path / "\x1b[1mclean.nir")
    assert answer.status == 0
    assert all(line.isprintable() for line in (*answer.out.splitlines(), *answer.err.splitlines()))


def test_the_settings_of_a_model_are_kept(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    assert neuedge("convert", digits, tmp_path / "clean.nir").status == 0
    metadata = nir.read(tmp_path / "clean.nir").metadata
    assert json.loads(metadata["neuedge"]) == {"schema": 1, "reset": "zero", "dt": 1.0}


def test_what_the_file_does_not_say_can_be_said(neuedge: Neuedge, model: Path, tmp_path: Path) -> None:
    answer = neuedge("convert", model, tmp_path / "clean.nir", "--reset", "subtract", "--dt", "0.001")
    assert answer.status == 0
    found = read(tmp_path / "clean.nir")
    assert (found.reset, found.dt) == ("subtract", 0.001)


def test_a_clean_file_passes_where_the_model_did_not(neuedge: Neuedge, model: Path, tmp_path: Path) -> None:
    assert neuedge("convert", model, tmp_path / "clean.nir", "--strict").refusal == (3, "NIR005")
    assert names(tmp_path) == {"model.nir"}
    assert neuedge("convert", model, tmp_path / "clean.nir").status == 0
    assert neuedge("convert", tmp_path / "clean.nir", tmp_path / "again.nir", "--strict").status == 0


@pytest.mark.parametrize("limit", [16, 64])
@pytest.mark.parametrize("tell", ["", ",tell=true"])
def test_what_split_fan_in_makes_is_written_and_others_read_it(
    process: Neuedge, tmp_path: Path, limit: int, tell: str
) -> None:
    assert process("models", "export", "digits", "digits.nir", cwd=tmp_path).status == 0
    words = ("digits.nir", "narrow.nir", "--pass", f"split-fan-in:limit={limit}{tell}")
    answer = process("convert", *words, cwd=tmp_path)
    assert answer.status == 0, answer.err
    assert answer.out.endswith("; for nir 1.0.8 and 1.0.4\n")
    nir.read(tmp_path / "narrow.nir")
