"""Text of any length lives in HDF5's global heaps, which are read here, on the file's bytes alone.

A forged heap makes the library loop for ever: it steps over the free space of a heap by the size it states, and
where that is 0 it never ends. So before the library opens a file, all of its heaps are walked here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap
from typing import IO

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import MIB

MAGIC = b"GCOL\x01\0\0\0"
HEADER = 16
OBJECT = struct.Struct("<HHIQ")
"""Index (0: free space), references, reserved, size."""


def bytes_at(file: IO[bytes], start: int, size: int) -> bytes:
    """`size` bytes of the file, fewer where it ends before."""
    file.seek(start)
    return file.read(size)


@dataclass(slots=True)
class Heaps:
    """The heaps of a file, each read once. Those that overlap would take memory without end."""

    data: mmap
    longest_text: int
    known: dict[int, dict[int, bytes]] = field(default_factory=dict)
    room: int = field(init=False)

    def __post_init__(self) -> None:
        self.room = len(self.data)

    def text(self, heap: int, index: int, length: int) -> bytes:
        """`length` bytes of one object. Raises `ValueError` where they are not there."""
        if heap not in self.known:
            self.known[heap] = _objects(self._bytes(heap))
        found = self.known[heap].get(index)
        if found is None or len(found) < length:
            raise ValueError(f"no text of {length} bytes in the heap at {heap}")
        return found[:length]

    def _bytes(self, heap: int) -> bytes:
        length = int.from_bytes(self.data[heap + 8 : heap + HEADER], "little")
        self.room -= length
        if self.room < 0 or not sound_length(length, self.longest_text):
            raise ValueError(f"a text heap of {length} bytes")
        found = self.data[heap : heap + length]
        if len(found) < length:
            raise ValueError("a text heap reaches beyond its end")
        return found


def sound_length(heap: int, longest_text: int) -> bool:
    """A heap holds one text of the longest kind and little more, so larger ones are forged."""
    return heap <= 2 * longest_text + MIB


def check_heaps(file: IO[bytes], size: int, longest_text: int, where: str) -> None:
    """Refuse a file in which the library would not get to the end of a heap."""
    if size >= HEADER and _word_sizes(bytes_at(file, 0, HEADER)) != b"\x08\x08":
        message = "this HDF5 file does not use 8-byte addresses"
        raise InputError("FILE008", message, where=where, hint="write it with nir.write")
    budget, room = 2 * (size // HEADER) + 1, size
    for start in _starts(file):
        length = int.from_bytes(bytes_at(file, start + 8, 8), "little")
        room -= length
        if start + length > size or room < 0:  # heaps do not overlap
            raise _damaged("a text heap reaches beyond its end", where)
        if not sound_length(length, longest_text):
            raise _damaged(f"a text heap of {length} bytes", where)
        budget -= _steps(bytes_at(file, start, length), budget, where)


def _objects(heap: bytes) -> dict[int, bytes]:
    """The objects of a heap by index."""
    if not heap.startswith(MAGIC):
        raise ValueError("no text heap is there")
    found: dict[int, bytes] = {}
    place = HEADER
    while place + OBJECT.size <= len(heap):
        index, _, _, size = OBJECT.unpack_from(heap, place)
        start = place + OBJECT.size
        place = start + (size + 7) // 8 * 8 if index else place + size
        if place > len(heap) or (index == 0 and place != len(heap)):
            raise ValueError("the objects of a text heap do not fill it")
        if index == 0:
            break  # free space, up to the end
        found.setdefault(index, heap[start : start + size])
    return found


def _word_sizes(start: bytes) -> bytes:
    place = 13 if start[8] < 2 else 9
    return start[place : place + 2]


def _starts(file: IO[bytes]) -> Iterator[int]:
    """Where heaps begin. Blocks overlap, so that no beginning is cut in two."""
    base, overlap = 0, len(MAGIC) - 1
    while len(block := bytes_at(file, base, MIB)) > overlap:
        found = block.find(MAGIC)
        while found >= 0:
            yield base + found
            found = block.find(MAGIC, found + 1)
        base += len(block) - overlap


def _steps(heap: bytes, most: int, where: str) -> int:
    """How many objects the heap has."""
    place, steps = HEADER, 0
    while place + OBJECT.size <= len(heap):
        index, _, _, size = OBJECT.unpack_from(heap, place)
        ahead = size if index == 0 else OBJECT.size + (size + 7) // 8 * 8
        steps += 1
        # Heaps within heaps would make the walk itself long.
        if ahead == 0 or steps > most:
            raise _damaged("a text heap has no end", where)
        place += ahead
    return steps


def _damaged(how: str, where: str) -> InputError:
    return InputError("FILE009", f"the file is damaged: {how}", where=where, hint="copy or export it again")
