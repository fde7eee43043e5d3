"""Values of datasets whose headers were checked: decoded within bounds, uniform arrays kept as one element."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from mmap import mmap
from typing import IO

import numpy as np

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.compact import uniform_view
from neuedge_nir.frontend.hdf5.chunks import decodes_here, elements, is_one
from neuedge_nir.frontend.hdf5.headers import FAILURES, DatasetHeader, Kind, Store, Tally, failure
from neuedge_nir.frontend.hdf5.heaps import Heaps, bytes_at
from neuedge_nir.frontend.hdf5.spill import Spill, Target
from neuedge_nir.frontend.raw import Array, Shape
from neuedge_nir.network.blocks import BLOCK_ELEMENTS

POINTER = struct.Struct("<IQI")
"""How HDF5 stores a text of any length: its length, its heap, its index there."""
SMALL_BYTES = 4096
"""Arrays up to this size are taken from the mapped file; larger ones are read, which maps no pages."""


@dataclass(slots=True)
class Values:
    """The file, its bytes, its chunks, where large arrays go, what was counted so far, and the text heaps."""

    file: IO[bytes]
    data: mmap
    store: Store
    spill: Spill
    tally: Tally
    heaps: Heaps = field(init=False)

    def __post_init__(self) -> None:
        self.heaps = Heaps(self.data, self.tally.caps.string_length)

    def numbers(self, header: DatasetHeader) -> Array:
        """The array; all of its chunks are seen to decode to just their size."""
        if header.kind is not Kind.NUMBER:
            where = self.tally.place(header.path)
            raise InputError("FILE014", "text where numbers belong", where=where, hint="export the model again")
        try:
            array = self._array(header)
        except FAILURES as error:
            raise failure(error, self.tally.place(header.path)) from error
        array.setflags(write=False)
        return array

    def _array(self, header: DatasetHeader) -> Array:
        size = header.elements * header.item_bytes
        if not size:
            return np.empty(header.shape)
        small = size <= SMALL_BYTES and self.spill.takes(size)
        if small and header.start is not None:
            return _plain(elements(self.data[header.start : header.start + size], header.dtype).reshape(header.shape))
        if small and is_one(header) and decodes_here(header):
            return _plain(self.store.only_chunk(header))
        target = Target(header.shape, header.dtype.newbyteorder("="), self.spill.empty)
        if header.start is None:
            self.store.fill(target, header)
        else:
            self._copy(header, header.start, target)
        return target.array()

    def _copy(self, header: DatasetHeader, place: int, target: Target) -> None:
        """Numbers that lie in the file in one piece, some rows at a time."""
        if not header.shape:
            target.put((), self._part(header, place, ()))
            return
        rows, *rest = header.shape
        most = max(1, rows * BLOCK_ELEMENTS // header.elements)
        for start in range(0, rows, most):
            shape = (min(most, rows - start), *rest)
            target.put((slice(start, start + most),), self._part(header, place, shape))
            target.written()
            place += math.prod(shape) * header.item_bytes

    def _part(self, header: DatasetHeader, place: int, shape: Shape) -> Array:
        size = math.prod(shape) * header.item_bytes
        raw = bytes_at(self.file, place, size)
        if len(raw) < size:
            raise ValueError("the file ends before its data")
        return elements(raw, header.dtype).reshape(shape)

    def text(self, header: DatasetHeader, cap: str) -> str:
        """One string of at most `cap` bytes."""
        if header.kind is Kind.NUMBER or header.shape:
            where = self.tally.place(header.path)
            raise InputError("FILE014", "one string belongs here", where=where, hint="export the model again")
        return self.texts(header, cap)[0]

    def texts(self, header: DatasetHeader, cap: str) -> tuple[str, ...]:
        """All strings of a dataset, row by row, each of at most `cap` bytes."""
        if not header.elements:
            return ()
        try:
            stored = self._long_texts(header, cap) if header.kind is Kind.VARIABLE_TEXT else self._texts(header, cap)
            return tuple([self._decoded(raw, header) for raw in stored])
        except UnicodeDecodeError as error:
            where = self.tally.place(header.path)
            raise InputError("FILE018", "the text is not UTF-8", where=where, hint="write it as UTF-8") from error
        except FAILURES as error:
            raise failure(error, self.tally.place(header.path)) from error

    def _decoded(self, raw: bytes, header: DatasetHeader) -> str:
        """A text without the zeros that fill its place. One within would cut it short for some readers."""
        text = raw.rstrip(b"\0").decode("utf-8")
        if "\0" in text:
            where, hint = self.tally.place(header.path), "the file is forged or damaged"
            raise InputError("FILE018", "a text holds a character of code 0", where=where, hint=hint)
        return text

    def _texts(self, header: DatasetHeader, cap: str) -> list[bytes]:
        """Strings of one stated size."""
        size = header.item_bytes
        self.tally.check(cap, size, header.path)
        self.tally.add("text_bytes", size * header.elements, header.path)
        if header.start is None:
            stored = Target(header.shape, header.dtype, np.empty)
            self.store.fill(stored, header)
            raw = stored.array().tobytes()
        else:
            raw = bytes_at(self.file, header.start, header.elements * size)
        if len(raw) < header.elements * size:
            raise ValueError("the file ends before its data")
        return [raw[at : at + size] for at in range(0, header.elements * size, size)]

    def _long_texts(self, header: DatasetHeader, cap: str) -> list[bytes]:
        """Strings of any length. The library would allocate whatever length is stated, so it is not asked."""
        if header.start is None:
            where, hint = self.tally.place(header.path), "do not compress names and text"
            raise InputError("FILE014", "text of any length must be stored in one piece", where=where, hint=hint)
        stored = self.data[header.start : header.start + header.elements * POINTER.size]
        pointers = list(POINTER.iter_unpack(stored))
        lengths = [length for length, _, _ in pointers]
        self.tally.check(cap, max(lengths), header.path)
        self.tally.add("text_bytes", sum(lengths), header.path)
        if len(pointers) < header.elements:
            raise ValueError("the file ends before its data")
        return [self.heaps.text(heap, index, length) if length else b"" for length, heap, index in pointers]


def _plain(array: Array) -> Array:
    """The same values in this machine's byte order; a view on one element where all are equal."""
    return uniform_view(array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("=")))
