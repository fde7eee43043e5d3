"""Networks by the definition of everything in them: a matrix for each operator, a loop over timesteps, no shortcuts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.network.connect import Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.model import Network, Population, Projection, ResetMode
from tests.test_count import flat, taps

Array = NDArray[np.float64]
ByDelay = Mapping[int, Array]
"""Matrices (targets, sources) by how many timesteps later they act."""


def matrix(operator: Operator) -> Array:
    """The operator as a matrix on row-major signals."""
    if isinstance(operator, Dense) and operator.weight.ndim > 2:
        blocks = operator.weight.reshape(-1, *operator.weight.shape[-2:])
        whole = np.zeros((math.prod(operator.output_shape), math.prod(operator.input_shape)))
        for index, block in enumerate(blocks):
            rows, columns = block.shape
            whole[index * rows : (index + 1) * rows, index * columns : (index + 1) * columns] = block
        return whole
    found = np.zeros((math.prod(operator.output_shape), math.prod(operator.input_shape)))
    for source, target, weight in taps(operator):
        found[flat(target, operator.output_shape), flat(source, operator.input_shape)] += _value(operator, weight)
    return found


def _value(operator: Operator, weight: Any) -> float:
    match operator:
        case Pool(factor=factor):
            return factor
        case Scale(factor=values):
            return float(values[weight])
        case _:
            return float(operator.weight[weight])  # type: ignore[union-attr]


def connections(projection: Projection, dt: float) -> ByDelay:
    """Everything between source and target."""
    found: dict[int, Array] = {projection.steps: np.eye(math.prod(projection.source_shape))}
    for operator in projection.chain:
        if isinstance(operator, Delay):
            found = _later(found, operator, dt)
        else:
            found = {steps: matrix(operator) @ before for steps, before in found.items()}
    return found


def _later(found: ByDelay, operator: Delay, dt: float) -> dict[int, Array]:
    late: dict[int, Array] = {}
    delays = np.broadcast_to(operator.delay, operator.shape).ravel()
    for steps, before in found.items():
        for row, delay in enumerate(delays):
            then = steps + round(float(delay) / dt)
            late.setdefault(then, np.zeros_like(before))[row] = before[row]
    return late


def outputs(network: Network, spikes: Mapping[str, Array], dt: float, reset: ResetMode) -> dict[str, Array]:
    """What every population and output sends, (steps, elements), for one sample: (steps, elements) by input."""
    steps = len(next(iter(spikes.values())))
    sent = {name: values.reshape(steps, -1).astype(float) for name, values in spikes.items()}
    ends = {p.name: p.neurons for p in network.populations} | {p.name: p.neurons for p in network.outputs}
    sent |= {name: np.zeros((steps, neurons)) for name, neurons in ends.items()}
    ways = {p.name: [(w.source, connections(w, dt)) for w in network.into(p.name)] for p in network.populations}
    ways |= {p.name: [(w.source, connections(w, dt)) for w in network.into(p.name)] for p in network.outputs}
    cells = {p.name: Cells(p, dt, reset) for p in network.populations}
    rules = {p.name: Rule(p, network, dt) for p in network.populations if p.adapts}
    for step in range(steps):
        for name in (*cells, *(port.name for port in network.outputs)):
            total = np.zeros(ends[name])
            for source, matrices in ways[name]:
                for delay, weights in matrices.items():
                    if step >= delay:
                        total += weights @ sent[source][step - delay]
            factors = rules[name].at(step, sent) if name in rules else np.ones(ends[name])
            sent[name][step] = cells[name].step(total, factors) if name in cells else total
    return sent


class Rule:
    """What the thresholds of a population are multiplied with, after Eq. 11, with all that was heard at hand."""

    def __init__(self, population: Population, network: Network, dt: float) -> None:
        assert population.adaptation is not None
        self.rule, self.dt, self.population = population.adaptation, dt, population
        self.sources = {w.source for w in network.into(population.name) if w.steps == 0}

    def heard(self, step: int, sent: Mapping[str, Any]) -> Array:
        """m[t]: for each neuron what it listens to."""
        neurons = self.population.neurons
        if self.rule.source != "input":
            own = np.asarray(sent[self.population.name][step - 1] if step > 0 else np.zeros(neurons), float)
            return own if self.rule.source == "neuron" else np.full(neurons, own.mean())
        now = np.concatenate([np.asarray(sent[name][step], float) for name in sorted(self.sources)])
        return np.full(neurons, now.sum() / len(now))

    def at(self, step: int, sent: Mapping[str, Any]) -> Array:
        """The factor of each neuron: A summed up over all steps before, then Eq. 11, then the bounds."""
        keep = 1 - self.dt / self.rule.tau
        activity = np.zeros(self.population.neurons)
        for then in range(step - self.rule.late + 1):
            activity = keep * activity + (1 - keep) * self.heard(then, sent)
        gamma = -self.rule.gamma if self.rule.homeostatic else self.rule.gamma
        factors = 1 + gamma * (self.rule.target - activity)
        low, high = self.rule.low, self.rule.high
        return np.array(
            [min(max(f, -np.inf if low is None else low), np.inf if high is None else high) for f in factors]
        )


class Cells:
    """The neurons of a population, one after the other, as NIR's equations say."""

    def __init__(self, population: Population, dt: float, reset: ResetMode) -> None:
        self.model, self.dt, self.reset = population.model, dt, reset
        self.v = [0.0] * population.neurons
        self.i = [0.0] * population.neurons
        whole = {key: np.broadcast_to(value, population.shape).ravel() for key, value in population.parameters.items()}
        self.parameters = [{key: float(value[n]) for key, value in whole.items()} for n in range(population.neurons)]
        bias = np.zeros(()) if population.bias is None else population.bias
        self.bias = np.broadcast_to(bias, population.shape).ravel()
        rule, self.drop = population.adapts, 1.0
        if rule is not None and rule.raised:
            self.drop = 1 + (-rule.gamma if rule.homeostatic else rule.gamma) * rule.target

    def step(self, arriving: Array, factors: Array) -> Array:
        return np.array([self._cell(n, float(value), factors[n]) for n, value in enumerate(arriving + self.bias)])

    def _cell(self, n: int, s: float, factor: float) -> float:
        p, dt = self.parameters[n], self.dt
        if self.model == "Threshold":
            return float(s > p["threshold"])
        if "tau_syn" in p:
            self.i[n] += dt / p["tau_syn"] * (p["w_in"] * s - self.i[n])
            s = self.i[n]
        if self.model in ("IF", "I"):
            self.v[n] += dt * p["r"] * s
        else:
            tau = p["tau_mem"] if "tau_mem" in p else p["tau"]
            self.v[n] += dt / tau * ((p["v_leak"] - self.v[n]) + p["r"] * s)
        if "v_threshold" not in p:
            return self.v[n]
        if self.v[n] <= p["v_threshold"] * factor:
            return 0.0
        subtracts = self.reset is not ResetMode.ZERO
        self.v[n] = self.v[n] - p["v_threshold"] * self.drop if subtracts else p["v_reset"]
        return 1.0
