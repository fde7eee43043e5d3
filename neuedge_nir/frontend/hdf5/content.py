"""The content of a .nir file: headers first, then values within the caps.

It runs in a process of its own (`worker.py`), takes an open file and gives plain values, so that whatever a hostile
file does to the HDF5 library stays there.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.hdf5 import library, walk
from neuedge_nir.frontend.hdf5.headers import GroupHeader, Tally, damage_reported
from neuedge_nir.frontend.hdf5.heaps import check_heaps
from neuedge_nir.frontend.hdf5.messages import UnfamiliarError
from neuedge_nir.frontend.hdf5.spill import Spill
from neuedge_nir.frontend.hdf5.structure import graph_in, recordings_in, version_in
from neuedge_nir.frontend.hdf5.values import Values
from neuedge_nir.frontend.raw import Caps, RawContent


def content_of(file: IO[bytes], name: str, caps: Caps, spill: Spill) -> RawContent:
    """What an HDF5 file holds as a NIR graph. Raises `InputError` (FILE...) where it holds none."""
    with _mapped(file, name) as data:
        try:
            return content_by_walk(file, data, name, caps, spill)
        except UnfamiliarError:
            return content_by_library(file, data, name, caps, spill)


def content_by_walk(file: IO[bytes], data: mmap.mmap, name: str, caps: Caps, spill: Spill) -> RawContent:
    """The content, straight from the bytes. Raises `UnfamiliarError` for what is left to the library."""
    tally = Tally(caps, name)
    root = walk.headers_of(data, tally)
    return _content(root, Values(file, data, walk.OwnStore(data, file, tally), spill, tally))


def content_by_library(file: IO[bytes], data: mmap.mmap, name: str, caps: Caps, spill: Spill) -> RawContent:
    """The same by means of h5py, which knows every format."""
    check_heaps(file, len(data), caps.string_length, name)
    with library.opened(file, name) as found:
        tally = Tally(caps, name, "slow_objects")
        root = library.headers_of(found, tally)
        return _content(root, Values(file, data, library.LibraryStore(found, tally), spill, tally))


def _content(root: GroupHeader, values: Values) -> RawContent:
    if root.group("node") is None and root.group("nodes") is not None:
        stamp = root.dataset("neuedge")
        return RawContent(None if stamp is None else values.text(stamp, "string_length"), recordings_in(root, values))
    graph = graph_in(_graph_group(root, values.tally.file), values)
    beside = tuple(sorted(root.members.keys() - {"node", *(["version"] if root.dataset("version") else [])}))
    return RawContent(version_in(root, values), graph, beside)


@contextmanager
def _mapped(file: IO[bytes], name: str) -> Iterator[mmap.mmap]:
    """The bytes of the file. It is a private copy, so nobody can cut it short meanwhile."""
    with damage_reported(name):
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with data:
        yield data


def _graph_group(root: GroupHeader, name: str) -> GroupHeader:
    group = root.group("node")
    if group is None:
        message = "this HDF5 file holds no NIR graph: it has no group 'node'"
        raise InputError("FILE016", message, where=name, hint="write it with nir.write")
    return group
