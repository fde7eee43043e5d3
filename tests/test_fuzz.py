"""Whatever is done to a file, the answer is a network or a coded refusal, soon, and the reader lives on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from neuedge_nir.errors import InputError
from neuedge_nir.frontend import read
from tests.fuzz import damaged, forged, good_files

MOST_SECONDS = 30.0
"""Far more than any of these files may take: a hang, not a slow machine."""


def outcomes(files: Iterable[Path]) -> Counter[str]:
    """What became of each file; an exception other than a refusal goes through."""
    found: Counter[str] = Counter()
    for file in files:
        start = time.monotonic()
        try:
            found[read(file).origin.name and "network"] += 1
        except InputError as error:
            assert error.code[:3] in ("FIL", "NET", "NIR")
            assert "\n" not in str(error)
            assert str(error).isprintable()
            found[error.code] += 1
        assert time.monotonic() - start < MOST_SECONDS
    return found


def blind(folder: Path, seeds: range) -> Iterable[Path]:
    contents = [file.read_bytes() for file in good_files(folder)]
    for seed in seeds:
        target = folder / "damaged.nir"
        target.write_bytes(damaged(contents[seed % len(contents)], seed))
        yield target


def clever(folder: Path, seeds: range) -> Iterable[Path]:
    files = good_files(folder)
    for seed in seeds:
        yield forged(files[seed % len(files)], folder / "forged.nir", seed)


def test_the_files_to_be_damaged_are_sound(tmp_path: Path) -> None:
    assert outcomes(good_files(tmp_path)) == {"network": 6}


@pytest.mark.parametrize("make", [blind, clever])
def test_a_few_hundred_files_are_read_or_refused(make: Callable[[Path, range], Iterable[Path]], tmp_path: Path) -> None:
    found = outcomes(make(tmp_path, range(250)))
    assert found.total() == 250
    assert 0 < found["network"] < 250
    assert len(found) > 5, "many ways to be wrong"


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("make", [blind, clever])
def test_thousands_of_files_are_read_or_refused(
    make: Callable[[Path, range], Iterable[Path]], part: int, tmp_path: Path
) -> None:
    """20,000 in all."""
    assert outcomes(make(tmp_path, range(1000 * (part + 1), 1000 * (part + 2)))).total() == 1000
