"""The command line as users run it: a process with its streams, its exit status and its environment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TOYCHIP, Compiled, Neuedge
from tests.nirfile import chain, conv2d, flatten, inputs, lif, linear, outputs, write_nir


def test_a_refused_file_is_one_line_and_a_status(process: Neuedge, tmp_path: Path) -> None:
    (tmp_path / "model.nir").write_bytes(b"PK\x03\x04" + bytes(90))
    answer = process("compile", "model.nir", "--target", "loihi2", "-o", "plan.json", cwd=tmp_path)
    assert answer.refusal == (3, "FILE006")
    assert [path.name for path in tmp_path.iterdir()] == ["model.nir"]


def test_unknown_words_are_one_line_and_a_status(process: Neuedge) -> None:
    assert process("compile", "--nonsense").refusal == (2, "USE001")


def test_what_does_not_fit_is_one_line_on_stderr_and_one_value_on_stdout(
    process: Neuedge, digits: Path, tmp_path: Path
) -> None:
    (tmp_path / "tight.toml").write_text(TOYCHIP.read_text(encoding="utf-8").replace("value = 50", "value = 9"))
    answer = process("compile", digits, "--target", "tight.toml", "--json", cwd=tmp_path)
    assert answer.status == 4
    assert answer.complaint.startswith("error[FIT015]: ")
    assert answer.json["outcome"] == "infeasible"


def test_a_plan_written_by_one_process_is_accepted_by_another(
    process: Neuedge, compiled: dict[str, Compiled], digits: Path
) -> None:
    answer = process("verify", compiled["truenorth"].plan, "--model", digits)
    assert (answer.status, answer.err) == (0, "")


# --- giants in small files


@pytest.fixture(scope="module")
def giant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few kB that say 250 million neurons: ten channels of a picture of 25 million points, one number a parameter."""
    side = 5000
    kernel = conv2d(np.ones((10, 1, 3, 3)), padding=np.array([1, 1]), input_shape=np.array([side, side]))
    neurons = {"type": "IF", "r": 1.0, "v_threshold": 1.0, "v_reset": 0.0}
    nodes, edges = chain(
        ("in", inputs(1, side, side)), ("conv", kernel), ("if", neurons), ("out", outputs(10, side, side))
    )
    path = write_nir(tmp_path_factory.mktemp("giant") / "giant.nir", nodes, edges)
    assert path.stat().st_size < 20_000
    return path


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("loihi1", 4, "FIT015"),
        ("loihi2", 5, "FIT021"),
        ("truenorth", 4, "FIT015"),
        ("spinnaker1", 4, "FIT015"),
        ("spinnaker2", 4, "FIT015"),
    ],
)
def test_a_giant_is_answered_long_before_the_test_gives_up(
    process: Neuedge, giant: Path, target: str, status: int, code: str
) -> None:
    """A second, where a plan took more than ten minutes; the processes of these tests have two minutes."""
    answer = process("check", giant, "--target", target, "--json")
    assert answer.status == status
    assert f"error[{code}]" in answer.complaint
    assert answer.json["outcome"] == {4: "infeasible", 5: "timeout"}[status]


def test_a_giant_is_answered_in_little_memory(neuedge: Neuedge, giant: Path) -> None:
    tracemalloc.start()
    answer = neuedge("check", giant, "--target", "loihi1,loihi2,truenorth,spinnaker1,spinnaker2")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status == 5
    assert peak < 100 * 2**20


# --- the same bytes


