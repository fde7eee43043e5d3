"""Text of any length lives in HDF5's global heaps, and a forged heap makes the library loop for ever.

The library steps over the free space of a heap by the size it states; where that is 0 it never ends. So the heaps
of a file are walked here first, on its bytes alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from neuedge_nir.errors import InputError

MAGIC = b"GCOL\x01\0\0\0"
HEADER = 16
OBJECT = struct.Struct("<HHIQ")
"""Index (0: free space), references, reserved, size."""


def check_heaps(data: bytes, where: str) -> None:
    """Refuse a file in which the library would not get to the end of a heap."""
    if len(data) >= HEADER and _word_sizes(data) != b"\x08\x08":
        message = "this HDF5 file does not use 8-byte addresses"
        raise InputError("FILE008", message, where=where, hint="write it with nir.write")
    budget = 2 * (len(data) // HEADER) + 1
    for start in _starts(data):
        budget -= _steps(data, start, budget, where)


def _word_sizes(data: bytes) -> bytes:
    place = 13 if data[8] < 2 else 9
    return data[place : place + 2]


def _starts(data: bytes) -> Iterator[int]:
    start = data.find(MAGIC)
    while start >= 0:
        yield start
        start = data.find(MAGIC, start + 1)


def _steps(data: bytes, start: int, most: int, where: str) -> int:
    """How many objects the heap at `start` has."""
    end = start + int.from_bytes(data[start + 8 : start + 16], "little")
    if end > len(data):
        raise _damaged("a text heap reaches beyond the end of the file", where)
    place, steps = start + HEADER, 0
    while place + OBJECT.size <= end:
        index, _, _, size = OBJECT.unpack_from(data, place)
        ahead = size if index == 0 else OBJECT.size + (size + 7) // 8 * 8
        steps += 1
        # Heaps within heaps would make the walk itself long.
        if ahead == 0 or steps > most:
            raise _damaged("a text heap has no end", where)
        place += ahead
    return steps


def _damaged(how: str, where: str) -> InputError:
    return InputError("FILE009", f"the file is damaged: {how}", where=where, hint="copy or export it again")
