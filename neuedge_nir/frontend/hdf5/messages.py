"""What the parts of an HDF5 object header say: extent, data type, place and filters of a dataset.

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, IV.A.2; kinds and versions as the library writes
them for its oldest readers, which is its default.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from neuedge_nir.frontend.hdf5.headers import NUMBER_SIZES, PADDINGS, Filter, Kind, Padding
from neuedge_nir.frontend.raw import Shape

NOWHERE = 2**64 - 1
"""The address of what was never written."""
MAX_RANK = 32

SPACE_1 = struct.Struct("<BBB5x")
SPACE_2 = struct.Struct("<BBBB")
SCALAR, SIMPLE, NULL = 0, 1, 2
GROWS = 1
"""The flag that the most along each axis stands there, too."""

TYPE = struct.Struct("<B3sI")
INTEGER, FLOAT, STRING, ENUM, SEQUENCE = 0, 1, 3, 8, 9
BIG_ENDIAN, SIGNED = 1, 8
TEXT_OF_ANY_LENGTH = 1
UTF_8 = 1
"""The later of the two character sets. ASCII is read as UTF-8, too: some writers tell them not apart."""
POINTER = struct.Struct("<IQI")
"""How a text of any length is stored: its length, its heap, its index there."""
CHARACTER = struct.pack("<B3sIHH", 0x10, b"\0\0\0", 1, 0, 8)
"""What it is a sequence of: unsigned integers of 8 bits."""
KNOWN_CLASSES = range(12)
FLOATS = {2: (10, 5), 4: (23, 8), 8: (52, 11)}
"""IEEE 754: bits of mantissa and of exponent by size in bytes."""
BOOLEAN = struct.pack("<B3sIB3sIHH8s8sBB", 0x18, b"\2\0\0", 1, 0x10, b"\x08\0\0", 1, 0, 8, b"FALSE", b"TRUE", 0, 1)
"""An enumeration of two names for numbers that are signed integers of 8 bits, and the numbers."""

COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = 0, 1, 2, 3
ADDRESSES = {CONTIGUOUS: 2, CHUNKED: 3}
"""Where the address of the data, or of the tree of chunks, stands in a layout."""
FILTER = struct.Struct("<HHHH")
"""Code, length of the name, flags, number of values."""
MOST_FILTERS = 32
OPTIONAL = 1
"""The flag of a filter that may be left out where it does not help."""
ALLOCATED, WRITTEN = range(1, 4), range(3)
"""When room for a dataset is made, and when the value for what is not written yet goes there."""


class UnfamiliarError(Exception):
    """A part of the format that is not read here: the library is asked instead."""


@dataclass(frozen=True, slots=True)
class Element:
    """What one element of a dataset is."""

    kind: Kind
    dtype: np.dtype[Any]
    size: int
    padding: Padding = Padding.NULLS


@dataclass(slots=True)
class Place:
    """Where the bytes of a dataset are: in one piece from `start` on, or in chunks that the tree at `index` lists."""

    start: int | None
    size: int
    index: int | None = None
    chunk: Shape | None = None


@lru_cache(maxsize=4096)
def extent(message: bytes) -> Shape | None:
    """Lengths along the axes, () for a single element, None for an empty dataspace."""
    version = message[0]
    if version == 1:
        _, rank, flags = SPACE_1.unpack_from(message)
        kind, start = SIMPLE, SPACE_1.size
    elif version == 2:
        _, rank, flags, kind = SPACE_2.unpack_from(message)
        start = SPACE_2.size
    else:
        raise UnfamiliarError
    if rank > MAX_RANK or flags & ~GROWS or kind > NULL or (rank and kind != SIMPLE):
        raise UnfamiliarError
    lengths: Shape = struct.unpack_from(f"<{rank}Q", message, start)
    if flags & GROWS:
        most = struct.unpack_from(f"<{rank}Q", message, start + 8 * rank)
        if any(length > limit for length, limit in zip(lengths, most, strict=True)):
            raise ValueError("an axis is longer than it may become")
    return None if kind == NULL else lengths


@lru_cache(maxsize=4096)
def element(message: bytes) -> Element | None:
    """The type of the elements; None for a type that NIR has no use for."""
    head, bits, size = TYPE.unpack_from(message)
    version, group = head >> 4, head & 15
    if not 1 <= version <= 3 or group not in KNOWN_CLASSES or not size:
        raise UnfamiliarError
    if group == STRING:
        return Element(Kind.TEXT, np.dtype(f"S{size}"), size, _padding(bits[0], bits[1:]))
    if group == SEQUENCE:
        return _long_text(version, bits, size, message) if bits[0] & 15 == TEXT_OF_ANY_LENGTH else None
    if group == ENUM:
        return _boolean(message)
    if group not in (INTEGER, FLOAT) or size not in NUMBER_SIZES:
        return None
    return Element(Kind.NUMBER, _number(group, bits, size, message[TYPE.size :]), size)


def _padding(bits: int, rest: bytes) -> Padding:
    """How text of one length ends."""
    padding, characters = bits & 15, bits >> 4
    if padding not in PADDINGS or characters > UTF_8 or any(rest):
        raise UnfamiliarError
    return PADDINGS[padding]


def _long_text(version: int, bits: bytes, size: int, message: bytes) -> Element:
    """A sequence of characters."""
    if version != 1 or size != POINTER.size or not message.startswith(CHARACTER, TYPE.size):
        raise UnfamiliarError
    if bits[0] >> 4 not in PADDINGS or bits[1] > UTF_8 or bits[2]:
        raise UnfamiliarError
    return Element(Kind.VARIABLE_TEXT, np.dtype(object), size)


def _number(group: int, bits: bytes, size: int, rest: bytes) -> np.dtype[Any]:
    order = ">" if bits[0] & BIG_ENDIAN else "<"
    if group == INTEGER:
        expected = struct.pack("<HH", 0, 8 * size)
        plain = bits[0] & ~(BIG_ENDIAN | SIGNED) == 0 and bits[1:] == b"\0\0"
        dtype = np.dtype(f"{order}{'i' if bits[0] & SIGNED else 'u'}{size}")
    elif size in FLOATS:
        mantissa, exponent = FLOATS[size]
        bias = 2 ** (exponent - 1) - 1
        expected = struct.pack("<HHBBBBI", 0, 8 * size, mantissa, exponent, 0, mantissa, bias)
        # 0x20: the leading bit of the mantissa is implied; then the place of the sign.
        plain = bits[0] & ~BIG_ENDIAN == 0x20 and bits[1:] == bytes((8 * size - 1, 0))
        dtype = np.dtype(f"{order}f{size}")
    else:
        raise UnfamiliarError
    if not plain or rest[: len(expected)] != expected:
        raise UnfamiliarError
    return dtype


def _boolean(message: bytes) -> Element:
    """An enumeration that is a boolean as h5py writes it; whether another one is, the library knows."""
    if not message.startswith(BOOLEAN):
        raise UnfamiliarError
    return Element(Kind.NUMBER, np.dtype(bool), 1)


def place(message: bytes, start: int, rank: int, item: int) -> Place:
    """Where a dataset of this rank and size of element lies; the message's own bytes begin at `start` in the file.

    Raises `VirtualError` for a dataset made of other datasets.
    """
    version, kind = message[0], message[1]
    if version in (3, 4) and kind == VIRTUAL:
        raise VirtualError
    if version != 3:
        raise UnfamiliarError
    if kind == COMPACT:
        (size,) = struct.unpack_from("<H", message, 2)
        if 4 + size > len(message):
            raise ValueError("the data is longer than the header that holds it")
        return Place(start + 4, size)
    if kind == CONTIGUOUS:
        address, size = struct.unpack_from("<QQ", message, 2)
        if not address:  # there the file itself begins
            raise UnfamiliarError
        return Place(None if address == NOWHERE else address, size)
    if kind != CHUNKED or message[2] != rank + 1:
        raise UnfamiliarError
    index, *sides, size = struct.unpack_from(f"<Q{rank}II", message, 3)
    if size != item:
        raise UnfamiliarError
    if not all(sides):
        raise ValueError("a chunk has no elements")
    return Place(None, 0, None if index == NOWHERE else index, tuple(sides))


def address_in(message: bytes) -> int | None:
    """Where in a layout that `place` took the address stands; None where the data lie in the header itself."""
    return ADDRESSES.get(message[1])


class VirtualError(Exception):
    """A dataset that is made of other datasets."""


@lru_cache(maxsize=1024)
def filters(message: bytes) -> tuple[Filter, ...]:
    """The filters in the order in which they were applied."""
    version, count = message[0], message[1]
    if version != 1 or count > MOST_FILTERS:
        raise UnfamiliarError
    at, found = 8, []
    for _ in range(count):
        code, name, flags, values = FILTER.unpack_from(message, at)
        at += FILTER.size + name
        if name % 8 or flags & ~OPTIONAL or (name and message.find(0, at - name, at) < 0):
            raise UnfamiliarError
        found.append(Filter(code, struct.unpack_from(f"<{values}I", message, at)))
        at += 4 * (values + values % 2)
    if at > len(message):
        raise ValueError("a list of filters is cut short")
    return tuple(found)


def check_fill(message: bytes, item: int) -> None:
    """The value of elements that were never written is none or of the size of an element.

    It is not read: where it would be used is refused. Raises `UnfamiliarError` where there is something else.
    """
    version, allocated, written, defined = message[:4]
    if version not in (1, 2) or allocated not in ALLOCATED or written not in WRITTEN or defined > 1:
        raise UnfamiliarError
    if version == 1 or defined:
        check_old_fill(message[4:], item)


def check_old_fill(message: bytes, item: int) -> None:
    """As `check_fill`, for the message of HDF5 before 1.6, which has but the value and its size."""
    (size,) = struct.unpack_from("<I", message)
    if size not in (0, item) or 4 + size > len(message):
        raise UnfamiliarError
