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
    """What is trained on, and what a trained network is measured on."""

    train: Split
    test: Split

    def shaped(self, shape: tuple[int, ...]) -> Dataset:
        """The same samples, each of another shape with as many elements."""
        return self._with(lambda inputs: inputs.reshape(len(inputs), *shape))

    def channels_first(self) -> Dataset:
        """The same pictures, (height, width, channels) made (channels, height, width)."""
        return self._with(lambda inputs: np.moveaxis(inputs, -1, 1))

    def checked(self, shape: tuple[int, ...], classes: int) -> Dataset:
        """This very dataset, if its samples have that shape and hold what becomes spikes, and its labels are classes.

        Raises `InputError` TRAIN006 for what a model cannot take.
        """
        for part, each in (("train", self.train), ("test", self.test)):
            if each.inputs.shape[1:] != shape:
                _refuse(f"the samples of x_{part} have the shape {each.inputs.shape[1:]}, not {shape}")
            if each.inputs.dtype.kind not in "bu":
                _refuse(f"x_{part} holds {each.inputs.dtype}, not unsigned whole numbers")
            if each.wanted.shape != (len(each),) or each.wanted.dtype.kind not in "iu":
                _refuse(f"y_{part} is no label for each sample")
            if each.wanted.min() < 0 or each.wanted.max() >= classes:
                _refuse(f"y_{part} has labels from {each.wanted.min()} to {each.wanted.max()}, not 0 to {classes - 1}")
        return self

    def in_pairs(self) -> Dataset:
        """The same recordings, two frames made one: (samples, timesteps / 2, *shape)."""
        return self._with(lambda frames: np.maximum(frames[:, ::2], frames[:, 1::2]))

    def over(self, timesteps: int) -> Dataset:
        """The same samples; of a regression what is wanted in the first timesteps."""
        cut = (
            replace(each, wanted=each.wanted[:, :timesteps]) if each.is_regression else each
            for each in (self.train, self.test)
        )
        return Dataset(*cut)

    def _with(self, change: Callable[[Arrays], Arrays]) -> Dataset:
        return Dataset(*(replace(each, inputs=change(each.inputs)) for each in (self.train, self.test)))


def _refuse(message: str) -> NoReturn:
    raise InputError("TRAIN006", message, hint="--data-dir DIR names a folder with the data of this model")


Loader = Callable[[Path | None], Dataset]
"""A dataset, from the folder of the user's data if there is one."""


def digits(folder: Path | None = None) -> Dataset:
    """The 8 x 8 digits that come with scikit-learn, pixels (samples, 64) from 0 to 16.

    1437 images train, 360 test; drawn by `train_test_split` with seed 0, stratified by label. The split does not follow
    the seed of a training, so every network trained here is measured on the same 360 images.
    """
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
    return Dataset(*(_split(arrays, part, path) for part in ("train", "test")))


def _arrays(path: Path) -> dict[str, Arrays]:
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in sorted(arrays.files)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError("TRAIN002", f"no .npz of numbers: {error}", where=path.name, hint=_ARRAYS) from error


_ARRAYS = "give x_train, y_train, x_test and y_test"


def _split(arrays: dict[str, Arrays], part: str, path: Path) -> Split:
    if missing := [name for name in (f"x_{part}", f"y_{part}") if name not in arrays]:
        raise InputError("TRAIN002", f"there is no array {missing[0]!r}", where=path.name, hint=_ARRAYS)
    inputs, wanted = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if not inputs.ndim or not wanted.ndim or len(inputs) != len(wanted) or not len(inputs):
        raise InputError(
            "TRAIN002", f"x_{part} and y_{part} differ in length or are empty", where=path.name, hint=_ARRAYS
        )
    if "shape" in arrays:
        inputs = _unpacked(inputs, arrays["shape"], path)
    return Split(inputs, wanted.astype(np.int64) if wanted.dtype.kind in "iu" else wanted)


def _unpacked(rows: Arrays, shape: Arrays, path: Path) -> Arrays:
    """Rows of packed bits as what they stand for."""
    sides = shape.reshape(-1).tolist() if shape.dtype.kind in "iu" else []
    is_packed = rows.dtype == np.uint8 and rows.ndim == 2 and sides and min(sides) > 0
    if not is_packed or rows.shape[1] != -(-math.prod(sides) // 8):
        message = f"rows of {rows.dtype} {rows.shape[1:]} are no packed bits of the `shape` {sides}"
        raise InputError("TRAIN002", message, where=path.name, hint=_ARRAYS)
    return np.unpackbits(rows, axis=1, count=math.prod(sides)).reshape(-1, *sides)
