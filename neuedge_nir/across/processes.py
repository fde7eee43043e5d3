"""Tasks in processes of their own, so many at once: what they tell as they tell it, and how each ended.

Whatever ends this program, or only the loop over what is told, ends all of them, and those that they started.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

Send = Callable[[object], None]
Task = Callable[[Send], None]
"""Tells what it finds. It must survive pickling where processes start anew."""

PATIENCE = 0.5
"""Seconds between two looks at who is still alive: the pipe of one that died may be held open by what it started."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A process is over: 0, the status of a crash, or less than 0 for the signal that ended it."""

    status: int


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    index: int
    process: BaseProcess
    link: Connection


def in_processes(tasks: Sequence[Task], jobs: int) -> Generator[tuple[int, object], None, None]:
    """What each task tells, by its index, in the order in which it comes; the last of each is an `Ended`."""
    context = _context()
    held, lifeline = context.Pipe(duplex=False)
    waiting, running = list(range(len(tasks)))[::-1], dict[int, _Running]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                index = waiting.pop()
                running[index] = _started(context, index, tasks[index], (held, lifeline))
            ready = wait([each.link for each in running.values()], PATIENCE)
            for each in [each for each in running.values() if each.link in ready or not each.process.is_alive()]:
                told = list(_told(each, whole=not each.process.is_alive()))
                if told and isinstance(told[-1], Ended):
                    del running[each.index]
                    _finish(each)
                yield from ((each.index, what) for what in told)
    finally:
        for each in running.values():
            _finish(each)
        held.close()
        lifeline.close()


def _told(each: _Running, *, whole: bool) -> Iterator[object]:
    """The next that a process has told; all that is left of one that is over, and how it ended."""
    try:
        if not whole:
            yield each.link.recv()
        while whole and each.link.poll():
            yield each.link.recv()
    except (EOFError, OSError):  # it closed its end, or died in the middle of a word
        each.process.join()
        whole = True
    if whole:
        yield Ended(each.process.exitcode or 0)


def _finish(each: _Running) -> None:
    """End a process, and all that it started: they are a group."""
    pid = each.process.pid
    if pid is not None and hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # it has gone, or has no group of its own yet
            os.killpg(pid, signal.SIGKILL)
    each.process.kill()
    each.process.join()
    each.link.close()


def _context() -> BaseContext:
    """A fork has the network at once; elsewhere than on Linux it is not safe."""
    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def _started(context: BaseContext, index: int, task: Task, life: tuple[Connection, Connection]) -> _Running:
    ours, theirs = context.Pipe(duplex=False)
    process: BaseProcess = context.Process(target=_run, args=(task, theirs, life))  # type: ignore[attr-defined]
    with warnings.catch_warnings():  # of threads that a fork leaves behind: one may draw the progress, none computes
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    theirs.close()
    return _Running(index, process, ours)


def _run(task: Task, link: Connection, life: tuple[Connection, Connection]) -> None:
    """In the process: a group of its own, which ends with the one that asked; Ctrl-C is for that one to act on."""
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    held, lifeline = life
    lifeline.close()
    threading.Thread(target=_end_with, args=(held,), daemon=True).start()
    task(link.send)
    link.close()


def _end_with(held: Connection) -> None:
    """Nothing is ever sent: the end of waiting is the end of whoever holds the other side."""
    with suppress(EOFError, OSError):
        held.recv()
    if hasattr(os, "killpg"):
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)
