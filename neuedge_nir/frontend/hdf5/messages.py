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

from neuedge_nir.frontend.hdf5.headers import NUMBER_SIZES, Kind
from neuedge_nir.frontend.raw import Shape

NOWHERE = 2**64 - 1
"""The address of what was never written."""
MAX_RANK = 32

SPACE_1 = struct.Struct("<BBB5x")
SPACE_2 = struct.Struct("<BBBB")
SCALAR, SIMPLE, NULL = 0, 1, 2

TYPE = struct.Struct("<B3sI")
INTEGER, FLOAT, STRING, ENUM, SEQUENCE = 0, 1, 3, 8, 9
BIG_ENDIAN, SIGNED = 1, 8
TEXT_OF_ANY_LENGTH = 1
POINTER_BYTES = 16
"""Length, heap and index of a text of any length."""
KNOWN_CLASSES = range(12)
FLOATS = {2: (10, 5), 4: (23, 8), 8: (52, 11)}
"""IEEE 754: bits of mantissa and of exponent by size in bytes."""
BOOLEAN = b"FALSE\0\0\0TRUE\0\0\0\0\x00\x01"
"""How h5py writes the names and values of a boolean, an enumeration of 8-bit integers."""

COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = 0, 1, 2, 3
ADDRESSES = {CONTIGUOUS: 2, CHUNKED: 3}
"""Where the address of the data, or of the tree of chunks, stands in a layout."""
FILL_VERSION, FILL_HEAD = 2, 8
"""Version, times of allocation and of writing, whether a value is defined; its size."""
FILTER = struct.Struct("<HHHH")
"""Code, length of the name, flags, number of values."""


class UnfamiliarError(Exception):
    """A part of the format that is not read here: the library is asked instead."""


@dataclass(frozen=True, slots=True)
class Element:
    """What one element of a dataset is."""

    kind: Kind
    dtype: np.dtype[Any]
    size: int


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
    length = start + 8 * rank * (1 + flags)
    if rank > MAX_RANK or flags & ~1 or kind > NULL or (rank and kind != SIMPLE) or not _fills(length, message):
        raise UnfamiliarError
    shape, most = (struct.unpack_from(f"<{rank}Q", message, start + 8 * rank * k * flags) for k in (0, 1))
    if any(limit < side for side, limit in zip(shape, most, strict=True)):
        raise UnfamiliarError
    return None if kind == NULL else shape


def _fills(length: int, message: bytes) -> bool:
    """Whether a message is as long as what it says, up to the next whole word."""
    return length <= len(message) < length + 8


@lru_cache(maxsize=4096)
def element(message: bytes) -> Element | None:
    """The type of the elements; None for a type that NIR has no use for."""
    head, bits, size = TYPE.unpack_from(message)
    version, group = head >> 4, head & 15
    if not 1 <= version <= 3 or group not in KNOWN_CLASSES or not size:
        raise UnfamiliarError
    if group == STRING:
        _check_text(bits[0], bits[0] >> 4, bits[1:] == b"\0\0")
        return Element(Kind.TEXT, np.dtype(f"S{size}"), size)
    if group == SEQUENCE:
        return _text_of_any_length(message, bits, size)
    if group == ENUM:
        return _boolean(message, bits, size)
    if group not in (INTEGER, FLOAT) or size not in NUMBER_SIZES:
        return None
    return Element(Kind.NUMBER, _number(group, bits, size, message[TYPE.size :]), size)


def _check_text(padding: int, charset: int, plain: bool) -> None:
    """Padding by zeros or spaces, ASCII or UTF-8."""
    if padding & 15 > 2 or charset & 15 > 1 or not plain:
        raise UnfamiliarError


def _text_of_any_length(message: bytes, bits: bytes, size: int) -> Element | None:
    """A sequence of single bytes; None for one of other elements, which NIR has no use for."""
    if bits[0] & 15 != TEXT_OF_ANY_LENGTH:
        return None
    inner = element(message[TYPE.size :])
    _check_text(bits[0] >> 4, bits[1], bits[2] == 0 and size == POINTER_BYTES)
    if inner is None or inner.size != 1 or message[TYPE.size] >> 4 != message[0] >> 4:
        raise UnfamiliarError
    return Element(Kind.VARIABLE_TEXT, np.dtype(object), size)


def _number(group: int, bits: bytes, size: int, rest: bytes) -> np.dtype[Any]:
    order = ">" if bits[0] & BIG_ENDIAN else "<"
    if group == INTEGER:
        expected = struct.pack("<HH", 0, 8 * size)
        # A single byte has no order, but some say one.
        plain = bits[0] & ~(BIG_ENDIAN | SIGNED) == 0 and bits[1:] == b"\0\0" and (size > 1 or order == "<")
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


def _boolean(message: bytes, bits: bytes, size: int) -> Element:
    """An enumeration that is a boolean; whether another one is, the library knows."""
    base = TYPE.size + 4  # past the head of the enumeration comes its base type, an integer with two 16-bit fields
    inner = element(message[TYPE.size : base + TYPE.size])
    names = message[base + TYPE.size :]
    whole = inner is not None and inner.dtype == np.int8 and size == 1 and message[TYPE.size] >> 4 == message[0] >> 4
    if not whole or bits != b"\x02\0\0" or not names.startswith(BOOLEAN):
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


def check_fill(message: bytes) -> None:
    """Leave a fill value that the library would not take to the library, though none is used here."""
    version, *times, defined = message[:4]
    (size,) = struct.unpack_from("<I", message, 4) if defined and len(message) >= FILL_HEAD else (0,)
    if version != FILL_VERSION or not (1 <= times[0] <= 3 and times[1] <= 2 and defined <= 1):
        raise UnfamiliarError
    if not _fills(FILL_HEAD + size if defined else 4, message):
        raise UnfamiliarError


class VirtualError(Exception):
    """A dataset that is made of other datasets."""


@lru_cache(maxsize=1024)
def filters(message: bytes) -> tuple[int, ...]:
    """The codes of the filters in the order in which they were applied."""
    version, count = message[0], message[1]
    if version != 1:
        raise UnfamiliarError
    at, found = 8, []
    for _ in range(count):
        code, name, _, values = FILTER.unpack_from(message, at)
        # The name's length is padded to whole words by whoever wrote it, the 4-byte values are not.
        at += FILTER.size + name + 4 * (values + values % 2)
        found.append(code)
        if name % 8:
            raise UnfamiliarError
    if not _fills(at, message):
        raise UnfamiliarError
    return tuple(found)
