"""What an HDF5 file claims to hold, checked before any value is read.

HDF5 can point anywhere: links into other files, raw data in any path, datasets made of other datasets, loops, and
filters loaded from a plugin folder. Nothing of that belongs in a NIR graph, so all of it is refused here, from link
and object headers alone. https://nvd.nist.gov/vuln/detail/CVE-2026-1669 is what happens otherwise.
"""

from __future__ import annotations

import errno
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.hdf5.spill import Target
from neuedge_nir.frontend.raw import Caps, Shape, check_cap

DEFLATE, SHUFFLE, FLETCHER32, LZF = 1, 2, 3, 32000
FILTERS = {DEFLATE: "gzip", SHUFFLE: "shuffle", FLETCHER32: "fletcher32", LZF: "lzf"}
LEVELS = tuple((level,) for level in range(10))
"""What gzip may be given."""
NUMBER_SIZES = (1, 2, 4, 8)


class Kind(Enum):
    """What the elements of a dataset are."""

    NUMBER = "numbers"
    TEXT = "text"
    VARIABLE_TEXT = "text of any length"


class Padding(Enum):
    """How text of one stated size ends, by HDF5's numbers: at its first null, or before the nulls or spaces behind."""

    NULL = 0
    NULLS = 1
    SPACES = 2


PADDINGS = {padding.value: padding for padding in Padding}


