"""A coverage-guided hunt for .nir files that the reader handles badly. CONTRIBUTING.md says how to run it.

    python -m tests.coverage_fuzz {walk,whole,both} CORPUS_OR_FILE [libFuzzer's own options]

A file is its bytes, read in this process. `walk` takes our own reader of headers, `whole` the library as well where a
file needs it, and `both` holds the two against each other; what has been read then becomes a network. A finding ends
the run and leaves its file behind: an exception that is no refusal, a refusal that is no line to print, a warning of
numpy's, memory or time without measure, two readers that disagree - or, except with `walk`, a crash of the library.
"""

from __future__ import annotations

import argparse
import importlib
import mmap
import pkgutil
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

import atheris
import h5py  # noqa: F401  # loaded before the time of a file is taken
import numpy as np

with atheris.instrument_imports(include=["neuedge_nir"], enable_loader_override=False):
    import neuedge_nir.frontend as frontend
    from neuedge_nir.errors import InputError
    from neuedge_nir.frontend.hdf5 import messages
    from neuedge_nir.frontend.hdf5.content import content_by_library, content_by_walk, content_of
    from neuedge_nir.frontend.hdf5.messages import UnfamiliarError
    from neuedge_nir.frontend.hdf5.spill import Spill
    from neuedge_nir.frontend.nodes import FIELDS
    from neuedge_nir.frontend.raw import MIB, Caps, RawContent, RawFile
    from neuedge_nir.frontend.reader import network_of
    from neuedge_nir.frontend.snapshot import SIGNATURE

    # What functions import when they are called must be instrumented too.
    for module in pkgutil.walk_packages(frontend.__path__, f"{frontend.__name__}."):
        importlib.import_module(module.name)

from tests.fuzz import damaged, seeds
from tests.readers import plain

CAPS = Caps(
    file_bytes=MIB,
    elements=2**14,
    total_bytes=MIB,
    text_bytes=2**16,
    chunk_bytes=2**16,
    chunks=256,
    objects=1000,
    slow_objects=1000,
    nodes=100,
    edges=400,
    depth=16,
    name_length=128,
    string_length=2**12,
    operators=1000,
)
"""So small that every file is quick to read, and that nothing may take long."""

MOST_SECONDS = 2.0
"""Processor time for one file: a hundred times what the slowest good one takes here."""
MOST_MEMORY = 1024 * MIB
"""The process with all that the fuzzer keeps; a file may ask for some MiB."""
MOST_WORDS = 4000
"""Characters of a refusal: a screenful."""

Check = Callable[[IO[bytes]], RawContent]


class FindingError(AssertionError):
    """The reader broke its word."""


def by_walk(file: IO[bytes]) -> RawContent:
    with mapped(file) as data, tempfile.TemporaryFile() as spill:
        return content_by_walk(file, data, "t.nir", CAPS, Spill(spill))


def whole(file: IO[bytes]) -> RawContent:
    with tempfile.TemporaryFile() as spill:
        return content_of(file, "t.nir", CAPS, Spill(spill))


def by_both(file: IO[bytes]) -> RawContent:
    """The content by our own reader, if the library either refuses the file or says the same."""
    found = by_walk(file)
    with mapped(file) as data, tempfile.TemporaryFile() as spill:
        try:
            other = content_by_library(file, data, "t.nir", CAPS, Spill(spill))
        except InputError:
            return found  # our own reader may let pass what it does not look at
    if said(found) != said(other):
        raise FindingError("the two readers disagree")
    return found


def mapped(file: IO[bytes]) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def said(content: RawContent) -> object:
    return content.version, plain(content.graph), content.ignored


CHECKS: dict[str, Check] = {"walk": by_walk, "whole": whole, "both": by_both}


def check(read: Check, content: bytes) -> None:
    """Raises whatever is no refusal, and `FindingError` where a file takes too long."""
    if not content.startswith(SIGNATURE):
        return  # `recognise` refuses it before
    for remembered in (messages.extent, messages.element, messages.filters):
        remembered.cache_clear()
    start = time.process_time()
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        try:
            found = read(file)
            network_of(RawFile("t.nir", "0", found.version, found.graph, found.ignored), CAPS)
        except UnfamiliarError:
            pass
        except InputError as error:
            check_refusal(error)
    if (seconds := time.process_time() - start) > MOST_SECONDS:
        raise FindingError(f"{seconds:.1f} s of processor time")


