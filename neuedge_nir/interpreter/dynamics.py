"""What neurons do in one timestep: forward Euler on NIR's equations, in this order.

1. The synaptic current, where there is one, moves towards what arrives: I += dt / tau_syn (w_in S - I).
2. The membrane moves, with the current of this very step: v += dt / tau ((v_leak - v) + r I), or v += dt r I.
3. A neuron whose v exceeds the threshold (strictly) spikes, and is reset: v = v_reset, or v -= v_threshold.
4. Neurons that do not spike hand on the v of this step.

An IF with a constant leak loses it between steps 2 and 3, and one whose leak does not reverse is not left below 0.

Where the threshold of a population follows an activity, it is multiplied in step 3 with the factor of this timestep
(`interpreter.adaptation`); what is subtracted stays constant.

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

    def step(self, arriving: Array, factor: Array | None = None) -> Sent:
        """One timestep: what arrives, shape (B, *shape), becomes spikes (0 or 1) or potentials of that shape.

        `factor`, broadcastable to (B, *shape), is what thresholds are multiplied with; None: 1.
        """


def dynamics(population: Population, samples: int, dt: float, reset: ResetMode, meter: Meter | None = None) -> Dynamics:
    """The neurons of a population at rest, for so many samples."""
    shape = (samples, *population.shape)
    match population.neuron:
        case Threshold(threshold=threshold):
            return Memoryless(threshold)
        case neuron:
            membrane = _membrane(neuron, shape, dt)
            synapse = _synapse(neuron, shape, dt)
            fire = _firing(population, reset)
            lost = population.leak
            leak = None if lost is None else Loss(dt * lost.amount, lost.reverses)
            return Leaky(membrane, synapse, fire, meter, leak)


@dataclass(frozen=True, slots=True)
class Memoryless:
    """Spikes where the input of this step exceeds the threshold."""

    threshold: FloatArray

    def step(self, arriving: Array, factor: Array | None = None) -> Array:
        threshold = self.threshold if factor is None else self.threshold * factor
        return (arriving > threshold).astype(np.float64)


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
    """When a membrane spikes and what is left of it then: `reset`, or `drop` less."""

    threshold: FloatArray
    drop: FloatArray
    reset: FloatArray
    mode: ResetMode

    def spikes(self, membrane: Array, factor: Array | None) -> Array:
        fired = membrane > (self.threshold if factor is None else self.threshold * factor)
        if self.mode is ResetMode.ZERO:
            np.copyto(membrane, self.reset, where=fired)
        else:
            np.subtract(membrane, self.drop, out=membrane, where=fired)
        return fired.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Loss:
    """A constant leak: `amount` in a step."""

    amount: FloatArray
    reverses: bool

    def take(self, membrane: Array) -> None:
        if self.reverses:
            membrane[...] = np.sign(membrane) * np.maximum(np.abs(membrane) - self.amount, 0.0)
        else:
            membrane -= self.amount

    def settle(self, membrane: Array) -> None:
        if not self.reverses:
            np.maximum(membrane, 0.0, out=membrane)


@dataclass(frozen=True, slots=True)
class Leaky:
    """A membrane, perhaps behind a synapse, that spikes or hands on its potential."""

    membrane: Filter
    synapse: Filter | None
    firing: Firing | None
    meter: Meter | None = None
    leak: Loss | None = None

    def step(self, arriving: Array, factor: Array | None = None) -> Array:
        if self.meter is None:
            return self._step(arriving, factor)
        before = self.membrane.state.copy()
        sent = self._step(arriving, factor)
        self.meter.moved(before, self.membrane.state)
        return sent

    def _step(self, arriving: Array, factor: Array | None) -> Array:
        current = arriving if self.synapse is None else self.synapse.move(arriving)
        membrane = self.membrane.move(current)
        if self.leak is not None and self.firing is not None:
            self.leak.take(membrane)
            sent = self.firing.spikes(membrane, factor)
            self.leak.settle(membrane)
            return sent
        return membrane.copy() if self.firing is None else self.firing.spikes(membrane, factor)


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


def _firing(population: Population, reset: ResetMode) -> Firing | None:
    neuron, rule = population.neuron, population.adapts
    if isinstance(neuron, IF | LIF | CubaLIF):
        drop = neuron.v_threshold if rule is None else neuron.v_threshold * rule.drop
        return Firing(neuron.v_threshold, drop, neuron.v_reset, reset)
    return None
