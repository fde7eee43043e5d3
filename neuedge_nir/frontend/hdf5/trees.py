"""Trees as HDF5's oldest format keeps them, of the members of a group or of the chunks of a dataset.

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.A.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

NODE = struct.Struct("<4sBBHQQ")
"""Signature, kind, level, entries in use, neighbours."""
DEEPEST = 256


@dataclass(slots=True)
class Room:
    """Bytes of the file that were not looked at yet. Parts of a sound file do not overlap, so they never run out."""

    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ValueError("its parts overlap")


def leaves(
    data: mmap, tree: int, kind: int, entry: struct.Struct, room: Room, below: int = DEEPEST
) -> Iterator[tuple[int, ...]]:
    """The entries of the lowest level, from left to right. Each ends with the address that it stands for."""
    level, entries = _node(data, tree, kind, entry, room)
    if level >= below:
        raise ValueError("a tree has no end")
    for found in entry.iter_unpack(entries):
        if level:
            yield from leaves(data, found[-1], kind, entry, room, level)
        else:
            yield found


def _node(data: mmap, tree: int, kind: int, entry: struct.Struct, room: Room) -> tuple[int, bytes]:
    """The level of a node and its entries."""
    signature, found, level, used, _, _ = NODE.unpack_from(data, tree)
    start, size = tree + NODE.size, used * entry.size
    if signature != b"TREE" or found != kind or start + size > len(data):
        raise ValueError("a tree is damaged")
    room.take(NODE.size + size)
    return level, data[start : start + size]
