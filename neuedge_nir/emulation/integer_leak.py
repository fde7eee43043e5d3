"""TrueNorth's arithmetic: integers that are added, with a constant leak; four weights a neuron, one per axon type.

As NeMo has it after Cassidy et al. 2013: synapses, leak, threshold and reset. The neuron fires at its threshold, so it
stands one unit above NIR's; the linear reset subtracts what it compares with.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emulation.form import out_of_range
from neuedge_nir.emulation.model import Array, Kept, Quantised, Source
from neuedge_nir.emulation.numbers import Tally, Whole, above, whole
from neuedge_nir.interpreter.dynamics import Sent
from neuedge_nir.mapping.stored import axon_type_weights
from neuedge_nir.mapping.weights import AxonTypes

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class Registers:
    """The parameters of the chip's file, in bits."""

    state_bits: int
    threshold_bits: int
    leak_bits: int

    @property
    def most_threshold(self) -> int:
        return (1 << self.threshold_bits) - 1

    @property
    def most_leak(self) -> int:
        return (1 << (self.leak_bits - 1)) - 1


def quantise(source: Source) -> Quantised:
    """Weights, threshold and leak in TrueNorth's registers, with a scale for each neuron (or channel) of its own.

    The scale is the largest at which weights, threshold and leak fit.
    """
    n, form, shape = Registers(**source.numbers), source.form, source.population.shape
    types = axon_type_weights(source.population, tuple(p.projection for p in source.incoming), source.legal.chip)
    factor, weights = _scaled(types, source, n)
    v_scale = _by_neuron(factor / types.unit if types else factor, shape) / form.per_input
    threshold = None if form.threshold is None else above(form.threshold * v_scale)
    drop = None if form.drop is None or not source.subtracts else above(form.drop * v_scale)
    leak = whole(form.drive * v_scale)
    by_type = () if types is None else tuple(np.rint(types.weights * factor[:, None]).astype(np.int64).T)
    by_neuron = tuple(_by_neuron(row, shape) for row in by_type)
    lost = form.leak
    way = Leaking.FREELY if lost is None else Leaking.REVERSING if lost.reverses else Leaking.TO_ZERO
    cells = IntegerCells(shape, n, threshold, drop, leak, v_scale, by_neuron, way)
    kept = Kept(
        tuple(w / _like(factor / types.unit, w) for w in weights) if types else (),
        form.rate,
        leak / v_scale,
        None if threshold is None else (threshold - 1) / v_scale,
        None,
    )
    return Quantised(weights, max((int(np.abs(w).max(initial=0)) for w in weights), default=0), cells, kept)


def _scaled(types: AxonTypes | None, source: Source, n: Registers) -> tuple[Array, tuple[Array, ...]]:
    """The factor of each row's whole weights, and the weights of each projection in its own shape."""
    unit = np.ones(1) if types is None else types.unit
    room = _room(source, unit, n)
    # A neuron without weights has nothing to keep within their bits.
    finest = 2.0**30 if types is None else np.where(types.weights.any(axis=1), types.finest, 2.0**30)
    factor = np.minimum(room, finest)
    factor = np.where(factor >= 1, np.floor(factor), factor)
    if types is None:
        return factor, ()
    joint = types.times(factor)
    if np.any(joint.any(axis=1) < types.weights.any(axis=1)):
        hint = "bring weights, thresholds and biases nearer to each other"
        raise out_of_range(source.population, source.legal.chip, "its threshold or bias dwarfs its weights", hint)
    ends = np.cumsum([w.size // len(joint) for w in source.weights])[:-1]
    parts = np.split(joint, ends, axis=1)
    return factor, tuple(part.reshape(w.shape) for part, w in zip(parts, source.weights, strict=True))


def _room(source: Source, unit: Array, n: Registers) -> Array:
    """The largest factor of each row at which threshold and leak of all its neurons fit."""
    per_unit = 1 / source.form.per_input  # units of v per whole weight, before the factor
    needs = [np.abs(source.form.drive) * per_unit / n.most_leak]
    if source.form.highest is not None:
        needs.append(source.form.highest * per_unit / (n.most_threshold - 1))
    rows = [np.broadcast_to(need, source.population.shape).reshape(len(unit), -1) for need in needs]
    most = np.max(rows, axis=(0, 2))
    return np.asarray(unit / np.maximum(most, 1e-300))


def _by_neuron(rows: NDArray[Number], shape: tuple[int, ...]) -> NDArray[Number]:
    """A number for each row of weights as one for each neuron: rows are the first axes of a population."""
    neurons = int(np.prod(shape))
    return np.repeat(rows, neurons // len(rows)).reshape(shape)


def _like(rows: Array, weights: Array) -> Array:
    """A number for each row, to be multiplied with weights in their own shape."""
    return rows.reshape(weights.shape) if weights.ndim < 2 else rows.reshape(-1, *(1,) * (weights.ndim - 1))


class Leaking(StrEnum):
    """How the leak register counts.

    FREELY: v += leak. TO_ZERO: the same, and no potential is left below 0, which is a negative threshold of 0.
    REVERSING: leak <= 0 goes towards 0 from either side, and not beyond.
    """

    FREELY = "freely"
    TO_ZERO = "to zero"
    REVERSING = "reversing"


@dataclass(frozen=True, slots=True, eq=False)
class IntegerCells:
    """Neurons that fire at their threshold; their potential does not stay below minus the largest threshold.

    `drop` is what a spike subtracts; None: it resets to 0. `by_type` are the weights of the axon types, one for each
    neuron, of which every weight of the network is a sum.
    """

    shape: tuple[int, ...]
    registers: Registers
    threshold: Whole | None
    drop: Whole | None
    leak: Whole
    v_scale: Array
    by_type: tuple[Whole, ...] = ()
    leaking: Leaking = Leaking.FREELY

    def start(self, samples: int, tally: Tally) -> IntegerState:
        return IntegerState(self, tally, np.zeros((samples, *self.shape), np.int64))


@dataclass(slots=True)
class IntegerState:
    """Neurons while they run."""

    cells: IntegerCells
    tally: Tally
    v: Whole

    def step(self, arriving: Array, factor: Array | None = None) -> Sent:
        cells, n = self.cells, self.cells.registers
        half = 1 << (n.state_bits - 1)
        v = self.tally.clipped(self._leaked(self.v + arriving.astype(np.int64)), -half, half - 1, "potential")
        if cells.threshold is None:
            self.v = self.tally.clipped(v, -n.most_threshold, half - 1, "potential")
            return np.asarray(self.v / cells.v_scale)
        fired = v >= (cells.threshold if factor is None else above((cells.threshold - 1) * factor))
        np.copyto(v, 0 if cells.drop is None else v - cells.drop, where=fired)
        if cells.leaking is Leaking.TO_ZERO:
            np.maximum(v, 0, out=v)
        self.v = self.tally.clipped(v, -n.most_threshold, half - 1, "potential")
        return fired

    def _leaked(self, v: Whole) -> Whole:
        leak = self.cells.leak
        if self.cells.leaking is Leaking.REVERSING:
            return np.asarray(np.sign(v) * np.maximum(np.abs(v) + leak, 0))
        return np.asarray(v + leak)
