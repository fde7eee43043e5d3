"""The process that reads files: started early, since it needs some tenths of a second to get ready, and kept.

Nothing here needs numpy, so a command line can start the process first and load its own modules meanwhile.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

BOOT = "import sys; sys.path[:] = sys.argv[2:]; from neuedge_nir.frontend.worker import main; main(int(sys.argv[1]))"
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::", "HDF5_PLUGIN_PATH": ""}
"""One thread, so that memory is spent on the file; no filter plugins."""


def limits_known() -> bool:
    """Whether the platform has what the other process needs: limits, and open files sent through a socket."""
    try:
        import resource
    except ImportError:
        return False
    return hasattr(resource, "setrlimit") and hasattr(socket, "send_fds") and bool(sys.executable)


@dataclass(slots=True)
class Worker:
    """The other process, our end of the socket, what it complains of, which process of ours started it.

    `ready` once it has said so.
    """

    process: subprocess.Popen[bytes]
    link: socket.socket
    complaints: IO[bytes]
    owner: int
    ready: bool = False

    def usable(self) -> bool:
        """Alive, and not inherited by a fork, which would share the socket with its parent."""
        return self.owner == os.getpid() and self.process.poll() is None

    def stop(self, grace: float = 0.0) -> int:
        """End it, after a moment in which it may end by itself, and tell its exit status; negative is the signal that
        it died of. A forked copy only lets go.
        """
        if self in KEPT:
            KEPT.remove(self)
        if self.owner == os.getpid():
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(grace)
        self.link.close()
        self.complaints.close()
        if self.owner != os.getpid():
            return 0
        if self.process.poll() is None:
            self.process.kill()
        return self.process.wait()


LOCK = threading.Lock()
"""Held by whoever talks to the worker."""
KEPT: list[Worker] = []
"""The worker that waits for the next file, if there is one."""


def launch() -> None:
    """Start the process that will read the next file, if it does not run yet and the platform can limit it."""
    if limits_known():
        with LOCK:
            kept_worker()


def kept_worker() -> Worker:
    """The worker that waits, a new one if need be, which may not be ready yet. The caller holds the lock."""
    if KEPT and not KEPT[0].usable():
        KEPT[0].stop()
    if not KEPT:
        KEPT.append(_started())
    return KEPT[0]


def _started() -> Worker:
    ours, theirs = socket.socketpair()
    complaints = tempfile.TemporaryFile(prefix="neuedge-nir-")  # noqa: SIM115 - closed with the worker
    paths = [path for path in sys.path if path]
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT, str(theirs.fileno()), *paths],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env={**os.environ, **QUIET},
            start_new_session=True,
        )
    return Worker(process, ours, complaints, os.getpid())


@atexit.register
def stop_kept() -> None:
    """End the worker that waits."""
    while KEPT:
        KEPT[0].stop()
