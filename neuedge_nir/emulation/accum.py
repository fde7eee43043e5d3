"""SpiNNaker's arithmetic: accum (s16.15), sums of 16-bit weights by sign, products rounded.

As sPyNNaker's LIF has it, in closed form: v = a - e * (a - v). See the source in the chip's file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neuedge_nir.emulation.chains import carrying
from neuedge_nir.emulation.form import out_of_range
from neuedge_nir.emulation.model import Array, Kept, Quantised, Source
from neuedge_nir.emulation.numbers import Tally, Whole, floored, whole
from neuedge_nir.interpreter.dynamics import Sent
from neuedge_nir.interpreter.operators import applied
from neuedge_nir.network.connect import Delay

APART = 26
"""A carrier holds a negative weight times 2^26: one sum of products then gives the sums of both signs, exactly."""
HEADROOM = 8
"""Bits of the state above the largest input of a step, for what a neuron gathers over the steps."""


@dataclass(frozen=True, slots=True)
class Registers:
    """The parameters of the chip's file, in bits."""

    state_bits: int
    fraction_bits: int
    input_bits: int
    decay_bits: int

    @property
    def most(self) -> int:
        return (1 << (self.state_bits - 1)) - 1


def quantise(source: Source) -> Quantised:
    """Weights on a binary grid, so coarse that no sum of one sign can overflow; the state some bits finer.

    Where threshold or bias do not fit the state, first those bits are given up, then bits of the weights.
    """
    n, form = Registers(**source.numbers), source.form
    leaky = bool(np.any(form.rate))
    gain = form.per_input / form.rate if leaky else form.per_input
    drive = form.drive / form.rate if leaky else form.drive
    step, shift = _grid(source, form.threshold, gain, drive, n)
    weights = tuple(np.rint(w / step) for w in source.weights)
    v_scale = np.asarray(2.0**shift / step / gain)
    keep = whole((1 - form.rate) * 2.0**n.fraction_bits)
    keep_i = None if form.synapse is None else _decay(form.synapse, n)
    threshold = None if form.threshold is None else floored(form.threshold * v_scale).astype(np.int64) + 1
    offset = whole(drive * v_scale)
    shape = source.population.shape
    cells = AccumCells(shape, n, shift, keep if leaky else None, keep_i, threshold, offset, v_scale, source.subtracts)
    kept = Kept(
        tuple(w * step for w in weights),
        1 - keep / 2.0**n.fraction_bits,
        offset / v_scale * (form.rate if leaky else 1.0),
        None if threshold is None else (threshold - 1) / v_scale,
        None if keep_i is None else 1 - keep_i / 2.0**n.decay_bits,
    )
    carriers = tuple(np.where(w < 0, -w * 2.0**APART, w) for w in weights)
    return Quantised(carriers, max((int(np.abs(w).max(initial=0)) for w in weights), default=0), cells, kept)


def _decay(synapse: Array, n: Registers) -> Whole:
    return np.minimum(whole((1 - synapse) * 2.0**n.decay_bits), (1 << n.decay_bits) - 1)


def _grid(source: Source, threshold: Array | None, gain: Array, drive: Array, n: Registers) -> tuple[float, int]:
    """The real value of one unit of the weights, a power of two, and the bits that the state is finer."""
    needs = float(np.abs(drive / gain).max(initial=0.0))
    if threshold is not None:
        needs = max(needs, float((threshold / gain).max(initial=0.0)))
    step = _finest_step(source, n)
    finer = max(n.state_bits - 1 - HEADROOM - n.input_bits, 0)
    for shift in range(finer, -1, -1):
        if needs * 2.0**shift / step < n.most // 2:
            return step, shift
    step = 2.0 ** math.ceil(math.log2(needs / (n.most // 2)))
    if source.largest and np.rint(source.largest / step) < 1:
        hint = "bring weights, thresholds and biases nearer to each other"
        raise out_of_range(source.population, source.legal.chip, "its threshold or bias dwarfs its weights", hint)
    return step, 0


def _finest_step(source: Source, n: Registers) -> float:
    """The finest grid on which no sum of weights overflows, before rounding and after."""
    top, most = _largest_sums(source, source.weights), (1 << n.input_bits) - 1
    step = 2.0 ** math.ceil(math.log2(top / most) - 1e-12) if top else 2.0**-n.fraction_bits
    while _largest_sums(source, tuple(np.rint(w / step) for w in source.weights)) > most:
        step *= 2
    return step


def _largest_sums(source: Source, weights: tuple[Array, ...]) -> float:
    """The most that can arrive at a neuron in one step with one sign, if every source spikes."""
    most = 0.0
    for sign in (1, -1):
        total = np.zeros(source.population.shape)
        for legal, weight in zip(source.incoming, weights, strict=True):
            projection = carrying(legal.projection, np.maximum(sign * weight, 0))
            signal: Array = np.ones((1, *projection.source_shape))
            for operator in projection.chain:
                signal = signal if isinstance(operator, Delay) else applied(operator, signal)
            total += signal.reshape(total.shape)
        most = max(most, float(total.max(initial=0.0)))
    return most


@dataclass(frozen=True, slots=True, eq=False)
class AccumCells:
    """Neurons in fixed point. `keep` is None for an integrator, `keep_i` where there is no synaptic filter."""

    shape: tuple[int, ...]
    registers: Registers
    shift: int
    keep: Whole | None
    keep_i: Whole | None
    threshold: Whole | None
    offset: Whole
    v_scale: Array
    subtracts: bool

    def start(self, samples: int, tally: Tally) -> AccumState:
        zeros = np.zeros((samples, *self.shape), np.int64)
        return AccumState(self, tally, zeros, zeros.copy(), zeros.copy())


@dataclass(slots=True)
class AccumState:
    """Neurons while they run: currents of both signs, and the potential."""

    cells: AccumCells
    tally: Tally
    excitatory: Whole
    inhibitory: Whole
    v: Whole

    def step(self, arriving: Array) -> Sent:
        cells = self.cells
        self._receive(arriving.astype(np.int64))
        target = self._wrapped(self.excitatory - self.inhibitory + cells.offset, "input")
        self.v = self._moved(target)
        if cells.threshold is None:
            return np.asarray(self.v / cells.v_scale)
        fired = self.v >= cells.threshold
        np.copyto(self.v, self.v - cells.threshold if cells.subtracts else 0, where=fired)
        return fired

    def _receive(self, carried: Whole) -> None:
        shift = self.cells.shift
        new = (carried & ((1 << APART) - 1)) << shift, (carried >> APART) << shift
        self.excitatory = self._filtered(self.excitatory, new[0])
        self.inhibitory = self._filtered(self.inhibitory, new[1])

    def _filtered(self, current: Whole, new: Whole) -> Whole:
        if self.cells.keep_i is None:
            return new
        decayed = (current * self.cells.keep_i) >> self.cells.registers.decay_bits
        return self._wrapped(decayed + new, "current")

    def _moved(self, target: Whole) -> Whole:
        """Towards the target; an integrator by it."""
        n, keep = self.cells.registers, self.cells.keep
        if keep is None:
            return self._wrapped(self.v + target, "potential")
        half = 1 << (n.fraction_bits - 1)
        product = (self._wrapped(target - self.v, "difference") * keep + half) >> n.fraction_bits
        return self._wrapped(target - product, "potential")

    def _wrapped(self, values: Whole, what: str) -> Whole:
        return self.tally.wrapped(values, self.cells.registers.state_bits, what)
