"""Damaged and forged .nir files by the number: bytes changed blindly, and sound HDF5 that says something wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.nirfile import (
    Fields,
    affine,
    chain,
    conv2d,
    delay,
    flatten,
    graph,
    inputs,
    li,
    lif,
    linear,
    outputs,
    pool2d,
    scale,
    write_nir,
)

Random = np.random.Generator


def good_files(folder: Path) -> list[Path]:
    """Small sound files that together use every layout: contiguous, chunked, compressed, old and new groups."""
    nodes, edges = chain(
        ("in", inputs(1, 6, 6)),
        ("conv", conv2d(np.linspace(-1, 1, 18).reshape(2, 1, 3, 3), input_shape=np.array([6, 6]))),
        ("a", lif(2, 4, 4)),
        ("pool", pool2d()),
        ("flat", flatten()),
        ("fc", affine(np.linspace(-1, 1, 24).reshape(3, 8), np.ones(3))),
        ("b", li(3)),
        ("out", outputs(3)),
    )
    inner = graph(
        {"input": inputs(3), "lif": lif(3), "w": linear(np.eye(3)), "output": outputs(3)},
        [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
    )
    nested = chain(("in", inputs(3)), ("sub", inner), ("out", outputs(3)))
    files = [
        write_nir(folder / "plain.nir", nodes, edges, metadata={"text": "some words", "deep": {"n": np.arange(3)}}),
        write_nir(folder / "nested.nir", *nested),
    ]
    packed = [(file, layout) for layout in ("earliest", "latest") for file in files]
    return [*files, *(_packed(file, folder / f"{layout}-{file.name}", layout) for file, layout in packed)]


def seeds(folder: Path) -> list[Path]:
    """The good files, and the smallest that show each other kind of node or of array: what a search can start from."""
    numbers = np.arange(4.0)
    small = [_row(folder, name, *nodes) for name, nodes in ROWS.items()]
    arrays: Mapping[str, Mapping[str, Any]] = {
        "half": {"data": numbers.astype("f2")},
        "big-endian": {"data": numbers.astype(">f4")},
        "boolean": {"data": numbers > 1},
        "bytes": {"data": numbers.astype("i1")},
        "growing": {"data": numbers, "maxshape": (None,)},
        "chunks": {"data": numbers, "chunks": (3,), "shuffle": True, "compression": "gzip"},
        "checksum": {"data": numbers, "chunks": (3,), "fletcher32": True},
        "lzf": {"data": numbers, "chunks": (4,), "compression": "lzf"},
        "equal": {"data": np.ones(5000)},
        "text": {"data": np.array(["a", "bcd"], dtype="S3")},
        "texts": {"data": ["a", "bcd"]},
    }
    for name, options in arrays.items():
        path = _row(folder, name, ("in", inputs(1)), ("out", outputs(1)))
        with h5py.File(path, "a") as file:
            file.require_group("node/metadata").create_dataset("it", **options)
        small.append(path)
    return [*good_files(folder), *small]


def _row(folder: Path, name: str, *nodes: tuple[str, Fields]) -> Path:
    return write_nir(folder / f"{name}.nir", *chain(*nodes), metadata={"neuedge": NOTE})


NOTE = (
    '{"schema": 1, "reset": "zero", "dt": 0.5, "names": {"a": "b/c"}, "paths": {"in -> a": "d"}, '
    '"shapes": {"b/c": [2]}, '
    '"convs": {"fc": {"weight": [2, 8, 1], "space": [1], "stride": [1], "dilation": [1], "groups": 1}}}'
)


def _neuron(kind: str, *fields: str, **changed: Any) -> dict[str, Any]:
    return {"type": kind, **{field: np.ones(2) for field in fields}, **changed}


CONV1D = {"stride": 1, "padding": "same", "dilation": 1, "groups": 2, "input_shape": 3}
ROWS: Mapping[str, Sequence[tuple[str, Fields]]] = {
    kind: (("in", inputs(2)), ("a", node), ("out", outputs(2)))
    for kind, node in {
        "if": _neuron("IF", "r", "v_threshold"),
        "cubalif": _neuron("CubaLIF", "tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
        "cubali": _neuron("CubaLI", "tau_syn", "tau_mem", "r", "v_leak", w_in=1.0),
        "i": _neuron("I", "r"),
        "threshold": _neuron("Threshold", "threshold"),
        "scale": scale(np.array([2, 3])),
        "delay": delay(np.array([0.5, 1.0])),
    }.items()
} | {
    "conv1d": (
        ("in", inputs(2, 3)),
        ("conv", {"type": "Conv1d", "weight": np.ones((2, 1, 3)), "bias": np.bool_(False), **CONV1D}),
        ("a", lif(1, 2, 3)),
        ("flat", {**flatten(1, 2), "input_type": np.array([1, 2, 3])}),
        ("out", outputs(6)),
    ),
    "biases": (
        ("in", inputs(1, 4, 4)),
        ("conv", conv2d(np.ones((2, 1, 1, 1)), bias=np.array([1.0, -1.0]))),
        ("pool", pool2d()),
        ("flat", flatten()),
        ("fc", affine(np.ones((2, 8)), np.array([0.5, 2.0]))),
        ("scale", scale(2.0)),
        ("delay", delay(np.array([0.0, 1.0]))),
        ("a", lif(2)),
        ("out", outputs(2)),
    ),
    "avgpool": (("in", inputs(1, 1, 4, 4)), ("pool", pool2d("AvgPool2d")), ("a", lif()), ("out", outputs(1, 2, 2))),
}
"""Nodes in a row, with some quirks of exporters."""


def _packed(source: Path, target: Path, layout: str) -> Path:
    """The same content as nir.write stores it: compressed, in HDF5's oldest or newest layout."""
    with h5py.File(source) as old, h5py.File(target, "w", libver=layout) as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                numbers = item.dtype.kind in "iufb" and item.ndim > 0
                options = {"compression": "gzip", "shuffle": True} if numbers else {}
                new.create_dataset(name, data=item[()], dtype=item.dtype, **options)
            else:
                new.require_group(name)

        old.visititems(copy)
    return target


