"""Values of datasets whose headers were checked: decoded within bounds, uniform arrays kept as one element."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from mmap import mmap
from typing import IO

import numpy as np

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.compact import uniform_view
from neuedge_nir.frontend.hdf5.chunks import decodes_here, elements, is_one, whole
from neuedge_nir.frontend.hdf5.headers import (
    FAILURES,
    DatasetHeader,
    Form,
    Kind,
    Padding,
    Store,
    Stored,
    Tally,
    failure,
)
from neuedge_nir.frontend.hdf5.heaps import Heaps, bytes_at
from neuedge_nir.frontend.hdf5.messages import POINTER
from neuedge_nir.frontend.hdf5.spill import Spill, Target
from neuedge_nir.frontend.raw import Array, Shape
from neuedge_nir.network.blocks import BLOCK_ELEMENTS

MOST_KNOWN = 1000
"""Small arrays that are kept."""
SHOWN = 40
"""Characters of a text that a refusal cites."""
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
    known: dict[tuple[Form, Stored], Array] = field(default_factory=dict)
    """Small arrays by what is stored of them."""

    def __post_init__(self) -> None:
        self.heaps = Heaps(self.data, self.tally.caps.string_length)

    def numbers(self, header: DatasetHeader) -> Array:
        """The array; all of its chunks are seen to decode to just their size."""
        if header.form.kind is not Kind.NUMBER:
            where = self.tally.place(header.path)
            raise InputError("FILE014", "text where numbers belong", where=where, hint="export the model again")
        try:
            array = self._array(header)
        except FAILURES as error:
            raise failure(error, self.tally.place(header.path)) from error
        array.setflags(write=False)
        return array

    def _array(self, header: DatasetHeader) -> Array:
        form = header.form
        if not form.size:
            return np.empty(form.shape)
        if form.size <= SMALL_BYTES and self.spill.takes(form.size):
            if header.start is not None:
                return self._small(form, (0, self.data[header.start : header.start + form.size]))
            if is_one(form) and decodes_here(form):
                return self._small(form, self.store.only_chunk(header))
        target = Target(form.shape, form.dtype.newbyteorder("="), self.spill)
        if header.start is None:
            self.store.fill(target, header)
        else:
            self._copy(form, header.start, target)
        return target.array()

    def _small(self, form: Form, stored: Stored) -> Array:
        """A small array from its bytes. Many are the same throughout a file, and are made once."""
        known = self.known.get((form, stored))
        if known is None:
            found = elements(stored[1], form.dtype).reshape(form.shape) if form.chunk is None else whole(form, stored)
            known = _plain(found)
            if len(self.known) < MOST_KNOWN and len(stored[1]) <= SMALL_BYTES:
                self.known[form, stored] = known
        return known

    def _copy(self, form: Form, place: int, target: Target) -> None:
        """Numbers that lie in the file in one piece, some rows at a time."""
        rows, *rest = form.shape or (1,)
        most = max(1, rows * BLOCK_ELEMENTS // form.elements)
        for start in range(0, rows, most):
            shape = (min(most, rows - start), *rest)
            target.add(self._part(form, place, shape))
            place += math.prod(shape) * form.item_bytes

    def _part(self, form: Form, place: int, shape: Shape) -> Array:
        size = math.prod(shape) * form.item_bytes
        return elements(self._bytes(place, size), form.dtype).reshape(shape)

    def _bytes(self, place: int, size: int) -> bytes:
        raw = bytes_at(self.file, place, size)
        if len(raw) < size:
            raise ValueError("the file ends before its data")
        return raw

    def text(self, header: DatasetHeader, cap: str) -> str:
        """One string of at most `cap` bytes."""
        if header.form.kind is Kind.NUMBER or header.form.shape:
            where = self.tally.place(header.path)
            raise InputError("FILE014", "one string belongs here", where=where, hint="export the model again")
        return self.texts(header, cap)[0]

    def texts(self, header: DatasetHeader, cap: str) -> tuple[str, ...]:
        """All strings of a dataset, row by row, each of at most `cap` bytes."""
        form = header.form
        if not form.elements:
            return ()
        try:
            stored = self._long_texts(header, cap) if form.kind is Kind.VARIABLE_TEXT else self._texts(header, cap)
            found = [raw.decode("utf-8") for raw in stored]
        except UnicodeDecodeError as error:
            where = self.tally.place(header.path)
            raise InputError("FILE018", "the text is not UTF-8", where=where, hint="write it as UTF-8") from error
        except FAILURES as error:
            raise failure(error, self.tally.place(header.path)) from error
        for text in found:
            if "\0" in text:
                raise _null_within(text, self.tally.place(header.path))
        return tuple(found)

    def _texts(self, header: DatasetHeader, cap: str) -> list[bytes]:
        """Strings of one stated size, without what fills them up."""
        form, size = header.form, header.form.item_bytes
        self.tally.check(cap, size, header.path)
        self.tally.add("text_bytes", form.size, header.path)
        if header.start is None:
            stored = Target(form.shape, form.dtype)
            self.store.fill(stored, header)
            raw = stored.array().tobytes()
        else:
            raw = self._bytes(header.start, form.size)
        return [_unpadded(raw[at : at + size], form.padding) for at in range(0, form.size, size)]

    def _long_texts(self, header: DatasetHeader, cap: str) -> list[bytes]:
        """Strings of any length. The library would allocate whatever length is stated, so it is not asked."""
        if header.start is None:
            where, hint = self.tally.place(header.path), "do not compress names and text"
            raise InputError("FILE014", "text of any length must be stored in one piece", where=where, hint=hint)
        stored = self.data[header.start : header.start + header.form.elements * POINTER.size]
        pointers = list(POINTER.iter_unpack(stored))
        lengths = [length for length, _, _ in pointers]
        self.tally.check(cap, max(lengths), header.path)
        self.tally.add("text_bytes", sum(lengths), header.path)
        if len(pointers) < header.form.elements:
            raise ValueError("the file ends before its data")
        found = [self.heaps.text(heap, index, length) if length else b"" for length, heap, index in pointers]
        return [_unpadded(text, Padding.NULLS) for text in found]


def _unpadded(raw: bytes, padding: Padding) -> bytes:
    """Text without what fills it up to its size.

    A null with more behind it stays, also where the format says that it ends the text: not every reader heeds that.
    https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, IV.A.2.d, "Strings".
    """
    return raw.rstrip(b" \0" if padding is Padding.SPACES else b"\0")


def _null_within(text: str, where: str) -> InputError:
    """NIR has no use for such a name, and whoever ends it at the null reads another one."""
    message = f"the text {text[:SHOWN]!r} goes on behind a null character"
    return InputError("FILE018", message, where=where, hint="write text without null characters")


def _plain(array: Array) -> Array:
    """The same values in this machine's byte order; a view on one element where all are equal."""
    return uniform_view(array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("=")))
