"""Headers straight from the bytes of a file in HDF5's oldest format, which is what NIR files are written in.

The library needs some 100 microseconds for every group and dataset, since it builds objects for each. A file with
thousands of nodes is thus read in a tenth of the time, and one that is made to have hundreds of thousands cannot
hold up its reader. https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, II.A and IV.A.1.a
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from functools import cache
from mmap import mmap
from typing import IO, Any

from numpy.typing import NDArray

from neuedge_nir.frontend.hdf5 import messages
from neuedge_nir.frontend.hdf5.chunks import OURS, SHORT_BYTES, Corner, fill, only_chunk
from neuedge_nir.frontend.hdf5.headers import (
    FAILURES,
    DatasetHeader,
    GroupHeader,
    Tally,
    check_filters,
    checked,
    failure,
    named_type,
    never_written,
    no_dataspace,
    odd_elements,
    odd_object,
    soft_link,
    stored_elsewhere,
)
from neuedge_nir.frontend.hdf5.heaps import bytes_at
from neuedge_nir.frontend.hdf5.messages import UnfamiliarError, VirtualError
from neuedge_nir.frontend.hdf5.spill import Target
from neuedge_nir.frontend.hdf5.symbols import Widths, symbols
from neuedge_nir.frontend.hdf5.trees import Room, Tree

SUPERBLOCK = struct.Struct("<8sBBBxBBBxHHIQQQQQQ")
"""Signature; versions of superblock, free space, root and shared headers, mixed with the sizes of addresses and
lengths; half of what tables and nodes of groups have room for; flags; addresses of base, free space, end and driver;
the root's name and header."""
ROOT = struct.Struct("<II")
"""What is cached of the root, and nothing."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"
PLAIN = (0, 0, 0, 0, 8, 8)

PREFIX = struct.Struct("<BxHII4x")
"""Version, messages, links to the object, size of the first block of messages."""
MESSAGE = struct.Struct("<HHB3x")
"""Kind, size, flags."""
BLOCK = struct.Struct("<QQ")
CONSTANT, SHARED = 1, 2
"""Flags of a message: it never changes; it stands elsewhere."""

PADDING, SPACE, TYPE, FILL, OUTSIDE, LAYOUT = 0, 1, 3, 5, 7, 8
FILTERS, ATTRIBUTE, CONTINUED, TABLE, TIME = 11, 12, 16, 17, 18
USED = frozenset((SPACE, TYPE, OUTSIDE, LAYOUT, FILTERS, TABLE))
UNUSED = frozenset((PADDING, FILL, ATTRIBUTE, TIME))
"""Fill values matter where data were never written, which is refused; NIR has no attributes. Whatever else there may
be, the library knows."""

NAMED_TYPE = -1
Messages = dict[int, tuple[bytes, int]]
"""The bytes, and the address of the bytes, by kind."""

CHUNKS = 1
CHUNK_CHILDREN = 64
"""What a node of a tree of chunks has room for, in files whose superblock does not say it."""
ADDRESS = struct.Struct("<Q")
MOST_KNOWN, MOST_FORMS = 1000, 4
"""Headers that are kept, and forms that are tried: a forged file must not make the trying itself long."""


def headers_of(data: mmap, tally: Tally) -> GroupHeader:
    """Every group and dataset of a file, each reached over hard links and visited once.

    Raises `InputError` where it is refused, `UnfamiliarError` where it is in a format that only the library knows.
    """
    try:
        root, widths = _root(data)
        walker = Walker(data, tally, Room(len(data)), widths)
        tally.visit(root, "")
        found = walker.member(root, "", -1)
    except FAILURES as error:
        raise failure(error, tally.file) from error
    if isinstance(found, DatasetHeader):
        raise odd_object(tally.file)
    return found


def _root(data: mmap) -> tuple[int, Widths]:
    """The address of the root group's header, and how wide the trees of groups are."""
    signature, *versions, leaf, inner, flags, base, free, end, driver, _, root = SUPERBLOCK.unpack_from(data)
    cached, reserved = ROOT.unpack_from(data, SUPERBLOCK.size)
    plain = signature == SIGNATURE and tuple(versions) == PLAIN and not (flags or base or reserved) and leaf and inner
    if not plain or (free, driver) != (messages.NOWHERE, messages.NOWHERE) or cached > 1:
        raise UnfamiliarError
    if end > len(data):
        raise ValueError(f"{end} bytes were written, {len(data)} are there")
    if end < len(data):
        raise UnfamiliarError
    return root, Widths(2 * inner, 2 * leaf)


