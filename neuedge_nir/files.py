"""Files that appear whole or not at all.

A symbolic link is followed: the file that it names is replaced, as every other program does it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from neuedge_nir.errors import UsageError


def check_writable(path: Path) -> None:
    """Say before the work, not after it, that a file cannot be written there. Raises `UsageError`."""
    if str(path) == "-":
        raise UsageError("USE006", "cannot write: '-' names no file here", where="-", hint="name a file")
    try:
        place = _resolved(path)
        folder = path.parent if place.parent == path.parent.resolve() else place.parent
        if place.is_dir():
            raise UsageError("USE006", "cannot write: is a directory", where=str(path), hint="name a file in it")
        if not folder.is_dir() and (blocked := _no_folder(folder)):
            message = "cannot write: is no folder"
            raise UsageError("USE006", message, where=str(blocked), hint="name a file in a folder")
        if not folder.is_dir():
            raise UsageError("USE006", "cannot write: no such folder", where=str(folder), hint="create it first")
        if not os.access(folder, os.W_OK):
            raise UsageError("USE006", "cannot write: permission denied", where=str(folder))
        if place.exists() and not os.access(place, os.W_OK):
            raise UsageError("USE006", "cannot write: permission denied", where=str(path), hint="name another file")
        if path.exists() and not path.is_file():  # a rename would replace the pipe or device itself
            raise UsageError("USE006", "cannot write: not a regular file", where=str(path), hint="name a new file")
    except OSError as error:  # a name too long
        raise UsageError("USE006", f"cannot write: {error.strerror}", where=str(path)) from error


def _no_folder(folder: Path) -> Path | None:
    """What is in the way of a folder: the first above it that is there and is none."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    return there if there and not there.is_dir() else None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all. Raises `UsageError` where that cannot be done."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """An empty file to write and read, which is there under its name, whole, once the block has ended well.

    Until then it has a temporary name beside it; it is synced, then renamed. Raises `UsageError` where that cannot be
    done, also for an `OSError` of the block.
    """
    place, temporary = _resolved(path), None
    try:
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as file:
            temporary = Path(file.name)
            yield file.file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_mode(place))
        temporary.replace(place)
    except OSError as error:
        message, hint = f"cannot write: {error.strerror}", "choose a folder that you may write to"
        raise UsageError("USE006", message, where=str(path), hint=hint) from error
    finally:  # an interruption must not leave it either; after the rename there is nothing left to remove
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _resolved(path: Path) -> Path:
    """Where the links lead. Raises `UsageError` for links in a circle and for names that no file may have."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError("USE006", f"cannot write: {error}", where=str(path), hint="name another file") from error


def _mode(path: Path) -> int:
    """Who may read and write it: as before, or as the user's umask has it for a new file."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
