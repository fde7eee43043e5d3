"""A graph as a .nir file: the layout of nir 1.0.8, and the same bytes for the same graph.

Written with h5py and not with nir, whose type inference takes quadratic time and refuses graphs that are sound.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, product
from typing import IO, Any

import numpy as np

from neuedge_nir.frontend.compact import core
from neuedge_nir.frontend.raw import MIB, Array, Field, Metadata, RawGraph, RawNode, Shape
from neuedge_nir.network.blocks import release

VERSION = "1.0.8"
"""The version of NIR whose layout this is."""
CHUNK_BYTES = MIB
SMALL_BYTES = 4096
"""Smaller arrays are stored as they are: compressed they would take more."""
LEVEL = 4
"""Of compression, 1 to 9: that of the HDF5 library where it is told none."""
THREADS = 2
"""Chunks that are compressed at once: zlib lets go of Python's lock."""


def encode(graph: RawGraph, file: IO[bytes]) -> None:
    """Write the graph, which holds no graphs, into an empty file, some chunks at a time.

    Raises `OSError` where the file takes no more.
    """
    import h5py

    sink = _Sink(file)
    with h5py.File(sink, "w") as stored:
        _put_text(stored, "version", VERSION)
        _put_graph(stored.create_group("node"), graph, sink)
    sink.check()


@dataclass(slots=True)
class _Sink:
    """What the HDF5 library writes into. It is told of no failure: it crashes at exit if it could not write.

    `failure` is the first one; what is written from then on is lost.
    """

    file: IO[bytes]
    failure: OSError | None = None

    def check(self) -> None:
        """Raises the failure."""
        if self.failure is not None:
            raise self.failure

    def write(self, data: memoryview) -> int:
        try:
            if self.failure is None:
                self.file.write(data)
        except OSError as failure:
            self.failure = failure
        return len(data)

    def read(self, size: int) -> bytes:
        return self.file.read(size).ljust(size, b"\0")

    def truncate(self, size: int) -> int:
        return size  # the library gives back what it took and did not use

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def flush(self) -> None:
        """Left to whoever opened the file."""


def _put_graph(group: Any, graph: RawGraph, sink: _Sink) -> None:
    import h5py

    _put_text(group, "type", "NIRGraph")
    _put_metadata(group, graph.metadata)
    edges = np.array(sorted(graph.edges), dtype=object).reshape(-1, 2)
    group.create_dataset("edges", data=edges, dtype=h5py.string_dtype())
    nodes = group.create_group("nodes")
    for name, node in sorted(graph.nodes.items()):
        assert isinstance(node, RawNode)
        _put_node(nodes.create_group(name), node, sink)


def _put_node(group: Any, node: RawNode, sink: _Sink) -> None:
    _put_text(group, "type", node.type)
    _put_metadata(group, node.metadata)
    for key, value in sorted(node.fields.items()):
        _put_field(group, key, value, sink)


def _put_metadata(group: Any, metadata: Metadata) -> None:
    if metadata:
        inner = group.create_group("metadata")
        for key, value in sorted(metadata.items()):
            assert isinstance(value, str | tuple)
            _put_text(inner, key, value)


def _put_field(group: Any, key: str, value: Field, sink: _Sink) -> None:
    if isinstance(value, str):
        _put_text(group, key, value)
    elif value.nbytes < SMALL_BYTES:
        group.create_dataset(key, data=value)
    else:
        chunk = _chunk(value.shape, value.dtype.itemsize)
        options = {"chunks": chunk, "compression": "gzip", "compression_opts": LEVEL}
        dataset = group.create_dataset(key, value.shape, value.dtype, **options)
        for corner, stream in _streams(value, chunk):
            dataset.id.write_direct_chunk(corner, stream)
            sink.check()


def _streams(array: Array, chunk: Shape) -> Iterator[tuple[Shape, bytes]]:
    """For each chunk the index of its first element, and its elements compressed. A uniform one is compressed once."""
    sides = zip(array.shape, chunk, strict=True)
    corners = product(*(range(0, length, side) for length, side in sides))
    if core(array).size == 1:
        stream = _compressed(np.broadcast_to(array.flat[0], chunk), chunk)
        yield from ((corner, stream) for corner in corners)
        return
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        while batch := list(islice(corners, 2 * THREADS)):
            pieces = [array[tuple(slice(a, a + n) for a, n in zip(corner, chunk, strict=True))] for corner in batch]
            yield from zip(batch, pool.map(_compressed, pieces, [chunk] * len(batch)), strict=True)
            release(array)


def _compressed(piece: Array, chunk: Shape) -> bytes:
    """What the HDF5 library would store for a chunk, of which only this piece lies within the array."""
    if piece.shape != chunk:
        whole = np.zeros(chunk, piece.dtype)
        whole[tuple(map(slice, piece.shape))] = piece
        piece = whole
    return zlib.compress(np.ascontiguousarray(piece).data, LEVEL)


def _put_text(group: Any, key: str, text: str | tuple[str, ...]) -> None:
    import h5py

    group.create_dataset(key, data=text, dtype=h5py.string_dtype())


def _chunk(shape: Shape, item_bytes: int) -> Shape:
    """As many whole rows, planes ... as fit into a chunk."""
    sides: list[int] = []
    for axis, length in enumerate(shape):
        row = math.prod(shape[axis + 1 :]) * item_bytes
        taken = min(length, max(1, CHUNK_BYTES // (row * math.prod(sides))))
        sides.append(taken)
    return tuple(sides)
