"""Loihi's arithmetic: decays in parts of 2^12, a current that wraps, a potential that saturates.

As Lava's bit-accurate model has it (`PyLifModelBitAcc`), with the wraps of nengo-loihi's emulator; the chip's file
names both, and says which bits there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuedge_nir.emulation.form import out_of_range
from neuedge_nir.emulation.model import Array, Kept, Quantised, Source
from neuedge_nir.emulation.numbers import Tally, Whole, halved_until, largest_power, times_fraction, whole
from neuedge_nir.interpreter.dynamics import Sent


@dataclass(frozen=True, slots=True)
class Registers:
    """The parameters of the chip's file, in bits."""

    state_bits: int
    input_bits: int
    input_shift: int
    weight_exponent: int
    decay_bits: int
    threshold_bits: int
    threshold_shift: int
    bias_bits: int
    bias_exponent: int

    def v_scale(self, source: Source, scale: float) -> Array:
        """Units of the potential per real unit: an input of one whole weight adds 2^input_shift of them."""
        return np.asarray(scale * 2.0**self.input_shift / source.form.per_input)

    def threshold(self, wanted: Array) -> Whole:
        return whole(wanted / 2.0**self.threshold_shift)

    def bias(self, wanted: Array) -> Whole:
        """The smallest exponent whose mantissa has room."""
        most = (1 << (self.bias_bits - 1)) - 1
        exponent = np.ceil(np.log2(np.maximum(np.abs(wanted) / most, 1.0)))
        return whole(np.rint(wanted / 2.0**exponent) * 2.0**exponent)

    def fit(self, source: Source, scale: float) -> bool:
        """Whether threshold and bias fit their registers at so many whole weights per real one."""
        form, v_scale = source.form, self.v_scale(source, scale)
        most = ((1 << (self.bias_bits - 1)) - 1) << self.bias_exponent
        high = form.threshold is not None and bool(
            np.any(np.rint(form.threshold * v_scale / 2.0**self.threshold_shift) >= 1 << self.threshold_bits)
        )
        return not high and bool(np.all(np.abs(form.drive * v_scale) <= most))


def quantise(source: Source) -> Quantised:
    """Weights, threshold, bias and decays in Loihi's registers.

    The largest weight takes all bits of a mantissa and the largest exponent that the chip's file allows; where the
    threshold or the bias do not fit then, everything is halved until they do.
    """
    n, form = Registers(**source.numbers), source.form
    scale = _scale(source, n)
    weights = tuple(
        _stored(w, scale, legal.stored.step, _most(source), n)
        for w, legal in zip(source.weights, source.incoming, strict=True)
    )
    v_scale, full = n.v_scale(source, scale), 1 << n.decay_bits
    du = whole((np.ones(()) if form.synapse is None else form.synapse) * full)
    dv = whole(form.rate * full)
    threshold = None if form.threshold is None else n.threshold(form.threshold * v_scale) << n.threshold_shift
    bias = n.bias(form.drive * v_scale)
    cells = LoihiCells(source.population.shape, n, full - du, full - dv, threshold, bias, v_scale, source.subtracts)
    kept = Kept(
        tuple(w / scale for w in weights),
        dv / full,
        bias / v_scale,
        None if threshold is None else threshold / v_scale,
        None if form.synapse is None else du / full,
    )
    return Quantised(weights, max((int(np.abs(w).max(initial=0)) for w in weights), default=0), cells, kept)


def _scale(source: Source, n: Registers) -> float:
    """Whole weights per real weight."""
    found = halved_until(lambda scale: n.fit(source, scale), _largest_scale(source, n))
    if found is None or (source.largest and np.rint(source.largest * found) < 1):
        hint = "bring weights, thresholds and biases nearer to each other"
        raise out_of_range(source.population, source.legal.chip, "its threshold or bias dwarfs its weights", hint)
    return found


def _largest_scale(source: Source, n: Registers) -> float:
    """A power of two over the finest step, so that weights which a plan stores exactly are exact."""
    if not source.largest:
        return 2.0**40
    finest = min(legal.stored.step for legal in source.incoming)
    return 2.0 ** largest_power((_most(source) << n.weight_exponent) * finest / source.largest) / finest


def _most(source: Source) -> int:
    """The largest mantissa."""
    return (1 << (source.legal.chip.capabilities.weight_bits.count - 1)) - 1


def _stored(weights: Array, scale: float, step: float, most: int, n: Registers) -> Array:
    """Mantissas times a power of two that the projection shares."""
    exponent = min(max(round(float(np.log2(scale * step))), 0), n.weight_exponent)
    return np.asarray(np.clip(np.rint(weights * (scale / 2.0**exponent)), -most, most) * 2.0**exponent)


@dataclass(frozen=True, slots=True, eq=False)
class LoihiCells:
    """Compartments: what is kept of current and potential in a step, in parts of 2^decay_bits; threshold and bias."""

    shape: tuple[int, ...]
    registers: Registers
    keep_u: Whole
    keep_v: Whole
    threshold: Whole | None
    bias: Whole
    v_scale: Array
    subtracts: bool

    def start(self, samples: int, tally: Tally) -> LoihiState:
        zeros = np.zeros((samples, *self.shape), np.int64)
        filters, leaks = bool(self.keep_u.any()), bool((self.keep_v != 1 << self.registers.decay_bits).any())
        return LoihiState(self, tally, zeros, zeros.copy(), filters, leaks)


@dataclass(slots=True)
class LoihiState:
    """Compartments while they run."""

    cells: LoihiCells
    tally: Tally
    u: Whole
    v: Whole
    filters: bool
    """Whether any current outlives its step."""
    leaks: bool

    def step(self, arriving: Array) -> Sent:
        cells, n = self.cells, self.cells.registers
        new = self.tally.wrapped(arriving.astype(np.int64), n.input_bits, "input") << n.input_shift
        if self.filters:
            new += times_fraction(self.u, cells.keep_u, n.decay_bits)
        self.u = self.tally.wrapped(new, n.state_bits, "current")
        v = times_fraction(self.v, cells.keep_v, n.decay_bits) if self.leaks else self.v
        most = (1 << (n.state_bits - 1)) - 1
        self.v = self.tally.clipped(v + self.u + cells.bias, -most, most, "potential")
        if cells.threshold is None:
            return np.asarray(self.v / cells.v_scale)
        fired = self.v > cells.threshold
        np.copyto(self.v, self.v - cells.threshold if cells.subtracts else 0, where=fired)
        return fired
