"""Data to train on, as arrays: bundled with a library, made by a formula, from a folder of the user's, or fetched.

A folder of the user's holds one .npz a dataset, `NAME.npz`, with `x_train`, `y_train`, `x_test` and `y_test`; rows of
packed bits come with their `shape`. What is fetched comes by the library that the field uses for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from neuedge_models.extra import require_train_extra
from neuedge_nir.errors import InputError

Arrays = NDArray[Any]
BRIGHTEST_DIGIT = 16
"""The pixels of `load_digits` are whole numbers from 0 to 16."""
BRIGHTEST_BYTE = 255
DIGITS_TESTED = 360
DIGITS_SPLIT_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Samples and what they show.

    inputs: whole numbers (samples, *shape), or frames of events (samples, timesteps, *shape).
    wanted: labels (samples,), of streams (samples, windows), or of a regression values (samples, timesteps, outputs).
    """

    inputs: Arrays
    wanted: Arrays

    def __len__(self) -> int:
        return len(self.wanted)

    @property
    def is_regression(self) -> bool:
        """Whether values are wanted, not labels."""
        return bool(self.wanted.dtype.kind == "f")

    @property
    def is_classified(self) -> bool:
        """Whether each sample has one class."""
        return not self.is_regression and self.wanted.ndim == 1

    def first(self, most: int | None) -> Split:
        """The first samples, `most` of them; None: all."""
        return Split(self.inputs[:most], self.wanted[:most])


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """What is trained on, and what a trained network is measured on. `source` names the user's file, if it is one."""

    train: Split
    test: Split
    source: str | None = None

    def shaped(self, shape: tuple[int, ...]) -> Dataset:
        """The same samples, each of another shape with as many elements."""
        return self._with(lambda inputs: inputs.reshape(len(inputs), *shape))

    def channels_first(self) -> Dataset:
        """The same pictures, (height, width, channels) made (channels, height, width)."""
        return self._with(lambda inputs: np.moveaxis(inputs, -1, 1))

    def checked(self, shape: tuple[int, ...], classes: int, *, events: bool = False) -> Dataset:
        """This very dataset, if its samples have that shape and hold what becomes spikes, and its labels are classes.

        Values are bytes from 0 to 255; `events` are counts or whether there were any. Raises `InputError` TRAIN006 for
        what a model cannot take.
        """
        for part, each in (("train", self.train), ("test", self.test)):
            values, labels = each.inputs, each.wanted
            if values.shape[1:] != shape:
                self._refuse(f"the samples of x_{part} have the shape {values.shape[1:]}, not {shape}")
            if wrong := _no_events(values) if events else _no_bytes(values):
                self._refuse(f"x_{part} holds {wrong}")
            if labels.shape != (len(each),) or labels.dtype.kind not in "iu":
                wanted = f"one whole number from 0 to {classes - 1} a sample"
                self._refuse(f"y_{part} holds {labels.dtype} in the shape {labels.shape}, not {wanted}")
            if labels.min() < 0 or labels.max() >= classes:
                self._refuse(f"y_{part} has labels from {labels.min()} to {labels.max()}, not 0 to {classes - 1}")
        return self

    def in_pairs(self) -> Dataset:
        """The same recordings, two frames made one: (samples, timesteps / 2, *shape)."""
        return self._with(lambda frames: np.maximum(frames[:, ::2], frames[:, 1::2]))

    def over(self, timesteps: int) -> Dataset:
        """The same samples; of a regression what is wanted in the first timesteps."""
        train, test = (
            replace(each, wanted=each.wanted[:, :timesteps]) if each.is_regression else each
            for each in (self.train, self.test)
        )
        return Dataset(train, test, self.source)

    def _with(self, change: Callable[[Arrays], Arrays]) -> Dataset:
        train, test = (replace(each, inputs=change(each.inputs)) for each in (self.train, self.test))
        return Dataset(train, test, self.source)

    def _refuse(self, message: str) -> NoReturn:
        hint = "docs/models.md says what a model takes"
        raise InputError("TRAIN006", message, where=self.source, hint=hint)


def _no_bytes(values: Arrays) -> str:
    """What is wrong with values that should be pixels or bands; empty: nothing."""
    if values.dtype != np.uint8:
        return f"{values.dtype}, not uint8 from 0 to {BRIGHTEST_BYTE}"
    if (largest := int(values.max())) <= 1:
        return f"no value above {largest}: it was not scaled to 0 to {BRIGHTEST_BYTE}"
    return ""


