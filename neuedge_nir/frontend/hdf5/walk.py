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
from neuedge_nir.frontend.hdf5.symbols import symbols
from neuedge_nir.frontend.hdf5.trees import Room, leaves

SUPERBLOCK = struct.Struct("<8sBBBxBBBxHHIQQQQQQ")
"""Signature; versions of superblock, free space, root and shared headers, mixed with the sizes of addresses and
lengths; tree sizes; flags; addresses of base, free space, end and driver; the root's name and header."""
PLAIN = (0, 0, 0, 0, 8, 8)

PREFIX = struct.Struct("<BxHII4x")
"""Version, messages, links to the object, size of the first block of messages."""
MESSAGE = struct.Struct("<HHB3x")
"""Kind, size, flags."""
BLOCK = struct.Struct("<QQ")
SHARED = 2

PADDING, SPACE, TYPE, OLD_FILL, FILL, OUTSIDE, LAYOUT = 0, 1, 3, 4, 5, 7, 8
FILTERS, ATTRIBUTE, COMMENT, OLD_TIME, CONTINUED, TABLE, TIME = 11, 12, 13, 14, 16, 17, 18
USED = frozenset((SPACE, TYPE, OUTSIDE, LAYOUT, FILTERS, TABLE))
UNUSED = frozenset((PADDING, OLD_FILL, FILL, ATTRIBUTE, COMMENT, OLD_TIME, TIME))
"""Fill values matter where data were never written, which is refused; NIR has no attributes."""

NAMED_TYPE = -1
Messages = dict[int, tuple[bytes, int]]
"""The bytes, and the address of the bytes, by kind."""

CHUNKS = 1
ADDRESS = struct.Struct("<Q")
MOST_KNOWN, MOST_FORMS = 1000, 4
"""Headers that are kept, and forms that are tried: a forged file must not make the trying itself long."""


def headers_of(data: mmap, tally: Tally) -> GroupHeader:
    """Every group and dataset of a file, each reached over hard links and visited once.

    Raises `InputError` where it is refused, `UnfamiliarError` where it is in a format that only the library knows.
    """
    walker = Walker(data, tally, Room(len(data)))
    try:
        root = _root(data)
        tally.visit(root, "")
        found = walker.member(root, "", -1)
    except FAILURES as error:
        raise failure(error, tally.file) from error
    if isinstance(found, DatasetHeader):
        raise odd_object(tally.file)
    return found


def _root(data: mmap) -> int:
    """The address of the root group's header."""
    found: tuple[int, ...] = SUPERBLOCK.unpack_from(data)
    versions, (base, _, end, driver, _, root) = found[1:7], found[10:]
    if versions != PLAIN or base or driver != messages.NOWHERE:
        raise UnfamiliarError
    if end > len(data):
        raise ValueError(f"{end} bytes were written, {len(data)} are there")
    return root


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
                if kind in USED:
                    if flags & SHARED:
                        kind = _shared(kind)
                    if kind in found:
                        raise ValueError("a header says something twice")
                    found[kind] = (data[at : at + length], at)
                elif kind == CONTINUED:
                    found[kind] = (b"", at)
                    blocks.append(BLOCK.unpack_from(data, at))
                elif kind not in UNUSED:
                    raise UnfamiliarError
                at += length
                count -= 1
        return found

    def _group(self, found: Messages, path: str, depth: int) -> GroupHeader:
        tally = self.tally
        tally.check("depth", depth, path)
        tree, heap = BLOCK.unpack_from(found[TABLE][0])
        listed = symbols(self.data, tree, heap, self.room)
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


def _shared(kind: int) -> int:
    """What a message is that stands elsewhere in the file. A type does where it has a name."""
    if kind != TYPE:
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
    found = list(leaves(data, header.index, CHUNKS, _entry(len(header.shape)), Room(len(data))))
    places = {tuple(corner): (size, mask, address) for size, mask, *corner, _, address in found}
    if len(places) < len(found):
        raise ValueError("a chunk is listed twice")
    return places


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
        return mask, self.data[address : address + size] if size <= SHORT_BYTES else bytes_at(self.file, address, size)
