"""Chunks of datasets as the trees in a file in HDF5's oldest format list them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from mmap import mmap
from typing import IO

from neuedge_nir.frontend.hdf5.chunks import SHORT_BYTES, fill, only_chunk
from neuedge_nir.frontend.hdf5.headers import Corner, DatasetHeader, Form, Stored, Tally
from neuedge_nir.frontend.hdf5.heaps import bytes_at
from neuedge_nir.frontend.hdf5.messages import UnfamiliarError
from neuedge_nir.frontend.hdf5.spill import Target
from neuedge_nir.frontend.hdf5.trees import Key, Room, TreeKind, leaves, one_leaf, tree_kind

TREE_OF_CHUNKS = 1
MOST_CHILDREN = 64
"""A file may say otherwise from the second version of its superblock on, which is left to the library."""

Place = tuple[int, int, int]
"""Size, filter mask and address of a chunk."""
Places = dict[Corner, Place]


@dataclass(frozen=True, slots=True)
class OwnStore:
    """Elements from the chunks that the trees in the file list."""

    data: mmap
    file: IO[bytes]
    tally: Tally

    def only_chunk(self, header: DatasetHeader) -> Stored:
        place = None if header.index is None else _only_place(self.data, header.index, header.form)
        if place is None:
            return only_chunk(self._chunks(header), header, self.tally)
        size, mask, address = place
        self.tally.check("chunk_bytes", size, header.path)
        return mask, _bytes(self.data, self.file, address, size)

    def fill(self, target: Target, header: DatasetHeader) -> None:
        fill(target, self._chunks(header), header, self.tally)

    def _chunks(self, header: DatasetHeader) -> OwnChunks:
        places = {} if header.index is None else _places(self.data, header.index, header.form)
        return OwnChunks(self.data, self.file, places)


def _only_place(data: mmap, tree: int, form: Form) -> Place | None:
    """Where the only chunk is, if the tree is but one node with one child; it is then at the beginning."""
    sides = _sides(form)
    axes = len(sides)
    one = one_leaf(data, tree, _kind(axes))
    if one is None:
        return None
    size, mask, *corner = one[: 2 + axes]
    address, _, _, *behind = one[2 + axes :]
    # Any other key behind it is for `_places` to judge.
    usual = not any(corner) and behind == sides and address + size <= len(data)
    return (size, mask, address) if usual else None


def _places(data: mmap, tree: int, form: Form) -> Places:
    sides = _sides(form)
    order = partial(_corner, sides)
    places: Places = {}
    last: Key = ()
    for (size, mask, *found, address), key in leaves(data, tree, _kind(len(sides)), order, Room(len(data))):
        corner, behind = order((size, mask, *found)), order(key)
        # The library seeks a chunk between the keys around it.
        if not last <= corner < behind or corner[-1]:
            raise UnfamiliarError
        if address + size > len(data):
            raise ValueError("a chunk reaches beyond the end of the file")
        places[corner[:-1]] = size, mask, address
        last = behind
    return places


def _sides(form: Form) -> list[int]:
    """Those of a chunk, and behind them the size of an element."""
    return [*(form.chunk or ()), form.item_bytes]


def _corner(sides: Sequence[int], key: Key) -> Key:
    """By what chunks are in order: where each begins, in whole chunks, and behind that 0 for a place in an element."""
    corner = key[2:]
    if any(start % side for start, side in zip(corner, sides, strict=True)):
        raise UnfamiliarError
    return corner


@cache
def _kind(rank: int) -> TreeKind:
    """What a tree says of a chunk: its size, its filter mask, its corner."""
    return tree_kind(TREE_OF_CHUNKS, f"II{rank}Q", MOST_CHILDREN)


@dataclass(frozen=True, slots=True)
class OwnChunks:
    """Chunks whose places are known."""

    data: mmap
    file: IO[bytes]
    places: Places

    def size(self, corner: Corner) -> int | None:
        place = self.places.get(corner)
        return None if place is None else place[0]

    def read(self, corner: Corner) -> Stored:
        size, mask, address = self.places[corner]
        return mask, _bytes(self.data, self.file, address, size)


def _bytes(data: mmap, file: IO[bytes], address: int, size: int) -> bytes:
    """Part of the file. What is large is read, which maps no pages."""
    return data[address : address + size] if size <= SHORT_BYTES else bytes_at(file, address, size)