def check_refusal(error: InputError) -> None:
    """It has a code and is one line that can be printed."""
    line = str(error)
    if error.code[:3] not in ("FIL", "NET", "NIR") or not line.isprintable() or len(line) > MOST_WORDS:
        raise FindingError(f"{error.code}: {ascii(line)[:200]}") from error
    if error.code == "FILE015" and error.resource is None:
        raise FindingError("no memory left") from error


def changed(content: bytes, size: int, seed: int) -> bytes:
    """Changed by libFuzzer, by our blind changes, or where something is written, in equal parts."""
    if len(content) > 64 and seed % 3:
        return (damaged if seed % 3 == 1 else rewritten)(content, seed)[:size]
    mutated: bytes = atheris.Mutate(content, size)
    # What is no HDF5 file teaches nothing.
    return SIGNATURE + mutated[len(SIGNATURE) :]


def rewritten(content: bytes, seed: int) -> bytes:
    """One to four words changed that are not 0. Most of a small file is empty room, where a change changes nothing."""
    random = np.random.default_rng(seed)
    found = np.frombuffer(content[: len(content) // 8 * 8], "<u8").copy()
    places = np.flatnonzero(found)[1:]
    if not places.size:
        return content
    for place in random.choice(places, random.integers(1, 5)):
        match random.integers(4):
            case 0:  # as little-endian bytes: a small step of one of them
                found[place : place + 1].view("u1")[random.integers(8)] += random.choice([1, 255, 2, 254, 8, 248])
            case 1:
                found[place] = random.choice(NUMBERS)
            case 2:
                found[place : place + 1].view("<f8")[0] = random.choice(VALUES)
            case _:  # what stands elsewhere: an address, a header, the pointer to a text
                start, length = int(random.choice(places)), int(random.choice([1, 2, 3, 5, 8]))
                moved = found[start : start + length].copy()[: len(found) - place]
                found[place : place + len(moved)] = moved
    return found.tobytes() + content[len(found) * 8 :]


NUMBERS = np.array([0, 1, 2, 3, 4, 8, 16, 255, 2**16, 2**31 - 1, 2**32, 2**63 - 1, 2**64 - 1], "<u8")
VALUES = np.array([0.0, 1.0, -1.0, 2.5, 3.0, np.nan, np.inf, 1e300, 1e-310, 5e-324, 2.0**53])


def words() -> Iterator[bytes]:
    """What libFuzzer may write into a file: signatures, names of types and fields, sizes that somebody may believe."""
    yield from (b"TREE", b"SNOD", b"HEAP", b"GCOL", b"NIRGraph", b"same", b"valid", b"neuedge", b"node", b"edges")
    for kind, fields in FIELDS.items():
        yield kind.encode()
        yield from (field.encode() for field in fields)
    yield from (number.tobytes() for number in (*NUMBERS, *VALUES))


def dictionary(path: Path) -> Path:
    """The words in libFuzzer's form."""
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in dict.fromkeys(words()))
    path.write_text("".join(f'"{line}"\n' for line in lines))
    return path


def sown(corpus: Path) -> None:
    """Small good files to start from, where there are none."""
    if corpus.is_file():
        return  # a finding to be tried again
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        with tempfile.TemporaryDirectory() as folder:
            for seed in seeds(Path(folder)):
                (corpus / seed.name).write_bytes(seed.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.coverage_fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("check", choices=CHECKS, help="which reader is asked")
    parser.add_argument("corpus", type=Path, help="a folder of files to start from and to add to, or one file to try")
    options, others = parser.parse_known_args()
    sown(options.corpus)
    warnings.simplefilter("error", RuntimeWarning)
    with tempfile.TemporaryDirectory() as folder:
        usual = [f"-dict={dictionary(Path(folder) / 'words')}", f"-artifact_prefix={options.corpus}-"]
        usual += ["-timeout=30", "-rss_limit_mb=2048", "-max_len=98304"]
        read = partial(check, CHECKS[options.check])
        atheris.Setup([sys.argv[0], *usual, *others, str(options.corpus)], read, custom_mutator=changed)
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
