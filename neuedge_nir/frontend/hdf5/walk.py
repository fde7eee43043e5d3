"""Headers straight from the bytes of a file in HDF5's oldest format, which is what NIR files are written in.

The library needs some 100 microseconds for every group and dataset, since it builds objects for each. A file with
thousands of nodes is thus read in a tenth of the time, and one that is made to have hundreds of thousands cannot
hold up its reader. https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html

What the library would refuse is refused here, too: a field that may hold but some values is held to them, and where
one means something that the usual files do not say, the library is asked (`UnfamiliarError`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from mmap import mmap

from neuedge_nir.frontend.hdf5 import messages
from neuedge_nir.frontend.hdf5.chunks import OURS
from neuedge_nir.frontend.hdf5.headers import (
    FAILURES,
    DatasetHeader,
    Form,
    GroupHeader,
    Tally,
    check_filters,
    failure,
    named_type,
    never_written,
    no_dataspace,
    odd_elements,
    odd_object,
    soft_link,
    stored_elsewhere,
)
from neuedge_nir.frontend.hdf5.messages import NOWHERE, UnfamiliarError, VirtualError
from neuedge_nir.frontend.hdf5.objects import (
    BLOCK,
    CONTINUED,
    FILL,
    FILTERS,
    LAYOUT,
    OLD_FILL,
    OUTSIDE,
    PREFIX,
    SPACE,
    TABLE,
    TYPE,
    Messages,
    messages_of,
)
from neuedge_nir.frontend.hdf5.superblock import superblock
from neuedge_nir.frontend.hdf5.symbols import GROUP, SOFT_LINK, GroupKind, group_kind, symbols
from neuedge_nir.frontend.hdf5.trees import Room

ADDRESS_BYTES = 8
HEAD_BYTES = 48
"""Beginning of a header by which it is looked up: it tells how long the header is and the extent of the dataset."""
MOST_KNOWN, MOST_LAYOUTS = 1000, 4
"""Headers that are kept, and layouts that are tried: a forged file must not make the trying itself long."""


def headers_of(data: mmap, tally: Tally) -> GroupHeader:
    """Every group and dataset of a file, each reached over hard links and visited once.

    Raises `InputError` where it is refused, `UnfamiliarError` where it is in a format that only the library knows.
    """
    try:
        block = superblock(data)
        walker = Walker(data, tally, group_kind(block.symbols, block.children), Room(len(data)))
        tally.visit(block.root, "")
        found = walker.member(block.root, "", -1)
    except FAILURES as error:
        raise failure(error, tally.file) from error
    if isinstance(found, DatasetHeader):
        raise odd_object(tally.file)
    return found


@dataclass(slots=True)
class Walker:
    """A way through the file: its bytes, what is counted, how its groups are kept, what room is left.

    Most datasets of a file have the same header but for the address of their data, so each kind is read once.
    """

    data: mmap
    tally: Tally
    groups: GroupKind
    room: Room
    layouts: dict[bytes, list[struct.Struct]] = field(default_factory=dict)
    """What headers with this beginning consist of: all that comes before the address of the data, the address, and
    all behind it.
    """
    known: dict[tuple[bytes, bytes], Form] = field(default_factory=dict)
    """The form of a dataset by what stands before and behind the address of its data."""

    def member(self, address: int, path: str, depth: int) -> GroupHeader | DatasetHeader:
        """The object with this address; `depth` is that of the group it is in."""
        found = messages_of(self.data, address, self.room)
        if TABLE in found and LAYOUT not in found:
            return self._group(found, path, depth + 1)
        if SPACE not in found or LAYOUT not in found or TABLE in found:
            raise odd_object(self.tally.place(path))
        header = self._dataset(found, path)
        if CONTINUED not in found:
            self._remember(header.form, address, found[LAYOUT])
        return header

    def _like_another(self, address: int, path: str) -> DatasetHeader | None:
        """The dataset at this address, if its header was seen before."""
        for layout in self.layouts.get(self.data[address : address + HEAD_BYTES], ()):
            before, start, behind = layout.unpack_from(self.data, address)
            form = self.known.get((before, behind))
            if form is not None:
                if start in (0, NOWHERE) or (form.chunk is None and start + form.size > len(self.data)):
                    return None
                self.room.take(layout.size)
                self.tally.take_again(form, path)
                return (
                    DatasetHeader(path, form, start) if form.chunk is None else DatasetHeader(path, form, None, start)
                )
        return None

    def _remember(self, form: Form, address: int, message: tuple[bytes, int]) -> None:
        place = messages.address_in(message[0])
        if place is None or len(self.known) == MOST_KNOWN:
            return
        before = message[1] + place - address
        behind = PREFIX.size + PREFIX.unpack_from(self.data, address)[3] - before - ADDRESS_BYTES
        layouts = self.layouts.setdefault(self.data[address : address + HEAD_BYTES], [])
        layout = struct.Struct(f"<{before}sQ{behind}s")
        if layout.format not in [other.format for other in layouts]:
            if len(layouts) == MOST_LAYOUTS:
                return
            layouts.append(layout)
        first, _, last = layout.unpack_from(self.data, address)
        self.known[first, last] = form

    def _group(self, found: Messages, path: str, depth: int) -> GroupHeader:
        tally = self.tally
        tally.check("depth", depth, path)
        tree, heap = BLOCK.unpack_from(found[TABLE][0])
        listed = symbols(self.data, tree, heap, self.groups, self.room)
        names = tally.names(listed.names, path)
        prefix = f"{path}/" if path else ""
        paths = [prefix + name for name in names]
        # All links of a group are judged before any of them is followed.
        if SOFT_LINK in listed.cached:
            raise soft_link("a soft link", tally.place(paths[listed.cached.index(SOFT_LINK)]))
        tally.visit_all(listed.addresses, paths)
        members = {
            name: (None if cached == GROUP else self._like_another(address, within))
            or self.member(address, within, depth)
            for name, within, address, cached in zip(names, paths, listed.addresses, listed.cached, strict=True)
        }
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
        form = Form(element.kind, shape, element.dtype, element.size, place.chunk, codes, element.padding)
        tally.take(form, path)
        _check_fills(found, element.size)
        if form.elements and place.start is None and place.index is None:
            raise never_written(tally.place(path))
        self._check_place(place, form)
        return DatasetHeader(path, form, place.start, place.index)

    def _place(self, found: Messages, path: str, rank: int, item: int) -> tuple[messages.Place, tuple[int, ...]]:
        try:
            place = messages.place(*found[LAYOUT], rank, item)
        except VirtualError as error:
            raise stored_elsewhere("a virtual dataset", self.tally.place(path)) from error
        if FILTERS not in found:
            return place, ()
        codes = check_filters(messages.filters(found[FILTERS][0]), item, self.tally.place(path))
        if place.chunk is None or not OURS.issuperset(codes):
            raise UnfamiliarError
        return place, codes

    def _check_place(self, place: messages.Place, form: Form) -> None:
        """What lies in one piece is just as long as its elements, and within the file."""
        if place.start is None:
            return
        if place.size < form.size or place.start + place.size > len(self.data):
            raise ValueError("a dataset is larger than its place")
        if place.size > form.size:
            raise UnfamiliarError


def _check_fills(found: Messages, item: int) -> None:
    if FILL in found:
        messages.check_fill(found[FILL][0], item)
    if OLD_FILL in found:
        messages.check_old_fill(found[OLD_FILL][0], item)
