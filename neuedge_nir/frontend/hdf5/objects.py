"""Object headers as HDF5's oldest format keeps them: a prefix, and messages in one block or several.

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, IV.A.1.a.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap

from neuedge_nir.frontend.hdf5.messages import UnfamiliarError
from neuedge_nir.frontend.hdf5.trees import Room

PREFIX = struct.Struct("<BxHII4x")
"""Version, messages, links to the object, size of the first block of messages."""
MESSAGE = struct.Struct("<HHB3x")
"""Kind, size, flags."""
WORD = 8
"""Messages are as long as some of these."""
BLOCK = struct.Struct("<QQ")
CONSTANT, SHARED = 1, 2
NAMED_TYPE = -1

PADDING, SPACE, TYPE, OLD_FILL, FILL, OUTSIDE, LAYOUT = 0, 1, 3, 4, 5, 7, 8
FILTERS, ATTRIBUTE, COMMENT, OLD_TIME, CONTINUED, TABLE, TIME = 11, 12, 13, 14, 16, 17, 18
USED = frozenset((NAMED_TYPE, SPACE, TYPE, OLD_FILL, FILL, OUTSIDE, LAYOUT, FILTERS, TABLE))
UNUSED = frozenset((PADDING, ATTRIBUTE, COMMENT, OLD_TIME, TIME))
"""NIR has no attributes, and when an object was written says nothing of what it is."""

Messages = dict[int, tuple[bytes, int]]
"""The bytes, and the address of the bytes, by kind."""


def messages_of(data: mmap, address: int, room: Room) -> Messages:
    """What the header at this address says.

    Raises `ValueError` where it is damaged, `UnfamiliarError` where the library has to say what it means.
    """
    version, count, _, size = PREFIX.unpack_from(data, address)
    if version != 1:
        raise UnfamiliarError
    found: Messages = {}
    blocks = [(address + PREFIX.size, size)]
    for start, length in blocks:  # grows meanwhile
        room.take(length)
        if start + length > len(data):
            raise ValueError("a header reaches beyond the end of the file")
        for kind, flags, at, end in _messages(data, start, start + length):
            count -= 1
            if flags & SHARED:
                kind = _shared(kind)
            if kind in USED:
                _keep(found, kind, (data[at:end], at))
            elif kind == CONTINUED:
                found[kind] = (b"", at)
                blocks.append(BLOCK.unpack(data[at:end]))
            elif kind not in UNUSED:
                raise UnfamiliarError
    if count:
        raise UnfamiliarError
    return found


def _messages(data: mmap, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Kind and flags of each message in a block, and where it begins and ends."""
    while start < end:
        kind, size, flags = MESSAGE.unpack_from(data, start)
        start += MESSAGE.size
        if size % WORD or start + size > end:
            raise ValueError("a header is cut short")
        if flags & ~(CONSTANT | SHARED):
            raise UnfamiliarError
        yield kind, flags, start, start + size
        start += size


def _keep(found: Messages, kind: int, message: tuple[bytes, int]) -> None:
    if kind in found:
        raise ValueError("a header says something twice")
    found[kind] = message


def _shared(kind: int) -> int:
    """What a message is that stands elsewhere in the file. A type does where it has a name."""
    if kind != TYPE:
        raise UnfamiliarError
    return NAMED_TYPE
