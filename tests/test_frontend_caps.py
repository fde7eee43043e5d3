"""What a file may ask for, in memory and in time."""

from __future__ import annotations

import resource
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from neuedge_nir.errors import InputError
from neuedge_nir.frontend import read
from neuedge_nir.frontend.process import read_container
from neuedge_nir.frontend.raw import Caps, RawNode
from tests.nirfile import (
    WEIGHT,
    changed,
    refusal,
    replaced,
    tiny,
)


def test_a_huge_sparse_dataset_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = replaced(
        tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, (2**40, 2), dtype="f4", chunks=(64, 2))
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refusal(path)
    assert (error.code, error.resource, error.needed) == ("FILE015", "elements", 2**41)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("chunks", [None, (64, 2)])
def test_a_dataset_that_was_never_written_is_refused(tmp_path: Path, chunks: tuple[int, int] | None) -> None:
    def unwritten(group: h5py.Group, leaf: str) -> None:
        group.create_dataset(leaf, (4096, 2), dtype="f4", chunks=chunks)

    assert refusal(replaced(tmp_path, WEIGHT, unwritten)).code == "FILE017"


def test_a_dataset_written_in_part_is_refused(tmp_path: Path) -> None:
    def partly(group: h5py.Group, leaf: str) -> None:
        group.create_dataset(leaf, (4096, 2), dtype="f4", chunks=(64, 2))[:64] = 1

    assert refusal(replaced(tmp_path, WEIGHT, partly)).code == "FILE017"


def test_a_chunk_must_decode_to_its_size(tmp_path: Path) -> None:
    for stream in (zlib.compress(bytes(2**24)), zlib.compress(bytes(8)), b"\0" * 8):

        def bomb(group: h5py.Group, leaf: str, stream: bytes = stream) -> None:
            dataset = group.create_dataset(leaf, (3, 2), dtype="f8", chunks=(3, 2), compression="gzip")
            dataset.id.write_direct_chunk((0, 0), stream)

        assert refusal(replaced(tmp_path, WEIGHT, bomb)).code == "FILE009"


def test_a_chunk_far_larger_than_its_dataset_is_refused(tmp_path: Path) -> None:
    def make(group: h5py.Group, leaf: str) -> None:
        dataset = group.create_dataset(
            leaf, (3, 2), maxshape=(None, 2), dtype="f4", chunks=(2**26, 2), compression="gzip"
        )
        dataset.id.write_direct_chunk((0, 0), b"x")

    assert refusal(replaced(tmp_path, WEIGHT, make)).resource == "chunk_bytes"


@pytest.mark.parametrize(
    ("cap", "most"),
    [
        ("file_bytes", 100),
        ("elements", 5),
        ("total_bytes", 60),
        ("text_bytes", 60),
        ("objects", 10),
        ("nodes", 3),
        ("edges", 2),
        ("depth", 1),
        ("name_length", 3),
    ],
)
def test_every_cap_is_kept(tmp_path: Path, cap: str, most: int) -> None:
    error = refusal(tiny(tmp_path), **{cap: most})
    assert (error.code, error.resource, error.available) == ("FILE015", cap, most)


@pytest.mark.parametrize(("field", "dtype"), [("lif/tau", "f4"), ("lif/tau", "i1"), ("fc/weight", "i1")])
def test_what_is_widened_is_counted_before_it_is(tmp_path: Path, field: str, dtype: str) -> None:
    def many(group: h5py.Group, leaf: str) -> None:
        group.create_dataset(leaf, data=np.arange(1, 101).astype(dtype).reshape((50, 2) if leaf == "weight" else 100))

    path = replaced(tmp_path, f"node/nodes/{field}", many)
    with pytest.raises(InputError) as caught:
        read(path, limits=Caps(parameters=90))
    assert caught.value.resource == "parameters"


def test_weights_and_equal_values_are_not_widened(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).normal(size=(3, 2))
    path = replaced(tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, data=weight))
    assert read(path, limits=Caps(parameters=9)).neurons == 3


def test_files_in_newer_formats_have_a_cap_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "new.nir"
    with h5py.File(path, "w", libver="latest") as file, h5py.File(tiny(tmp_path)) as old:
        for member in old:
            old.copy(member, file)
    assert refusal(path, slow_objects=10).resource == "slow_objects"


def forged(path: Path, name: str, forge: Callable[[bytes], bytes]) -> Path:
    """The file with the pointers of a text dataset forged: 16 bytes each, length first."""
    with h5py.File(path) as file:
        start, size = file[name].id.get_offset(), 16 * file[name].size
    content = path.read_bytes()
    path.write_bytes(content[:start] + forge(content[start : start + size]) + content[start + size :])
    return path


def test_a_text_of_forged_length_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = forged(tiny(tmp_path), "node/nodes/fc/type", lambda pointer: b"\xff\xff\xff\x7f" + pointer[4:])
    error = refusal(path)
    assert (error.resource, error.needed) == ("name_length", 2**31 - 1)


def test_many_strings_that_share_one_long_text_are_counted(tmp_path: Path) -> None:
    def texts(file: h5py.File) -> None:
        file["node/metadata/texts"] = np.array(["x" * 5000, *"y" * 99], dtype=h5py.string_dtype())

    path = forged(changed(tmp_path, texts), "node/metadata/texts", lambda pointers: pointers[:16] * 100)
    assert refusal(path, text_bytes=400_000).resource == "text_bytes"
    assert refusal(path, string_length=4999).resource == "string_length"


def test_deep_groups_are_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda file: file.create_group("node/metadata" + "/a" * 200))
    assert refusal(path).resource == "depth"


def test_uniform_parameters_take_the_room_of_one(tmp_path: Path) -> None:
    path = replaced(
        tmp_path,
        "node/nodes/lif/tau",
        lambda group, leaf: group.create_dataset(leaf, data=np.ones(10**5), compression="gzip"),
    )
    node = read_container(path).graph.nodes["lif"]
    assert isinstance(node, RawNode)
    tau = node.fields["tau"]
    assert isinstance(tau, np.ndarray)
    assert (tau.shape, tau.strides) == ((10**5,), (0,))
