"""Headers and chunks as the HDF5 library tells them, for every format that `walk` does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from neuedge_nir.frontend.hdf5.chunks import check_chunks, decodes_here, fill, only_chunk
from neuedge_nir.frontend.hdf5.headers import (
    NUMBER_SIZES,
    PADDINGS,
    Corner,
    DatasetHeader,
    Filter,
    Form,
    GroupHeader,
    Kind,
    Padding,
    Stored,
    Tally,
    check_filters,
    damage_reported,
    named_type,
    never_written,
    no_dataspace,
    odd_elements,
    odd_object,
    soft_link,
    stored_elsewhere,
)
from neuedge_nir.frontend.hdf5.spill import Target
from neuedge_nir.frontend.raw import Shape
from neuedge_nir.network.blocks import BLOCK_ELEMENTS


@contextmanager
def opened(file: IO[bytes], name: str) -> Iterator[Any]:
    """The file as h5py's. The library is told no path, so no path can be swapped, and loads no plugins."""
    import h5py

    with _plugins_off():
        with damage_reported(name):
            found = h5py.File(file, "r")
        with found:
            yield found


@contextmanager
def _plugins_off() -> Iterator[None]:
    """No folder to load filter plugins from while a stranger's file is open. The setting is the process's own."""
    from h5py import h5pl

    folders = [h5pl.get(index) for index in range(h5pl.size())]
    for _ in folders:
        h5pl.remove(0)
    try:
        yield
    finally:
        for folder in folders:
            h5pl.append(folder)


def headers_of(file: Any, tally: Tally) -> GroupHeader:
    """Every group and dataset of an open file, each reached over hard links and visited once."""
    import h5py

    with damage_reported(tally.file):
        tally.visit(h5py.h5o.get_info(file.id).addr, "")
        return _group(file.id, "", 0, tally)


def _group(group: Any, path: str, depth: int, tally: Tally) -> GroupHeader:
    tally.check("depth", depth, path)
    tally.check(tally.objects, group.get_num_objs(), path)
    members = tuple(group)
    names = list(zip(members, tally.names(members, path), strict=True))
    # All links of a group are judged before any of them is opened.
    for raw, name in names:
        _check_link(group, raw, f"{path}/{name}".lstrip("/"), tally)
    return GroupHeader(
        path, {name: _member(group, raw, f"{path}/{name}".lstrip("/"), depth, tally) for raw, name in names}
    )


def _check_link(group: Any, raw: bytes, path: str, tally: Tally) -> None:
    import h5py

    kind = group.links.get_info(raw).type
    if kind != h5py.h5l.TYPE_HARD:
        what = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "a link into another file"}
        raise soft_link(what.get(kind, "a link of unknown kind"), tally.place(path))


def _member(group: Any, raw: bytes, path: str, depth: int, tally: Tally) -> GroupHeader | DatasetHeader:
    import h5py

    info = h5py.h5o.get_info(group, raw)
    tally.visit(info.addr, path)
    if info.type == h5py.h5o.TYPE_GROUP:
        return _group(h5py.h5g.open(group, raw), path, depth + 1, tally)
    if info.type == h5py.h5o.TYPE_DATASET:
        return _dataset(h5py.h5d.open(group, raw), path, tally)
    raise odd_object(tally.place(path))


def _dataset(dataset: Any, path: str, tally: Tally) -> DatasetHeader:
    import h5py

    where = tally.place(path)
    plist = dataset.get_create_plist()
    _check_storage(plist, where)
    element = dataset.get_type()
    kind, size = _element(element, where)
    shape, codes = _extent(dataset, where), check_filters(_filters(plist), size, where)
    form = Form(kind, shape, element.dtype, size, _chunk(plist), codes, _padding(element, where))
    tally.take(form, path)
    if form.elements and not dataset.get_storage_size():
        raise never_written(where)
    return DatasetHeader(path, form, dataset.get_offset() if plist.get_layout() == h5py.h5d.CONTIGUOUS else None)


def _check_storage(plist: Any, where: str) -> None:
    import h5py

    if plist.get_layout() not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED):
        raise stored_elsewhere("a virtual dataset", where)
    if plist.get_external_count():
        raise stored_elsewhere("data stored in another file", where)