def _no_events(values: Arrays) -> str:
    """The same of frames of events, of which anything above 0 is one."""
    return "" if values.dtype.kind in "bu" else f"{values.dtype}, not uint8 or bool: whether there was an event"


Loader = Callable[[Path | None], Dataset]
"""A dataset, from the folder of the user's data if there is one."""


def digits(folder: Path | None = None) -> Dataset:
    """The 8 x 8 digits that come with scikit-learn, pixels (samples, 64) from 0 to 16.

    1437 images train, 360 test; drawn by `train_test_split` with seed 0, stratified by label. The split does not follow
    the seed of a training, so every network trained here is measured on the same 360 images.

    Raises `UsageError` USE005 without scikit-learn.
    """
    require_train_extra("sklearn")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    del folder
    pixels, labels = load_digits(return_X_y=True)
    train_pixels, test_pixels, train_labels, test_labels = train_test_split(
        pixels.astype(np.int64), labels, test_size=DIGITS_TESTED, random_state=DIGITS_SPLIT_SEED, stratify=labels
    )
    return Dataset(Split(train_pixels, train_labels), Split(test_pixels, test_labels))


def from_folder(folder: Path, *files: str) -> Dataset:
    """What the first of these files, NAME.npz, in the user's folder holds.

    Raises `InputError` TRAIN001 where there is no such folder or file, TRAIN002 where it is none of these.
    """
    path = next((found for name in files if (found := folder / f"{name}.npz").is_file()), None)
    if path is None:
        names = " or ".join(f"{name}.npz" for name in files)
        what = f"it holds no {names}" if folder.is_dir() else "there is no such folder"
        hint = f"--data-dir names a folder with {names}; without it the data are fetched"
        raise InputError("TRAIN001", what, where=str(folder), hint=hint)
    arrays = _arrays(path)
    return Dataset(_split(arrays, "train", path), _split(arrays, "test", path), str(path))


ARRAYS = ("x_train", "y_train", "x_test", "y_test", "shape")


def _arrays(path: Path) -> dict[str, Arrays]:
    """Those arrays of a file that are looked at, if they are there."""
    import zipfile
    import zlib

    try:
        if not zipfile.is_zipfile(path):
            _none(path, "it was cut short, or is no .npz")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _array(arrays[name], name, path) for name in ARRAYS if name in arrays.files}
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        # What numpy says of objects is how to unpickle them: of a file of strangers nobody should.
        objects = "it holds Python objects, which are not read"
        _none(path, objects if "pickle" in str(error) else f"no .npz of numbers: {error}", error)


def _array(found: object, name: str, path: Path) -> Arrays:
    if not isinstance(found, np.ndarray):
        _none(path, f"{name} is no array of numbers")
    return found


def _none(path: Path, message: str, cause: Exception | None = None) -> NoReturn:
    hint = "give x_train, y_train, x_test and y_test"
    raise InputError("TRAIN002", message, where=str(path), hint=hint) from cause


def _split(arrays: dict[str, Arrays], part: str, path: Path) -> Split:
    if missing := [name for name in (f"x_{part}", f"y_{part}") if name not in arrays]:
        _none(path, f"there is no array {missing[0]!r}")
    inputs, wanted = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if not inputs.ndim or not wanted.ndim or len(inputs) != len(wanted) or not len(inputs):
        _none(path, f"x_{part} and y_{part} differ in length or are empty")
    if "shape" in arrays:
        inputs = _unpacked(inputs, arrays["shape"], path)
    fits = wanted.dtype.kind in "iu" and wanted.max() <= np.iinfo(np.int64).max
    return Split(inputs, wanted.astype(np.int64) if fits else wanted)


def _unpacked(rows: Arrays, shape: Arrays, path: Path) -> Arrays:
    """Rows of packed bits as what they stand for."""
    if shape.dtype.kind not in "iu":
        _none(path, f"`shape` holds {shape.dtype}, not whole numbers")
    sides = shape.reshape(-1).tolist()
    is_packed = rows.dtype == np.uint8 and rows.ndim == 2 and sides and min(sides) > 0
    if not is_packed or rows.shape[1] != -(-math.prod(sides) // 8):
        _none(path, f"rows of {rows.dtype} {rows.shape[1:]} are no packed bits of the `shape` {sides}")
    return np.unpackbits(rows, axis=1, count=math.prod(sides)).reshape(-1, *sides)
