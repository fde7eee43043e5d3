"""`inspect` as users run it: where its text, JSON and pictures go, and what it says no to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from neuedge_nir.frontend import read
from neuedge_nir.report.dot import dot_of
from neuedge_nir.report.outline import outline_of
from neuedge_nir.report.svg import svg_of
from tests.conftest import Neuedge
from tests.nirfile import SHARED, chain, inputs, lif, linear, outputs, tiny, write_nir


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model, alone in the current folder."""
    monkeypatch.chdir(tmp_path)
    return Path(tiny(tmp_path).name)


def pictures(model: Path) -> tuple[str, str]:
    outline = outline_of(read(model))
    return dot_of(outline), svg_of(outline)


# --- results


def test_pictures_are_written_beside_the_text(neuedge: Neuedge, model: Path) -> None:
    text = neuedge("inspect", model)
    answer = neuedge("inspect", model, "--dot", "p.dot", "--svg", "p.svg")
    assert (answer.status, answer.out, answer.err) == (0, text.out, text.err)
    assert (Path("p.dot").read_bytes(), Path("p.svg").read_bytes()) == tuple(text.encode() for text in pictures(model))


@pytest.mark.parametrize(
    ("words", "index"), [(["--dot"], 0), (["--dot", "-"], 0), (["--svg", "-"], 1), (["--svg=-", "--dot", "p.dot"], 1)]
)
def test_a_picture_is_printed_instead_of_the_text(neuedge: Neuedge, model: Path, words: list[str], index: int) -> None:
    assert neuedge("inspect", model, *words).out == pictures(model)[index]


def test_json_is_printed_beside_a_picture_in_a_file(neuedge: Neuedge, model: Path) -> None:
    answer = neuedge("inspect", model, "--json", "--svg", "p.svg")
    assert answer.json == neuedge("inspect", model, "--json").json
    assert Path("p.svg").read_text(encoding="utf-8") == pictures(model)[1]


def test_all_leaves_nothing_out(neuedge: Neuedge, tmp_path: Path) -> None:
    nodes, edges = chain(
        ("in", inputs(1)), *((f"n{k:02}", node) for k in range(60) for node in [lif(1)]), ("out", outputs(1))
    )
    deep = write_nir(tmp_path / "deep.nir", nodes, edges)
    assert "... 14 populations, 14 projections left out (--all shows them)" in neuedge("inspect", deep).out
    whole = neuedge("inspect", deep, "--all").out
    assert "left out" not in whole
    assert all(f"n{k:02}: LIF, 1 " in whole for k in range(60))


def test_remarks_come_after_the_text(model: Path) -> None:
    nodes, edges = chain(("in", inputs(2)), ("fc", linear(np.ones((3, 2)))), ("lif", lif(3)), ("out", outputs(3)))
    write_nir(model, {**nodes, "lif": lif(3, v_threshold=np.float64(1.0))}, edges)
    words = [sys.executable, "-m", "neuedge_nir", "inspect", str(model)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, timeout=60)
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("tiny: 3 neurons")
    assert lines[-1].startswith("repair[NIR006]: ")


def test_hash_seeds_leave_no_trace(process: Neuedge, model: Path) -> None:
    here = model.resolve()
    first, second = (process("inspect", here, "--svg", "-", PYTHONHASHSEED=seed) for seed in "12")
    assert first.status == 0
    assert first == second
    first, second = (process("inspect", here, "--json", PYTHONHASHSEED=seed) for seed in "12")
    assert first == second


# --- streams


def test_a_terminal_without_unicode_gets_a_tree_in_ascii(process: Neuedge, tmp_path: Path) -> None:
    nodes, edges = chain(("入力", inputs(2)), ("é", linear(np.ones((3, 2)))), ("lif", lif(3)), ("out", outputs(3)))
    model = write_nir(tmp_path / "model.nir", nodes, edges)
    answer = process("inspect", model, PYTHONIOENCODING="ascii")
    assert answer.status == 0
    assert answer.out.isascii()
    assert "|- \\u5165\\u529b: Input, 2\n" in answer.out
    assert "├─ 入力: Input, 2\n" in process("inspect", model, PYTHONIOENCODING="utf-8").out


