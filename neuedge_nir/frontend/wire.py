"""Messages between the process that reads a file and the one that asked for it: plain data, nothing executable.

The reading process may have been taken over by a hostile file, so an answer is judged like any other input.
"""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.raw import Array, Caps, MetadataValue, RawContent, RawGraph, RawNode, Shape

if TYPE_CHECKING:
    import msgspec

LENGTH = struct.Struct("<Q")
MAX_MESSAGE = 512 * 2**20
ARRAY = 1
"""The MessagePack extension for arrays."""
KINDS = "biuf"


class WireError(Exception):
    """The other side sent nonsense, or nothing."""


def packed(value: object) -> bytes:
    """A message of plain values and arrays."""
    import msgspec

    return msgspec.msgpack.encode(value, enc_hook=_array_out)


def unpacked(message: bytes | memoryview, spill: IO[bytes] | None = None) -> Any:
    """The values of a message, arrays included where there is a spill file. Raises `WireError` for anything else."""
    import msgspec

    def array(code: int, data: memoryview) -> Array:
        if code != ARRAY or spill is None:
            raise WireError(f"an extension of kind {code}")
        return _array_in(data, spill)

    try:
        return msgspec.msgpack.decode(message, ext_hook=array)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
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
    body = (content.version, _graph_out(content.graph), list(content.ignored))
    return packed(("content", body))


def refusal(error: InputError) -> bytes:
    """The error that the file met."""
    figures = (error.resource, error.needed, error.available)
    return packed(("error", (error.code, error.message, error.where, error.hint, *figures)))


def answered(message: bytes, spill: IO[bytes]) -> RawContent:
    """The content in an answer. Raises the `InputError` that the answer holds, `WireError` where it is malformed."""
    try:
        kind, body = unpacked(message, spill)
        if kind == "error":
            code, text, where, hint, resource, needed, available = body
            raise InputError(code, text, where=where, hint=hint, resource=resource, needed=needed, available=available)
        version, graph, ignored = body
        found = _node_in(graph)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise WireError(f"an answer that makes no sense: {error}") from error
    if not isinstance(found, RawGraph):
        raise WireError("a node where the graph belongs")
    return RawContent(version, found, tuple(ignored))


def _graph_out(graph: RawGraph) -> list[Any]:
    nodes = {
        name: _graph_out(node)
        if isinstance(node, RawGraph)
        else ["node", node.type, dict(node.fields), node.metadata, node.where]
        for name, node in graph.nodes.items()
    }
    return ["graph", nodes, graph.edges, graph.metadata, graph.where]


def _node_in(value: list[Any]) -> RawNode | RawGraph:
    kind, first, second, metadata, where = value
    if kind == "node":
        return RawNode(first, second, _metadata_in(metadata), where)
    nodes = {name: _node_in(node) for name, node in first.items()}
    return RawGraph(nodes, tuple((source, target) for source, target in second), _metadata_in(metadata), where)


def _metadata_in(value: Mapping[str, Any]) -> dict[str, MetadataValue]:
    return {name: _value_in(member) for name, member in value.items()}


def _value_in(value: Any) -> MetadataValue:
    if isinstance(value, dict):
        return _metadata_in(value)
    return tuple(value) if isinstance(value, list) else value


def _array_out(value: Any) -> msgspec.msgpack.Ext:
    """Data type, shape, place in the spill file (-1: here), one element for all?, and the bytes."""
    import msgspec

    if not isinstance(value, np.ndarray):
        raise TypeError(f"{type(value).__name__} cannot be sent")
    uniform = value.size > 1 and not any(value.strides)
    place = value.offset if isinstance(value, np.memmap) else -1
    content = b"" if place >= 0 else (value.flat[0] if uniform else value).tobytes()
    head = (value.dtype.str, value.shape, place, uniform)
    return msgspec.msgpack.Ext(ARRAY, packed((head, content)))


def _array_in(data: memoryview, spill: IO[bytes]) -> Array:
    (kind, shape, place, uniform), content = unpacked(data)
    dtype = np.dtype(kind)
    if dtype.kind not in KINDS or any(length < 0 for length in shape):
        raise WireError(f"an array of {kind!r}, {shape}")
    array = _spilled(dtype, shape, place, spill) if place >= 0 else _inline(dtype, shape, content, uniform)
    array.setflags(write=False)
    return array


def _inline(dtype: np.dtype[Any], shape: Shape, content: bytes, uniform: bool) -> Array:
    stored = np.frombuffer(content, dtype)
    return np.broadcast_to(stored.reshape(()), shape) if uniform else stored.reshape(shape)


def _spilled(dtype: np.dtype[Any], shape: Shape, place: int, spill: IO[bytes]) -> Array:
    end = spill.seek(0, 2)
    if place + math.prod(shape) * dtype.itemsize > end:
        raise WireError("an array that reaches beyond the spill file")
    return np.asarray(np.memmap(spill, dtype, "r", place, tuple(shape)))
