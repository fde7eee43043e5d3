"""The safe way to a file's content: a private copy, read by another process under limits.

The other process is kept for the next file, so that a thousand small files do not cost a thousand start-ups. It is
replaced when it dies, and after a large file, whose arrays are then mapped: nobody is left who could change them.
"""

from __future__ import annotations

import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from neuedge_nir.errors import InputError
from neuedge_nir.frontend import wire
from neuedge_nir.frontend.hdf5.content import content_of
from neuedge_nir.frontend.hdf5.spill import Spill
from neuedge_nir.frontend.launch import LOCK, Worker, kept_worker, launch, limits_known
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps, RawContent, RawFile
from neuedge_nir.frontend.snapshot import Snapshot, snapshot

START_SECONDS = 60.0
"""How long the other process may take to start: a busy machine needs some seconds for its imports."""
PATIENCE = 4.0
"""Seconds of waiting for every second of processor time: other programs run too."""


def read_container(path: str | os.PathLike[str], caps: Caps = DEFAULT_CAPS) -> RawFile:
    """The graph of a .nir file as plain values; large arrays are mapped from a file that has no name.

    Raises `InputError` (FILE...) for whatever is no such file.
    """
    if os.path.isfile(path):
        launch()  # it gets ready while the file is copied
    with snapshot(path, caps) as copy, tempfile.TemporaryFile(prefix="neuedge-nir-") as spill:
        content = _content(copy, caps, spill)
    return RawFile(copy.name, copy.sha256, content.version, content.graph, content.ignored)


def _content(copy: Snapshot, caps: Caps, spill: IO[bytes]) -> RawContent:
    if not limits_known():
        warnings.warn("this platform cannot limit the process that reads: open trusted files only", stacklevel=2)
        return content_of(copy.file, copy.name, caps, Spill(spill))
    with LOCK:
        return _ask(_ready(kept_worker()), copy, caps, spill)


def _ready(worker: Worker) -> Worker:
    """The worker itself once it waits for files."""
    if not worker.ready:
        worker.link.settimeout(START_SECONDS)
        try:
            wire.receive(worker.link)
        except (wire.WireError, OSError) as error:
            raise _not_started(worker) from error
        worker.ready = True
    return worker


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
            worker.stop()
        return wire.answered(message, spill)


@contextmanager
def _stopped_on_failure(worker: Worker, copy: Snapshot, budget: float) -> Iterator[None]:
    """Whatever goes wrong, an interruption too, ends the worker: half an answer may still be on its way."""
    try:
        yield
    except InputError:  # an answer like any other
        raise
    except TimeoutError as error:
        worker.stop()
        raise _too_slow(copy.name, budget) from error
    except (wire.WireError, OSError) as error:
        raise _died(worker.stop(grace=1.0), copy.name, budget) from error
    except BaseException:
        worker.stop()
        raise


def _died(status: int, name: str, budget: float) -> InputError:
    if status == -signal.SIGXCPU:
        return _too_slow(name, budget)
    message = f"the HDF5 library broke down while it read this file (exit status {status})"
    return InputError("FILE020", message, where=name, hint="the file is damaged or hostile: copy or export it again")


def _too_slow(name: str, budget: float) -> InputError:
    message = f"reading it takes more than {budget:.0f} s of processor time"
    hint = "if the file can be trusted, allow more: --limits seconds=60, or Caps.seconds from Python"
    return InputError("FILE019", message, where=name, hint=hint)
