"""Values of datasets whose headers were checked: decoded within bounds, uniform arrays kept as one element."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.compact import uniform_view
from neuedge_nir.frontend.headers import DEFLATE, FLETCHER32, LZF, DatasetHeader, Kind, Tally, damage_reported
from neuedge_nir.frontend.raw import Array

POINTER = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])
"""How HDF5 stores a text of any length: its bytes lie in a heap."""
LZF_MOST = 88
"""Three bytes of LZF stand for 264 at most."""


@dataclass(frozen=True, slots=True)
class Values:
    """The open file, its bytes, and what was counted so far."""

    file: Any
    data: bytes
    tally: Tally

    def numbers(self, header: DatasetHeader) -> Array:
        """The array; all of its chunks are first seen to decode to just their size."""
        where = self.tally.place(header.path)
        if header.kind is not Kind.NUMBER:
            raise InputError("FILE014", "text where numbers belong", where=where, hint="export the model again")
        with damage_reported(where):
            array = self._whole(header) if header.elements else np.empty(header.shape)
        array = uniform_view(array.astype(array.dtype.newbyteorder("="), copy=False))
        array.setflags(write=False)
        return array

    def text(self, header: DatasetHeader, cap: str) -> str:
        """One string of at most `cap` bytes."""
        where = self.tally.place(header.path)
        if header.kind is Kind.NUMBER or header.shape:
            raise InputError("FILE014", "one string belongs here", where=where, hint="export the model again")
        return self.texts(header, cap)[0]

    def texts(self, header: DatasetHeader, cap: str) -> tuple[str, ...]:
        """All strings of a dataset, row by row, each of at most `cap` bytes."""
        if not header.elements:
            return ()
        where = self.tally.place(header.path)
        with damage_reported(where):
            self._check_lengths(header, cap)
            stored = self._whole(header).reshape(-1).tolist()
        return tuple(_decoded(raw, where) for raw in stored)

    def _check_lengths(self, header: DatasetHeader, cap: str) -> None:
        # The library would allocate whatever length is stated, and read one long text as often as it is named.
        where = self.tally.place(header.path)
        if header.kind is Kind.TEXT:
            self.tally.check(cap, header.item_bytes, where)
            return
        start = self._open(header).get_offset()
        if start is None:
            hint = "do not compress names and text"
            raise InputError("FILE014", "text of any length must be stored in one piece", where=where, hint=hint)
        lengths = np.frombuffer(self.data, POINTER, header.elements, start)["length"]
        self.tally.check(cap, int(lengths.max()), where)
        self.tally.add("total_bytes", int(lengths.sum(dtype=np.int64)), where)

    def _whole(self, header: DatasetHeader) -> NDArray[Any]:
        import h5py

        dataset = self._open(header)
        array = np.empty(header.shape, dataset.dtype)
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
        return array

    def _open(self, header: DatasetHeader) -> Any:
        import h5py

        dataset = h5py.h5d.open(self.file.id, header.path.encode())
        if header.chunk is not None:
            check_chunks(dataset, header, self.tally)
        return dataset


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("FILE018", "the text is not UTF-8", where=where, hint="write it as UTF-8") from error


def check_chunks(dataset: Any, header: DatasetHeader, tally: Tally) -> None:
    """Every chunk is there and decodes to exactly its size.

    The library would inflate a chunk to whatever its stream holds, however small the chunk claims to be, and would
    take a stream that is too short.
    """
    where = tally.place(header.path)
    for corner in _corners(header):
        stored = dataset.get_chunk_info_by_coord(corner)
        if stored.byte_offset is None:
            raise InputError(
                "FILE017", "a part of the data was never written", where=where, hint="export the model again"
            )
        tally.check("chunk_bytes", stored.size, where)
        if header.filters:
            mask, raw = dataset.read_direct_chunk(corner)
            _check_decoded(raw, mask, header, tally)


def _corners(header: DatasetHeader) -> Iterator[tuple[int, ...]]:
    sides = zip(header.shape, header.chunk or (), strict=True)
    return product(*(range(0, length, side) for length, side in sides))


def _check_decoded(raw: bytes, mask: int, header: DatasetHeader, tally: Tally) -> None:
    where = tally.place(header.path)
    expected = math.prod(header.chunk or ()) * header.item_bytes
    used = [code for index, code in enumerate(header.filters) if not mask >> index & 1]
    if LZF in used:
        tally.check("total_bytes", len(raw) * LZF_MOST, where)
        return
    if _decoded_size(raw, used, expected) != expected:
        message = f"a chunk does not decode to its {expected} bytes"
        raise InputError("FILE009", message, where=where, hint="copy or export the file again")


def _decoded_size(raw: bytes, filters: list[int], expected: int) -> int:
    """Bytes after undoing the filters, last first; counted no further than is needed to see that they are too many."""
    for code in reversed(filters):
        if code == FLETCHER32:
            raw = raw[:-4]
        elif code == DEFLATE:
            raw = zlib.decompressobj().decompress(raw, expected + 8)
    return len(raw)
