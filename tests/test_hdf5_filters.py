"""Chunks are decoded here as the HDF5 library would decode them, whatever the order of their filters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuedge_nir.frontend.hdf5.checksum import fletcher32
from tests.nirfile import WEIGHT, refusal, replaced
from tests.readers import by_library, by_walk

GRID = (np.arange(6000.0).reshape(100, 60) // 7).astype("f4")
NUMBERS = {"deflate": 1, "shuffle": 2, "fletcher32": 3, "lzf": 32000}
ORDERS = [order for size in (1, 2, 3) for order in permutations(("deflate", "shuffle", "fletcher32"), size)]


def filtered(folder: Path, order: Sequence[str]) -> Path:
    """A file whose weights went through these filters, first to last, before they were written."""

    def make(group: h5py.Group, leaf: str) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((30, 40))
        for name in order:
            plist.set_filter(NUMBERS[name], h5py.h5z.FLAG_OPTIONAL, (4,) if name == "deflate" else ())
        space, kind = h5py.h5s.create_simple(GRID.shape), h5py.h5t.py_create(GRID.dtype)
        h5py.h5d.create(group.id, leaf.encode(), kind, space, plist).write(h5py.h5s.ALL, h5py.h5s.ALL, GRID)

    return replaced(folder, WEIGHT, make)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_filters_are_undone_in_any_order(order: Sequence[str], tmp_path: Path) -> None:
    plain = filtered(tmp_path, ())
    expected = by_walk(plain)
    assert expected.read
    path = filtered(tmp_path, order)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file[WEIGHT][()], GRID)
    assert by_walk(path) == by_library(path) == expected


@pytest.mark.parametrize("order", [("lzf", "shuffle"), ("shuffle", "lzf"), ("lzf", "fletcher32"), ("deflate", "lzf")])
def test_lzf_in_any_place_is_undone_by_the_library(order: Sequence[str], tmp_path: Path) -> None:
    assert by_library(filtered(tmp_path, order)) == by_walk(filtered(tmp_path, ()))


@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_its_definition(content: bytes) -> None:
    first = second = 0
    for start in range(0, len(content), 2):
        first += int.from_bytes(content[start : start + 2].ljust(2, b"\0"), "big")
        second += first
    found = fletcher32(content)
    assert (found % 2**16 - first) % 65535 == (found // 2**16 - second) % 65535 == 0


@pytest.mark.parametrize("content", [b"", b"\0", bytes(4), b"\xff\xff", b"\xff" * 6, bytes(range(256)) * 1000])
def test_the_checksum_is_that_of_the_library(content: bytes, tmp_path: Path) -> None:
    """The two ways to write 0 among them: a sum of 65535 is not folded to 0."""
    if not content:
        assert fletcher32(content) == 0
        return
    with h5py.File(tmp_path / "sum.h5", "w") as file:
        data = np.frombuffer(content, "u1")
        dataset = file.create_dataset("it", data=data, chunks=data.shape, fletcher32=True)
        _, stored = dataset.id.read_direct_chunk((0,))
    assert stored == content + fletcher32(content).to_bytes(4, "little")


def test_a_checksum_as_of_before_hdf5_1_6_3_is_taken(tmp_path: Path) -> None:
    path = filtered(tmp_path, ("fletcher32",))
    expected = by_walk(path)
    with h5py.File(path) as file:
        places = [file[WEIGHT].id.get_chunk_info(index) for index in range(file[WEIGHT].id.get_num_chunks())]
    content = bytearray(path.read_bytes())
    for place in places:
        end = place.byte_offset + place.size
        first, second, third, fourth = content[end - 4 : end]
        content[end - 4 : end] = bytes((second, first, fourth, third))
    path.write_bytes(content)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file[WEIGHT][()], GRID)
    assert by_walk(path) == by_library(path) == expected


@pytest.mark.parametrize("order", [order for order in ORDERS if "shuffle" not in order[-1:]], ids="-".join)
def test_a_chunk_that_is_damaged_or_cut_short_is_refused(order: Sequence[str], tmp_path: Path) -> None:
    path = filtered(tmp_path, order)
    with h5py.File(path) as file:
        place = file[WEIGHT].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[place.byte_offset + place.size - 1] ^= 1
    path.write_bytes(content)
    assert refusal(path).code == "FILE009"


def test_a_stream_without_its_end_is_refused(tmp_path: Path) -> None:
    """All elements are there, but not the checksum that tells whether they are right."""

    def cut(group: h5py.Group, leaf: str) -> None:
        dataset = group.create_dataset(leaf, data=GRID, chunks=GRID.shape, compression="gzip")
        _, stored = dataset.id.read_direct_chunk((0, 0))
        dataset.id.write_direct_chunk((0, 0), stored[:-4])

    error = refusal(replaced(tmp_path, WEIGHT, cut))
    assert error.code == "FILE009"
    assert "a chunk is cut short" in str(error)


@pytest.mark.parametrize("values", [(2,), (0,)])
def test_a_shuffle_over_elements_of_another_size_is_refused(values: tuple[int, ...], tmp_path: Path) -> None:
    path = filtered(tmp_path, ("shuffle",))
    content = path.read_bytes()
    head = b"\2\0\x08\0\1\0\1\0shuffle\0"
    assert content.count(head) == 1
    path.write_bytes(content.replace(head + b"\4", head + bytes(values)))
    assert refusal(path).code == "FILE009"
