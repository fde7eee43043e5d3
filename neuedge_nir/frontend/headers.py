"""What an HDF5 file claims to hold, checked before any value is read.

HDF5 can point anywhere: links into other files, raw data in any path, datasets made of other datasets, loops, and
filters loaded from a plugin folder. Nothing of that belongs in a NIR graph, so all of it is refused here, from link
and object headers alone. https://nvd.nist.gov/vuln/detail/CVE-2026-1669 is what happens otherwise.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import Caps, Shape, check_cap

FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
DEFLATE, SHUFFLE, FLETCHER32, LZF = 1, 2, 3, 32000
NUMBER_SIZES = (1, 2, 4, 8)


class Kind(Enum):
    """What the elements of a dataset are."""

    NUMBER = "numbers"
    TEXT = "text"
    VARIABLE_TEXT = "text of any length"


@dataclass(frozen=True, slots=True)
class DatasetHeader:
    """A dataset that may be read: hard-linked, stored in this file, plain elements, within the caps.

    `start` is where its bytes begin if they lie in the file in one piece.
    """

    path: str
    kind: Kind
    shape: Shape
    dtype: np.dtype[Any]
    item_bytes: int
    chunk: Shape | None
    filters: tuple[int, ...]
    start: int | None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """A group and its members by name."""

    path: str
    members: Mapping[str, GroupHeader | DatasetHeader]

    def dataset(self, name: str) -> DatasetHeader | None:
        member = self.members.get(name)
        return member if isinstance(member, DatasetHeader) else None

    def group(self, name: str) -> GroupHeader | None:
        member = self.members.get(name)
        return member if isinstance(member, GroupHeader) else None


@contextmanager
def damage_reported(where: str) -> Iterator[None]:
    """Whatever the HDF5 library says of a broken file, said in our words."""
    try:
        yield
    except MemoryError as error:
        hint = "use a machine with more memory, or lower the caps"
        raise InputError("FILE015", "not enough memory to read this", where=where, hint=hint) from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, zlib.error) as error:
        reason = ascii(" ".join(str(error).split()))[1:-1] or type(error).__name__
        raise InputError(
            "FILE009",
            f"the file is damaged or cut short: {reason}",
            where=where,
            hint="copy or export it again",
        ) from error


@dataclass(slots=True)
class Tally:
    """What was counted so far against the caps. The only thing here that changes."""

    caps: Caps
    file: str
    seen: set[tuple[int, int]] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, cap: str, amount: int, where: str) -> None:
        self.counts[cap] = self.counts.get(cap, 0) + amount
        self.check(cap, self.counts[cap], where)

    def check(self, cap: str, needed: int, where: str) -> None:
        check_cap(self.caps, cap, needed, where)

    def place(self, path: str) -> str:
        return f"{path!r} of {self.file}"


def walk(root: Any, tally: Tally) -> GroupHeader:
    """Every group and dataset of the file, each reached over hard links and visited once."""
    import h5py

    info = h5py.h5o.get_info(root)
    tally.seen.add((info.fileno, info.addr))
    return _group(root, "", 0, tally)


def _group(group: Any, path: str, depth: int, tally: Tally) -> GroupHeader:
    where = tally.place(path or "/")
    tally.check("depth", depth, where)
    tally.add("objects", group.get_num_objs(), where)
    names = [(raw, _name(raw, path, tally)) for raw in group]
    # All links of a group are judged before any of them is opened.
    for raw, name in names:
        _check_link(group, raw, f"{path}/{name}".lstrip("/"), tally)
    return GroupHeader(
        path, {name: _member(group, raw, f"{path}/{name}".lstrip("/"), depth, tally) for raw, name in names}
    )


def _name(raw: bytes, path: str, tally: Tally) -> str:
    where = tally.place(path or "/")
    tally.check("name_length", len(raw), where)
    tally.add("text_bytes", len(raw), where)
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"the name {raw!r} is not UTF-8"
        raise InputError("FILE018", message, where=where, hint="rename it in the tool that exports it") from error
    # A forged name with a slash would be taken for a path, whose parts nobody has judged.
    if "/" in name or name in ("", "."):
        raise InputError("FILE018", f"{name!r} cannot be a name", where=where, hint="the file is forged or damaged")
    return name


def _check_link(group: Any, raw: bytes, path: str, tally: Tally) -> None:
    import h5py

    kind = group.links.get_info(raw).type
    if kind != h5py.h5l.TYPE_HARD:
        what = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "a link into another file"}
        raise InputError(
            "FILE010",
            f"{what.get(kind, 'a link of unknown kind')} is refused: a model must stand in its own file",
            where=tally.place(path),
            hint="export the model again with its data in place",
        )


def _member(group: Any, raw: bytes, path: str, depth: int, tally: Tally) -> GroupHeader | DatasetHeader:
    import h5py

    info = h5py.h5o.get_info(group, raw)
    _check_first_visit((info.fileno, info.addr), path, tally)
    if info.type == h5py.h5o.TYPE_GROUP:
        return _group(h5py.h5g.open(group, raw), path, depth + 1, tally)
    if info.type == h5py.h5o.TYPE_DATASET:
        return _dataset(h5py.h5d.open(group, raw), path, tally)
    raise InputError(
        "FILE014", "neither a group nor a dataset", where=tally.place(path), hint="NIR has no such objects"
    )


def _check_first_visit(address: tuple[int, int], path: str, tally: Tally) -> None:
    if address in tally.seen:
        raise InputError(
            "FILE011",
            "this object is linked twice or contains itself",
            where=tally.place(path),
            hint="write each node and each array once",
        )
    tally.seen.add(address)


def _dataset(dataset: Any, path: str, tally: Tally) -> DatasetHeader:
    import h5py

    where = tally.place(path)
    plist = dataset.get_create_plist()
    _check_storage(plist, where)
    element = dataset.get_type()
    kind, item_bytes = _element(element, where)
    header = DatasetHeader(
        path,
        kind,
        _extent(dataset, where),
        element.dtype,
        item_bytes,
        _chunk(plist),
        _filters(plist, where),
        dataset.get_offset() if plist.get_layout() == h5py.h5d.CONTIGUOUS else None,
    )
    _check_size(header, tally)
    if header.elements and not dataset.get_storage_size():
        raise InputError("FILE017", "the dataset was never written", where=where, hint="export the model again")
    return header


def _check_storage(plist: Any, where: str) -> None:
    import h5py

    outside = plist.get_layout() not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
    if outside or plist.get_external_count():
        what = "a virtual dataset" if outside else "data stored in another file"
        raise InputError(
            "FILE012", f"{what} is refused", where=where, hint="export the model again with its data in place"
        )


def _filters(plist: Any, where: str) -> tuple[int, ...]:
    codes = tuple(plist.get_filter(index)[0] for index in range(plist.get_nfilters()))
    odd = [code for code in codes if code not in FILTERS or codes.count(code) > 1]
    if odd:
        hint = "write it uncompressed or with gzip, shuffle, fletcher32 or lzf, each once"
        raise InputError("FILE013", f"the compression filter {odd[0]} is refused", where=where, hint=hint)
    return codes


def _chunk(plist: Any) -> Shape | None:
    import h5py

    return tuple(plist.get_chunk()) if plist.get_layout() == h5py.h5d.CHUNKED else None


def _extent(dataset: Any, where: str) -> Shape:
    import h5py

    space = dataset.get_space()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        raise InputError(
            "FILE014", "the dataset is empty (no dataspace)", where=where, hint="leave the field out instead"
        )
    return tuple(space.get_simple_extent_dims())


def _element(kind: Any, where: str) -> tuple[Kind, int]:
    import h5py

    group, size = kind.get_class(), kind.get_size()
    if kind.committed():
        raise InputError("FILE014", "a named data type is refused", where=where, hint="use plain numbers or text")
    if group == h5py.h5t.STRING:
        return (Kind.VARIABLE_TEXT if kind.is_variable_str() else Kind.TEXT), size
    number = group in (h5py.h5t.INTEGER, h5py.h5t.FLOAT) and size in NUMBER_SIZES and kind.dtype.itemsize == size
    if number or (group == h5py.h5t.ENUM and size == 1 and kind.dtype.kind == "b"):
        return Kind.NUMBER, size
    message = "the elements are neither real numbers, booleans nor text"
    raise InputError("FILE014", message, where=where, hint="NIR needs float, int or bool arrays")


def _check_size(header: DatasetHeader, tally: Tally) -> None:
    where = tally.place(header.path)
    tally.check("elements", header.elements, where)
    tally.add("total_bytes", header.elements * header.item_bytes, where)
    if header.chunk is not None:
        tally.check("chunk_bytes", math.prod(header.chunk) * header.item_bytes, where)
        sides = zip(header.shape, header.chunk, strict=True)
        tally.add("chunks", math.prod(-(-length // side) for length, side in sides), where)
