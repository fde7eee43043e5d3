"""The two ways into an HDF5 file, each asked for itself: our own and the library's."""

from __future__ import annotations

import mmap
import resource
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.hdf5.content import content_by_library, content_by_walk
from neuedge_nir.frontend.hdf5.messages import UnfamiliarError
from neuedge_nir.frontend.hdf5.spill import Spill
from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps, RawContent, RawGraph, RawNode

Way = Callable[[IO[bytes], mmap.mmap, str, Caps, Spill], RawContent]


@dataclass(frozen=True)
class Answer:
    """What a reader says of a file: its content as plain values that can be compared, or the code of a refusal."""

    code: str
    content: object = None
    said: str = field(default="", compare=False)
    """The whole refusal."""

    @property
    def read(self) -> bool:
        return self.code == "read"


def by_walk(path: Path, caps: Caps = DEFAULT_CAPS) -> Answer:
    """`unfamiliar` where it leaves the file to the library."""
    try:
        return _asked(content_by_walk, path, caps)
    except UnfamiliarError:
        return Answer("unfamiliar")


def by_library(path: Path, caps: Caps = DEFAULT_CAPS) -> Answer:
    with memory_limited(2**31):
        return _asked(content_by_library, path, caps)


@contextmanager
def memory_limited(most: int) -> Iterator[None]:
    """The library takes whatever memory a damaged file asks for; in earnest it is in a process with a limit too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _asked(way: Way, path: Path, caps: Caps) -> Answer:
    with path.open("rb", buffering=0) as file, tempfile.TemporaryFile() as spill:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                found = way(file, data, path.name, caps, Spill(spill))
            except InputError as error:
                return Answer(error.code, said=str(error))
        return Answer("read", (found.version, plain(found.graph), found.ignored))


def plain(value: object) -> object:
    """Nodes as tuples, arrays as type, shape and bytes."""
    match value:
        case np.ndarray():
            return value.dtype.str, value.shape, value.tobytes()
        case RawNode(kind, fields, metadata, where):
            return kind, plain(fields), plain(metadata), where
        case RawGraph(nodes, edges, metadata, where):
            return plain(nodes), edges, plain(metadata), where
        case Mapping():
            return [(name, plain(member)) for name, member in value.items()]
    return value