def test_a_printed_picture_is_utf_8_whatever_the_terminal(process: Neuedge, tmp_path: Path) -> None:
    nodes, edges = chain(("入力", inputs(3)), ("lif", lif(3)), ("out", outputs(3)))
    model = write_nir(tmp_path / "model.nir", nodes, edges)
    answer = process("inspect", model, "--svg", "-", PYTHONIOENCODING="ascii")
    assert "入力" in "".join(ElementTree.fromstring(answer.out.encode()).itertext())


@pytest.mark.parametrize("words", [[], ["--svg", "-"], ["--json"]])
def test_a_reader_that_goes_away_is_no_error(digits: Path, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "neuedge_nir", "inspect", str(digits), *words]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told(digits: Path) -> None:
    command = [sys.executable, "-m", "neuedge_nir", "inspect", str(digits), "--dot"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error[USE006]: cannot write the result")


# --- refusals


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--json", "--dot"], "USE001"),
        (["--json", "--svg", "-"], "USE001"),
        (["--dot", "--svg", "-"], "USE001"),
        (["--svg"], "USE001"),
        (["--svg", "nowhere/p.svg"], "USE006"),
        (["--svg", "."], "USE006"),
        (["--dot", ""], "USE006"),
        (["--dot", "p", "--svg", "./p"], "USE006"),
        (["--svg", "x" * 300], "USE006"),
    ],
    ids=str,
)
def test_a_picture_that_cannot_be_delivered_is_refused(
    neuedge: Neuedge, model: Path, words: list[str], code: str
) -> None:
    assert neuedge("inspect", model, *words).refusal == (2, code)
    assert os.listdir() == [model.name]


@pytest.mark.parametrize("option", ["--dot", "--svg"])
def test_no_picture_replaces_a_model(neuedge: Neuedge, model: Path, option: str) -> None:
    content = model.read_bytes()
    Path("link").symlink_to(model)
    os.link(model, "twin")
    Path("copy.NIR").write_bytes(content)
    for name, code in (("link", "USE006"), ("twin", "USE006"), ("copy.NIR", "USE001"), (model.name, "USE001")):
        assert neuedge("inspect", model, option, name).refusal == (2, code)
        assert Path(name).read_bytes() == content
    assert neuedge("inspect", option, model).refusal == (2, "USE001")
    assert "name MODEL.nir first" in neuedge("inspect", option, model).complaint


def test_of_a_refused_model_there_is_no_picture(neuedge: Neuedge, model: Path) -> None:
    model.write_bytes(model.read_bytes()[:3000])
    assert neuedge("inspect", model, "--svg", "p.svg", "--dot", "p.dot").refusal == (3, "FILE009")
    assert os.listdir() == [model.name]


def test_a_folder_that_may_not_be_written_to_is_refused(
    neuedge: Neuedge, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    answer = neuedge("inspect", model, "--svg", "p.svg")
    assert answer.refusal == (2, "USE006")
    assert "permission denied" in answer.complaint


# --- real files


@pytest.mark.skipif(not SHARED.is_dir(), reason="the third-party files are not here")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.nir")), ids=lambda path: path.stem)
def test_a_strangers_file_is_drawn_or_refused(neuedge: Neuedge, tmp_path: Path, path: Path) -> None:
    answer = neuedge("inspect", path, "--svg", tmp_path / "p.svg", "--dot", tmp_path / "p.dot")
    if answer.status == 3:
        assert not os.listdir(tmp_path)
        return
    assert answer.status == 0
    assert max(map(len, answer.out.splitlines())) <= 120
    told = neuedge("inspect", path, "--json").json
    titles = [e.text or "" for e in ElementTree.parse(tmp_path / "p.svg").iter("{http://www.w3.org/2000/svg}title")]
    for population in told["populations"]:
        assert sum(title.startswith(f"{population['name']}: ") for title in titles) == 1
    assert sum(" -> " in title.split("; ")[0] for title in titles) == len(told["projections"])
