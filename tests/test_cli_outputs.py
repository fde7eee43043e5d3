"""Files that the command line writes: whole or not at all, where they were asked for and nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.conftest import Neuedge, Refused, everything_in, raising


@pytest.mark.parametrize(
    "output",
    ["missing/out", "folder", "file/out", "", "pipe", "-", pytest.param("x" * 300, id="endless name")],
)
@pytest.mark.parametrize("command", ["compile", "export"])
def test_an_output_that_cannot_be_written_is_refused(
    refused: Refused, digits: Path, tmp_path: Path, command: str, output: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    words = ["compile", digits, "--target", "loihi2", "-o"] if command == "compile" else ["models", command, "digits"]
    assert refused(*words, output) == (2, "USE006")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_is_read_only_is_refused(refused: Refused, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o555)
    assert refused("compile", digits, "--target", "loihi2", "-o", "folder/plan.json") == (2, "USE006")
    assert refused("models", "export", "digits", "folder/digits.nir") == (2, "USE006")


def test_an_interruption_leaves_no_file(
    neuedge: Neuedge, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plan.json").write_text("the plan before")
    monkeypatch.setattr(os, "fsync", raising(KeyboardInterrupt))
    answer = neuedge("compile", digits, "--target", "loihi2", "-o", tmp_path / "plan.json")
    assert (answer.status, answer.out, answer.err) == (130, "", "interrupted\n")
    assert everything_in(tmp_path) == {tmp_path / "plan.json": b"the plan before"}


def test_a_link_is_followed_and_stays_one(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link, named = tmp_path / "link.nir", tmp_path / "folder" / "named.nir"
    link.symlink_to(named)
    for _ in range(2):  # where the link leads nowhere yet, and where it leads to a file
        assert neuedge("convert", digits, link).status == 0
        assert link.is_symlink()
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "link.nir", "named.nir"]
        assert neuedge("inspect", named).status == 0


def test_links_in_a_circle_are_refused(refused: Refused, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert refused("convert", digits, "a") == (2, "USE006")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_who_may_read_a_file_stays_as_it_was(neuedge: Neuedge, digits: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.nir", tmp_path / "new.nir"
    old.touch(mode=0o600)
    umask = os.umask(0o027)
    try:
        assert neuedge("convert", digits, old).status == neuedge("convert", digits, new).status == 0
    finally:
        os.umask(umask)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, new)] == [0o600, 0o640]
