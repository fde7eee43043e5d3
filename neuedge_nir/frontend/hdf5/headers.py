"""What an HDF5 file claims to hold, checked before any value is read.

HDF5 can point anywhere: links into other files, raw data in any path, datasets made of other datasets, loops, and
filters loaded from a plugin folder. Nothing of that belongs in a NIR graph, so all of it is refused here, from link
and object headers alone. https://nvd.nist.gov/vuln/detail/CVE-2026-1669 is what happens otherwise.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.hdf5.spill import Target
from neuedge_nir.frontend.raw import Caps, Shape, check_cap

DEFLATE, SHUFFLE, FLETCHER32, LZF = 1, 2, 3, 32000
FILTERS = {DEFLATE: "gzip", SHUFFLE: "shuffle", FLETCHER32: "fletcher32", LZF: "lzf"}
NUMBER_SIZES = (1, 2, 4, 8)


class Kind(Enum):
    """What the elements of a dataset are."""

    NUMBER = "numbers"
    TEXT = "text"
    VARIABLE_TEXT = "text of any length"


@dataclass(slots=True)
class DatasetHeader:
    """A dataset that may be read: hard-linked, stored in this file, plain elements, within the caps.

    `start` is where its bytes begin if they lie in the file in one piece, `index` where the tree of its chunks does,
    if known. Not frozen, since files have hundreds of thousands, and freezing doubles the time that one takes.
    """

    path: str
    kind: Kind
    shape: Shape
    elements: int
    dtype: np.dtype[Any]
    item_bytes: int
    chunk: Shape | None
    filters: tuple[int, ...]
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


class Store(Protocol):
    """Where the elements of a dataset come from that does not lie in the file in one piece."""

    def only_chunk(self, header: DatasetHeader) -> NDArray[Any]:
        """All elements of a dataset in one chunk, in the data type of the file."""

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


def failure(error: Exception, where: str) -> InputError:
    """One of the `FAILURES`, said in our words."""
    if isinstance(error, MemoryError):
        hint = "use a machine with more memory, or lower the caps"
        return InputError("FILE015", "not enough memory to read this", where=where, hint=hint)
    ends = isinstance(error, struct.error)  # whose own words are about buffers
    reason = "it ends too early" if ends else ascii(" ".join(str(error).split()))[1:-1] or type(error).__name__
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
        self.check(cap, total, path)

    def check(self, cap: str, needed: int, path: str) -> None:
        if needed > getattr(self.caps, cap):
            check_cap(self.caps, cap, needed, self.place(path))

    def place(self, path: str) -> str:
        return f"{path or '/'!r} of {self.file}"

    def visit(self, address: int, path: str) -> None:
        """The object at this address is reached for the first time."""
        if address in self.seen:
            message, hint = "this object is linked twice or contains itself", "write each node and each array once"
            raise InputError("FILE011", message, where=self.place(path), hint=hint)
        self.seen.add(address)

    def names(self, raw: Sequence[bytes], path: str) -> list[str]:
        """The names of the members of the group at `path`."""
        self.add(self.objects, len(raw), path)
        lengths = [len(name) for name in raw]
        self.check("name_length", max(lengths, default=0), path)
        self.add("text_bytes", sum(lengths), path)
        return [self._name(name, path) for name in raw]

    def _name(self, raw: bytes, path: str) -> str:
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            message, hint = f"the name {raw!r} is not UTF-8", "rename it in the tool that exports it"
            raise InputError("FILE018", message, where=self.place(path), hint=hint) from error
        # A forged name with a slash would be taken for a path, whose parts nobody has judged.
        if "/" in name or name in ("", "."):
            message, hint = f"{name!r} cannot be a name", "the file is forged or damaged"
            raise InputError("FILE018", message, where=self.place(path), hint=hint)
        return name


def checked(header: DatasetHeader, tally: Tally) -> DatasetHeader:
    """The header itself, if its size is within the caps."""
    elements = header.elements
    tally.check("elements", elements, header.path)
    tally.add("total_bytes", elements * header.item_bytes, header.path)
    if header.chunk is not None:
        tally.check("chunk_bytes", math.prod(header.chunk) * header.item_bytes, header.path)
        sides = zip(header.shape, header.chunk, strict=True)
        tally.add("chunks", math.prod(-(-length // side) for length, side in sides), header.path)
    return header


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


def check_filters(codes: tuple[int, ...], where: str) -> tuple[int, ...]:
    """The filters themselves, if they are known and each stands there once."""
    for code in codes:
        if code not in FILTERS or codes.count(code) > 1:
            raise odd_filter(code, where)
    return codes
