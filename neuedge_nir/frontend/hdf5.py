"""Safe access to a .nir file: one snapshot of a regular file, headers first, then values within the caps.

`read_container` is the whole of it. It is made to run in a child process with limits of its own one day: it takes
and gives plain values, and nothing outside this folder touches h5py.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.headers import GroupHeader, Tally, damage_reported, walk
from neuedge_nir.frontend.heaps import check_heaps
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps, RawFile
from neuedge_nir.frontend.structure import graph_in, version_in
from neuedge_nir.frontend.values import Values

SIGNATURE = b"\x89HDF\r\n\x1a\n"
LFS_POINTER = b"version https://git-lfs"
ZIP_ARCHIVE = b"PK\x03\x04"


def read_container(path: str | os.PathLike[str], caps: Caps = DEFAULT_CAPS) -> RawFile:
    """The graph of a .nir file as plain values. Raises `InputError` (FILE...) for whatever is no such file."""
    name = shown(path)
    data = snapshot(Path(path), name, caps)
    recognise(data, name)
    check_heaps(data, name)
    with _plugins_off(), _opened(data, name) as file:
        tally = Tally(caps, name)
        with damage_reported(name):
            root = walk(file.id, tally)
        values = Values(file, data, tally)
        graph = graph_in(_graph_group(root, name), values)
        digest = hashlib.sha256(data).hexdigest()
        beside = tuple(sorted(root.members.keys() - {"node", "version"}))
        return RawFile(name, digest, version_in(root, values), graph, beside)


def shown(path: str | os.PathLike[str]) -> str:
    """The base name, fit to print: control characters in a file name must not reach a terminal."""
    name = Path(path).name
    return name if name.isprintable() else ascii(name)


def snapshot(path: Path, name: str, caps: Caps) -> bytes:
    """The bytes of a regular file, read once: what is hashed is what is parsed, whatever others write meanwhile."""
    try:
        _check_regular(os.stat(path), name)
        # Without O_NONBLOCK a FIFO put in place after the check would hang us.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            _check_regular(found, name)
            Tally(caps, name).check("file_bytes", found.st_size, name)
            data = file.read(caps.file_bytes + 1)
    except OSError as error:
        raise _unreadable(error, name) from error
    Tally(caps, name).check("file_bytes", len(data), name)
    return data


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


def recognise(data: bytes, name: str) -> None:
    """Say what a file is that is not HDF5: the usual mistakes each have their own remedy."""
    if data.startswith(SIGNATURE):
        return
    if not data:
        raise InputError("FILE004", "the file is empty", where=name, hint="copy or export it again")
    if data.startswith(LFS_POINTER):
        message = "this is a Git LFS pointer, not the model"
        raise InputError("FILE005", message, where=name, hint="run `git lfs pull` in its repository")
    if data.startswith(ZIP_ARCHIVE):
        message = "this is a zip archive, probably a torch file"
        raise InputError("FILE006", message, where=name, hint="load it in its framework and export it to NIR")
    if _is_text(data[:4096]):
        message = "this is a text file, not a NIR model"
        raise InputError(
            "FILE007", message, where=name, hint="if it was downloaded, fetch the raw file, not its web page"
        )
    raise InputError("FILE008", "this is not an HDF5 file", where=name, hint="a NIR model is written by nir.write")


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", errors="replace")
    return all(c.isprintable() or c.isspace() for c in text) and text.count("\N{REPLACEMENT CHARACTER}") <= 1


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Any]:
    """The snapshot as an HDF5 file. From memory: the library opens no path, so no path can be swapped."""
    import h5py

    with damage_reported(name):
        file = h5py.File(io.BytesIO(data), "r")
    with file:
        yield file


@contextmanager
def _plugins_off() -> Iterator[None]:
    """No folder to load filter plugins from while a stranger's file is open. The setting is the process's own."""
    from h5py import h5pl

    folders = [h5pl.get(index) for index in range(h5pl.size())]
    for _ in folders:
        h5pl.remove(0)
    try:
        yield
    finally:
        for folder in folders:
            h5pl.append(folder)


def _graph_group(root: GroupHeader, name: str) -> GroupHeader:
    group = root.group("node")
    if group is None:
        message = "this HDF5 file holds no NIR graph: it has no group 'node'"
        raise InputError("FILE016", message, where=name, hint="write it with nir.write")
    return group
