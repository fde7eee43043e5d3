"""The safe way to a file's content: a private copy, read by another process under limits.

The other process is kept for the next file, so that a thousand small files do not cost a thousand start-ups. It is
replaced when it dies, and after a large file, whose arrays are then mapped: nobody is left who could change them.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from neuedge_nir.errors import InputError
from neuedge_nir.frontend import wire
from neuedge_nir.frontend.hdf5.content import content_of
from neuedge_nir.frontend.hdf5.spill import Spill
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps, RawContent, RawFile
from neuedge_nir.frontend.snapshot import Snapshot, snapshot

START_SECONDS = 60.0
"""How long the other process may take to start: a busy machine needs some seconds to import h5py."""
PATIENCE = 4.0
"""Seconds of waiting for every second of processor time: other programs run too."""
BOOT = "import sys; sys.path[:] = sys.argv[2:]; from runpy import run_module; run_module({!r}, run_name='__main__')"
MODULE = "neuedge_nir.frontend.worker"


def read_container(path: str | os.PathLike[str], caps: Caps = DEFAULT_CAPS) -> RawFile:
    """The graph of a .nir file as plain values; large arrays are mapped from a file that has no name.

    Raises `InputError` (FILE...) for whatever is no such file.
    """
    with snapshot(path, caps) as copy, tempfile.TemporaryFile(prefix="neuedge-nir-") as spill:
        content = _content(copy, caps, spill)
    return RawFile(copy.name, copy.sha256, content.version, content.graph, content.ignored)


def _content(copy: Snapshot, caps: Caps, spill: IO[bytes]) -> RawContent:
    if not limits_known():
        warnings.warn("this platform cannot limit the process that reads: open trusted files only", stacklevel=2)
        return content_of(copy.file, copy.name, caps, Spill(spill))
    with _LOCK:
        return _ask(_worker(), copy, caps, spill)


def limits_known() -> bool:
    """Whether the platform has what the other process needs: limits, and open files sent through a socket."""
    try:
        import resource
    except ImportError:
        return False
    return hasattr(resource, "setrlimit") and hasattr(socket, "send_fds") and bool(sys.executable)


@dataclass(frozen=True, slots=True)
class Worker:
    """The other process, our end of the socket, what it complains of, and which process of ours started it."""

    process: subprocess.Popen[bytes]
    link: socket.socket
    complaints: IO[bytes]
    owner: int

    def usable(self) -> bool:
        """Alive, and not inherited by a fork, which would share the socket with its parent."""
        return self.owner == os.getpid() and self.process.poll() is None

    def stop(self) -> int:
        """End it and tell its exit status; negative is the signal that it died of. A forked copy only lets go."""
        self.link.close()
        self.complaints.close()
        if self.owner != os.getpid():
            return 0
        if self.process.poll() is None:
            self.process.kill()
        return self.process.wait()


_LOCK = threading.Lock()
_KEPT: list[Worker] = []
"""The worker that waits for the next file, if there is one."""


def _worker() -> Worker:
    if _KEPT and not _KEPT[0].usable():
        _KEPT.pop().stop()
    if not _KEPT:
        _KEPT.append(_started())
    return _KEPT[0]


def _started() -> Worker:
    ours, theirs = socket.socketpair()
    complaints = tempfile.TemporaryFile(prefix="neuedge-nir-")  # noqa: SIM115 - closed with the worker
    paths = [path for path in sys.path if path]
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT.format(MODULE), str(theirs.fileno()), *paths],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env={**os.environ, **QUIET},
            start_new_session=True,
        )
    worker = Worker(process, ours, complaints, os.getpid())
    ours.settimeout(START_SECONDS)
    try:
        wire.receive(ours)
    except (wire.WireError, OSError) as error:
        raise _not_started(worker) from error
    return worker


QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::", "HDF5_PLUGIN_PATH": ""}
"""One thread, so that memory is spent on the file; no filter plugins."""


def _not_started(worker: Worker) -> RuntimeError:
    worker.complaints.seek(0)
    said = worker.complaints.read(2000).decode(errors="replace").strip()
    return RuntimeError(f"the process that reads files did not start (exit status {worker.stop()}): {said}")


def _ask(worker: Worker, copy: Snapshot, caps: Caps, spill: IO[bytes]) -> RawContent:
    budget = caps.seconds_for(copy.size)
    worker.link.settimeout(PATIENCE * budget)
    with _stopped_on_failure(worker, copy, budget):
        wire.send(worker.link, wire.request(copy.name, copy.size, caps), (copy.file.fileno(), spill.fileno()))
        message = wire.receive(worker.link)
        if os.fstat(spill.fileno()).st_size:
            _dismissed(worker)
        return wire.answered(message, spill)


@contextmanager
def _stopped_on_failure(worker: Worker, copy: Snapshot, budget: float) -> Iterator[None]:
    """Whatever goes wrong, an interruption too, ends the worker: half an answer may still be on its way."""
    try:
        yield
    except InputError:  # an answer like any other
        raise
    except TimeoutError as error:
        _dismissed(worker)
        raise _too_slow(copy.name, budget) from error
    except (wire.WireError, OSError) as error:
        raise _died(_dismissed(worker, grace=1.0), copy.name, budget) from error
    except BaseException:
        _dismissed(worker)
        raise


def _dismissed(worker: Worker, grace: float = 0.0) -> int:
    """End the worker, after a moment in which it may end by itself, and tell its exit status."""
    if worker in _KEPT:
        _KEPT.remove(worker)
    with suppress(subprocess.TimeoutExpired):
        worker.process.wait(grace)
    return worker.stop()


def _died(status: int, name: str, budget: float) -> InputError:
    if status == -signal.SIGXCPU:
        return _too_slow(name, budget)
    message = f"the HDF5 library broke down while it read this file (exit status {status})"
    return InputError("FILE020", message, where=name, hint="the file is damaged or hostile: copy or export it again")


def _too_slow(name: str, budget: float) -> InputError:
    message = f"reading it takes more than {budget:.0f} s of processor time"
    hint = "if the file can be trusted, allow more: --limits seconds=60, or Caps.seconds from Python"
    return InputError("FILE019", message, where=name, hint=hint)


@atexit.register
def _stop_kept() -> None:
    while _KEPT:
        _KEPT.pop().stop()
