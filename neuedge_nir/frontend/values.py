"""Values of datasets whose headers were checked: decoded within bounds, uniform arrays kept as one element."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.chunks import check_chunks, decodes_here, fill
from neuedge_nir.frontend.compact import is_uniform, uniform_view
from neuedge_nir.frontend.headers import DatasetHeader, Kind, Tally, damage_reported
from neuedge_nir.frontend.heaps import bytes_at, text_at
from neuedge_nir.frontend.raw import Array
from neuedge_nir.frontend.spill import Spill
from neuedge_nir.network.blocks import row_blocks

POINTER = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])
"""How HDF5 stores a text of any length: its bytes lie in a heap."""


@dataclass(frozen=True, slots=True)
class Values:
    """The file as HDF5 and as bytes, where large arrays go, what was counted so far, and the text heaps seen."""

    file: Any
    data: IO[bytes]
    spill: Spill
    tally: Tally
    heaps: dict[int, dict[int, bytes]] = field(default_factory=dict)

    def numbers(self, header: DatasetHeader) -> Array:
        """The array; all of its chunks are first seen to decode to just their size."""
        where = self.tally.place(header.path)
        if header.kind is not Kind.NUMBER:
            raise InputError("FILE014", "text where numbers belong", where=where, hint="export the model again")
        with damage_reported(where):
            array = self._numbers(header) if header.elements else np.empty(header.shape)
        if is_uniform(array):
            self.spill.given_back(array)
            array = uniform_view(array)
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
            stored = self._long_texts(header, cap) if header.kind is Kind.VARIABLE_TEXT else self._texts(header, cap)
        return tuple(_decoded(raw, where) for raw in stored)

    def _texts(self, header: DatasetHeader, cap: str) -> list[bytes]:
        """Strings of one stated size, each up to its first zero."""
        where = self.tally.place(header.path)
        self.tally.check(cap, header.item_bytes, where)
        self.tally.add("text_bytes", header.item_bytes * header.elements, where)
        if header.start is None:
            stored = np.empty(header.shape, header.dtype)
            _read(self._checked(header), stored)
            return [bytes(text) for text in stored.reshape(-1).tolist()]
        size = header.item_bytes
        raw = bytes_at(self.data, header.start, header.elements * size)
        return [raw[at : at + size].split(b"\0", 1)[0] for at in range(0, header.elements * size, size)]

    def _long_texts(self, header: DatasetHeader, cap: str) -> list[bytes]:
        """Strings of any length. The library would allocate whatever length is stated, so it is not asked."""
        where = self.tally.place(header.path)
        if header.start is None:
            hint = "do not compress names and text"
            raise InputError("FILE014", "text of any length must be stored in one piece", where=where, hint=hint)
        stored = bytes_at(self.data, header.start, header.elements * POINTER.itemsize)
        pointers = np.frombuffer(stored, POINTER, header.elements)
        lengths = pointers["length"]
        self.tally.check(cap, int(lengths.max()), where)
        self.tally.add("text_bytes", int(lengths.sum(dtype=np.int64)), where)
        return [
            text_at(self.data, heap, index, length, self.heaps) if length else b""
            for length, heap, index in pointers.tolist()
        ]

    def _numbers(self, header: DatasetHeader) -> NDArray[Any]:
        out = self.spill.empty(header.shape, header.dtype.newbyteorder("="))
        if header.start is not None and header.dtype.kind in "iuf":
            self._copy(header, out)
        elif decodes_here(header):
            fill(out, self._open(header), header, self.tally)
        else:
            _read(self._checked(header), out)
        return out

    def _copy(self, header: DatasetHeader, out: NDArray[Any]) -> None:
        """Numbers that lie in the file in one piece need no library."""
        place = header.start or 0
        for _, rows in row_blocks(out):
            raw = bytes_at(self.data, place, rows.nbytes)
            if len(raw) < rows.nbytes:
                raise ValueError("the file ends before its data")
            rows[...] = np.frombuffer(raw, header.dtype).reshape(rows.shape)
            place += rows.nbytes

    def _checked(self, header: DatasetHeader) -> Any:
        dataset = self._open(header)
        if header.chunk is not None:
            check_chunks(dataset, header, self.tally)
        return dataset

    def _open(self, header: DatasetHeader) -> Any:
        import h5py

        return h5py.h5d.open(self.file.id, header.path.encode())


def _read(dataset: Any, out: NDArray[Any]) -> None:
    """Let the library read a dataset whose chunks were checked, a block of rows at a time."""
    import h5py

    if not out.ndim:
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, out)
        return
    space = dataset.get_space()
    for start, rows in row_blocks(out):
        space.select_hyperslab((start, *(0,) * (out.ndim - 1)), rows.shape)
        dataset.read(h5py.h5s.create_simple(rows.shape), space, rows)


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("FILE018", "the text is not UTF-8", where=where, hint="write it as UTF-8") from error
