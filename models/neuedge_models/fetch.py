"""Data that nobody may hand on with a package, fetched from where their makers keep them.

What was fetched is kept as `NAME.npz` in a folder of the user's caches, in the form that `datasets.from_folder` reads.
"""

from __future__ import annotations

import importlib
import io
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from neuedge_models.datasets import Arrays, Dataset, from_folder
from neuedge_models.recordings import commands, spoken_digits
from neuedge_nir.errors import UsageError
from neuedge_nir.files import whole_file, write_whole

COMMANDS_URL = "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
SPOKEN_DIGITS_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.zip"
EVENT_FRAMES, FRAME_US, SENSOR = 30, 10_000, (2, 34, 34)
"""N-MNIST: frames of 10 ms of events by polarity, row and column."""
MOST_RECORDINGS = {"train": 10_000, "test": 1_000}
"""Of N-MNIST; all 70,000 would be 5 GB of frames."""


def cache() -> Path:
    """Where fetched data are kept: `neuedge-nir` in $XDG_CACHE_HOME, else in ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "neuedge-nir"


def mnist() -> Dataset:
    """All of MNIST, by torchvision: pixels (samples, 28, 28)."""
    return _kept("mnist", lambda folder: _pictures("mnist", "MNIST", folder))


def cifar10() -> Dataset:
    """All of CIFAR-10, by torchvision: pixels (samples, 32, 32, 3)."""
    return _kept("cifar10", lambda folder: _pictures("cifar10", "CIFAR10", folder))


def nmnist() -> Dataset:
    """Recordings of N-MNIST, by tonic, evenly spread over its files: frames (samples, 30, 2, 34, 34)."""
    return _kept("nmnist", _events)


def speech() -> Dataset:
    """Speech Commands 0.02 in twelve classes, its own split: log-mel (samples, 49, 40)."""
    return _kept("speech_commands12_logmel", lambda folder: commands(downloaded(COMMANDS_URL, folder)))


def fsdd() -> Dataset:
    """The free spoken digit dataset, its own split: log-mel (samples, 61, 32)."""
    return _kept("fsdd_logmel", lambda folder: spoken_digits(downloaded(SPOKEN_DIGITS_URL, folder)))


def _kept(name: str, make: Callable[[Path], Mapping[str, Arrays]]) -> Dataset:
    """What the cache has under that name, made first where it has nothing.

    Raises `UsageError` USE121 where a library is missing, USE122 where the data cannot be had, USE006 where the cache
    cannot be written.
    """
    folder = cache()
    if not (folder / f"{name}.npz").is_file():
        with _made(folder):
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **_gotten(name, make, folder))  # type: ignore[arg-type]
            write_whole(folder / f"{name}.npz", buffer.getvalue())
    return from_folder(folder, name)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder for what is fetched; one that stays empty is taken away again."""
    _make_folder(folder)
    try:
        yield
    finally:
        with suppress(OSError):  # it is not empty, as it should be
            folder.rmdir()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot write: {error.strerror}"
        raise UsageError(
            "USE006", message, where=str(folder), hint="set XDG_CACHE_HOME to a folder of yours"
        ) from error


def _gotten(name: str, make: Callable[[Path], Mapping[str, Arrays]], folder: Path) -> Mapping[str, Arrays]:
    import tarfile
    import wave
    import zipfile

    try:
        return make(folder)
    # torchvision raises RuntimeError for a file that is not what it should be; urllib's errors are OSErrors.
    except (OSError, RuntimeError, EOFError, KeyError, tarfile.TarError, zipfile.BadZipFile, wave.Error) as error:
        message = f"cannot fetch the data {name}: {type(error).__name__}: {error}"
        raise UsageError("USE122", message, hint=f"--data-dir DIR takes {name}.npz from a folder of yours") from error


def _library(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        message = f"fetching {name} needs {package}, which is not installed"
        hint = f"pip install {package}; or --data-dir DIR with {name}.npz"
        raise UsageError("USE121", message, hint=hint) from error


def _pictures(name: str, kind: str, folder: Path) -> dict[str, Arrays]:
    found = {}
    library = _library("torchvision.datasets", name)
    for part in ("train", "test"):
        data = getattr(library, kind)(str(folder), train=part == "train", download=True)
        found[f"x_{part}"] = np.asarray(data.data, dtype=np.uint8)
        found[f"y_{part}"] = np.asarray(data.targets, dtype=np.uint8)
    return found


def _events(folder: Path) -> dict[str, Arrays]:
    library = _library("tonic.datasets", "nmnist")
    found: dict[str, Arrays] = {"shape": np.array((EVENT_FRAMES, *SENSOR))}
    for part, most in MOST_RECORDINGS.items():
        data = library.NMNIST(save_to=str(folder), train=part == "train")
        chosen = [data[index] for index in evenly(len(data), most)]
        found[f"x_{part}"] = np.stack([np.packbits(framed(events)) for events, _ in chosen])
        found[f"y_{part}"] = np.array([label for _, label in chosen], dtype=np.uint8)
    return found


def evenly(count: int, most: int) -> Iterable[int]:
    """At most so many of `count` indices, evenly spread: files lie sorted by what they show."""
    return (index * count // min(count, most) for index in range(min(count, most)))


def framed(events: Arrays) -> Arrays:
    """Whether there was an event, (30, 2, 34, 34), in a record array of x, y, t (us) and p; later ones are left out."""
    frames = np.zeros((EVENT_FRAMES, *SENSOR), np.uint8)
    frame = events["t"] // FRAME_US
    those = events[frame < EVENT_FRAMES]
    frames[frame[frame < EVENT_FRAMES], those["p"].astype(int), those["y"], those["x"]] = 1
    return frames


def downloaded(url: str, folder: Path) -> Path:
    """The file at an address, kept in the folder whole, under a name that tells the address."""
    path = folder / "_".join(url.split("/")[-4:])
    if not path.is_file():
        # The addresses above are the only ones, so that none but https is opened.
        with urllib.request.urlopen(url, timeout=60) as answer, whole_file(path) as file:
            shutil.copyfileobj(answer, file)
    return path
