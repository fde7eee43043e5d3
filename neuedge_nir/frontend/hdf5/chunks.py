"""Chunks of datasets, decoded here: the HDF5 library would inflate a chunk to whatever its stream holds."""

from __future__ import annotations

import math
import os
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, groupby, islice, product
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
"""Decoded chunks that are in memory at once, if a row of them takes less ..."""
BAND_BYTES = 16 * MIB
"""... and the most that a row of them may take there."""

MOST_THREADS = 2
LEAST_FOR_THREADS = 2**14
"""Bytes of a chunk that is worth a thread."""

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
    row = math.prod(header.form.shape[1:]) * header.form.item_bytes
    step = (header.form.chunk or (1,))[0]
    # zlib lets go of Python's lock, so that threads share the work.
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        if step * row <= BAND_BYTES:
            rows = step * max(1, BATCH_BYTES // (step * row))
            _fill_rows(target, _stored_chunks(chunks, header, tally), Decoder(header.form), rows, pool)
        else:
            _fill_parts(target, _stored_chunks(chunks, header, tally), Decoder(header.form), pool)


Listed = Iterator[tuple[Corner, Stored]]
"""Chunks, each with the place where it begins, from the first to the last."""


@dataclass(slots=True)
class Decoder:
    """What decodes the chunks of a form. Those of equal values are stored alike: the last short one is remembered."""

    form: Form
    last: tuple[Stored, NDArray[Any]] | None = None

    def __call__(self, stored: Stored) -> NDArray[Any]:
        last = self.last
        if last is not None and last[0] == stored:
            return last[1]
        chunk = _decoded(stored, self.form)
        if len(stored[1]) <= SHORT_BYTES:
            self.last = stored, chunk
        return chunk


def _fill_rows(target: Target, listed: Listed, decode: Decoder, rows: int, pool: ThreadPoolExecutor) -> None:
    """Some rows at a time: while these are written, the next ones are decoded."""
    shape = decode.form.shape
    bands = [np.empty((min(rows, shape[0]), *shape[1:]), target.dtype) for _ in range(2)]
    run = pool.map if decode.form.chunk_size >= LEAST_FOR_THREADS else map
    waiting: tuple[Iterator[None], NDArray[Any]] | None = None
    for (start, chunks), band in zip(_bands(listed, rows), cycle(bands)):
        band, parts = band[: shape[0] - start], list(chunks)
        if waiting is None and _same(target, parts, decode):
            target.skip(len(band))
            continue
        # One task for each thread: a task for each chunk would take longer than to decode a small one.
        shares = [parts[thread::MOST_THREADS] for thread in range(MOST_THREADS)]
        placed = run(partial(_place, band, start, decode), shares)
        if waiting is not None:
            _add(target, *waiting)
        waiting = placed, band
    if waiting is not None:
        _add(target, *waiting)


def _bands(listed: Listed, rows: int) -> Iterator[tuple[int, Listed]]:
    """Chunks by the band of rows that they lie in, and the row that it begins with."""
    for band, chunks in groupby(listed, lambda chunk: chunk[0][0] // rows):
        yield band * rows, chunks


def _same(target: Target, chunks: Sequence[tuple[Corner, Stored]], decode: Decoder) -> bool:
    """Whether all elements of these chunks, too, are the only value so far: then they need not be put together."""
    return all(
        len(stored[1]) <= SHORT_BYTES and target.same(_within(decode.form.shape, corner, decode(stored))[1])
        for corner, stored in chunks
    )


def _place(band: NDArray[Any], start: int, decode: Decoder, chunks: Iterable[tuple[Corner, Stored]]) -> None:
    """Decode chunks into a band that begins with row `start`."""
    for (row, *rest), stored in chunks:
        place, part = _within(band.shape, (row - start, *rest), decode(stored))
        band[place] = part


def _add(target: Target, placed: Iterator[None], band: NDArray[Any]) -> None:
    """The rows of a band, once all chunks are in their places."""
    deque(placed, maxlen=0)
    target.add(band)


def _fill_parts(target: Target, listed: Listed, decode: Decoder, pool: ThreadPoolExecutor) -> None:
    """Some chunks at a time, where a row of them is too large for memory."""
    form = decode.form
    while batch := list(islice(listed, max(MOST_THREADS, BATCH_BYTES // form.chunk_size))):
        for (corner, _), chunk in zip(batch, pool.map(decode, [stored for _, stored in batch]), strict=True):
            target.put(*_within(form.shape, corner, chunk))
        target.written()


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


def _stored_chunks(chunks: Chunks, header: DatasetHeader, tally: Tally) -> Listed:
    for corner in _corners(header.form):
        yield corner, _stored(chunks, corner, header, tally)


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
