"""Our own reading of HDF5 says nothing but what the library says, in whatever state the file is."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neuedge_nir.frontend.hdf5.objects import FILTERS, LAYOUT, MESSAGE, PADDING, PREFIX, SPACE, TYPE
from tests.fuzz import damaged, forged, good_files, seeds
from tests.nirfile import inputs, lif, outputs, replaced, tiny, write_nir
from tests.readers import Answer, by_library, by_walk, plain

WEIGHT = "node/nodes/fc/weight"
GRID = np.arange(6.0).reshape(3, 2)
LAST = np.zeros((2500, 1000), "i1")
LAST[-1, -1] = 1
WIDE = (np.arange(20_000_000) % 99).astype("i1").reshape(2, -1)


def test_the_usual_files_are_read_without_the_library(tmp_path: Path) -> None:
    for file in good_files(tmp_path):
        expected = by_library(file)
        assert expected.read
        assert by_walk(file) == (Answer("unfamiliar") if file.name.startswith("latest") else expected)


ARRAYS: Mapping[str, Mapping[str, Any]] = {
    "big-endian": {"data": GRID.astype(">f4")},
    "half": {"data": GRID.astype("f2")},
    "unsigned": {"data": GRID.astype("u2")},
    "big-endian integers": {"data": GRID.astype(">i8")},
    "bytes": {"data": GRID.astype("i1")},
    "booleans": {"data": GRID > 2},
    "one boolean": {"data": np.True_},
    "booleans in chunks": {"data": GRID > 2, "chunks": (2, 2), "compression": "gzip"},
    "one number": {"data": 2.5},
    "no rows": {"data": np.empty((0, 2))},
    "chunks": {"data": GRID, "chunks": (2, 2)},
    "chunks that are too large": {"data": GRID, "chunks": (8, 5), "maxshape": (None, None)},
    "gzip": {"data": GRID, "chunks": (1, 2), "compression": "gzip"},
    "gzip and shuffle": {"data": GRID, "chunks": (2, 1), "compression": "gzip", "shuffle": True},
    "shuffle": {"data": GRID.astype(">i4"), "chunks": (2, 1), "shuffle": True},
    "many chunks": {"data": np.arange(3000.0), "chunks": (1,), "compression": "gzip"},
    "growing": {"data": GRID, "maxshape": (None, 2)},
    "equal values": {"data": np.full((50, 40), 0.25)},
    "more than a few": {"data": np.arange(5000.0)},
    "equal but for the last": {"data": LAST, "chunks": (100, 1000), "compression": "gzip"},
    "equal but for the last, in one piece": {"data": LAST},
    "equal but for the first": {"data": LAST[::-1], "chunks": (100, 1000), "compression": "gzip"},
    "equal in many pieces": {"data": np.full((2500, 1000), -3, "i1")},
    "in many pieces": {"data": (np.arange(2_500_000) % 127).astype("i1").reshape(5, 500_000)},
    "in many pieces, packed": {"data": np.arange(2_500_000) % 127, "chunks": (9999,), "compression": "gzip"},
    "a row of chunks beyond a band": {"data": WIDE, "chunks": (2, 3_000_000), "compression": "gzip"},
    "no numbers": {"data": np.full((50, 40), np.nan), "chunks": (9, 40)},
}


@pytest.mark.parametrize("options", ARRAYS.values(), ids=ARRAYS)
def test_arrays_of_all_kinds(options: Mapping[str, Any], tmp_path: Path) -> None:
    path = replaced(tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, **options))
    found = by_walk(path)
    assert found == by_library(path)
    with h5py.File(path) as file:
        stored = np.asarray(file[WEIGHT])
    assert weight_in(found) == plain(stored.astype(stored.dtype.newbyteorder("=")))


def weight_in(answer: Answer) -> object:
    """The array that `WEIGHT` names."""
    assert isinstance(answer.content, tuple)
    (fields,) = [node[1] for name, node in answer.content[1][0] if name == "fc"]
    return dict(fields)["weight"]


def test_what_is_packed_by_lzf_is_left_to_the_library(tmp_path: Path) -> None:
    path = replaced(
        tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, data=GRID, chunks=(2, 2), compression="lzf")
    )
    assert (by_walk(path).code, by_library(path).code) == ("unfamiliar", "read")


def test_numbers_of_odd_bits_are_refused(tmp_path: Path) -> None:
    def narrow(group: h5py.Group, leaf: str) -> None:
        kind = h5py.h5t.STD_I32LE.copy()
        kind.set_precision(16)
        space = h5py.h5s.create_simple((3, 2))
        h5py.h5d.create(group.id, leaf.encode(), kind, space).write(
            h5py.h5s.ALL, h5py.h5s.ALL, -np.ones((3, 2), np.int32)
        )

    path = replaced(tmp_path, WEIGHT, narrow)
    assert (by_walk(path).code, by_library(path).code) == ("unfamiliar", "FILE014")


def test_data_within_the_header(tmp_path: Path) -> None:
    def compact(group: h5py.Group, leaf: str) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space, kind = h5py.h5s.create_simple(GRID.shape), h5py.h5t.NATIVE_DOUBLE
        h5py.h5d.create(group.id, leaf.encode(), kind, space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, GRID)

    path = replaced(tmp_path, WEIGHT, compact)
    assert by_walk(path).read
    assert by_walk(path) == by_library(path)


TEXTS: Mapping[str, Any] = {
    "of one length": np.bytes_(b"Linear"),
    "of any length": "Linear",
    "empty": "",
    "ascii of any length": h5py.Empty("S1"),
    "not utf-8": np.bytes_(b"Lin\xffar"),
    "zeros behind": np.frombuffer(b"Linear\0\0", "S8")[0],
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_of_all_kinds(text: Any, tmp_path: Path) -> None:
    path = replaced(tmp_path, "node/nodes/fc/type", lambda group, leaf: group.create_dataset(leaf, data=text))
    assert by_walk(path) == by_library(path) != Answer("unfamiliar")


def test_edges_of_text_of_one_length(tmp_path: Path) -> None:
    edges = np.array([["in", "fc"], ["fc", "lif"], ["lif", "out"]], dtype="S3")
    for more in ({}, {"chunks": (2, 2), "compression": "gzip"}):
        path = replaced(tmp_path, "node/edges", partial(h5py.Group.create_dataset, data=edges, **more))
        assert by_walk(path).read
        assert by_walk(path) == by_library(path)


def test_groups_so_large_that_their_tables_form_a_tree(tmp_path: Path) -> None:
    names = [f"n{index}" for index in np.random.default_rng(0).permutation(600)]
    nodes = {"in": inputs(1), "out": outputs(1)} | {name: lif(1) for name in names}
    order = ["in", *names, "out"]
    path = write_nir(tmp_path / "many.nir", nodes, list(pairwise(order)))
    assert by_walk(path).read
    assert by_walk(path) == by_library(path)


def test_objects_that_were_written_over_again(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    for value in range(5):
        with h5py.File(path, "a") as file:
            file[WEIGHT].attrs[f"note{value}"] = "x" * 200 * value
            file.require_group("node/metadata")[f"value{value}"] = np.full(value + 1, value)
            if value:
                del file[f"node/metadata/value{value - 1}"]
    assert by_walk(path).read
    assert by_walk(path) == by_library(path)


@pytest.mark.parametrize("kind", [SPACE, TYPE, LAYOUT, FILTERS])
def test_a_header_with_an_empty_message_is_refused(kind: int, tmp_path: Path) -> None:
    path = replaced(
        tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, data=GRID, chunks=(2, 2), compression="gzip")
    )
    assert by_walk(emptied(path, WEIGHT, kind)).code == "FILE009"


def emptied(path: Path, name: str, kind: int) -> Path:
    """The file with the first message of this kind in the header of `name` emptied; padding takes its room."""
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file[name].id).addr
    content = bytearray(path.read_bytes())
    at = header + PREFIX.size
    while (found := MESSAGE.unpack_from(content, at))[0] != kind:
        at += MESSAGE.size + found[1]
    MESSAGE.pack_into(content, at, kind, 0, 0)
    MESSAGE.pack_into(content, at + MESSAGE.size, PADDING, found[1] - MESSAGE.size, 0)
    version, messages, links, size = PREFIX.unpack_from(content, header)
    PREFIX.pack_into(content, header, version, messages + 1, links, size)
    path.write_bytes(content)
    return path


FIELDS: Mapping[str, tuple[bytes, int, bytes]] = {
    "the least of symbols in a table": (b"\x89HDF", 16, b"\0"),
    "more children than a node has room for": (b"\x89HDF", 18, b"\xff\xff"),
    "a flag of the file": (b"\x89HDF", 20, b"\x08"),
    "a table of free space": (b"\x89HDF", 32, bytes(8)),
    "what is cached of the root": (b"\x89HDF", 72, b"\x09"),
    "the first free part of a heap": (b"HEAP", 16, b"\x03"),
    "the size of names": (b"HEAP", 10, b"\xff"),
    "what is cached of a symbol": (b"SNOD", 24, b"\x07"),
    "a neighbour of a tree": (b"TREE\0", 16, bytes(8)),
    "the level of a tree, and that it has no children": (b"TREE\0", 5, b"\xff\0"),
    "the last key of a tree of chunks": (b"TREE\1", 24 + 40, b"\x05"),
    "a fill value": (bytes.fromhex("05000800010000000203"), 8, b"\x09"),
    "flags of a message": (bytes.fromhex("050008000100"), 4, b"\x22"),
    "the characters of a text": (bytes.fromhex("1901010010000000"), 2, b"\x02"),
    "what a text consists of": (bytes.fromhex("190101001000000010000000"), 8, b"\x11"),
    "the version of a boolean": (b"\x18\x02\0\0", 0, b"\x38"),
    "the length of a text heap": (b"GCOL", 9, b"\0"),
    "an empty name": (b"HEAP", 32, b"x"),
}
"""Where a field is, by the bytes before it, and what is in it that cannot be."""


@pytest.mark.parametrize(("before", "ahead", "changed"), FIELDS.values(), ids=FIELDS)
def test_a_field_is_held_to_what_may_be_in_it(before: bytes, ahead: int, changed: bytes, tmp_path: Path) -> None:
    more = {"data": GRID, "maxshape": (None, 2), "chunks": (2, 2), "compression": "gzip"}
    path = replaced(tmp_path, WEIGHT, partial(h5py.Group.create_dataset, **more))
    with h5py.File(path, "a") as file:
        file["node/metadata/one"] = np.array([True, False])
    assert by_walk(path).read
    content = bytearray(path.read_bytes())
    place = content.index(before) + ahead
    assert content[place : place + len(changed)] != changed
    content[place : place + len(changed)] = changed
    path.write_bytes(content)
    assert not by_library(path).read
    assert not by_walk(path).read


def test_data_do_not_lie_where_the_file_begins(tmp_path: Path) -> None:
    path = replaced(tmp_path, WEIGHT, partial(h5py.Group.create_dataset, data=GRID))
    with h5py.File(path) as file:
        place = file[WEIGHT].id.get_offset().to_bytes(8, "little")
    content = path.read_bytes()
    assert content.count(place) == 1
    path.write_bytes(content.replace(place, bytes(8)))
    assert not by_library(path).read
    assert by_walk(path).code == "unfamiliar"


# Damaged files: the walk may refuse what the library reads, and never says something else or reads what that refuses.

Change = Callable[[Path, Path, int], Path]


def blind(source: Path, target: Path, seed: int) -> Path:
    target.write_bytes(damaged(source.read_bytes(), seed))
    return target


def struck(source: Path, target: Path, seed: int) -> Path:
    """A field with something in it, or beside it, is changed: most bytes of small files are room that nobody reads."""
    content, random = bytearray(source.read_bytes()), np.random.default_rng(seed)
    used = np.flatnonzero(np.frombuffer(content, np.uint8))
    place = int(np.clip(random.choice(used) + random.integers(-4, 5), 0, len(content) - 1))
    size = int(random.choice([1, 1, 1, 2, 4, 8]))
    old, other = content[place], int(random.integers(2**16))
    numbers = [0, 1, 2, 3, 255, 2**31 - 1, 2**63 - 1, len(content), other, old ^ 1, (old + 1) % 256]
    number = numbers[int(random.integers(len(numbers)))]
    content[place : place + size] = number.to_bytes(8, "little")[:size][: len(content) - place]
    target.write_bytes(content)
    return target


def old_files(folder: Path) -> list[Path]:
    """Sound files that the walk reads: all but those in newer formats; a large group and many chunks among them."""
    names = [f"n{index}" for index in range(40)]
    many = write_nir(folder / "many.nir", {name: lif(1) for name in names}, list(pairwise(names)))
    more = partial(h5py.Group.create_dataset, data=np.arange(300.0), chunks=(2,), compression="gzip", fletcher32=True)
    pieces = replaced(folder, WEIGHT, more)
    return [*(file for file in seeds(folder) if by_walk(file).read), many, pieces]


def agreed(folder: Path, change: Change, numbers: range) -> Counter[str]:
    """How often which reader read a file."""
    files = old_files(folder)
    found: Counter[str] = Counter()
    for seed in numbers:
        path = change(files[seed % len(files)], folder / "changed.nir", seed)
        if not os.path.getsize(path):
            continue
        ours, theirs = by_walk(path), by_library(path)
        # Before the library opens a file, heaps are sought in all of it, and what is but a number may look like one.
        assert ours == theirs or not ours.read or "a text heap" in theirs.said, (change, seed)
        assert not PYTHON_SPEAKS.search(ours.said + theirs.said), (change, seed, ours.said, theirs.said)
        found[f"{'read' if ours.read else 'not'}, {'read' if theirs.read else 'not'}"] += 1
    return found


PYTHON_SPEAKS = re.compile(
    "requires a buffer|buffer size|smaller than|C ssize_t|index out of|cannot reshape|subscriptable|a valid Padding"
)
"""What Python and numpy say, which no user can act on."""


@pytest.mark.parametrize("change", [blind, struck, forged])
def test_damaged_files_are_read_alike(change: Change, tmp_path: Path) -> None:
    found = agreed(tmp_path, change, range(400))
    assert found["read, read"] > 20
    assert found["not, not"] > 100
    assert found["not, read"] < 40


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1, 11))
@pytest.mark.parametrize("change", [blind, struck])
def test_thousands_of_damaged_files_are_read_alike(change: Change, part: int, tmp_path: Path) -> None:
    agreed(tmp_path, change, range(2000 * part, 2000 * part + 2000))
