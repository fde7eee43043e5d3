"""Groups as HDF5's oldest format keeps them: a tree of symbol tables, and a heap with the names.

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.B to III.D. Whatever is out of order here
was not written by the library: names rise through the whole tree, no part of the file serves twice.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

from neuedge_nir.frontend.hdf5.messages import UnfamiliarError
from neuedge_nir.frontend.hdf5.trees import Room, Tree

GROUPS = 0
CHILD = struct.Struct("<QQ")
"""The key before a child, which is the place of a name, and the child's address."""
KEY = struct.Struct("<Q")
TABLE = struct.Struct("<4sBBH")
ENTRY = struct.Struct("<QQII16x")
"""Where the name is in the heap, where the object is in the file, what the scratch space holds."""
SOFT_LINK = 2
LONGEST = 2**16
"""Bytes of a name that are looked at: to seek the end of each in all that follows could take hours."""
HEAP = struct.Struct("<4sB3xQQQ")
"""Signature, version, size of the names, first free part, address of the names."""
FREE = struct.Struct("<QQ")
"""The next free part, and the size of this one."""
NO_MORE = 1
"""In place of the next free part."""


@dataclass(slots=True)
class Symbol:
    """A member of a group: its name, the address of its header, and whether it is a link by path."""

    name: bytes
    address: int
    soft: bool


@dataclass(frozen=True, slots=True)
class Widths:
    """How many children a node of a group's tree has room for, and how many members a symbol table."""

    children: int
    members: int


def symbols(data: mmap, tree: int, heap: int, widths: Widths, room: Room) -> list[Symbol]:
    """The members of the group with this tree and this heap. Raises `ValueError` where they are damaged."""
    start, end = _names(data, heap, room)
    found: list[Symbol] = []
    last = b""
    for table in _tables(data, tree, widths, room):
        for place, address, cached, _ in ENTRY.iter_unpack(table):
            at = start + place
            stop = data.find(b"\0", at, min(end, at + LONGEST)) if place < end - start else -1
            if stop < 0:
                raise ValueError("a name is not in its heap")
            name = data[at:stop]
            if found and name <= last:
                raise ValueError("the names of a group are out of order")
            if cached > SOFT_LINK:
                raise UnfamiliarError
            found.append(Symbol(name, address, cached == SOFT_LINK))
            last = name
    return found


def _names(data: mmap, heap: int, room: Room) -> tuple[int, int]:
    """Where the names of a heap begin and end. The first is empty, and what is free is listed."""
    signature, version, size, free, start = HEAP.unpack_from(data, heap)
    if signature != b"HEAP" or version != 0 or start + size > len(data):
        raise ValueError("a group has no names")
    room.take(HEAP.size + size)
    if not size or data[start]:
        raise UnfamiliarError
    while free != NO_MORE:
        if free + FREE.size > size:
            raise UnfamiliarError
        after, length = FREE.unpack_from(data, start + free)
        room.take(FREE.size)  # each part once: a list in a circle runs out of room
        if length < FREE.size or free + length > size:
            raise UnfamiliarError
        free = after
    return start, start + size


def _tables(data: mmap, tree: int, widths: Widths, room: Room) -> Iterator[bytes]:
    """The entries of each symbol table from left to right. The keys around it are the names that it lies between."""
    last = 0
    for (before, address), after in Tree(data, GROUPS, CHILD, widths.children, room).leaves(tree):
        signature, version, _, used = TABLE.unpack_from(data, address)
        start, size = address + TABLE.size, used * ENTRY.size
        if signature != b"SNOD" or version != 1 or start + size > len(data):
            raise ValueError("a symbol table is damaged")
        if not 0 < used <= widths.members or start + widths.members * ENTRY.size > len(data) or before != last:
            raise UnfamiliarError
        room.take(size)
        table = data[start : start + size]
        (last,) = KEY.unpack(after)
        if last != ENTRY.unpack_from(table, size - ENTRY.size)[0]:
            raise UnfamiliarError
        yield table
