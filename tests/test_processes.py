"""Tasks in processes of their own: what they tell, how they end, and that nothing is left of them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from neuedge_nir.across.processes import Ended, Send, in_processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes start anew, and slowly")


def counting(to: int, send: Send) -> None:
    for number in range(to):
        send(number)


def shot(send: Send) -> None:
    send("last words")
    os.kill(os.getpid(), signal.SIGKILL)


def failing(send: Send) -> None:
    del send
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - of a process that ends here
    raise ValueError


def sleeping(where: Path, send: Send) -> None:
    """Starts another process, which is to end with it."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    (where / str(os.getpid())).touch()
    (where / str(child)).touch()
    send("asleep")
    time.sleep(60)


def alive(pid: int) -> bool:
    """A zombie is none: it has ended, and nobody has looked yet."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def soon_gone(pids: Iterator[int]) -> bool:
    held = list(pids)
    assert len(held) >= 2
    for _ in range(100):
        if not any(map(alive, held)):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_task_tells_all_and_ends(jobs: int) -> None:
    told = list(in_processes([partial(counting, n) for n in (3, 0, 2)], jobs))
    for index, many in enumerate((3, 0, 2)):
        assert [what for k, what in told if k == index] == [*range(many), Ended(0)]


def test_one_that_dies_hides_no_other() -> None:
    told = list(in_processes([shot, failing, partial(counting, 2)], 2))
    assert [what for k, what in told if k == 0] == ["last words", Ended(-signal.SIGKILL)]
    assert [what for k, what in told if k == 1] == [Ended(1)]
    assert [what for k, what in told if k == 2] == [0, 1, Ended(0)]


def test_who_stops_listening_leaves_no_process(tmp_path: Path) -> None:
    with closing(in_processes([partial(sleeping, tmp_path)] * 2, 2)) as told:
        assert {next(told)[1], next(told)[1]} == {"asleep"}
    assert soon_gone(int(path.name) for path in tmp_path.iterdir())


def test_a_program_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    program = os.fork()
    if program == 0:
        for _ in in_processes([partial(sleeping, tmp_path)], 1):
            pass
        os._exit(0)
    for _ in range(100):
        if len(list(tmp_path.iterdir())) == 2:
            break
        time.sleep(0.05)
    os.kill(program, signal.SIGKILL)
    os.waitpid(program, 0)
    assert soon_gone(int(path.name) for path in tmp_path.iterdir())
