"""The process that reads: kept while it behaves, replaced when it does not, harmless to the one that asks."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from neuedge_nir.errors import InputError
from neuedge_nir.frontend import launch, process, read, wire
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps, RawNode
from tests.nirfile import chain as in_a_row
from tests.nirfile import changed, inputs, lif, linear, outputs, refusal, tiny, write_nir


def worker() -> launch.Worker:
    (kept,) = launch.KEPT
    return kept


def rogue(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """The next worker does this instead of reading, once it has said that it is ready."""
    code = f"""
        import os, signal, socket, sys, time
        sys.path[:] = sys.argv[2:]
        from neuedge_nir.frontend import wire
        link = socket.socket(fileno=int(sys.argv[1]))
        wire.send(link, b"ready")
        message, files = wire.receive_with_files(link, 2)
        {body}
    """
    launch.stop_kept()
    monkeypatch.setattr(launch, "BOOT", textwrap.dedent(code))


def test_small_files_share_one_process(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    read(path)
    first = worker().process.pid
    read(path)
    assert worker().process.pid == first
    refusal(changed(tmp_path, lambda file: file.create_group("node/metadata" + "/a" * 200)))
    read(tiny(tmp_path / ".."))
    assert worker().process.pid == first, "a refusal is an answer like any other"


def test_a_process_that_died_is_replaced(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    read(path)
    worker().process.kill()
    worker().process.wait()
    assert read(path).neurons == 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "FILE020"),
        ("os._exit(3)", "FILE020"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "FILE019"),
        ("time.sleep(60)", "FILE019"),
        ("link.sendall(bytes(100)); link.close()", "FILE020"),
        ("wire.send(link, b'nonsense')", "FILE020"),
        ("wire.send(link, wire.packed(('content', 3)))", "FILE020"),
        ("wire.send(link, wire.packed(('content', ('1', ['node', 'LIF', {}, {}, 'x'], []))))", "FILE020"),
        ("wire.send(link, wire.packed(('content', ('1', ['graph', {'a': 7}, [], {}, 'x'], []))))", "FILE020"),
        ("link.sendall((1 << 62).to_bytes(8, 'little')); time.sleep(60)", "FILE020"),
    ],
)
def test_whatever_the_process_does_is_a_coded_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, code: str
) -> None:
    path = tiny(tmp_path)
    rogue(monkeypatch, body)
    monkeypatch.setattr(process, "PATIENCE", 0.5)
    start = time.monotonic()
    assert refusal(path).code == code
    assert time.monotonic() - start < 20
    monkeypatch.undo()
    assert read(path).neurons == 3, "the next file has a process of its own"


def test_a_process_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launch.stop_kept()
    monkeypatch.setattr(launch, "BOOT", "raise SystemExit('no h5py here')")
    with pytest.raises(RuntimeError, match="no h5py here"):
        read(tiny(tmp_path))


def test_an_interruption_leaves_no_half_answer_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny(tmp_path)
    read(path)

    def interrupted(_link: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(wire, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(path)
    monkeypatch.undo()
    assert read(path).neurons == 3


def test_threads_take_turns(tmp_path: Path) -> None:
    found: list[int] = []
    paths = [
        write_nir(tmp_path / f"{n}.nir", *in_a_row(("i", inputs(n)), ("l", lif(n)), ("o", outputs(n))))
        for n in (1, 2, 3)
    ]

    def some(path: Path) -> None:
        found.extend(read(path).neurons for _ in range(10))

    threads = [threading.Thread(target=some, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [1] * 10 + [2] * 10 + [3] * 10


def _neurons(path: Path) -> int:
    return read(path).neurons


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_of_the_program_reads_with_a_process_of_its_own(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    read(path)
    before = worker().process.pid
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_neurons, [path] * 4) == [3] * 4
    assert read(path).neurons == 3
    assert worker().process.pid == before, "the forks let it live"


def test_the_process_ends_with_the_program(tmp_path: Path) -> None:
    reading = f"from neuedge_nir.frontend import launch, read; read({str(tiny(tmp_path))!r})"
    code = f"{reading}; print(launch.KEPT[0].process.pid)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_the_process_can_be_started_before_anything_else_is_loaded(tmp_path: Path) -> None:
    code = f"""
        import sys
        from neuedge_nir.frontend import launch
        launch.launch()
        first = launch.KEPT[0].process.pid
        assert not {{"numpy", "h5py", "msgspec"}} & sys.modules.keys()
        from neuedge_nir.frontend import read
        read({str(tiny(tmp_path))!r})
        assert launch.KEPT[0].process.pid == first
    """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(code)], check=True)


def test_the_usual_files_are_read_without_h5py(tmp_path: Path) -> None:
    launch.stop_kept()
    read(tiny(tmp_path))
    loaded = Path(f"/proc/{worker().process.pid}/maps").read_text()
    assert "numpy" in loaded
    assert "hdf5" not in loaded


def test_modules_beside_the_model_are_not_imported(tmp_path: Path) -> None:
    """A folder from a stranger may hold an h5py.py."""
    path = tiny(tmp_path)
    for name in ("h5py", "numpy", "msgspec", "resource"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken over')")
    words = ["-P", "-c", f"from neuedge_nir.frontend import read; print(read({path.name!r}).neurons)"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_processor_time_is_limited_for_each_file_anew(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    launch.stop_kept()
    for _ in range(3):
        read(path, limits=Caps(seconds=1.0))
    limit, _ = resource.prlimit(worker().process.pid, resource.RLIMIT_CPU)
    assert 1 <= limit <= 4
    read(path, limits=Caps(seconds=100.0))
    assert resource.prlimit(worker().process.pid, resource.RLIMIT_CPU)[0] >= 100


def test_memory_is_limited(tmp_path: Path) -> None:
    read(tiny(tmp_path))
    assert resource.prlimit(worker().process.pid, resource.RLIMIT_DATA)[0] == DEFAULT_CAPS.memory_bytes


def test_a_platform_without_limits_is_told_so_and_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "limits_known", lambda: False)
    with pytest.warns(UserWarning, match="open trusted files only"):
        assert read(tiny(tmp_path)).neurons == 3


# Large arrays.


def wide(folder: Path, weight: np.ndarray, **options: object) -> Path:
    nodes, edges = in_a_row(("in", inputs(weight.shape[1])), ("fc", linear([[1.0]])), ("out", outputs(len(weight))))
    path = write_nir(folder / "wide.nir", nodes, edges)
    with h5py.File(path, "a") as file:
        del file["node/nodes/fc/weight"]
        file["node/nodes/fc"].create_dataset("weight", data=weight, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (100, 300)},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "chunks": (333, 77)},
        {"compression": "lzf", "shuffle": True},
        {"fletcher32": True},
        {"compression": "gzip", "fletcher32": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2"])
def test_large_arrays_come_from_disk_as_they_are(tmp_path: Path, options: dict[str, object], dtype: str) -> None:
    weight = (np.random.default_rng(0).normal(size=(1000, 700)) * 100).astype(dtype)
    path = wide(tmp_path, weight, **options)
    node = process.read_container(path).graph.nodes["fc"]
    assert isinstance(node, RawNode)
    stored = node.fields["weight"]
    assert isinstance(stored, np.ndarray)
    np.testing.assert_array_equal(stored, weight)
    assert stored.dtype == np.dtype(dtype).newbyteorder("=")
    assert not stored.flags.writeable
    if weight.nbytes > 2**20:
        assert isinstance(stored.base, np.memmap)
        assert not launch.KEPT, "nobody is left who could change it"


def test_a_large_uniform_array_is_one_number(tmp_path: Path) -> None:
    path = wide(tmp_path, np.full((2000, 1000), 0.5), compression="gzip")
    node = process.read_container(path).graph.nodes["fc"]
    assert isinstance(node, RawNode)
    stored = node.fields["weight"]
    assert isinstance(stored, np.ndarray)
    assert (stored.strides, float(stored[0, 0])) == ((0, 0), 0.5)


def test_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    path = wide(tmp_path, np.arange(1e5).reshape(1000, 100), fletcher32=True)
    with h5py.File(path) as file:
        place = file["node/nodes/fc/weight"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.code == "FILE009"


def test_signals_of_the_terminal_do_not_reach_the_process(tmp_path: Path) -> None:
    read(tiny(tmp_path))
    assert os.getsid(worker().process.pid) != os.getsid(0)
    assert signal.getsignal(signal.SIGINT) is not None
