"""Trees as HDF5's oldest format keeps them, of the members of a group or of the chunks of a dataset.

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.A.1. A tree that is not just as the library
writes it is left to the library: it may be sound all the same, or damaged where nothing is read from.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap

from neuedge_nir.frontend.hdf5.messages import NOWHERE, UnfamiliarError

NODE = struct.Struct("<4sBBHQQ")
"""Signature, kind, level, entries in use, neighbours."""
ADDRESS_BYTES = 8


@dataclass(slots=True)
class Room:
    """Bytes of the file that were not looked at yet. Parts of a sound file do not overlap, so they never run out."""

    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ValueError("its parts overlap")


@dataclass(slots=True)
class Tree:
    """One tree: its kind, what an entry is (a key, then an address), how many a node has room for.

    `before` holds by level the node that was walked last and its neighbour to the right.
    """

    data: mmap
    kind: int
    entry: struct.Struct
    most: int
    room: Room
    before: dict[int, tuple[int, int]] = field(default_factory=dict)

    def leaves(self, root: int) -> Iterator[tuple[tuple[int, ...], bytes]]:
        """The entries of the lowest level, from left to right, each with the bytes of the key behind it."""
        yield from self._below(root, None)
        if any(right != NOWHERE for _, right in self.before.values()):
            raise UnfamiliarError

    def _below(self, address: int, above: int | None) -> Iterator[tuple[tuple[int, ...], bytes]]:
        level, entries = self._node(address)
        if above is not None and (level != above - 1 or len(entries) < self.entry.size):
            raise UnfamiliarError
        size, key = self.entry.size, self.entry.size - ADDRESS_BYTES
        at = 0
        for found in self.entry.iter_unpack(entries[:-key]):
            at += size
            if level:
                yield from self._below(found[-1], level)
            else:
                yield found, entries[at : at + key]

    def _node(self, address: int) -> tuple[int, bytes]:
        """The level of a node, and its entries with the key behind the last of them."""
        data, size = self.data, self.entry.size
        signature, kind, level, used, left, right = NODE.unpack_from(data, address)
        start, key = address + NODE.size, size - ADDRESS_BYTES
        if signature != b"TREE" or kind != self.kind:
            raise ValueError("a tree is damaged")
        last, neighbour = self.before.get(level, (NOWHERE, address))
        if used > self.most or start + self.most * size + key > len(data) or (left, neighbour) != (last, address):
            raise UnfamiliarError
        self.before[level] = address, right
        self.room.take(NODE.size + used * size)
        return level, data[start : start + used * size + key]
