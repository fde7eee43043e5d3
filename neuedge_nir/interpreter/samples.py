"""Samples in .npz files: spikes for the inputs of a network, and perhaps what each sample shows.

The spikes of a network's only input are `x` or `spikes`, or carry the input's name; labels are `y` or `labels`. Files
that hold a split have `x_test` and `y_test`, `x_train` and `y_train`. Spikes have the shape (samples, steps, *input);
rows of packed bits are unpacked where the file says their `shape`, (steps, *input).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.arrays import load_arrays
from neuedge_nir.errors import InputError
from neuedge_nir.interpreter.data import fitting
from neuedge_nir.interpreter.operators import Signal
from neuedge_nir.network.model import Network

HINT = "give x (samples, steps, *input shape) and, for an accuracy, y (samples,)"
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What a network runs on: by input, (samples, steps, *shape), and the class of each sample where it is known."""

    inputs: Mapping[str, Signal]
    labels: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        return len(next(iter(self.inputs.values())))


def load_samples(path: Path, network: Network, split: str | None = None, most: int | None = None) -> Samples:
    """The samples in an .npz file, the first `most` of them; `split` says which part of the file.

    Raises `InputError` (DATA...) for a file that is refused or does not fit the network's inputs.
    """
    arrays = load_arrays(path, "DATA004", "the data", HINT)
    suffix = _suffix(arrays, split, path.name)
    names = [port.name for port in network.inputs]
    found = {name: arrays[name + suffix] for name in names if name + suffix in arrays}
    plain = next((key + suffix for key in ("spikes", "x") if key + suffix in arrays), None)
    if not found and len(names) == 1 and plain is not None:
        found[names[0]] = arrays[plain]
    unpacked = {name: _unpacked(values, arrays.get("shape"), path.name) for name, values in found.items()}
    inputs = {name: values[:most] for name, values in fitting(network, unpacked).items()}
    return Samples(inputs, _labels(arrays, suffix, next(iter(unpacked.values())), path.name, most))


def _suffix(arrays: Arrays, split: str | None, where: str) -> str:
    """What stands behind the names of the arrays of a split: nothing, or the test part where nothing is wanted."""
    ends = sorted({key.rpartition("_")[2] for key in arrays if key.startswith("x_")})
    if split is None:
        return "_test" if "test" in ends and "x" not in arrays else ""
    if split not in ends:
        hint = f"there are: {', '.join(ends)}" if ends else HINT
        raise InputError("DATA005", f"the data have no split {split!r}", where=where, hint=hint)
    return f"_{split}"


def _unpacked(values: NDArray[Any], shape: NDArray[Any] | None, where: str) -> NDArray[Any]:
    """Rows of packed bits as what they stand for."""
    if shape is None or values.dtype != np.uint8 or values.ndim != 2 or shape.dtype.kind not in "iu":
        return values
    sides = tuple(int(length) for length in shape.reshape(-1))
    bits = math.prod(sides)
    if not 0 < bits <= 2**31 or values.shape[1] != -(-bits // 8):
        message = f"rows of {values.shape[1]} bytes cannot be packed bits of shape {sides}"
        raise InputError("DATA002", message, where=where, hint=HINT)
    return np.unpackbits(values, axis=1, count=bits).reshape(-1, *sides)


def _labels(
    arrays: Arrays, suffix: str, values: NDArray[Any], where: str, most: int | None
) -> NDArray[np.int64] | None:
    key = next((key + suffix for key in ("y", "labels") if key + suffix in arrays), None)
    if key is None:
        return None
    labels = arrays[key]
    if labels.dtype.kind not in "iu" or labels.shape != (len(values),) or (labels.size and labels.min() < 0):
        message = f"{key!r} must hold one whole number from 0 upwards a sample, {len(values)} in all"
        raise InputError("DATA005", message, where=where, hint=HINT)
    return labels[:most].astype(np.int64)
