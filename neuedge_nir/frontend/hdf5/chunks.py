"""Chunks of datasets, decoded here: the HDF5 library would inflate a chunk to whatever its stream holds."""

from __future__ import annotations

import os
import zlib
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice, product
from operator import ge
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.hdf5.checksum import checked
from neuedge_nir.frontend.hdf5.headers import (
    DEFLATE,
    FLETCHER32,
    LZF,
    SHUFFLE,
    Corner,
    DatasetHeader,
    Form,
    Stored,
    Tally,
)
from neuedge_nir.frontend.hdf5.spill import Target
from neuedge_nir.frontend.raw import MIB, Shape

LZF_MOST = 88
"""Three bytes of LZF stand for 264 at most."""

OURS = {DEFLATE, SHUFFLE, FLETCHER32}
"""The filters that are undone here; what has others is judged here and then read by the library."""

SLACK = 8
"""Bytes beyond its size to which a chunk may be inflated: room for a checksum, and to see that it is too long."""

BATCH_BYTES = 4 * MIB
"""Decoded chunks that are in memory at once, but two at least: one for each thread."""

SHORT_BYTES = 4096
"""Stored chunks up to this size are compared with each other: those of equal values all compress to the same bytes."""


class Chunks(Protocol):
    """The chunks of one dataset as they are stored, by the index of their first element."""

    def size(self, corner: Corner) -> int | None:
        """Bytes that the chunk takes in the file; None where it was never written."""

    def read(self, corner: Corner) -> Stored:
        """The chunk that begins there."""


def is_one(form: Form) -> bool:
    """Whether the dataset lies in one chunk, which may be larger."""
    return form.chunk == form.shape or (form.chunk is not None and all(map(ge, form.chunk, form.shape)))


def decodes_here(form: Form) -> bool:
    """Whether `fill` can read the dataset: chunks in filters that are simple to undo."""
    return form.chunk is not None and OURS.issuperset(form.filters)


def only_chunk(chunks: Chunks, header: DatasetHeader, tally: Tally) -> Stored:
    """The chunk of a dataset that lies in one."""
    return _stored(chunks, (0,) * len(header.form.shape), header, tally)


def whole(form: Form, stored: Stored) -> NDArray[Any]:
    """All elements of a dataset that lies in this chunk."""
    chunk = _decoded(stored, form)
    return chunk if form.chunk == form.shape else _within(form.shape, (0,) * len(form.shape), chunk)[1]


def fill(target: Target, chunks: Chunks, header: DatasetHeader, tally: Tally) -> None:
    """Decode every chunk once, straight to its place. Each is there and decodes to exactly its size."""
    form = header.form
    decode = partial(_decoded, form=form)
    stored = ((corner, _stored(chunks, corner, header, tally)) for corner in _corners(form))
    decoded: dict[Hashable, NDArray[Any]] = {}
    # zlib lets go of Python's lock, so two threads halve the time; a small dataset is not worth a thread.
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        while batch := list(islice(stored, max(2, BATCH_BYTES // form.chunk_size))):
            alike = {_key(*chunk): chunk[1] for chunk in batch}
            missing = [key for key in alike if key not in decoded]
            new = (pool.map if len(missing) > 1 else map)(decode, [alike[key] for key in missing])
            decoded = {key: decoded[key] for key in alike if key in decoded} | dict(zip(missing, new, strict=True))
            for corner, chunk in batch:
                target.put(*_within(form.shape, corner, decoded[_key(corner, chunk)]))
            target.written()


def _key(corner: Corner, stored: Stored) -> Hashable:
    """The same for chunks that decode to the same."""
    return stored if len(stored[1]) <= SHORT_BYTES else corner


def _within(shape: Shape, corner: Corner, chunk: NDArray[Any]) -> tuple[tuple[slice, ...], NDArray[Any]]:
    """Where a chunk lies, and what of it lies within the array: those at the edges reach beyond."""
    sides = zip(corner, chunk.shape, shape, strict=True)
    place = tuple(slice(start, min(start + side, length)) for start, side, length in sides)
    return place, chunk[tuple(slice(part.stop - part.start) for part in place)]


def check_chunks(chunks: Chunks, header: DatasetHeader, tally: Tally) -> None:
    """Every chunk is there and decodes to exactly its size, so that the library may read them."""
    for corner in _corners(header.form):
        mask, raw = _stored(chunks, corner, header, tally)
        if LZF in _used(header.form, mask):
            tally.check("total_bytes", len(raw) * LZF_MOST, header.path)
        else:
            _undone(mask, raw, header.form)


def elements(raw: bytes, dtype: np.dtype[Any], count: int = -1) -> NDArray[Any]:
    """Stored elements as an array. A stored boolean may be any byte; what is not 0 is true."""
    return np.frombuffer(raw, np.uint8, count) != 0 if dtype.kind == "b" else np.frombuffer(raw, dtype, count)


def _corners(form: Form) -> Iterator[Corner]:
    sides = zip(form.shape, form.chunk or (), strict=True)
    return product(*(range(0, length, side) for length, side in sides))


def _stored(chunks: Chunks, corner: Corner, header: DatasetHeader, tally: Tally) -> Stored:
    size = chunks.size(corner)
    if size is None:
        message, hint = "a part of the data was never written", "export the model again"
        raise InputError("FILE017", message, where=tally.place(header.path), hint=hint)
    tally.check("chunk_bytes", size, header.path)
    return chunks.read(corner)


def _decoded(stored: Stored, form: Form) -> NDArray[Any]:
    return elements(_undone(*stored, form), form.dtype).reshape(form.chunk or ())


def _undone(mask: int, raw: bytes, form: Form) -> bytes:
    """The elements of a chunk as bytes, from its filter mask and what is stored. The last filter is undone first."""
    for code in reversed(_used(form, mask)):
        if code == DEFLATE:
            raw = _inflated(raw, form.chunk_size + SLACK)
        elif code == SHUFFLE:
            raw = _unshuffled(raw, form.item_bytes)
        else:
            raw = checked(raw)
    if len(raw) != form.chunk_size:
        raise ValueError(f"a chunk does not decode to its {form.chunk_size} bytes")
    return raw


def _used(form: Form, mask: int) -> Sequence[int]:
    """The filters that were applied to a chunk: a bit of its mask says that one was left out."""
    return [code for index, code in enumerate(form.filters) if not mask >> index & 1] if mask else form.filters


def _inflated(raw: bytes, most: int) -> bytes:
    """The content of a stream, no further than to this size."""
    stream = zlib.decompressobj()
    content = stream.decompress(raw, most)
    if not stream.eof and len(content) < most:
        raise ValueError("a chunk is cut short")
    return content


def _unshuffled(raw: bytes, item: int) -> bytes:
    """Undo HDF5's shuffle, which stores the first bytes of all elements, then the second ones, and so on."""
    shuffled = len(raw) // item * item
    return np.frombuffer(raw, np.uint8, shuffled).reshape(item, -1).T.tobytes() + raw[shuffled:]