@dataclass(slots=True)
class Form:
    """Headers of one length that have the address of their data at one place, by all that stands around it."""

    place: int
    size: int
    known: dict[bytes, DatasetHeader] = field(default_factory=dict)

    def of(self, data: mmap, address: int) -> bytes:
        """The header at this address without its own address of data."""
        return data[address : address + self.place] + data[address + self.place + ADDRESS.size : address + self.size]


@dataclass(slots=True)
class Walker:
    """A way through the file: its bytes, what is counted, what room is left, and the headers that were seen.

    Most datasets of a file have the same header but for the address of their data, so each kind is read once.
    """

    data: mmap
    tally: Tally
    room: Room
    widths: Widths
    forms: dict[int, list[Form]] = field(default_factory=dict)
    """By the size of the messages."""

    def member(self, address: int, path: str, depth: int) -> GroupHeader | DatasetHeader:
        """The object with this address; `depth` is that of the group it is in."""
        alike = self._like_another(address, path)
        if alike is not None:
            return checked(alike, self.tally)
        found = self._messages(address)
        if TABLE in found and LAYOUT not in found:
            return self._group(found, path, depth + 1)
        if SPACE not in found or LAYOUT not in found or TABLE in found:
            raise odd_object(self.tally.place(path))
        header = self._dataset(found, path)
        if CONTINUED not in found:
            self._remember(header, address, found)
        return header

    def _like_another(self, address: int, path: str) -> DatasetHeader | None:
        """The dataset at this address, if its header was seen before."""
        for form in self.forms.get(PREFIX.unpack_from(self.data, address)[3], ()):
            known = form.known.get(form.of(self.data, address))
            if known is not None:
                (place,) = ADDRESS.unpack_from(self.data, address + form.place)
                if place == messages.NOWHERE:
                    return None
                self.room.take(form.size)
                return _moved(known, path, place)
        return None

    def _remember(self, header: DatasetHeader, address: int, found: Messages) -> None:
        message, at = found[LAYOUT]
        place = messages.address_in(message)
        if place is None:
            return
        size = PREFIX.unpack_from(self.data, address)[3]
        alike = self.forms.setdefault(size, [])
        form = next((form for form in alike if form.place == at + place - address), None)
        if form is None:
            form = Form(at + place - address, PREFIX.size + size)
            if len(alike) < MOST_FORMS:
                alike.append(form)
        if len(form.known) < MOST_KNOWN:
            form.known[form.of(self.data, address)] = header

    def _messages(self, address: int) -> Messages:
        """What the header says, in one block or several."""
        data, found, unpacked = self.data, {}, MESSAGE.unpack_from
        version, count, _, size = PREFIX.unpack_from(data, address)
        if version != 1:
            raise UnfamiliarError
        blocks = [(address + PREFIX.size, size)]
        for at, length in blocks:  # grows meanwhile
            self.room.take(length)
            end = at + length
            if end > len(data):
                raise ValueError("a header reaches beyond the end of the file")
            while count and at + MESSAGE.size <= end:
                kind, length, flags = unpacked(data, at)
                at += MESSAGE.size
                if at + length > end:
                    raise ValueError("a header is cut short")
                if flags > CONSTANT:
                    kind = _shared(kind, flags)
                if kind in USED or kind == NAMED_TYPE:
                    if kind in found:
                        raise ValueError("a header says something twice")
                    found[kind] = (data[at : at + length], at)
                elif kind == CONTINUED:
                    found[kind] = (b"", at)
                    blocks.append(BLOCK.unpack_from(data, at))
                    if blocks[-1][1] < MESSAGE.size:
                        raise UnfamiliarError
                elif kind == FILL:
                    messages.check_fill(data[at : at + length])
                elif kind not in UNUSED:
                    raise UnfamiliarError
                at += length
                count -= 1
            if at != end:
                raise UnfamiliarError
        if count:
            raise UnfamiliarError
        return found

    def _group(self, found: Messages, path: str, depth: int) -> GroupHeader:
        tally = self.tally
        tally.check("depth", depth, path)
        tree, heap = BLOCK.unpack_from(found[TABLE][0])
        listed = symbols(self.data, tree, heap, self.widths, self.room)
        names = tally.names([symbol.name for symbol in listed], path)
        prefix = f"{path}/" if path else ""
        # All links of a group are judged before any of them is followed.
        for symbol, name in zip(listed, names, strict=True):
            if symbol.soft:
                raise soft_link("a soft link", tally.place(prefix + name))
        members = {}
        for symbol, name in zip(listed, names, strict=True):
            tally.visit(symbol.address, prefix + name)
            members[name] = self.member(symbol.address, prefix + name, depth)
        return GroupHeader(path, members)

    def _dataset(self, found: Messages, path: str) -> DatasetHeader:
        tally = self.tally
        if OUTSIDE in found:
            raise stored_elsewhere("data stored in another file", tally.place(path))
        if TYPE not in found:
            raise named_type(tally.place(path))
        shape, element = messages.extent(found[SPACE][0]), messages.element(found[TYPE][0])
        if shape is None:
            raise no_dataspace(tally.place(path))
        if element is None:
            raise odd_elements(tally.place(path))
        place, codes = self._place(found, path, len(shape), element.size)
        kind, dtype, size = element.kind, element.dtype, element.size
        header = DatasetHeader(
            path, kind, shape, math.prod(shape), dtype, size, place.chunk, codes, place.start, place.index
        )
        checked(header, tally)
        if header.elements and place.start is None and place.index is None:
            raise never_written(tally.place(path))
        if place.start is not None and place.size < header.elements * size:
            raise ValueError("a dataset is larger than its place")
        if place.start is not None and place.size > header.elements * size:
            raise UnfamiliarError
        return header

    def _place(self, found: Messages, path: str, rank: int, item: int) -> tuple[messages.Place, tuple[int, ...]]:
        try:
            place = messages.place(*found[LAYOUT], rank, item)
        except VirtualError as error:
            raise stored_elsewhere("a virtual dataset", self.tally.place(path)) from error
        if FILTERS not in found:
            return place, ()
        codes = check_filters(messages.filters(found[FILTERS][0]), self.tally.place(path))
        if place.chunk is None or not OURS.issuperset(codes):
            raise UnfamiliarError
        return place, codes


