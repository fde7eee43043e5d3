"""Messages between the process that reads a file and the one that asked for it: plain data, nothing executable.

The reading process may have been taken over by a hostile file, so an answer is judged like any other input.
"""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import IO, Any

import numpy as np

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import Array, Caps, MetadataValue, RawContent, RawGraph, RawNode, Shape

LENGTH = struct.Struct("<Q")
MAX_MESSAGE = 512 * 2**20
KINDS = "biuf"


class WireError(Exception):
    """The other side sent nonsense, or nothing."""


def packed(value: object) -> bytes:
    """A message of plain values."""
    import msgspec

    return msgspec.msgpack.encode(value)


def unpacked(message: bytes | memoryview) -> Any:
    """The values of a message. Raises `WireError` for anything else."""
    import msgspec

    try:
        return msgspec.msgpack.decode(message)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError(f"a message that makes no sense: {error}") from error


def send(link: socket.socket, message: bytes, files: tuple[int, ...] = ()) -> None:
    """One message, with open files if any."""
    header = LENGTH.pack(len(message))
    if files:
        socket.send_fds(link, [header], list(files))
    else:
        link.sendall(header)
    link.sendall(message)


def receive(link: socket.socket) -> bytes:
    """One message. Raises `WireError` where the other side hung up."""
    (length,) = LENGTH.unpack(_exactly(link, LENGTH.size))
    if length > MAX_MESSAGE:
        raise WireError(f"a message of {length} bytes")
    return _exactly(link, length)


def receive_with_files(link: socket.socket, files: int) -> tuple[bytes, list[int]]:
    """One message and the open files sent along."""
    header, found, _, _ = socket.recv_fds(link, LENGTH.size, files)
    if not header:
        raise WireError("the other side hung up")
    (length,) = LENGTH.unpack(header + _exactly(link, LENGTH.size - len(header)))
    return _exactly(link, length), list(found)


def _exactly(link: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        block = link.recv(min(size - len(found), 2**20))
        if not block:
            raise WireError("the other side hung up")
        found += block
    return bytes(found)


def request(name: str, size: int, caps: Caps) -> bytes:
    """Ask for the content of a file of this name and size."""
    return packed((name, size, asdict(caps)))


def asked(message: bytes) -> tuple[str, int, Caps]:
    name, size, caps = unpacked(message)
    return name, size, Caps(**caps)


def answer(content: RawContent) -> bytes:
    """A file's content; arrays that lie in the spill file are named by their place in it."""
    arrays = Arrays()
    graph = _graph_out(content.graph, arrays)
    return packed(("content", (content.version, graph, list(content.ignored), [_array_out(a) for a in arrays.listed])))


def refusal(error: InputError) -> bytes:
    """The error that the file met."""
    figures = (error.resource, error.needed, error.available)
    return packed(("error", (error.code, error.message, error.where, error.hint, *figures)))


def answered(message: bytes, spill: IO[bytes]) -> RawContent:
    """The content in an answer. Raises the `InputError` that the answer holds, `WireError` where it is malformed."""
    try:
        kind, body = unpacked(message)
        if kind == "error":
            code, text, where, hint, resource, needed, available = body
            raise InputError(code, text, where=where, hint=hint, resource=resource, needed=needed, available=available)
        version, graph, ignored, arrays = body
        found = _node_in(graph, {index: _array_in(spill, *array) for index, array in enumerate(arrays)})
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise WireError(f"an answer that makes no sense: {error}") from error
    if not isinstance(found, RawGraph):
        raise WireError("a node where the graph belongs")
    return RawContent(version, found, tuple(ignored))


@dataclass(slots=True)
class Arrays:
    """The arrays of a message. Many nodes share one, which is then sent once and named by its number."""

    listed: list[Array] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    """By identity: an array stays where it is as long as it is listed."""

    def out(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values with arrays by number."""
        return {
            name: self._number(value) if isinstance(value, np.ndarray) else self._other(value)
            for name, value in values.items()
        }

    def _other(self, value: MetadataValue) -> Any:
        return self.out(value) if isinstance(value, Mapping) else value

    def _number(self, array: Array) -> int:
        number = self.numbers.setdefault(id(array), len(self.listed))
        if number == len(self.listed):
            self.listed.append(array)
        return number


def _graph_out(graph: RawGraph, arrays: Arrays) -> list[Any]:
    nodes = {
        name: _graph_out(node, arrays)
        if isinstance(node, RawGraph)
        else ["node", node.type, arrays.out(node.fields), arrays.out(node.metadata), node.where]
        for name, node in graph.nodes.items()
    }
    return ["graph", nodes, graph.edges, arrays.out(graph.metadata), graph.where]


def _node_in(value: list[Any], arrays: Mapping[int, Array]) -> RawNode | RawGraph:
    kind, first, second, metadata, where = value
    if kind == "node":
        return RawNode(first, _values_in(second, arrays), _values_in(metadata, arrays), where)
    nodes = {name: _node_in(node, arrays) for name, node in first.items()}
    edges = tuple([(source, target) for source, target in second])
    return RawGraph(nodes, edges, _values_in(metadata, arrays), where)


def _values_in(values: Mapping[str, Any], arrays: Mapping[int, Array]) -> dict[str, Any]:
    return {
        name: arrays[value] if value.__class__ is int else _value_in(value, arrays) for name, value in values.items()
    }


def _value_in(value: Any, arrays: Mapping[int, Array]) -> MetadataValue:
    if isinstance(value, dict):
        return _values_in(value, arrays)
    found: MetadataValue = tuple(value) if isinstance(value, list) else value
    return found


def _array_out(array: Array) -> tuple[str, Shape, int, bool, bytes]:
    """Data type, shape, place in the spill file (-1: here), one element for all?, and the bytes."""
    uniform = array.size > 1 and not any(array.strides)
    place = array.offset if isinstance(array, np.memmap) else -1
    content = b"" if place >= 0 else (array.flat[0] if uniform else array).tobytes()
    return array.dtype.str, array.shape, place, uniform, content


def _array_in(spill: IO[bytes], kind: str, lengths: list[int], place: int, uniform: bool, content: bytes) -> Array:
    dtype, shape = _dtype(kind), tuple(lengths)
    if shape and min(shape) < 0:
        raise WireError(f"an array of shape {shape}")
    array = _spilled(dtype, shape, place, spill) if place >= 0 else _inline(dtype, shape, content, uniform)
    array.setflags(write=False)
    return array


@lru_cache(maxsize=64)
def _dtype(kind: str) -> np.dtype[Any]:
    dtype = np.dtype(kind)
    if dtype.kind not in KINDS:
        raise WireError(f"an array of {kind!r}")
    return dtype


def _inline(dtype: np.dtype[Any], shape: Shape, content: bytes, uniform: bool) -> Array:
    stored = np.frombuffer(content, dtype)
    return np.broadcast_to(stored.reshape(()), shape) if uniform else stored.reshape(shape)


def _spilled(dtype: np.dtype[Any], shape: Shape, place: int, spill: IO[bytes]) -> Array:
    end = spill.seek(0, 2)
    if place + math.prod(shape) * dtype.itemsize > end:
        raise WireError("an array that reaches beyond the spill file")
    return np.asarray(np.memmap(spill, dtype, "r", place, shape))
