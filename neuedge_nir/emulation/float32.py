"""SpiNNaker 2's arithmetic as py-spinnaker2 has it: whole weights with one scale, and a state in single precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emulation.form import LARGEST, out_of_range
from neuedge_nir.emulation.model import Array, Kept, Quantised, Source
from neuedge_nir.emulation.numbers import Tally
from neuedge_nir.interpreter.dynamics import Sent

Single = NDArray[np.float32]


def quantise(source: Source) -> Quantised:
    """Whole weights with one scale for the population, and everything else rounded to single precision."""
    form, step = source.form, _step(source)
    weights = tuple(np.rint(w / step) for w in source.weights)
    v_scale = np.asarray(1 / (step * form.per_input))
    keep, drive = _single(1 - form.rate), _single(form.drive * v_scale)
    keep_i = None if form.synapse is None else _single(1 - form.synapse)
    threshold = None if form.threshold is None else _single(form.threshold * v_scale)
    if any(np.any(~(np.abs(values) < LARGEST)) for values in (drive, threshold) if values is not None):
        hint = "bring weights, thresholds and biases nearer to each other"
        raise out_of_range(source.population, source.legal.chip, "its threshold or bias dwarfs its weights", hint)
    cells = SingleCells(source.population.shape, keep, keep_i, threshold, drive, v_scale, source.subtracts)
    kept = Kept(
        tuple(w * step for w in weights),
        1 - keep.astype(np.float64),
        drive / v_scale,
        None if threshold is None else threshold / v_scale,
        None if keep_i is None else 1 - keep_i.astype(np.float64),
    )
    return Quantised(weights, max((int(np.abs(w).max(initial=0)) for w in weights), default=0), cells, kept)


def _single(values: Array) -> Single:
    with np.errstate(over="ignore"):  # infinity is refused
        return np.asarray(values, np.float32)


def _step(source: Source) -> float:
    """The finest step of the projections where it serves all of them, else that of the largest weight."""
    most = (1 << (source.legal.chip.capabilities.weight_bits.count - 1)) - 1
    finest = min((legal.stored.step for legal in source.incoming), default=1.0)
    return finest if source.largest <= most * finest * (1 + 1e-12) else source.largest / most


@dataclass(frozen=True, slots=True, eq=False)
class SingleCells:
    """Neurons in single precision; `keep_i` is None where there is no synaptic filter."""

    shape: tuple[int, ...]
    keep: Single
    keep_i: Single | None
    threshold: Single | None
    drive: Single
    v_scale: Array
    subtracts: bool

    def start(self, samples: int, _tally: Tally, /) -> SingleState:
        zeros = np.zeros((samples, *self.shape), np.float32)
        return SingleState(self, zeros, zeros.copy())


@dataclass(slots=True)
class SingleState:
    """Neurons while they run."""

    cells: SingleCells
    i: Single
    v: Single

    def step(self, arriving: Array) -> Sent:
        cells = self.cells
        new = arriving.astype(np.float32)
        self.i = new if cells.keep_i is None else self.i * cells.keep_i + new
        self.v = self.v * cells.keep + self.i + cells.drive
        if cells.threshold is None:
            return np.asarray(self.v / cells.v_scale)
        fired = self.v > cells.threshold
        np.copyto(self.v, self.v - cells.threshold if cells.subtracts else np.float32(0), where=fired)
        return fired