def _moved(header: DatasetHeader, path: str, place: int) -> DatasetHeader:
    """The same header for another dataset, whose data or whose tree of chunks begin elsewhere."""
    start, index = (place, None) if header.chunk is None else (None, place)
    shape, elements = header.shape, header.elements
    return DatasetHeader(
        path, header.kind, shape, elements, header.dtype, header.item_bytes, header.chunk, header.filters, start, index
    )


def _shared(kind: int, flags: int) -> int:
    """What a message is that stands elsewhere in the file. A type does where it has a name."""
    if kind != TYPE or flags & ~CONSTANT != SHARED:
        raise UnfamiliarError
    return NAMED_TYPE


@dataclass(frozen=True, slots=True)
class OwnStore:
    """Elements from the chunks that the trees in the file list."""

    data: mmap
    file: IO[bytes]
    tally: Tally

    def only_chunk(self, header: DatasetHeader) -> NDArray[Any]:
        return only_chunk(self._chunks(header), header, self.tally)

    def fill(self, target: Target, header: DatasetHeader) -> None:
        fill(target, self._chunks(header), header, self.tally)

    def _chunks(self, header: DatasetHeader) -> OwnChunks:
        return OwnChunks(self.data, self.file, _places(self.data, header))


def _places(data: mmap, header: DatasetHeader) -> dict[Corner, tuple[int, int, int]]:
    """Size, filter mask and address of each chunk."""
    if header.index is None:
        return {}
    tree = Tree(data, CHUNKS, _entry(len(header.shape)), CHUNK_CHILDREN, Room(len(data)))
    places: dict[Corner, tuple[int, int, int]] = {}
    for (size, mask, *corner, zero, address), after in tree.leaves(header.index):
        if zero or _corner(after) <= (*corner, zero):
            raise UnfamiliarError
        if tuple(corner) in places:
            raise ValueError("a chunk is listed twice")
        places[tuple(corner)] = size, mask, address
    return places


def _corner(key: bytes) -> Corner:
    """Where the chunk of a key begins, behind its size and its filter mask."""
    return struct.unpack_from(f"<{len(key) // 8 - 1}Q", key, 8)


@cache
def _entry(rank: int) -> struct.Struct:
    """What a tree says of a chunk: its size, its filter mask, its corner, a zero, its address."""
    return struct.Struct(f"<II{rank}QQQ")


@dataclass(frozen=True, slots=True)
class OwnChunks:
    """Chunks whose places are known."""

    data: mmap
    file: IO[bytes]
    places: dict[Corner, tuple[int, int, int]]

    def size(self, corner: Corner) -> int | None:
        place = self.places.get(corner)
        return None if place is None else place[0]

    def read(self, corner: Corner) -> tuple[int, bytes]:
        size, mask, address = self.places[corner]
        raw = self.data[address : address + size] if size <= SHORT_BYTES else bytes_at(self.file, address, size)
        if len(raw) < size:
            raise ValueError("the file ends before its data")
        return mask, raw
