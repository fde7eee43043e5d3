"""One training at a time writes an output: a second would overwrite what the first one reports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuedge_nir.errors import UsageError


@contextmanager
def claimed(output: Path) -> Iterator[None]:
    """While the block runs, no other training writes this output.

    A lock of the system on `.NAME.lock` beside it, which ends with its process, however that ends: a file that a killed
    one left blocks nobody. Where a system or a file system has no such locks, nothing is claimed. Raises `UsageError`
    USE129 where another training runs.
    """
    place = output.resolve()
    path = place.with_name(f".{place.name}.lock")
    file = _locked(path, output)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is locked still, so that it is ours
        os.close(file)


def _locked(path: Path, output: Path) -> int:
    """The open lock file, locked, and still the one of that name: who held it before removes it at its end."""
    while True:
        file = _opened(path)
        try:
            _lock(file, output)
            if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        raise UsageError("USE006", f"cannot write: {error.strerror}", where=str(path)) from error


def _lock(file: int, output: Path) -> None:
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = "another training writes it"
        raise UsageError("USE129", message, where=str(output), hint="wait for it, or name another file") from error
    except OSError:  # a file system without locks
        return
