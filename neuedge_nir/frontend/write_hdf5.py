"""A graph as the bytes of a .nir file: the layout of nir 1.0.8, and the same bytes for the same graph.

Written with h5py and not with nir, whose type inference takes quadratic time and refuses graphs that are sound.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neuedge_nir.frontend.raw import MIB, Field, Metadata, RawGraph, RawNode, Shape

VERSION = "1.0.8"
"""The version of NIR whose layout this is."""
CHUNK_BYTES = MIB
SMALL_BYTES = 4096
"""Smaller arrays are stored as they are: compressed they would take more."""


def encoded(graph: RawGraph) -> bytes:
    """The file. Arrays are expanded one at a time; the graph holds no graphs."""
    import h5py

    with h5py.File("graph", "w", driver="core", backing_store=False) as file:
        _put_text(file, "version", VERSION)
        _put_graph(file.create_group("node"), graph)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _put_graph(group: Any, graph: RawGraph) -> None:
    import h5py

    _put_text(group, "type", "NIRGraph")
    _put_metadata(group, graph.metadata)
    edges = np.array(sorted(graph.edges), dtype=object).reshape(-1, 2)
    group.create_dataset("edges", data=edges, dtype=h5py.string_dtype())
    nodes = group.create_group("nodes")
    for name, node in sorted(graph.nodes.items()):
        assert isinstance(node, RawNode)
        _put_node(nodes.create_group(name), node)


def _put_node(group: Any, node: RawNode) -> None:
    _put_text(group, "type", node.type)
    _put_metadata(group, node.metadata)
    for key, value in sorted(node.fields.items()):
        _put_field(group, key, value)


def _put_metadata(group: Any, metadata: Metadata) -> None:
    if metadata:
        inner = group.create_group("metadata")
        for key, value in sorted(metadata.items()):
            assert isinstance(value, str | tuple)
            _put_text(inner, key, value)


def _put_field(group: Any, key: str, value: Field) -> None:
    if isinstance(value, str):
        _put_text(group, key, value)
    elif value.nbytes < SMALL_BYTES:
        group.create_dataset(key, data=value)
    else:
        chunk = _chunk(value.shape, value.dtype.itemsize)
        group.create_dataset(key, data=value, chunks=chunk, compression="gzip")


def _put_text(group: Any, key: str, text: str | tuple[str, ...]) -> None:
    import h5py

    group.create_dataset(key, data=text, dtype=h5py.string_dtype())


def _chunk(shape: Shape, item_bytes: int) -> Shape:
    """As many whole rows, planes ... as fit into a chunk."""
    sides: list[int] = []
    for axis, length in enumerate(shape):
        row = math.prod(shape[axis + 1 :]) * item_bytes
        taken = min(length, max(1, CHUNK_BYTES // (row * math.prod(sides))))
        sides.append(taken)
    return tuple(sides)
