"""The content of a .nir file: headers first, then values within the caps.

It runs in a process of its own (`worker.py`), takes an open file and gives plain values, so that whatever a hostile
file does to the HDF5 library stays there. Nothing outside this folder touches h5py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.headers import GroupHeader, Tally, damage_reported, walk
from neuedge_nir.frontend.heaps import check_heaps
from neuedge_nir.frontend.raw import Caps, RawContent
from neuedge_nir.frontend.spill import Spill
from neuedge_nir.frontend.structure import graph_in, version_in
from neuedge_nir.frontend.values import Values


def content_of(file: IO[bytes], size: int, name: str, caps: Caps, spill: Spill) -> RawContent:
    """What an HDF5 file of `size` bytes holds as a NIR graph. Raises `InputError` (FILE...) where it holds none."""
    check_heaps(file, size, caps.string_length, name)
    with _plugins_off(), _opened(file, name) as opened:
        tally = Tally(caps, name)
        with damage_reported(name):
            root = walk(opened.id, tally)
        values = Values(opened, file, spill, tally)
        graph = graph_in(_graph_group(root, name), values)
        beside = tuple(sorted(root.members.keys() - {"node", "version"}))
        return RawContent(version_in(root, values), graph, beside)


@contextmanager
def _opened(file: IO[bytes], name: str) -> Iterator[Any]:
    """From an open file: the library is told no path, so no path can be swapped."""
    import h5py

    with damage_reported(name):
        opened = h5py.File(file, "r")
    with opened:
        yield opened


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
