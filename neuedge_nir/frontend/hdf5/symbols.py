"""Groups as HDF5's oldest format keeps them: a tree of symbol tables, and a heap with the names.

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.B to III.D. Whatever is out of order here
was not written by the library: names rise through the whole tree, no part of the file serves twice.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from mmap import mmap

from neuedge_nir.frontend.hdf5.messages import UnfamiliarError
from neuedge_nir.frontend.hdf5.trees import Room, TreeKind, leaves, tree_kind

TREE_OF_GROUP = 0
TABLE = struct.Struct("<4sBBH")
"""Signature, version, (reserved), symbols in use."""
ENTRY = "QQII16x"
"""Where the name is in the heap, where the object is in the file, what is cached of it, (reserved), the cache."""
NOTHING, GROUP, SOFT_LINK = 0, 1, 2
CACHED = frozenset((NOTHING, GROUP, SOFT_LINK))
HEAP = struct.Struct("<4sB3xQQQ")
"""Signature, version, size of the names, first free part, address of the names."""
FREE = struct.Struct("<QQ")
"""The next free part, the size of this one."""
NO_MORE = 1
"""Stands where the next free part would."""
LONGEST = 2**16
"""Bytes of a name that are looked at: to seek the end of each in all that follows could take hours."""
SMALL_HEAP = 4096
"""Most groups of a file have the same few names, so the names in heaps up to this size are told once."""


@dataclass(frozen=True, slots=True)
class GroupKind:
    """How the groups of a file are kept: their trees, the most symbols in a table, and the bytes that it takes."""

    tree: TreeKind
    symbols: int
    table_bytes: int


def group_kind(symbols: int, children: int) -> GroupKind:
    """Groups with at most so many symbols in a table, and children in a node."""
    return GroupKind(tree_kind(TREE_OF_GROUP, "Q", children), symbols, TABLE.size + _entries(symbols).size)


@dataclass(slots=True)
class Symbols:
    """The members of a group: their names, the addresses of their headers, and what is cached of each."""

    names: tuple[bytes, ...]
    addresses: Sequence[int]
    cached: Sequence[int]


def symbols(data: mmap, tree: int, heap: int, kind: GroupKind, room: Room) -> Symbols:
    """The members of the group with this tree and this heap.

    Raises `ValueError` where they are damaged, `UnfamiliarError` where the library has to say whether they are.
    """
    names = _names(data, heap, room)
    told = _told if len(names) <= SMALL_HEAP else _told.__wrapped__
    found = [
        (told(names, table.places, before, behind), table)
        for (before, address), (behind,) in leaves(data, tree, kind.tree, lambda key: _name(names, key[0]), room)
        for table in [_table(data, address, kind, room)]
    ]
    if len(found) == 1:
        listed, table = found[0]
        return Symbols(listed, table.addresses, table.cached)
    return Symbols(
        tuple(name for listed, _ in found for name in listed),
        [address for _, table in found for address in table.addresses],
        [cached for _, table in found for cached in table.cached],
    )


def _names(data: mmap, heap: int, room: Room) -> bytes:
    """The part of a heap that holds the names."""
    signature, version, size, free, start = HEAP.unpack_from(data, heap)
    if signature != b"HEAP" or version != 0 or start + size > len(data):
        raise ValueError("a group has no names")
    room.take(HEAP.size + size)
    names = data[start : start + size]
    for _ in range(size // FREE.size):
        if free == NO_MORE:
            break
        part, (free, length) = free, FREE.unpack_from(names, free)
        if not free or part + length > size:
            raise ValueError("the free parts of a heap are damaged")
    if free != NO_MORE:
        raise ValueError("the free parts of a heap have no end")
    return names


@dataclass(slots=True)
class Table:
    """The entries of a symbol table: where the names are in the heap and the headers in the file, what is cached."""

    places: tuple[int, ...]
    addresses: tuple[int, ...]
    cached: tuple[int, ...]


def _table(data: mmap, address: int, kind: GroupKind, room: Room) -> Table:
    signature, version, _, used = TABLE.unpack_from(data, address)
    if signature != b"SNOD" or version != 1 or used > kind.symbols:
        raise ValueError("a symbol table is damaged")
    if address + kind.table_bytes > len(data):
        raise ValueError("a symbol table reaches beyond the end of the file")
    room.take(kind.table_bytes)
    entries = _entries(used).unpack_from(data, address + TABLE.size)
    table = Table(entries[::4], entries[1::4], entries[2::4])
    if not CACHED.issuperset(table.cached):
        raise ValueError("a symbol table holds an unknown kind of entry")
    return table


@cache
def _entries(count: int) -> struct.Struct:
    return struct.Struct("<" + count * ENTRY)


@lru_cache(maxsize=256)
def _told(names: bytes, places: tuple[int, ...], before: int, behind: int) -> tuple[bytes, ...]:
    """The names at these places, all behind the name at `before`, the last of them perhaps that at `behind`."""
    found = tuple([_name(names, place) for place in places])
    if any(name >= following for name, following in pairwise(found)):
        raise ValueError("the names of a group are out of order")
    if not found or not _name(names, before) < found[0] or not found[-1] <= _name(names, behind):
        raise UnfamiliarError
    return found


def _name(names: bytes, place: int) -> bytes:
    end = names.find(b"\0", place, place + LONGEST) if place < len(names) else -1
    if end < 0:
        raise ValueError("a name is not in its heap")
    return names[place:end]
