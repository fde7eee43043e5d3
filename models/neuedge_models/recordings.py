"""Archives of recorded words as arrays of log-mel pictures, in the splits that their makers published."""

from __future__ import annotations

import hashlib
import io
import tarfile
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from neuedge_models import logmel
from neuedge_models.datasets import Arrays

Sound = NDArray[np.float64]

COMMANDS_SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
CLASSES = ("_silence_", "_unknown_", *WORDS)
NOISE = "_background_noise_"
UNKNOWN_OF = 9
"""One in so many recordings of other words is kept, about as many as of each of the ten."""
SILENCE_HOP = 8000
"""Samples from one second of silence to the next, which is cut from the recordings of noise."""
TESTED_TAKES = 5
"""Of the spoken digits the first five takes of a speaker and digit test, as their makers have it."""


def commands(archive: Path, sha256: str = COMMANDS_SHA256) -> dict[str, Arrays]:
    """Speech Commands' archive as x_train, y_train, x_test, y_test: bytes (samples, 49, 40), labels by CLASSES.

    `testing_list.txt` names what tests; `validation_list.txt` what is left out; of seconds of noise every tenth tests.
    Raises `OSError` for an archive of another hash.
    """
    check_hash(archive, sha256)
    with tarfile.open(archive) as files:
        lists = {name: set(text.decode().split()) for name, text in _members(files, (".txt",))}
        tested, left_out = lists["testing_list.txt"], lists["validation_list.txt"]
        found: dict[str, list[tuple[Arrays, int]]] = {"train": [], "test": []}
        others = 0
        for name, content in _members(files, (".wav",)):
            word = name.partition("/")[0]
            if word == NOISE:
                for number, second in enumerate(_seconds(sound(content, logmel.COMMANDS.rate))):
                    found["test" if number % 10 == 9 else "train"].append((logmel.COMMANDS(second), 0))
                continue
            others += word not in WORDS
            if name in left_out or (word not in WORDS and others % UNKNOWN_OF):
                continue
            label = CLASSES.index(word) if word in WORDS else 1
            picture = logmel.COMMANDS(sound(content, logmel.COMMANDS.rate))
            found["test" if name in tested else "train"].append((picture, label))
    return _arrays(found)


def spoken_digits(archive: Path) -> dict[str, Arrays]:
    """The spoken digits' archive as x_train, y_train, x_test, y_test: bytes (samples, 61, 32), labels 0 to 9.

    Recordings are named digit_speaker_take.wav; the first five takes test.
    """
    found: dict[str, list[tuple[Arrays, int]]] = {"train": [], "test": []}
    with zipfile.ZipFile(archive) as files:
        for name in sorted(files.namelist()):
            if name.endswith(".wav"):
                digit, _, take = PurePosixPath(name).stem.split("_")
                picture = logmel.DIGITS(sound(files.read(name), logmel.DIGITS.rate))
                found["test" if int(take) < TESTED_TAKES else "train"].append((picture, int(digit)))
    return _arrays(found)


def sound(content: bytes, rate: int) -> Sound:
    """Samples from -1 to 1 of a .wav of 16-bit numbers, one channel. Raises `wave.Error` for any other."""
    with wave.open(io.BytesIO(content)) as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, rate):
            raise wave.Error(f"not one channel of 16 bits at {rate} Hz")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def check_hash(archive: Path, sha256: str) -> None:
    """Raise `OSError` for a file of another SHA-256."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise OSError(f"{archive} has the SHA-256 {found}, not {sha256}: remove it")


def _members(files: tarfile.TarFile, ends: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files with such an ending, read where they are: nothing is unpacked."""
    for member in files:
        file = files.extractfile(member) if member.isfile() and member.name.endswith(ends) else None
        if file is not None:
            yield member.name.removeprefix("./"), file.read()


def _seconds(noise: Sound) -> Iterator[Sound]:
    for start in range(0, len(noise) - logmel.COMMANDS.rate + 1, SILENCE_HOP):
        yield noise[start : start + logmel.COMMANDS.rate]


def _arrays(found: dict[str, list[tuple[Arrays, int]]]) -> dict[str, Arrays]:
    arrays = {}
    for part, samples in found.items():
        if not samples:
            raise KeyError(f"no recordings to {part}")
        arrays[f"x_{part}"] = np.stack([picture for picture, _ in samples])
        arrays[f"y_{part}"] = np.array([label for _, label in samples], np.uint8)
    return arrays
