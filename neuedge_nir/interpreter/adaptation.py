"""Thresholds that follow an activity (`network.model.Adaptation`): what they are multiplied with in each timestep.

Before a population of such neurons compares its membrane with the threshold, in step t:

1. m[t], the mean number of spikes: of its sources in this very step, or its own (of all its neurons, or of each for
   itself) in the step before.
2. A[t] = (1 - dt / tau) A[t-1] + dt / tau m[t - late], from A = 0 and m = 0 before the first step.
3. The factor 1 + gain (target - A[t]), held within the bounds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from neuedge_nir.interpreter.dynamics import Dynamics, Sent
from neuedge_nir.interpreter.operators import Array, Signal
from neuedge_nir.network.model import Adaptation, Listening, Network, Population


@dataclass(frozen=True, slots=True, eq=False)
class Ear:
    """The sources that a population listens to, each (T, B, *shape); a loop fills them in as it goes."""

    sources: Sequence[Signal]

    @classmethod
    def of(cls, population: Population, network: Network, sent: Mapping[str, Signal]) -> Ear | None:
        """None for a population that listens to nobody, or to itself."""
        if population.adapts is None or population.adapts.source is not Listening.INPUT:
            return None
        return cls([sent[name] for name in network.heard_by(population)])

    def mean(self, step: int) -> Array:
        """What they send in a step, per neuron, (B,)."""
        now = [signal[step].reshape(signal.shape[1], -1) for signal in self.sources]
        neurons = sum(rows.shape[1] for rows in now)
        total: Array = np.sum([rows.sum(axis=1, dtype=np.float64) for rows in now], axis=0)
        return np.asarray(total / neurons)


class Stepping(Protocol):
    """The neurons of a population while they run. `factors`: what thresholds were multiplied with, (B,) a step."""

    factors: list[Array]

    def step(self, step: int, arriving: Array) -> Sent:
        """The timestep with this number."""


def stepping(population: Population, neurons: Dynamics, samples: int, dt: float, ear: Ear | None) -> Stepping:
    """The neurons of a population, at rest, with a threshold that follows what it should."""
    rule = population.adapts
    if rule is None:
        return Steady(neurons)
    shape = population.shape if rule.source is Listening.NEURON else (1,) * len(population.shape)
    rest = np.zeros((samples, *shape))
    return Following(neurons, rule, dt / rule.tau, ear, rest, deque([rest] * (rule.late + (ear is None))))


@dataclass(slots=True)
class Steady:
    """Neurons whose thresholds stay."""

    neurons: Dynamics
    factors: list[Array] = field(default_factory=list)

    def step(self, step: int, arriving: Array) -> Sent:
        del step
        return self.neurons.step(arriving)


@dataclass(slots=True)
class Following:
    """Neurons whose thresholds follow an activity, (B, 1, ...) or (B, *shape)."""

    neurons: Dynamics
    rule: Adaptation
    rate: float
    """dt / tau"""
    ear: Ear | None
    """None: the population listens to itself."""
    activity: Array
    waiting: deque[Array]
    """Means that have not arrived yet, the oldest first."""
    factors: list[Array] = field(default_factory=list)

    def step(self, step: int, arriving: Array) -> Sent:
        if self.ear is not None:
            self.waiting.append(self.ear.mean(step).reshape(self.activity.shape))
        self.activity = self.activity * (1 - self.rate) + self.rate * self.waiting.popleft()
        factor = self._factor()
        self.factors.append(factor.reshape(len(factor), -1).mean(axis=1))
        sent = self.neurons.step(arriving, factor)
        if self.ear is None:
            self.waiting.append(self._own(np.asarray(sent, np.float64)))
        return sent

    def _factor(self) -> Array:
        factor = 1 + self.rule.gain * (self.rule.target - self.activity)
        low, high = self.rule.low, self.rule.high
        return factor if low is None and high is None else np.clip(factor, low, high)

    def _own(self, sent: Array) -> Array:
        """What it hears of itself in the next step."""
        if self.rule.source is Listening.NEURON:
            return sent
        return np.asarray(sent.reshape(len(sent), -1).mean(axis=1).reshape(self.activity.shape))
