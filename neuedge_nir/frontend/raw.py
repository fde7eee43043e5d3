"""What a .nir file holds, as plain values that no longer need h5py, and how much of it is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from reprlib import repr as shown

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import InputError, UsageError

Array = NDArray[np.generic]
Shape = tuple[int, ...]
Edge = tuple[str, str]
Field = Array | str
MetadataValue = Field | tuple[str, ...] | Mapping[str, "MetadataValue"]
Metadata = Mapping[str, MetadataValue]

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Caps:
    """How much a file may ask of its reader. All of it is checked on headers, before a value is read.

    The defaults let a network of some hundred million neurons or weights through. What is large lies on disk, in
    private temporary files of at most `file_bytes` + `total_bytes`; memory stays below half a GiB.
    """

    file_bytes: int = 1024 * MIB
    """The file itself: it is copied once."""
    elements: int = 2**28
    """Elements of one dataset, and of one signal between two nodes."""
    total_bytes: int = 2048 * MIB
    """All datasets together, uncompressed."""
    text_bytes: int = 64 * MIB
    """All names and strings together."""
    chunk_bytes: int = 64 * MIB
    """One chunk, uncompressed: HDF5 always decodes whole chunks."""
    chunks: int = 2**17
    """Chunks in the whole file."""
    objects: int = 120_000
    """Groups and datasets in the whole file: about 7 for each node."""
    parameters: int = 2**25
    """Values that are kept in double precision, in memory: neurons' parameters and biases, and whatever is stored in
    fewer than 4 bytes. Those that are equal within an array count as one."""
    slow_objects: int = 30_000
    """The same in HDF5's newer formats, where each takes several times as long."""
    nodes: int = 16_000
    edges: int = 100_000
    depth: int = 64
    """Groups within groups; a nested graph takes two levels."""
    name_length: int = 1024
    """Bytes of a node's name, of a field's name or of a node type."""
    string_length: int = MIB
    """Bytes of one string in the metadata."""
    seconds: float = 3.5
    """Processor time that the reading may take, and a further second for every 16 MiB of the file."""
    memory_bytes: int = 768 * MIB
    """Memory of the process that reads."""
    operators: int = 200_000
    """Connection operators over all projections: stateless nodes that branch and join multiply their paths."""
    bias_products: int = 10**11
    """Numbers multiplied to carry biases through convolutions and pools to the neurons behind."""

    def __post_init__(self) -> None:
        """Raises `UsageError` (USE018) for a limit that is no positive number, or beyond what a machine can count."""
        for name, default in _DEFAULTS.items():
            value = getattr(self, name)
            kinds = int | float if isinstance(default, float) else int
            most = LONGEST if name == "seconds" else LARGEST
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value <= most:
                message = f"{name} cannot be {shown(value)}"
                what = "a positive number" if isinstance(default, float) else "a positive whole number"
                raise UsageError("USE018", message, where="limits on reading", hint=f"give {what} up to {most:g}")

    def seconds_for(self, size: int) -> float:
        """Processor time for a file of `size` bytes."""
        return self.seconds + size / (16 * MIB)

    @classmethod
    def parse(cls, text: str) -> Caps:
        """`name=number,...`, the rest as by default. Raises `UsageError` where it is malformed."""
        found: dict[str, float] = {}
        for part in text.split(","):
            name, _, value = part.partition("=")
            if name not in _DEFAULTS:
                hint = f"there are: {', '.join(_DEFAULTS)}"
                raise UsageError("USE018", f"{name!r} is no limit on reading", where="--limits", hint=hint)
            try:
                found[name] = float(value) if isinstance(_DEFAULTS[name], float) else int(value)
            except ValueError as error:
                hint = f"say {name}=N"
                raise UsageError("USE018", f"{part!r} gives no number", where="--limits", hint=hint) from error
        return replace(DEFAULT_CAPS, **found)  # type: ignore[arg-type]  # whole numbers where they belong, see above


LARGEST = 2**62
"""Beyond any file and any memory, and a number that the system's own limits can hold."""
LONGEST = 10**6
"""Seconds: eleven days."""
_DEFAULTS: Mapping[str, float] = {f.name: f.default for f in fields(Caps)}  # type: ignore[misc]  # all have one
DEFAULT_CAPS = Caps()


def check_cap(caps: Caps, cap: str, needed: int, where: str) -> None:
    """Raises `InputError` (FILE015) where more is asked for than the cap of this name allows."""
    available = getattr(caps, cap)
    if needed > available:
        raise InputError(
            "FILE015",
            f"{cap.replace('_', ' ')}: {needed} asked for, {available} allowed",
            where=where,
            hint=f"if the file can be trusted, allow more: --limits {cap}={needed}, or Caps.{cap} from Python",
            resource=cap,
            needed=needed,
            available=available,
        )


RECORDING = "NIRNodeData"
"""The type of what was recorded of a node, in a file of recordings."""


@dataclass(frozen=True, slots=True, eq=False)
class RawNode:
    """One NIR node as the file has it: numbers as arrays, `padding` perhaps as text.

    `added` says that the file has no such node: a repair put it there.
    """

    type: str
    fields: Mapping[str, Field]
    metadata: Metadata
    where: str
    added: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RawGraph:
    """A NIRGraph: nodes and graphs by name, and the edges between them."""

    nodes: Mapping[str, RawNode | RawGraph]
    edges: tuple[Edge, ...]
    metadata: Metadata
    where: str


@dataclass(frozen=True, slots=True, eq=False)
class RawContent:
    """What the file says: the writer's NIR version, the graph, and what lies beside it."""

    version: str | None
    graph: RawGraph
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RawFile:
    """A whole file: its base name, the hash of its bytes, the writer's NIR version, and what lies beside the graph."""

    name: str
    sha256: str
    version: str | None
    graph: RawGraph
    ignored: tuple[str, ...] = ()
