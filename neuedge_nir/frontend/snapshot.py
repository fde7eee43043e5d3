"""A private copy of the file, made once: what is hashed is what is read, whatever others write meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import MIB, Caps, check_cap

SIGNATURE = b"\x89HDF\r\n\x1a\n"
LFS_POINTER = b"version https://git-lfs"
ZIP_ARCHIVE = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy that has no name in any folder, so nobody can change it or put another in its place."""

    name: str
    file: IO[bytes]
    size: int
    sha256: str


@contextmanager
def snapshot(path: str | os.PathLike[str], caps: Caps) -> Iterator[Snapshot]:
    """The copy of a regular file that looks like HDF5. Raises `InputError` (FILE001..FILE008, FILE015) otherwise."""
    name = shown(path)
    with tempfile.TemporaryFile(prefix="neuedge-nir-") as copy:
        try:
            with _opened(path, name) as file:
                check_cap(caps, "file_bytes", os.fstat(file.fileno()).st_size, name)
                size, sha256 = _copied(file, copy, name, caps)
        except OSError as error:
            raise _unreadable(error, name) from error
        except ValueError as error:  # a NUL in the path
            raise InputError("FILE003", f"cannot be read: {error}", where=name, hint="check the path") from error
        yield Snapshot(name, copy, size, sha256)


def shown(path: str | os.PathLike[str]) -> str:
    """The base name, fit to print: control characters in a file name must not reach a terminal."""
    name = Path(path).name
    return name if name.isprintable() else ascii(name)


def _opened(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    _check_regular(os.stat(path), name)
    # Without O_NONBLOCK a FIFO put in place after the check would hang us.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb", buffering=0)
    try:
        _check_regular(os.fstat(file.fileno()), name)
    except InputError:
        file.close()
        raise
    return file


def _copied(file: IO[bytes], copy: IO[bytes], name: str, caps: Caps) -> tuple[int, str]:
    """Copy and hash in one go; a file that grows meanwhile is cut off by its cap."""
    digest, size = hashlib.sha256(), 0
    while block := file.read(MIB):
        if not size:
            recognise(block, name)
        size += len(block)
        check_cap(caps, "file_bytes", size, name)
        digest.update(block)
        copy.write(block)
    if not size:
        recognise(b"", name)
    copy.flush()
    return size, digest.hexdigest()


def _check_regular(found: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise InputError("FILE002", "this is a directory", where=name, hint="name the .nir file in it")
    if not stat.S_ISREG(found.st_mode):
        message = "this is not a regular file but a pipe, socket or device"
        raise InputError("FILE002", message, where=name, hint="save the model to a file first")


def _unreadable(error: OSError, name: str) -> InputError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return InputError("FILE001", "there is no such file", where=name, hint="check the path")
    return InputError(
        "FILE003", f"cannot be read: {error.strerror}", where=name, hint="check the path and its permissions"
    )


def recognise(start: bytes, name: str) -> None:
    """Say what a file is that does not start as HDF5: the usual mistakes each have their own remedy."""
    if start.startswith(SIGNATURE):
        return
    if not start:
        raise InputError("FILE004", "the file is empty", where=name, hint="copy or export it again")
    if start.startswith(LFS_POINTER):
        message = "this is a Git LFS pointer, not the model"
        raise InputError("FILE005", message, where=name, hint="run `git lfs pull` in its repository")
    if start.startswith(ZIP_ARCHIVE):
        message = "this is a zip archive, probably a torch file"
        raise InputError("FILE006", message, where=name, hint="load it in its framework and export it to NIR")
    if _is_text(start[:4096]):
        message = "this is a text file, not a NIR model"
        raise InputError(
            "FILE007", message, where=name, hint="if it was downloaded, fetch the raw file, not its web page"
        )
    raise InputError("FILE008", "this is not an HDF5 file", where=name, hint="a NIR model is written by nir.write")


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", errors="replace")
    return all(c.isprintable() or c.isspace() for c in text) and text.count("\N{REPLACEMENT CHARACTER}") <= 1