def flipped(content: bytearray, random: Random) -> None:
    for place in random.integers(8, len(content), random.integers(1, 9)):
        content[place] = random.integers(256)


def bits(content: bytearray, random: Random) -> None:
    for place in random.integers(8, len(content), random.integers(1, 4)):
        content[place] ^= 1 << int(random.integers(8))


def cut(content: bytearray, random: Random) -> None:
    del content[int(random.integers(8, len(content))) :]


def moved(content: bytearray, random: Random) -> None:
    size = int(random.integers(1, 512))
    source, target = (int(at) for at in random.integers(8, max(9, len(content) - size), 2))
    content[target : target + size] = content[source : source + size]


def wiped(content: bytearray, random: Random) -> None:
    start, size = int(random.integers(8, len(content))), int(random.integers(1, 256))
    value = random.choice([0, 255])
    content[start : start + size] = bytes([value]) * len(content[start : start + size])


def numbered(content: bytearray, random: Random) -> None:
    """An aligned word becomes a size or an address that somebody may believe."""
    start = int(random.integers(1, len(content) // 8)) * 8
    word = int(random.choice([0, 1, 2**16, 2**31 - 1, 2**32, 2**40, 2**63 - 1, len(content), len(content) // 2, start]))
    content[start : start + 8] = word.to_bytes(8, "little")


BLIND: Sequence[Callable[[bytearray, Random], None]] = (flipped, bits, cut, moved, wiped, numbered)


def damaged(content: bytes, seed: int) -> bytes:
    """The content with one to three blind changes, always the same for a seed."""
    random, found = np.random.default_rng(seed), bytearray(content)
    for _ in range(random.integers(1, 4)):
        if len(found) < 64:
            break
        BLIND[int(random.integers(len(BLIND)))](found, random)
    return bytes(found)


def forged(source: Path, target: Path, seed: int) -> Path:
    """A sound HDF5 file of which some objects were replaced, renamed, removed or filled with odd values."""
    random = np.random.default_rng(seed)
    shutil.copyfile(source, target)
    with h5py.File(target, "a") as file:
        for _ in range(random.integers(1, 4)):
            names: list[str] = []
            file.visit(names.append)
            if names:
                _forge(file, names[int(random.integers(len(names)))], names, random)
    return target


def _forge(file: h5py.File, name: str, names: Sequence[str], random: Random) -> None:
    match random.integers(5):
        case 0:
            del file[name]
        case 1:
            file.move(name, f"{name}{random.choice(['x', '.', ' ', chr(27), 'input'])}")
        case 2:
            del file[name]
            file[name] = random.choice(np.array(ODD_TEXTS, dtype=object))
        case 3:
            del file[name]
            file[name] = _odd_numbers(random)
        case _:
            other = names[int(random.integers(len(names)))]
            if not other.startswith(name) and not name.startswith(other):
                file.copy(other, f"{name}-copy")
                file.move(f"{name}-copy", f"{name}2") if f"{name}2" not in file else None


ODD_TEXTS = ["", "LIF", "NIRGraph", "Input", "Output", "Conv2d", "Flatten", "same", "ALIF", "\x1b[2J", "in", "x" * 2000]


def _odd_numbers(random: Random) -> np.ndarray:
    shape = tuple(random.choice([0, 1, 2, 3, 6], random.integers(0, 5)))
    values = random.choice([0.0, 1.0, -1.0, 3.0, np.nan, np.inf, 1e300, 2.0**53, 1e-310], shape)
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(random.choice(["f8", "f4", "f2", "i8", "i4", "u1", "?", "c16"]))
