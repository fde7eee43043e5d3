"""A file is a stranger: what may be read of it, and how the rest is refused before it does anything."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest

from neuedge_nir.errors import InputError
from neuedge_nir.frontend.process import read_container
from neuedge_nir.frontend.raw import RawGraph, RawNode
from neuedge_nir.frontend.reader import read
from tests.nirfile import (
    WEIGHT,
    chain,
    changed,
    graph,
    inputs,
    lif,
    outputs,
    refusal,
    replaced,
    tiny,
    write_nir,
)
from tests.readers import Answer, by_library, by_walk


def test_a_sound_file_becomes_plain_values(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    file = read_container(path)
    assert (file.name, file.version) == ("tiny.nir", "1.0.8")
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sorted(file.graph.nodes) == ["fc", "in", "lif", "out"]
    node = file.graph.nodes["fc"]
    assert isinstance(node, RawNode)
    assert node.type == "Linear"
    assert node.where == "node 'fc' of tiny.nir"


def test_importing_the_frontend_does_not_import_h5py() -> None:
    code = "import sys, neuedge_nir.frontend; sys.exit('h5py' in sys.modules)"
    root = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_metadata_is_read_with_its_nested_groups(tmp_path: Path) -> None:
    nodes, edges = chain(("in", inputs(1)), ("out", outputs(1)))
    names = np.array([b"a", b"\xc3\xa4"], dtype=h5py.string_dtype())
    metadata = {"name": "x", "inner": {"dt": 0.5, "grid": np.arange(3)}, "names": names}
    read = read_container(write_nir(tmp_path / "m.nir", nodes, edges, metadata=metadata)).graph.metadata
    assert read["name"] == "x"
    assert read["names"] == ("a", "ä")
    inner = read["inner"]
    assert isinstance(inner, dict)
    assert float(inner["dt"]) == 0.5
    assert inner["grid"].tolist() == [0, 1, 2]


def test_nested_graphs_stay_nested(tmp_path: Path) -> None:
    inner = graph(*chain(("input", inputs(1)), ("output", outputs(1))))
    nodes, edges = chain(("in", inputs(1)), ("sub", inner), ("out", outputs(1)))
    sub = read_container(write_nir(tmp_path / "s.nir", nodes, edges)).graph.nodes["sub"]
    assert isinstance(sub, RawGraph)
    assert sub.nodes["input"].where == "node 'sub/input' of s.nir"


# What is no HDF5 file at all.


def test_a_missing_file_a_directory_and_a_fifo_are_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nir")
    assert refusal(tmp_path / "none.nir").code == "FILE001"
    assert refusal(tmp_path).code == "FILE002"
    assert refusal(tmp_path / "pipe.nir").code == "FILE002"
    assert refusal(Path("/dev/zero")).code == "FILE002"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "FILE004"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "FILE005"),
        (b"PK\x03\x04rest", "FILE006"),
        (b"<!DOCTYPE html>\n<html>", "FILE007"),
        (b"\x00\x01\x02\xff", "FILE008"),
        (b"\x89HDF\r\n\x1a\n", "FILE009"),
    ],
)
def test_what_is_not_hdf5_is_named(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "x.nir"
    path.write_bytes(content)
    assert refusal(path).code == code


def test_a_file_cut_short_is_damaged(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    whole = path.read_bytes()
    for kept in (len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        assert refusal(path).code == "FILE009"


def test_random_damage_never_escapes_as_a_python_error(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole)
        for place in random.integers(8, len(whole), 4):
            content[place] = random.integers(256)
        path.write_bytes(content)
        try:
            read_container(path)
        except InputError as error:
            assert error.code.startswith("FILE")


def test_a_text_heap_without_end_is_refused_where_the_library_would_hang(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    content = bytearray(path.read_bytes())
    heap = content.find(b"GCOL\x01\0\0\0")
    content[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(content)
    assert by_walk(path) == by_library(path) == Answer("FILE009")


def test_old_and_new_hdf5_layouts_are_read(tmp_path: Path) -> None:
    for layout in ("earliest", "v110", "latest"):
        with h5py.File(tmp_path / "new.nir", "w", libver=layout) as file, h5py.File(tiny(tmp_path)) as old:
            for member in old:
                old.copy(member, file)
        assert len(read_container(tmp_path / "new.nir").graph.nodes) == 4


def test_a_hostile_file_name_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b[31mb.nir"
    path.write_bytes(b"")
    assert "\x1b" not in str(refusal(path))


# What points elsewhere, or at itself.


def test_links_are_refused_by_name(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["w"] = np.ones((3, 2))
    external, soft = h5py.ExternalLink(str(secret), "/w"), h5py.SoftLink("/node/nodes/lif/tau")
    for link in (external, soft, h5py.SoftLink("/nowhere")):
        for name in (WEIGHT, "node/nodes/fc", "node/nodes", "node", "version"):
            error = refusal(replaced(tmp_path, name, partial(put, link)))
            assert (error.code, repr(name) in str(error)) == ("FILE010", True)


def put(value: object, group: h5py.Group, leaf: str) -> None:
    group[leaf] = value


def test_a_forged_name_is_not_taken_for_a_path(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda file: file.create_group("node/metadata/lif_tau"))
    path.write_bytes(path.read_bytes().replace(b"lif_tau", b"lif/tau"))
    assert refusal(path).code == "FILE018"


def test_what_lies_beside_the_graph_is_ignored_aloud_and_the_first_of_it_named(tmp_path: Path) -> None:
    def crowd(file: h5py.File) -> None:
        for index in range(20):
            file[f"beside{index:02}"] = index

    (message,) = [d.message for d in read(changed(tmp_path, crowd)).diagnostics if d.code == "NET055"]
    assert message.endswith("'beside04', 'beside05', ... 14 more")


def test_a_link_beside_the_graph_is_refused_too(tmp_path: Path) -> None:
    def add(file: h5py.File) -> None:
        file["beside"] = h5py.ExternalLink("/etc/passwd", "/")

    assert refusal(changed(tmp_path, add)).code == "FILE010"


def test_loops_and_shared_objects_are_refused(tmp_path: Path) -> None:
    def loop(file: h5py.File) -> None:
        file["node/nodes/fc/again"] = file["node"]

    def shared(file: h5py.File) -> None:
        file["node/nodes/twin"] = file["node/nodes/fc"]

    def root(file: h5py.File) -> None:
        file["node/metadata/root"] = file["/"]

    for change in (loop, shared, root):
        assert refusal(changed(tmp_path, change)).code == "FILE011"


def test_a_tower_of_hard_links_is_refused_at_once(tmp_path: Path) -> None:
    def tower(file: h5py.File) -> None:
        level = file.create_group("node/metadata")
        for _ in range(30):
            upper = level.create_group("a")
            level["b"] = level["c"] = upper
            level = upper

    assert refusal(changed(tmp_path, tower)).code == "FILE011"


def test_raw_data_in_another_file_is_refused(tmp_path: Path) -> None:
    def outside(group: h5py.Group, leaf: str) -> None:
        group.create_dataset(leaf, (3, 2), dtype="f8", external=[("/etc/passwd", 0, 48)])

    assert refusal(replaced(tmp_path, WEIGHT, outside)).code == "FILE012"


@pytest.mark.parametrize("source", ["/etc/passwd", "."])
def test_virtual_datasets_are_refused(tmp_path: Path, source: str) -> None:
    def virtual(group: h5py.Group, leaf: str) -> None:
        layout = h5py.VirtualLayout((3, 2), "f8")
        layout[:] = h5py.VirtualSource(source, WEIGHT, (3, 2))
        group.create_virtual_dataset(leaf, layout)

    assert refusal(replaced(tmp_path, WEIGHT, virtual)).code == "FILE012"


def test_other_filters_are_refused(tmp_path: Path) -> None:
    def offset(group: h5py.Group, leaf: str) -> None:
        group.create_dataset(leaf, data=np.ones((3, 2), int), scaleoffset=0)

    assert refusal(replaced(tmp_path, WEIGHT, offset)).code == "FILE013"


@pytest.mark.parametrize(
    "options", [{"compression": "gzip"}, {"compression": "lzf", "shuffle": True}, {"fletcher32": True}]
)
def test_the_usual_filters_are_read(tmp_path: Path, options: dict[str, object]) -> None:
    weight = np.arange(6.0).reshape(3, 2)
    path = replaced(
        tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, data=weight, chunks=(2, 2), **options)
    )
    node = read_container(path).graph.nodes["fc"]
    assert isinstance(node, RawNode)
    np.testing.assert_array_equal(node.fields["weight"], weight)


def test_plugin_folders_are_off_while_reading_and_back_afterwards(tmp_path: Path) -> None:
    def folders() -> list[bytes]:
        return [h5py.h5pl.get(index) for index in range(h5py.h5pl.size())]

    before = folders()
    read_container(tiny(tmp_path))
    assert folders() == before


# What is of the wrong kind.


@pytest.mark.parametrize(
    "data",
    [
        np.ones((3, 2), complex),
        np.zeros(3, [("a", "f8"), ("b", "i4")]),
        np.zeros((3, 2), "V4"),
        np.zeros((3, 2), h5py.enum_dtype({"A": 0, "B": 1})),
        np.array([np.ones(2), np.ones(3)], dtype=object),
        "ones",
        h5py.Empty("f8"),
    ],
    ids=["complex", "compound", "opaque", "enum", "ragged", "text", "empty"],
)
def test_weights_are_real_numbers(tmp_path: Path, data: object) -> None:
    dtype = h5py.vlen_dtype(float) if isinstance(data, np.ndarray) and data.dtype == object else None
    path = replaced(tmp_path, WEIGHT, lambda group, leaf: group.create_dataset(leaf, data=data, dtype=dtype))
    assert refusal(path).code == "FILE014"


def test_references_and_named_types_are_refused(tmp_path: Path) -> None:
    def reference(group: h5py.Group, leaf: str) -> None:
        group[leaf] = np.array([group.ref] * 2, dtype=h5py.ref_dtype)

    def named(group: h5py.Group, leaf: str) -> None:
        group[leaf] = np.dtype("f8")

    def of_named(group: h5py.Group, leaf: str) -> None:
        group["kind"] = np.dtype("f8")
        group.create_dataset(leaf, (3, 2), dtype=group["kind"])

    for make in (reference, named, of_named):
        assert refusal(replaced(tmp_path, WEIGHT, make)).code == "FILE014"


@pytest.mark.parametrize("field", ["node/nodes/fc/type", "version", "node/edges"])
def test_text_belongs_where_names_are(tmp_path: Path, field: str) -> None:
    assert refusal(replaced(tmp_path, field, partial(put, np.ones((2, 2))))).code in (
        "FILE014",
        "FILE016",
    )


def test_text_and_names_are_utf8(tmp_path: Path) -> None:
    bad = np.bytes_(b"Lin\xffar")
    path = replaced(tmp_path, "node/nodes/fc/type", partial(put, bad))
    assert refusal(path).code == "FILE018"

    def name(file: h5py.File) -> None:
        h5py.h5g.create(file["node/nodes"].id, b"\xff\xfe")

    assert refusal(changed(tmp_path, name)).code == "FILE018"


@pytest.mark.parametrize("field", ["node/nodes/fc/type", "node/edges", "node/nodes", "node"])
def test_a_graph_lacking_a_part_says_which(tmp_path: Path, field: str) -> None:
    def drop(file: h5py.File) -> None:
        del file[field]

    assert refusal(changed(tmp_path, drop)).code == "FILE016"


def test_a_single_node_is_no_graph(tmp_path: Path) -> None:
    path = tmp_path / "one.nir"
    with h5py.File(path, "w") as file:
        for key, value in lif(1).items():
            file[f"node/{key}"] = value
    error = refusal(path)
    assert error.code == "FILE016"
    assert "single LIF" in str(error)
