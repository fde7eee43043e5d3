"""Trees as HDF5's oldest format keeps them, of the members of a group or of the chunks of a dataset.

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.A.1. A node has a key before each child and
one behind the last: what a child holds lies between the two, or the library would not find it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from neuedge_nir.frontend.hdf5.messages import NOWHERE, UnfamiliarError

NODE = struct.Struct("<4sBBHQQ")
"""Signature, kind, level, entries in use, neighbours to the left and to the right."""
SIGNATURE = b"TREE"

Key = tuple[int, ...]
Entry = tuple[int, ...]
"""A key, and the address of the child behind it."""
Leaf = tuple[Entry, Key]
"""An entry of the lowest level, and the key behind it."""
Order = Callable[[Key], Any]
"""What a key stands for, by which keys rise."""


@dataclass(slots=True)
class Room:
    """Bytes of the file that were not looked at yet. Parts of a sound file do not overlap, so they never run out."""

    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ValueError("its parts overlap")


@dataclass(frozen=True, slots=True)
class TreeKind:
    """What the trees of one kind have in common.

    `most` is the number of children that a node of `size` bytes has room for, `one_head` and `one_leaf` are the two
    parts of a tree that is but one node with one child.
    """

    number: int
    most: int
    key: struct.Struct
    entry: struct.Struct
    size: int
    one_head: bytes
    one_leaf: struct.Struct


def tree_kind(number: int, key: str, most: int) -> TreeKind:
    """The kind of this number whose keys have the format `key`."""
    keys, entries = struct.Struct(f"<{key}"), struct.Struct(f"<{key}Q")
    size = NODE.size + most * entries.size + keys.size
    one_head = NODE.pack(SIGNATURE, number, 0, 1, NOWHERE, NOWHERE)
    return TreeKind(number, most, keys, entries, size, one_head, struct.Struct(f"<{key}Q{key}"))


def leaves(data: mmap, tree: int, kind: TreeKind, order: Order, room: Room) -> list[Leaf]:
    """The entries of the lowest level, from left to right. That they and their keys rise is for the caller to check.

    Raises `ValueError` where the tree is damaged, `UnfamiliarError` where the library has to say whether it is.
    """
    one = one_leaf(data, tree, kind)
    if one is None:
        return _lowest(data, tree, kind, order, room)
    room.take(kind.size)
    middle = len(one) // 2 + 1
    return [(one[:middle], one[middle:])]


def one_leaf(data: mmap, tree: int, kind: TreeKind) -> tuple[int, ...] | None:
    """Of a tree that is but one node with one child: the key, the address of the child, and the key behind it."""
    start = tree + NODE.size
    if data[tree:start] != kind.one_head or tree + kind.size > len(data):
        return None
    return kind.one_leaf.unpack_from(data, start)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a tree."""

    address: int
    level: int
    left: int
    right: int
    entries: Sequence[Entry]
    last: Key

    def leaves(self) -> list[Leaf]:
        """Its entries, each with the key behind it."""
        behind = [*(entry[:-1] for entry in self.entries[1:]), self.last]
        return list(zip(self.entries, behind, strict=False))


def _lowest(data: mmap, tree: int, kind: TreeKind, order: Order, room: Room) -> list[Leaf]:
    row = [_node(data, tree, kind, room)]
    if row[0].level and not row[0].entries:
        raise UnfamiliarError
    for level in range(row[0].level, 0, -1):
        _check_row(row, level)
        above = [leaf for node in row for leaf in node.leaves()]
        row = [_node(data, entry[-1], kind, room) for entry, _ in above]
        for (entry, behind), node in zip(above, row, strict=True):
            _check_between(order(entry[:-1]), node, order(behind), order)
    _check_row(row, 0)
    return [leaf for node in row for leaf in node.leaves()]


def _check_row(row: Sequence[Node], level: int) -> None:
    """The nodes of one level know each other."""
    addresses = [NOWHERE, *(node.address for node in row), NOWHERE]
    known = [(node.left, node.right) for node in row]
    if any(node.level != level for node in row) or known != list(zip(addresses, addresses[2:], strict=False)):
        raise ValueError("the nodes of a tree are out of order")


def _check_between(least: Any, node: Node, most: Any, order: Order) -> None:
    """What lies below a child lies between the keys around it."""
    if not node.entries:
        raise UnfamiliarError
    if not least <= order(node.entries[0][:-1]) <= order(node.last) <= most:
        raise UnfamiliarError


def _node(data: mmap, address: int, kind: TreeKind, room: Room) -> Node:
    if address + kind.size > len(data):
        raise ValueError("a tree reaches beyond the end of the file")
    signature, number, level, used, left, right = NODE.unpack_from(data, address)
    if signature != SIGNATURE or number != kind.number or used > kind.most:
        raise ValueError("a tree is damaged")
    room.take(kind.size)
    start = address + NODE.size
    end = start + used * kind.entry.size
    return Node(
        address, level, left, right, list(kind.entry.iter_unpack(data[start:end])), kind.key.unpack_from(data, end)
    )
