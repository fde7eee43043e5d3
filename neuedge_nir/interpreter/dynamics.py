"""What neurons do in one timestep: forward Euler on NIR's equations, in this order.

1. The synaptic current, where there is one, moves towards what arrives: I += dt / tau_syn (w_in S - I).
2. The membrane moves, with the current of this very step: v += dt / tau ((v_leak - v) + r I), or v += dt r I.
3. A neuron whose v exceeds the threshold (strictly) spikes, and is reset: v = v_reset, or v -= v_threshold.
4. Neurons that do not spike hand on the v of this step.

S is the sum of all that arrives in the step, and the bias. State begins at v = 0 and I = 0. These are NIR's equations
(https://neuroir.org/docs/primitives.html) in the discretisation that reproduces Norse's published trace of a single
LIF spike by spike; tools that decay exponentially fold exp(-dt / tau) into the parameters they write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.interpreter.metrics import Meter
from neuedge_nir.network.model import (
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    FloatArray,
    I,
    Neuron,
    Population,
    ResetMode,
    Threshold,
)

Array = NDArray[np.float64]
Sent = Array | NDArray[np.bool_]


class Dynamics(Protocol):
    """The neurons of one population in a batch of samples; the state is inside."""

    def step(self, arriving: Array) -> Sent:
        """One timestep: what arrives, shape (B, *shape), becomes spikes (0 or 1) or potentials of that shape."""


def dynamics(population: Population, samples: int, dt: float, reset: ResetMode, meter: Meter | None = None) -> Dynamics:
    """The neurons of a population at rest, for so many samples."""
    shape = (samples, *population.shape)
    match population.neuron:
        case Threshold(threshold=threshold):
            return Memoryless(threshold)
        case neuron:
            membrane = _membrane(neuron, shape, dt)
            synapse = _synapse(neuron, shape, dt)
            fire = _firing(neuron, reset)
            return Leaky(membrane, synapse, fire, meter)


@dataclass(frozen=True, slots=True)
class Memoryless:
    """Spikes where the input of this step exceeds the threshold."""

    threshold: FloatArray

    def step(self, arriving: Array) -> Array:
        return (arriving > self.threshold).astype(np.float64)


@dataclass(slots=True)
class Filter:
    """state += rate * (gain * input + offset - keep * state), in place."""

    state: Array
    decay: FloatArray
    gain: FloatArray
    offset: FloatArray | None

    def move(self, arriving: Array) -> Array:
        self.state *= self.decay
        self.state += self.gain * arriving
        if self.offset is not None:
            self.state += self.offset
        return self.state


@dataclass(frozen=True, slots=True)
class Firing:
    """When a membrane spikes and what is left of it then."""

    threshold: FloatArray
    reset: FloatArray
    mode: ResetMode

    def spikes(self, membrane: Array) -> Array:
        fired = membrane > self.threshold
        if self.mode is ResetMode.ZERO:
            np.copyto(membrane, self.reset, where=fired)
        else:
            np.subtract(membrane, self.threshold, out=membrane, where=fired)
        return fired.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Leaky:
    """A membrane, perhaps behind a synapse, that spikes or hands on its potential."""

    membrane: Filter
    synapse: Filter | None
    firing: Firing | None
    meter: Meter | None = None

    def step(self, arriving: Array) -> Array:
        if self.meter is None:
            return self._step(arriving)
        before = self.membrane.state.copy()
        sent = self._step(arriving)
        self.meter.moved(before, self.membrane.state)
        return sent

    def _step(self, arriving: Array) -> Array:
        current = arriving if self.synapse is None else self.synapse.move(arriving)
        membrane = self.membrane.move(current)
        return membrane.copy() if self.firing is None else self.firing.spikes(membrane)


def _membrane(neuron: Neuron, shape: tuple[int, ...], dt: float) -> Filter:
    match neuron:
        case IF(r=r) | I(r=r):
            return Filter(np.zeros(shape), np.ones(()), dt * r, None)
        case LIF(tau=tau, r=r, v_leak=leak) | LI(tau=tau, r=r, v_leak=leak):
            return _leaking(shape, dt / tau, r, leak)
        case CubaLIF(tau_mem=tau, r=r, v_leak=leak) | CubaLI(tau_mem=tau, r=r, v_leak=leak):
            return _leaking(shape, dt / tau, r, leak)
    raise TypeError(f"{type(neuron).__name__} has no membrane")


def _leaking(shape: tuple[int, ...], rate: FloatArray, r: FloatArray, leak: FloatArray) -> Filter:
    return Filter(np.zeros(shape), 1 - rate, rate * r, rate * leak if np.any(leak) else None)


def _synapse(neuron: Neuron, shape: tuple[int, ...], dt: float) -> Filter | None:
    match neuron:
        case CubaLIF(tau_syn=tau, w_in=gain) | CubaLI(tau_syn=tau, w_in=gain):
            return Filter(np.zeros(shape), 1 - dt / tau, dt / tau * gain, None)
    return None


def _firing(neuron: Neuron, reset: ResetMode) -> Firing | None:
    if isinstance(neuron, IF | LIF | CubaLIF):
        return Firing(neuron.v_threshold, neuron.v_reset, reset)
    return None