@pytest.fixture(scope="module")
def winding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution, a dense layer, a readout and a way back: several cores, many equal choices."""
    nodes, _ = chain(
        ("in", inputs(1, 8, 8)),
        ("conv", conv2d(np.linspace(-1.0, 1.0, 36).reshape(4, 1, 3, 3))),
        ("seen", lif(4, 6, 6)),
        ("flat", flatten()),
        ("fc", linear(np.linspace(-1.0, 1.0, 20 * 144).reshape(20, 144))),
        ("thought", lif(20)),
        ("out", outputs(20)),
    )
    edges = [("in", "conv"), ("conv", "seen"), ("seen", "flat"), ("flat", "fc"), ("fc", "thought"), ("thought", "out")]
    back = {"back": linear(np.eye(20))}
    path = tmp_path_factory.mktemp("models") / "winding.nir"
    return write_nir(path, {**nodes, **back}, [*edges, ("thought", "back"), ("back", "thought")])


def test_hash_seed_folder_and_threads_leave_no_trace_in_a_plan(process: Neuedge, winding: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there" / "über den Bergen"
    for folder in (here, there):
        folder.mkdir(parents=True)
    (there / "winding.nir").write_bytes(winding.read_bytes())
    (there / "toy.toml").write_bytes(TOYCHIP.read_bytes())
    words = ["--effort", "quick", "--json"]
    first = process("compile", winding, "--target", TOYCHIP, "-o", "plan.json", *words, cwd=here, PYTHONHASHSEED="1")
    second = process(
        *("compile", "winding.nir", "--target", "./toy.toml", "-o", there / "plan.json", *words),
        cwd=there,
        PYTHONHASHSEED="2",
        OMP_NUM_THREADS="1",
        TZ="Asia/Tokyo",
    )
    assert (first.status, second.status) == (0, 0)
    assert first.json["mapping"]["cores_used"] > 3
    assert (here / "plan.json").read_bytes() == (there / "plan.json").read_bytes()
    assert first.out == second.out


def test_another_process_makes_the_same_plan(
    process: Neuedge, compiled: dict[str, Compiled], digits: Path, tmp_path: Path
) -> None:
    words = ["compile", digits, "--target", "truenorth", "-o", "plan.json", "--json"]
    answer = process(*words, cwd=tmp_path, PYTHONHASHSEED="3")
    assert answer.out == compiled["truenorth"].answer.out
    assert (tmp_path / "plan.json").read_bytes() == compiled["truenorth"].plan.read_bytes()


def test_no_path_stands_in_a_plan(compiled: dict[str, Compiled], digits: Path) -> None:
    for each in compiled.values():
        content = each.plan.read_bytes()
        assert str(digits.parent).encode() not in content
        assert str(each.plan.parent).encode() not in content


# --- streams


@pytest.mark.parametrize(
    ("words", "unbuffered"), [(["targets"], ""), (["targets"], "1"), (["explain", "FIT010"], ""), (["--help"], "")]
)
def test_a_reader_that_goes_away_is_no_error(words: list[str], unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "neuedge_nir", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_without_unicode_gets_its_report(process: Neuedge, tmp_path: Path) -> None:
    nodes, edges = chain(("入力", inputs(2)), ("é", linear(np.ones((3, 2)))), ("lif", lif(3)), ("out", outputs(3)))
    model = write_nir(tmp_path / "model.nir", nodes, edges)
    words = ("compile", model, "--target", "loihi2", "--reset", "zero", "--steps-per-sample", 16)
    answer = process(*words, PYTHONIOENCODING="ascii")
    assert answer.status == 0
    assert "\\u5165\\u529b" in answer.out
    assert re.search(r"[0-9] us\*? ", answer.out)
    assert answer.out.isascii()


def test_a_closed_stdout_is_no_error_of_ours(digits: Path) -> None:
    command = f'{sys.executable} -m neuedge_nir inspect "{digits}" --json >&-'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 2)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limit")
@pytest.mark.parametrize("files", [6, 7, 8])
def test_too_few_open_files_are_said_in_one_line(digits: Path, files: int) -> None:
    command = f'ulimit -n {files}; exec {sys.executable} -m neuedge_nir inspect "{digits}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error[USE022]: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("after", [0.03, 0.06, 0.09, 0.15, 0.3])
def test_an_interruption_at_any_time_ends_with_130(digits: Path, after: float) -> None:
    """From the first modules on: before that, Python itself answers."""
    ready = "import sys, os; os.write(1, b'.'); from neuedge_nir.cli.start import entry; entry()"
    words = [sys.executable, "-c", ready, "compile", str(digits), "--target", "loihi2"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    if process.returncode != -signal.SIGINT:  # our handler was there
        assert b"Traceback" not in err
        assert process.returncode in (0, 130)
