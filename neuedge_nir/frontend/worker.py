"""The process that reads files for another one: one request after the other, each under limits of its own.

Started by `launch.py` with one end of a socket. Whatever a file does to the HDF5 library - a crash, a hang, memory
without end - ends this process and not the one that asked.
"""

from __future__ import annotations

import gc
import math
import os
import resource
import socket
import sys

from neuedge_nir.errors import InputError
from neuedge_nir.frontend import wire
from neuedge_nir.frontend.hdf5.content import content_of
from neuedge_nir.frontend.hdf5.spill import Spill
from neuedge_nir.frontend.raw import Caps


def serve(link: socket.socket) -> None:
    """Answer requests until the other side hangs up."""
    # What a file holds has no cycles, and looking for some takes a quarter of the time. What errors leave goes later.
    gc.disable()
    gc.freeze()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wire.send(link, b"ready")
    while True:
        try:
            message, files = wire.receive_with_files(link, 2)
        except wire.WireError:
            return
        wire.send(link, _answer(message, files))
        gc.collect()


def _answer(message: bytes, files: list[int]) -> bytes:
    name, size, caps = wire.asked(message)
    with os.fdopen(files[0], "rb", buffering=0) as data, os.fdopen(files[1], "r+b", buffering=0) as spill:
        _limit(size, caps)
        try:
            return wire.answer(content_of(data, name, caps, Spill(spill)))
        except InputError as error:
            return wire.refusal(error)
        except MemoryError:
            hint = "use a machine with more memory, or lower the caps"
            return wire.refusal(InputError("FILE015", "not enough memory to read this", where=name, hint=hint))


def _limit(size: int, caps: Caps) -> None:
    """Processor time for this file, counted from now, and memory. Beyond its time the system ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + caps.seconds_for(size))
    _lower(resource.RLIMIT_CPU, seconds)
    _lower(resource.RLIMIT_DATA, caps.memory_bytes)
    _lower(resource.RLIMIT_FSIZE, caps.file_bytes + 2 * caps.total_bytes)


def _lower(kind: int, most: int) -> None:
    """The soft limit alone, so that the next file may have another."""
    _, hard = resource.getrlimit(kind)
    most = min(most, sys.maxsize)  # the most that the system can be told
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def main(descriptor: int) -> None:
    """Serve whoever holds the other end of this socket."""
    serve(socket.socket(fileno=descriptor))