class Filter(NamedTuple):
    """A filter by its number, and the values that it was given."""

    code: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """All that datasets have in common which differ but in name and place: plain elements, within the caps."""

    kind: Kind
    shape: Shape
    dtype: np.dtype[Any]
    item_bytes: int
    chunk: Shape | None = None
    filters: tuple[int, ...] = ()
    padding: Padding = Padding.NULLS
    elements: int = field(init=False)
    size: int = field(init=False)
    """Bytes, uncompressed."""
    chunk_size: int = field(init=False)
    chunks: int = field(init=False)

    def __post_init__(self) -> None:
        elements, sides = math.prod(self.shape), self.chunk or ()
        object.__setattr__(self, "elements", elements)
        object.__setattr__(self, "size", elements * self.item_bytes)
        object.__setattr__(self, "chunk_size", math.prod(sides) * self.item_bytes)
        chunks = math.prod(-(-length // side) for length, side in zip(self.shape, sides, strict=False))
        object.__setattr__(self, "chunks", chunks if sides else 0)


@dataclass(slots=True)
class DatasetHeader:
    """A dataset that may be read: hard-linked, stored in this file.

    `start` is where its bytes begin if they lie in the file in one piece, `index` where the tree of its chunks does,
    if known. Not frozen, since files have hundreds of thousands, and freezing doubles the time that one takes.
    """

    path: str
    form: Form
    start: int | None
    index: int | None = None


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


Corner = tuple[int, ...]
"""Where a chunk begins: the index of its first element."""
Stored = tuple[int, bytes]
"""A chunk as it lies in the file: its filter mask, a bit for each filter that was left out, and its bytes."""


class Store(Protocol):
    """Where the elements of a dataset come from that does not lie in the file in one piece."""

    def only_chunk(self, header: DatasetHeader) -> Stored:
        """The chunk of a dataset that has one."""

    def fill(self, target: Target, header: DatasetHeader) -> None:
        """Write all elements to `target`, an array of the dataset's shape and type."""


FAILURES = (
    MemoryError,
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What the bytes of a broken file can lead to."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CUT_SHORT = (struct.error, IndexError, OverflowError)
"""Those of them that come of headers which end too early, or of addresses that no file can have."""


def failure(error: Exception, where: str) -> InputError:
    """One of the `FAILURES`, said in our words."""
    if isinstance(error, MemoryError):
        hint = "use a machine with more memory, or lower the caps"
        return InputError("FILE015", "not enough memory to read this", where=where, hint=hint)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        hint = "free some room, or name another folder for temporary files in TMPDIR"
        return InputError("FILE015", "not enough room on disk for its arrays", where=where, hint=hint)
    # What Python says of a header that it cannot unpack, or of an address that is no number of its own, helps nobody.
    said = "" if isinstance(error, CUT_SHORT) else ascii(" ".join(str(error).split()))[1:-1]
    reason = said or "a part of it is cut short, or points beyond its end"
    hint = "copy or export it again"
    return InputError("FILE009", f"the file is damaged or cut short: {reason}", where=where, hint=hint)


@contextmanager
def damage_reported(where: str) -> Iterator[None]:
    """Failures become refusals of what is at this place in the file."""
    try:
        yield
    except FAILURES as error:
        raise failure(error, where) from error


@dataclass(slots=True)
class Tally:
    """What was counted so far against the caps. The only thing here that changes."""

    caps: Caps
    file: str
    objects: str = "objects"
    """The cap on groups and datasets that holds for this reader."""
    seen: set[int] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, cap: str, amount: int, path: str) -> None:
        total = self.counts[cap] = self.counts.get(cap, 0) + amount
        if total > getattr(self.caps, cap):
            self.check(cap, total, path)

    def check(self, cap: str, needed: int, path: str) -> None:
        if needed > getattr(self.caps, cap):
            check_cap(self.caps, cap, needed, self.place(path))

    def take(self, form: Form, path: str) -> None:
        """Count a dataset of this form."""
        self.check("elements", form.elements, path)
        self.check("chunk_bytes", form.chunk_size, path)
        self.take_again(form, path)

    def take_again(self, form: Form, path: str) -> None:
        """Count one more of a form that was let through before."""
        self.add("total_bytes", form.size, path)
        if form.chunks:
            self.add("chunks", form.chunks, path)

    def place(self, path: str) -> str:
        return f"{path or '/'!r} of {self.file}"

    def visit(self, address: int, path: str) -> None:
        """The object at this address is reached for the first time."""
        if address in self.seen:
            message, hint = "this object is linked twice or contains itself", "write each node and each array once"
            raise InputError("FILE011", message, where=self.place(path), hint=hint)
        self.seen.add(address)

    def visit_all(self, addresses: Sequence[int], paths: Sequence[str]) -> None:
        """The objects at these addresses are reached for the first time."""
        new = set(addresses)
        if len(new) == len(addresses) and self.seen.isdisjoint(new):
            self.seen |= new
            return
        for address, path in zip(addresses, paths, strict=True):
            self.visit(address, path)

    def names(self, raw: tuple[bytes, ...], path: str) -> Sequence[str]:
        """The names of the members of the group at `path`."""
        self.add(self.objects, len(raw), path)
        self.check("name_length", max(map(len, raw), default=0), path)
        self.add("text_bytes", sum(map(len, raw)), path)
        try:
            return sound_names(raw)
        except ValueError:
            return [self._name(name, path) for name in raw]

    def _name(self, raw: bytes, path: str) -> str:
        """The name, or what is wrong with it."""
        try:
            (name,) = sound_names((raw,))
        except UnicodeDecodeError as error:
            message, hint = f"the name {raw!r} is not UTF-8", "rename it in the tool that exports it"
            raise InputError("FILE018", message, where=self.place(path), hint=hint) from error
        except ValueError as error:
            message, hint = f"{raw.decode()!r} cannot be a name", "the file is forged or damaged"
            raise InputError("FILE018", message, where=self.place(path), hint=hint) from error
        return name


@lru_cache(maxsize=256)
def sound_names(raw: tuple[bytes, ...]) -> tuple[str, ...]:
    """Names as text, told once for all groups with the same. Raises `ValueError` for what HDF5 cannot have made."""
    names = tuple([name.decode("utf-8") for name in raw])
    for name in names:
        # A forged name with a slash would be taken for a path, whose parts nobody has judged.
        if "/" in name or name in ("", "."):
            raise ValueError(name)
    return names


# What both readers of headers refuse. Each takes the place in the file.


def soft_link(what: str, where: str) -> InputError:
    message = f"{what} is refused: a model must stand in its own file"
    return InputError("FILE010", message, where=where, hint="export the model again with its data in place")


def stored_elsewhere(what: str, where: str) -> InputError:
    return InputError(
        "FILE012", f"{what} is refused", where=where, hint="export the model again with its data in place"
    )


def odd_filter(code: int, where: str) -> InputError:
    hint = "write it uncompressed or with gzip, shuffle, fletcher32 or lzf, each once"
    return InputError("FILE013", f"the compression filter {code} is refused", where=where, hint=hint)


def odd_object(where: str) -> InputError:
    return InputError("FILE014", "neither a group nor a dataset", where=where, hint="NIR has no such objects")


def no_dataspace(where: str) -> InputError:
    hint = "leave the field out instead"
    return InputError("FILE014", "the dataset is empty (no dataspace)", where=where, hint=hint)


def named_type(where: str) -> InputError:
    return InputError("FILE014", "a named data type is refused", where=where, hint="use plain numbers or text")


def odd_elements(where: str) -> InputError:
    message = "the elements are neither real numbers, booleans nor text"
    return InputError("FILE014", message, where=where, hint="NIR needs float, int or bool arrays")


def never_written(where: str) -> InputError:
    return InputError("FILE017", "the dataset was never written", where=where, hint="export the model again")


def check_filters(filters: Sequence[Filter], item: int, where: str) -> tuple[int, ...]:
    """The numbers of the filters, if all are known, each stands there once, and with values that make sense."""
    codes = tuple(found.code for found in filters)
    for code, values in filters:
        if code not in FILTERS or codes.count(code) > 1:
            raise odd_filter(code, where)
        if (code == DEFLATE and values not in LEVELS) or (code == SHUFFLE and values != (item,)):
            raise ValueError(f"the values of the filter {FILTERS[code]} make no sense")
    return codes
