"""Chunks of datasets, decoded here: the HDF5 library would inflate a chunk to whatever its stream holds."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice, product
from operator import ge
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.hdf5.headers import DEFLATE, FLETCHER32, LZF, SHUFFLE, DatasetHeader, Tally
from neuedge_nir.frontend.hdf5.spill import Target
from neuedge_nir.frontend.raw import MIB, Shape

LZF_MOST = 88
"""Three bytes of LZF stand for 264 at most."""

OURS = {DEFLATE, SHUFFLE}
"""The filters that are undone here; what has others is judged here and then read by the library."""

BATCH_BYTES = 4 * MIB
"""Decoded chunks that are in memory at once, but two at least: one for each thread."""

SHORT_BYTES = 4096
"""Stored chunks up to this size are compared with each other: those of equal values all compress to the same bytes."""

Corner = tuple[int, ...]
Stored = tuple[Corner, int, bytes]
"""Where a chunk is, its filter mask, its bytes."""


class Chunks(Protocol):
    """The chunks of one dataset as they are stored, by the index of their first element."""

    def size(self, corner: Corner) -> int | None:
        """Bytes that the chunk takes in the file; None where it was never written."""

    def read(self, corner: Corner) -> tuple[int, bytes]:
        """Its filter mask, a bit for each filter that was left out, and its bytes."""


def is_one(header: DatasetHeader) -> bool:
    """Whether the dataset lies in one chunk, which may be larger."""
    return header.chunk == header.shape or (header.chunk is not None and all(map(ge, header.chunk, header.shape)))


def decodes_here(header: DatasetHeader) -> bool:
    """Whether `fill` can read the dataset: chunks in filters that are simple to undo."""
    return header.chunk is not None and set(header.filters) <= OURS


def only_chunk(chunks: Chunks, header: DatasetHeader, tally: Tally) -> NDArray[Any]:
    """All elements of a dataset that lies in one chunk."""
    corner = (0,) * len(header.shape)
    chunk = _decoded((corner, *_stored(chunks, corner, header, tally)), header, tally)
    return chunk if header.chunk == header.shape else _within(header.shape, corner, chunk)[1]


def fill(target: Target, chunks: Chunks, header: DatasetHeader, tally: Tally) -> None:
    """Decode every chunk once, straight to its place. Each is there and decodes to exactly its size."""
    decode = partial(_decoded, header=header, tally=tally)
    stored = ((corner, *_stored(chunks, corner, header, tally)) for corner in _corners(header))
    decoded: dict[Hashable, NDArray[Any]] = {}
    # zlib lets go of Python's lock, so two threads halve the time; a small dataset is not worth a thread.
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        while batch := list(islice(stored, max(2, BATCH_BYTES // _chunk_bytes(header)))):
            alike = {_key(chunk): chunk for chunk in batch}
            missing = [key for key in alike if key not in decoded]
            new = (pool.map if len(missing) > 1 else map)(decode, [alike[key] for key in missing])
            decoded = {key: decoded[key] for key in alike if key in decoded} | dict(zip(missing, new, strict=True))
            for chunk in batch:
                target.put(*_within(header.shape, chunk[0], decoded[_key(chunk)]))
            target.written()


def _key(stored: Stored) -> Hashable:
    """The same for chunks that decode to the same."""
    corner, mask, raw = stored
    return (mask, raw) if len(raw) <= SHORT_BYTES else corner


def _within(shape: Shape, corner: Corner, chunk: NDArray[Any]) -> tuple[tuple[slice, ...], NDArray[Any]]:
    """Where a chunk lies, and what of it lies within the array: those at the edges reach beyond."""
    sides = zip(corner, chunk.shape, shape, strict=True)
    place = tuple(slice(start, min(start + side, length)) for start, side, length in sides)
    return place, chunk[tuple(slice(part.stop - part.start) for part in place)]


def check_chunks(chunks: Chunks, header: DatasetHeader, tally: Tally) -> None:
    """Every chunk is there and decodes to exactly its size, so that the library may read them."""
    for corner in _corners(header):
        mask, raw = _stored(chunks, corner, header, tally)
        _check_size(raw, mask, header, tally)


def elements(raw: bytes, dtype: np.dtype[Any], count: int = -1) -> NDArray[Any]:
    """Stored elements as an array. A stored boolean may be any byte; what is not 0 is true."""
    return np.frombuffer(raw, np.uint8, count) != 0 if dtype.kind == "b" else np.frombuffer(raw, dtype, count)


def _corners(header: DatasetHeader) -> Iterator[Corner]:
    sides = zip(header.shape, header.chunk or (), strict=True)
    return product(*(range(0, length, side) for length, side in sides))


def _stored(chunks: Chunks, corner: Corner, header: DatasetHeader, tally: Tally) -> tuple[int, bytes]:
    size = chunks.size(corner)
    if size is None:
        message, hint = "a part of the data was never written", "export the model again"
        raise InputError("FILE017", message, where=tally.place(header.path), hint=hint)
    tally.check("chunk_bytes", size, header.path)
    return chunks.read(corner)


def _decoded(stored: Stored, header: DatasetHeader, tally: Tally) -> NDArray[Any]:
    _, mask, raw = stored
    expected = _chunk_bytes(header)
    for code in reversed(_used(header, mask)):
        raw = _inflated(raw, expected) if code == DEFLATE else _unshuffled(raw, header.item_bytes)
    if len(raw) != expected:
        raise _wrong_size(header, tally)
    return elements(raw, header.dtype).reshape(header.chunk or ())


def _used(header: DatasetHeader, mask: int) -> Sequence[int]:
    """The filters that were applied to a chunk: a bit of its mask says that one was left out."""
    return [code for index, code in enumerate(header.filters) if not mask >> index & 1] if mask else header.filters


def _chunk_bytes(header: DatasetHeader) -> int:
    return math.prod(header.chunk or ()) * header.item_bytes


def _inflated(raw: bytes, expected: int) -> bytes:
    """The content of a stream, no further than is needed to see that it is too long."""
    return zlib.decompressobj().decompress(raw, expected + 8)


def _unshuffled(raw: bytes, item: int) -> bytes:
    """Undo HDF5's shuffle, which stores the first bytes of all elements, then the second ones, and so on."""
    whole = len(raw) // item * item
    return np.frombuffer(raw, np.uint8, whole).reshape(item, -1).T.tobytes() + raw[whole:]


def _check_size(raw: bytes, mask: int, header: DatasetHeader, tally: Tally) -> None:
    used = _used(header, mask)
    if LZF in used:
        tally.check("total_bytes", len(raw) * LZF_MOST, header.path)
    elif _decoded_size(raw, used, header) != _chunk_bytes(header):
        raise _wrong_size(header, tally)


def _decoded_size(raw: bytes, filters: Iterable[int], header: DatasetHeader) -> int:
    """Bytes after undoing the filters, last first; counted no further than is needed to see that they are too many."""
    for code in reversed(list(filters)):
        if code == FLETCHER32:
            raw = raw[:-4]
        elif code == SHUFFLE:
            raw = _unshuffled(raw, header.item_bytes)
        elif code == DEFLATE:
            raw = _inflated(raw, _chunk_bytes(header))
    return len(raw)


def _wrong_size(header: DatasetHeader, tally: Tally) -> InputError:
    message = f"a chunk does not decode to its {_chunk_bytes(header)} bytes"
    return InputError("FILE009", message, where=tally.place(header.path), hint="copy or export the file again")
