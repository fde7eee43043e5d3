"""Our own reading of HDF5 says nothing but what the library says, in whatever state the file is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neuedge_nir.frontend.hdf5.walk import FILTERS, LAYOUT, MESSAGE, PADDING, PREFIX, SPACE, TYPE
from tests.fuzz import damaged, forged, good_files
from tests.nirfile import inputs, lif, outputs, replaced, tiny, write_nir
from tests.readers import Answer, by_library, by_walk

WEIGHT = "node/nodes/fc/weight"
GRID = np.arange(6.0).reshape(3, 2)
LAST = np.zeros((2500, 1000), "i1")
LAST[-1, -1] = 1


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
}


@pytest.mark.parametrize("options", ARRAYS.values(), ids=ARRAYS)
def test_arrays_of_all_kinds(options: Mapping[str, Any], tmp_path: Path) -> None:
    path = replaced(tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, **options))
    assert by_walk(path).read
    assert by_walk(path) == by_library(path)


@pytest.mark.parametrize("options", [{"fletcher32": True}, {"compression": "lzf"}])
def test_filters_that_are_left_to_the_library(options: Mapping[str, Any], tmp_path: Path) -> None:
    path = replaced(
        tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, data=GRID, chunks=(2, 2), **options)
    )
    assert (by_walk(path).code, by_library(path).code) == ("unfamiliar", "read")


def test_filters_in_an_unusual_order(tmp_path: Path) -> None:
    def packed(group: h5py.Group, leaf: str) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((2, 2))
        plist.set_deflate(4)
        plist.set_shuffle()
        plist.set_fletcher32()
        space, kind = h5py.h5s.create_simple(GRID.shape), h5py.h5t.NATIVE_DOUBLE
        h5py.h5d.create(group.id, leaf.encode(), kind, space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, GRID)

    path = replaced(tmp_path, WEIGHT, packed)
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


@pytest.mark.parametrize("text", [b"Lin\0ear", b"\0Linear"])
def test_a_text_that_some_would_cut_short_is_refused(text: bytes, tmp_path: Path) -> None:
    def fixed(group: h5py.Group, leaf: str) -> None:
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(len(text) + 1)
        made = h5py.h5d.create(group.id, leaf.encode(), kind, h5py.h5s.create(h5py.h5s.SCALAR))
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.frombuffer(text + b"\0", f"S{len(text) + 1}"), kind)

    path = replaced(tmp_path, "node/nodes/fc/type", fixed)
    assert by_walk(path).code == by_library(path).code == "FILE018"


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


# Damaged files: the walk may refuse more than the library does. It never says something else, and never reads what the
# library refuses: whatever is not just as the library writes it, is left to the library.

Change = Callable[[Path, Path, int], Path]


def blind(source: Path, target: Path, seed: int) -> Path:
    target.write_bytes(damaged(source.read_bytes(), seed))
    return target


def one_byte(source: Path, target: Path, seed: int) -> Path:
    """Another value in one place, often one that a field might have."""
    content, rng = bytearray(source.read_bytes()), np.random.default_rng(seed)
    at = int(rng.integers(len(content)))
    values = [content[at] ^ 1, (content[at] + 1) % 256, 0, 1, 2, 255, int(rng.integers(256))]
    content[at] = values[int(rng.integers(len(values)))]
    target.write_bytes(content)
    return target


def agreed(folder: Path, change: Change, seeds: range) -> Counter[str]:
    """How often which reader read a file; whatever both read is the same."""
    files = [file for file in good_files(folder) if not file.name.startswith("latest")]
    found: Counter[str] = Counter()
    for seed in seeds:
        path = change(files[seed % len(files)], folder / "changed.nir", seed)
        if not os.path.getsize(path):
            continue
        ours, theirs = by_walk(path), by_library(path)
        if ours.read:
            assert ours == theirs, seed
        found[f"{'read' if ours.read else 'not'}, {'read' if theirs.read else 'not'}"] += 1
    return found


@pytest.mark.parametrize("change", [blind, forged, one_byte])
def test_damaged_files_are_read_alike(change: Change, tmp_path: Path) -> None:
    found = agreed(tmp_path, change, range(400))
    assert found["read, read"] > 20
    assert found["not, not"] > (100 if change is not one_byte else 0)
    assert found["not, read"] < (20 if change is not one_byte else 80), "few are left to the library in vain"


@pytest.mark.slow
@pytest.mark.parametrize("change", [blind, one_byte])
@pytest.mark.parametrize("part", range(1, 11))
def test_thousands_of_damaged_files_are_read_alike(part: int, change: Change, tmp_path: Path) -> None:
    agreed(tmp_path, change, range(2000 * part, 2000 * part + 2000))
