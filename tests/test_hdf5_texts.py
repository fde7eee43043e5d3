"""Where a text ends: what HDF5 says of its padding, and what no name may hold."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.nirfile import replaced, tiny
from tests.readers import Answer, by_library, by_walk

TYPE = "node/nodes/fc/type"
NULL, NULLS, SPACES = h5py.h5t.STR_NULLTERM, h5py.h5t.STR_NULLPAD, h5py.h5t.STR_SPACEPAD


def texts(folder: Path, name: str, stored: np.ndarray, padding: int, charset: int, packed: str | None = None) -> Path:
    """The file with these bytes, all of one length, for the texts of a dataset."""

    def make(group: h5py.Group, leaf: str) -> None:
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(stored.dtype.itemsize)
        kind.set_strpad(padding)
        kind.set_cset(charset)
        space, plist = h5py.h5s.create_simple(stored.shape), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if packed:
            plist.set_chunk(stored.shape)
            plist.set_filter(FILTERS[packed], h5py.h5z.FLAG_OPTIONAL, (4,) if packed == "gzip" else ())
        dataset = h5py.h5d.create(group.id, leaf.encode(), kind, space if stored.ndim else SCALAR, plist)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, stored, kind)

    return replaced(folder, name, make)


SCALAR = h5py.h5s.create(h5py.h5s.SCALAR)
FILTERS = {"gzip": 1, "fletcher32": 3, "lzf": 32000}


def said(path: Path) -> str:
    """The type of the node, or the code of the refusal; both readers agree."""
    ours, theirs = by_walk(path), by_library(path)
    assert ours in (theirs, Answer("unfamiliar"))
    if not theirs.read:
        return theirs.code
    assert isinstance(theirs.content, tuple)
    (kind,) = [node[0] for name, node in theirs.content[1][0] if name == "fc"]
    return str(kind)


@pytest.mark.parametrize("charset", [h5py.h5t.CSET_ASCII, h5py.h5t.CSET_UTF8])
@pytest.mark.parametrize(
    ("padding", "stored", "expected"),
    [
        (NULL, b"Linear\0\0", "Linear"),
        (NULL, b"Linear\0x", "FILE018"),  # some readers end it at the null, some do not
        (NULL, b"Linear  ", "Linear  "),
        (NULL, b"Lin\0ear\0", "FILE018"),
        (NULL, b"\0Linear\0", "FILE018"),
        (NULLS, b"Linear\0\0", "Linear"),
        (NULLS, b"Linear\0x", "FILE018"),
        (NULLS, b"Lin\0ear\0", "FILE018"),
        (NULLS, b"\0Linear\0", "FILE018"),
        (NULLS, b"Linear  ", "Linear  "),
        (SPACES, b"Linear  ", "Linear"),
        (SPACES, b"Lin ear ", "Lin ear"),
        (SPACES, b"Linear\0 ", "Linear"),
        (SPACES, b"Lin\0ear ", "FILE018"),
    ],
)
def test_a_text_ends_where_its_padding_says(
    padding: int, stored: bytes, expected: str, charset: int, tmp_path: Path
) -> None:
    assert said(texts(tmp_path, TYPE, np.array(stored, "S8"), padding, charset)) == expected


@pytest.mark.parametrize("packed", [None, "gzip", "fletcher32", "lzf"])
@pytest.mark.parametrize("charset", [h5py.h5t.CSET_ASCII, h5py.h5t.CSET_UTF8])
def test_an_edge_is_not_cut_at_a_null(packed: str | None, charset: int, tmp_path: Path) -> None:
    """Cut there, the name of no node would become that of one."""
    edges = np.array([["in", "fc"], ["fc", "lif"], ["lif", "out\0x"]], "S60")  # long enough for lzf
    path = texts(tmp_path, "node/edges", edges, NULLS, charset, packed)
    assert said(path) == "FILE018"
    assert "'node/edges' of tiny.nir" in by_library(path).said
    for padding in (NULL, NULLS):
        sound = texts(
            tmp_path, "node/edges", np.char.replace(edges, b"\0x", b"").astype("S60"), padding, charset, packed
        )
        assert said(sound) == "Linear"


def test_text_of_any_length_is_not_cut_at_a_null(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    content = path.read_bytes()
    assert content.count(b"Linear\0\0") == 1
    for stored, expected in ((b"Lin\0ar\0\0", "FILE018"), (b"Linea\0\0\0", "Linea"), (b"\0inear\0\0", "FILE018")):
        path.write_bytes(content.replace(b"Linear\0\0", stored))
        assert said(path) == expected


def test_the_refusal_names_the_place_and_cites_a_short_part(tmp_path: Path) -> None:
    stored = np.array(b"L\0" + b"x" * 500)
    error = by_library(texts(tmp_path, TYPE, stored, NULLS, h5py.h5t.CSET_ASCII)).said
    assert f"'{TYPE}' of tiny.nir" in error
    assert len(error) < 300


@pytest.mark.parametrize(("bits", "meaning"), [(0x03, "a padding"), (0x20, "a set of characters")])
def test_text_of_an_unknown_kind_is_refused(bits: int, meaning: str, tmp_path: Path) -> None:
    path = replaced(tmp_path, TYPE, partial(h5py.Group.create_dataset, data=np.bytes_(b"Linear")))
    content, head = path.read_bytes(), b"\x13\x01\0\0\x06\0\0\0"
    assert content.count(head) == 1, meaning
    path.write_bytes(content.replace(head, b"\x13" + bytes([bits]) + head[2:]))
    assert by_walk(path) == Answer("unfamiliar")
    assert not by_library(path).read
