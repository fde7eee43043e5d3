"""What a .nir file holds, as plain values that no longer need h5py, and how much of it is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    The defaults let a network of some fifty million neurons through and keep the memory needed below a few GiB.
    """

    file_bytes: int = 1024 * MIB
    """The file itself: it is held in memory once."""
    elements: int = 2**28
    """Elements of one dataset, and of one signal between two nodes."""
    total_bytes: int = 2048 * MIB
    """All datasets together, uncompressed, and all strings together."""
    chunk_bytes: int = 64 * MIB
    """One chunk, uncompressed: HDF5 always decodes whole chunks."""
    chunks: int = 2**17
    """Chunks in the whole file."""
    objects: int = 2**20
    """Groups and datasets in the whole file."""
    nodes: int = 100_000
    edges: int = 1_000_000
    depth: int = 64
    """Groups within groups; a nested graph takes two levels."""
    name_length: int = 1024
    """Bytes of a node's name, of a field's name or of a node type."""
    string_length: int = MIB
    """Bytes of one string in the metadata."""
    operators: int = 1_000_000
    """Connection operators over all projections: stateless nodes that branch and join multiply their paths."""


DEFAULT_CAPS = Caps()


@dataclass(frozen=True, slots=True, eq=False)
class RawNode:
    """One NIR node as the file has it: numbers as arrays, `padding` perhaps as text."""

    type: str
    fields: Mapping[str, Field]
    metadata: Metadata
    where: str


@dataclass(frozen=True, slots=True, eq=False)
class RawGraph:
    """A NIRGraph: nodes and graphs by name, and the edges between them."""

    nodes: Mapping[str, RawNode | RawGraph]
    edges: tuple[Edge, ...]
    metadata: Metadata
    where: str


@dataclass(frozen=True, slots=True, eq=False)
class RawFile:
    """A whole file: its base name, the hash of its bytes, the writer's NIR version, and what lies beside the graph."""

    name: str
    sha256: str
    version: str | None
    graph: RawGraph
    ignored: tuple[str, ...] = ()
