"""Samples in .npz files: spikes for the inputs of a network, and perhaps what each sample shows.

The spikes of a network's only input are `x` or `spikes`, or carry the input's name; labels are `y` or `labels`. Files
that hold a split have `x_test` and `y_test`, `x_train` and `y_train`. Spikes have the shape (samples, steps, *input);
rows of packed bits are unpacked where the file says their `shape`, (steps, *input). Values without timesteps, such as
images, are coded into spikes by rate where the caller says over how many steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.arrays import load_arrays
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import InputError
from neuedge_nir.interpreter.data import fitting
from neuedge_nir.interpreter.encoding import check_values, rate_coded
from neuedge_nir.interpreter.operators import Signal
from neuedge_nir.network.model import Network

HINT = "give x (samples, steps, *input shape) and, for an accuracy, y (samples,)"
Arrays = Mapping[str, NDArray[Any]]
Remarks = tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What a network runs on: by input, (samples, steps, *shape), and the class of each sample where it is known.

    `values`, (samples, *shape) from 0 to 1, are what the spikes of an input were coded from, where that is known.
    `remarks` are the reader's on the file.
    """

    inputs: Mapping[str, Signal]
    labels: NDArray[np.int64] | None = None
    values: Mapping[str, Signal] = field(default_factory=dict)
    remarks: Remarks = ()

    @property
    def count(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def steps(self) -> int:
        return int(next(iter(self.inputs.values())).shape[1])

    def of(self, network: Network) -> Mapping[str, Signal]:
        """What the inputs of this network get: an encoder the values, in every step; spikes any other.

        Values that are not known are had back from the rate of the spikes.
        """
        return {
            port.name: self.inputs[port.name] if port.encoder is None else self._in_every_step(port.name)
            for port in network.inputs
        }

    def _in_every_step(self, name: str) -> Signal:
        spikes = self.inputs[name]
        values = self.values[name] if name in self.values else np.clip(spikes.mean(axis=1), 0, 1)
        return np.broadcast_to(values[:, None], spikes.shape)

    def part(self, which: slice | NDArray[np.int64]) -> Samples:
        """Some of the samples."""
        return Samples(
            {name: spikes[which] for name, spikes in self.inputs.items()},
            None if self.labels is None else self.labels[which],
            {name: values[which] for name, values in self.values.items()},
        )

    def first_steps(self, steps: int) -> Samples:
        """The same samples, shorter."""
        return replace(self, inputs={name: spikes[:, :steps] for name, spikes in self.inputs.items()})


@dataclass(frozen=True, slots=True)
class Coding:
    """How values without timesteps become spikes: by rate, over so many steps, drawn with this seed."""

    steps: int
    seed: int = 0


def load_samples(
    path: Path,
    network: Network,
    split: str | None = None,
    most: int | None = None,
    coding: Coding | None = None,
    *,
    drawn: bool = False,
) -> Samples:
    """The samples in an .npz file, the first `most` of them, or as many `drawn`; `split` says which part of the file.

    With a coding the file holds values, (samples, *input shape): from 0 to 1, or whole numbers, which are divided by
    the largest of their type. Raises `InputError` (DATA...) for a file that is refused or does not fit the inputs.
    """
    arrays = load_arrays(path, "DATA004", "the data", HINT)
    suffix = _suffix(arrays, split, path.name)
    names = [port.name for port in network.inputs]
    found = {name: arrays[name + suffix] for name in names if name + suffix in arrays}
    plain = next((key + suffix for key in ("spikes", "x") if key + suffix in arrays), None)
    if not found and len(names) == 1 and plain is not None:
        found[names[0]] = arrays[plain]
    unpacked = {name: _unpacked(values, arrays.get("shape"), path.name) for name, values in found.items()}
    count = len(next(iter(unpacked.values()))) if unpacked else 0
    chosen = draw(count)[:most] if drawn else slice(most)
    labels = _labels(arrays, suffix, count, path.name)
    labels, remarks = _told(labels, network)
    labels = None if labels is None else labels[chosen]
    cut = {name: values[chosen] for name, values in unpacked.items()}
    if coding is None:
        return Samples(fitting(network, cut), labels, remarks=remarks)
    values = {name: _static(network, name, each) for name, each in cut.items()}
    spikes = {name: rate_coded(each, coding.steps, coding.seed) for name, each in values.items()}
    return Samples(fitting(network, spikes), labels, values, remarks)


MOST_CALIBRATING = 6000
"""Samples of a split that a search gets: enough to choose on some and to tell a point of accuracy on the others."""


def calibrating(
    samples: Samples,
    path: Path,
    network: Network,
    wanted: str | None,
    coding: Coding | None,
    measured: str | None = None,
) -> tuple[Samples, Samples | None]:
    """The samples to measure on, and those to search on: a split of the file (by default `train`, where there is one),
    or, where `wanted` is a number, so many of the samples, which are then not measured. `measured` is the split that
    the samples are from, if one was named.

    Those to search on are drawn, always the same ones: files are often sorted by label, and the first samples show one.

    Raises as `load_samples`; `InputError` (DATA005) where nothing would be left to measure, or the same be measured.
    """
    if wanted is not None and wanted.isdecimal():
        count = int(wanted)
        if not 0 < count < samples.count:
            message = f"{count} of {samples.count} samples to search on leave none of both"
            raise InputError("DATA005", message, where=path.name, hint="give a smaller number with --calibrate")
        order = draw(samples.count)
        return samples.part(np.sort(order[count:])), samples.part(order[:count])
    arrays = load_arrays(path, "DATA004", "the data", HINT)
    of_both = _suffix(arrays, measured, path.name) == f"_{wanted or 'train'}"
    if wanted is None and ("x_train" not in arrays or of_both):
        return samples, None
    if of_both:
        message = f"the split {wanted!r} would be searched on and measured"
        raise InputError("DATA005", message, where=path.name, hint="--calibrate N draws N samples apart from the rest")
    apart = None if coding is None else replace(coding, seed=coding.seed + 1)
    return samples, load_samples(path, network, wanted or "train", MOST_CALIBRATING, apart, drawn=True)


def draw(count: int) -> NDArray[np.int64]:
    """The numbers of so many samples in an order that follows nothing in the file, always the same."""
    return np.random.default_rng(0).permutation(count)


def _static(network: Network, name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Values of an input, (samples, *shape), from 0 to 1."""
    port = next(port for port in network.inputs if port.name == name)
    where = f"input {name!r}"
    if values.ndim < 1 or not len(values) or math.prod(values.shape[1:]) != port.neurons:
        wanted = ", ".join(map(str, port.shape))
        message = f"values of shape {values.shape} do not fit: wanted is (samples, {wanted})"
        raise InputError("DATA002", message, where=where, hint="leave --steps out for data that have timesteps")
    scaled = values.reshape(len(values), *port.shape) / _largest(values, where)
    if not np.isfinite(scaled).all():
        raise InputError("DATA003", "the data hold NaN or infinity", where=where, hint="give values from 0 to 1")
    check_values(scaled, where)
    return scaled


def _largest(values: NDArray[Any], where: str) -> int:
    """What stands for 1: the largest of an unsigned type. Raises `InputError` (DATA006) where that cannot be meant."""
    if values.dtype.kind == "u" and values.max() != 1:
        return int(np.iinfo(values.dtype).max)
    if values.dtype.kind in "iu" and not (values.dtype.kind == "i" and 0 <= values.min() <= values.max() <= 1):
        message = f"{values.dtype} from {values.min()} to {values.max()} could be meant in several scales"
        raise InputError("DATA006", message, where=where, hint="give numbers with a point, from 0.0 to 1.0")
    return 1


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


def _told(labels: NDArray[np.int64] | None, network: Network) -> tuple[NDArray[np.int64] | None, Remarks]:
    """The labels, where each is the place of an output; else none, and a remark."""
    outputs = sum(port.neurons for port in network.outputs)
    if labels is None or not labels.size or labels.max() < outputs:
        return labels, ()
    message = f"a label is {labels.max()}, and the network has {outputs} outputs, counted from 0: no accuracy is told"
    return None, (Diagnostic("DATA008", Severity.WARNING, None, message, "number the classes as the outputs stand"),)


def _labels(arrays: Arrays, suffix: str, count: int, where: str) -> NDArray[np.int64] | None:
    key = next((key + suffix for key in ("y", "labels") if key + suffix in arrays), None)
    if key is None:
        return None
    labels = arrays[key]
    if labels.dtype.kind not in "iu" or labels.shape != (count,) or (labels.size and labels.min() < 0):
        message = f"{key!r} must hold one whole number from 0 upwards a sample, {count} in all"
        raise InputError("DATA005", message, where=where, hint=HINT)
    return labels.astype(np.int64)