def _chunk(plist: Any) -> Shape | None:
    import h5py

    return tuple(plist.get_chunk()) if plist.get_layout() == h5py.h5d.CHUNKED else None


def _filters(plist: Any) -> list[Filter]:
    found = (plist.get_filter(index) for index in range(plist.get_nfilters()))
    return [Filter(code, tuple(values)) for code, _, values, _ in found]


def _extent(dataset: Any, where: str) -> Shape:
    import h5py

    space = dataset.get_space()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        raise no_dataspace(where)
    return tuple(space.get_simple_extent_dims())


def _element(kind: Any, where: str) -> tuple[Kind, int]:
    import h5py

    group, size = kind.get_class(), kind.get_size()
    if kind.committed():
        raise named_type(where)
    if group == h5py.h5t.STRING:
        return (Kind.VARIABLE_TEXT if kind.is_variable_str() else Kind.TEXT), size
    number = group in (h5py.h5t.INTEGER, h5py.h5t.FLOAT) and size in NUMBER_SIZES and kind.dtype.itemsize == size
    # Fewer bits than there is room for, or bits elsewhere, would be read as another number.
    plain = number and _in_order(kind).equal(h5py.h5t.py_create(kind.dtype))
    if plain or (group == h5py.h5t.ENUM and size == 1 and kind.dtype.kind == "b"):
        return Kind.NUMBER, size
    raise odd_elements(where)


def _in_order(kind: Any) -> Any:
    """The same type; one of a single byte in the order that numpy gives it, since it has none."""
    import h5py

    if kind.get_size() > 1:
        return kind
    alike = kind.copy()
    alike.set_order(h5py.h5t.ORDER_LE)
    return alike


def _padding(kind: Any, where: str) -> Padding:
    import h5py

    if kind.get_class() != h5py.h5t.STRING:
        return Padding.NULLS
    if kind.get_strpad() not in PADDINGS:
        raise odd_elements(where)
    return PADDINGS[kind.get_strpad()]


@dataclass(frozen=True, slots=True)
class LibraryStore:
    """Elements as the library finds and, where we cannot, decodes them."""

    file: Any
    tally: Tally

    def only_chunk(self, header: DatasetHeader) -> Stored:
        return only_chunk(LibraryChunks(self._open(header)), header, self.tally)

    def _open(self, header: DatasetHeader) -> Any:
        import h5py

        return h5py.h5d.open(self.file.id, header.path.encode())

    def fill(self, target: Target, header: DatasetHeader) -> None:
        dataset = self._open(header)
        if decodes_here(header.form):
            fill(target, LibraryChunks(dataset), header, self.tally)
            return
        if header.form.chunk is not None:
            check_chunks(LibraryChunks(dataset), header, self.tally)
        _read(dataset, target, header.form)


@dataclass(frozen=True, slots=True)
class LibraryChunks:
    """The chunks of an open dataset."""

    dataset: Any

    def size(self, corner: Corner) -> int | None:
        stored = self.dataset.get_chunk_info_by_coord(corner)
        return None if stored.byte_offset is None else stored.size

    def read(self, corner: Corner) -> Stored:
        mask, raw = self.dataset.read_direct_chunk(corner)
        return mask, raw


def _read(dataset: Any, target: Target, form: Form) -> None:
    """Let the library read a dataset whose chunks were checked, a block of rows at a time."""
    import h5py

    # Text is taken as it is stored: converted, it would end at a null that its padding does not make its end.
    stored = dataset.get_type() if form.kind is Kind.TEXT else None
    if not form.shape:
        number = np.empty(1, target.dtype)
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, number.reshape(()), stored)
        target.add(number)
        return
    space, (rows, *rest) = dataset.get_space(), form.shape
    step = max(1, rows * BLOCK_ELEMENTS // form.elements)
    for start in range(0, rows, step):
        block = np.empty((min(step, rows - start), *rest), target.dtype)
        space.select_hyperslab((start, *(0,) * len(rest)), block.shape)
        dataset.read(h5py.h5s.create_simple(block.shape), space, block, stored)
        target.add(block)
