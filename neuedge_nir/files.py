"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from neuedge_nir.errors import UsageError


def check_writable(path: Path) -> None:
    """Say before the work, not after it, that a file cannot be written there. Raises `UsageError`."""
    try:
        if path.is_dir():
            raise UsageError("USE006", "cannot write: is a directory", where=str(path), hint="name a file in it")
        if not path.parent.is_dir():
            raise UsageError("USE006", "cannot write: no such folder", where=str(path.parent), hint="create it first")
        if not os.access(path.parent, os.W_OK):
            raise UsageError("USE006", "cannot write: permission denied", where=str(path.parent))
        if path.exists() and not path.is_file():  # a rename would replace the pipe or device itself
            raise UsageError("USE006", "cannot write: not a regular file", where=str(path), hint="name a new file")
    except OSError as error:  # a name too long
        raise UsageError("USE006", f"cannot write: {error.strerror}", where=str(path)) from error


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
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            yield file.file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise UsageError(
            "USE006", f"cannot write: {error.strerror}", where=str(path), hint="choose a folder that you may write to"
        ) from error
    finally:  # an interruption must not leave it either; after the rename there is nothing left to remove
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
