"""fold-gain: put the gains of neurons into the weights and biases in front of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta

from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import UsageError
from neuedge_nir.network.connect import Conv, Dense, Scale
from neuedge_nir.network.edit import with_remarks
from neuedge_nir.network.model import IF, LI, LIF, CubaLI, CubaLIF, I, Network, Neuron, Population, Projection
from neuedge_nir.rewrite.door import Context
from neuedge_passes.factors import Array, Change, Goal, Weights, flat, product, reweighted, towards


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """What a population's weights and bias are to be multiplied with, and its parameters after that."""

    factor: Array
    bias: Weights | None
    neuron: Neuron


@dataclass(frozen=True, slots=True)
class FoldGain:
    """r and w_in multiply all that arrives at a neuron: they can as well be in its weights and its bias.

    Sound, because r and w_in meet nothing but the sum S of what arrives and the bias: v' = r S, or
    tau v' = (v_leak - v) + r S; and behind a synapse tau_syn I' = -I + w_in S, where r I obeys the same equation with
    the gain r w_in. Thresholds, leak and reset stay as they are. Afterwards r = w_in = 1 (`to=one`); or r = tau / dt
    and w_in = tau_syn / dt, and r = 1 / dt for neurons without tau (`to=step`): an input then moves the membrane by its
    weight, in the timestep of `--dt`; in every other timestep the network still does what it did. Weights are rounded
    once more, in the last bit.

    A population is changed where every projection into it has a Dense, Conv or Scale that takes the gain: per neuron a
    Dense, per channel a Conv or what lies before pools. One that others need as it is, or whose weights would overflow,
    takes none. A population that stays as it was is named in a remark.
    """

    name: ClassVar[str] = "fold-gain"
    summary: ClassVar[str] = "put the gains of neurons into their weights and biases"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    to: Annotated[Literal["one", "step"], Meta(description="the gains afterwards: 1, or tau / dt")] = "one"

    def run(self, network: Network, context: Context) -> Network:
        """The network with gains in its weights; the same network where none is to be moved and none was named."""
        gains = self._gains(network, context)
        after, frozen = reweighted(network, lambda frozen: _changes(network, gains, frozen))
        taken = {name for name in gains if _goals(network, name, gains[name], frozen) is not None}
        if taken:
            populations = (_with(p, gains[p.name]) if p.name in taken else p for p in network.populations)
            after = replace(after, populations=tuple(populations))
        known = {(remark.code, remark.node) for remark in network.diagnostics}
        remarks = [_left(name) for name in gains if name not in taken and ("PASS002", name) not in known]
        return with_remarks(after, *remarks) if remarks else after

    def _gains(self, network: Network, context: Context) -> dict[str, Gain | None]:
        """By population whose gains are not yet what they are to be; None where the bias or a gain would overflow."""
        dt = context.dt if context.dt is not None else network.dt
        if self.to == "step" and dt is None:
            message = "the pass fold-gain needs the length of a timestep for to=step"
            raise UsageError("USE026", message, where="--pass fold-gain:to=step", hint="give it with --dt")
        found = {}
        for population in network.populations:
            wanted = _wanted(population.neuron, dt if self.to == "step" else None)
            held = {name: population.parameters[name] for name in wanted}
            if any(bool((held[name] != wanted[name]).any()) for name in wanted):
                found[population.name] = _gain(population, wanted)
        return found


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _wanted(neuron: Neuron, dt: float | None) -> Mapping[str, Array]:
    """r and w_in as they are to be, for those that the neuron has."""

    def due(tau: Any) -> Array:
        return np.asarray(1.0 if dt is None else np.asarray(tau, np.float64) / dt)

    match neuron:
        case IF() | I():
            return {"r": due(1.0)}
        case LIF(tau=tau) | LI(tau=tau):
            return {"r": due(tau)}
        case CubaLIF(tau_mem=tau, tau_syn=tau_syn) | CubaLI(tau_mem=tau, tau_syn=tau_syn):
            return {"r": due(tau), "w_in": due(tau_syn)}
        case _:
            return {}


def _gain(population: Population, wanted: Mapping[str, Array]) -> Gain | None:
    factor = np.ones(())
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        for name, value in wanted.items():
            factor = factor * np.asarray(population.parameters[name], np.float64) / value
    if not all(np.isfinite(value).all() and value.all() for value in (factor + (factor == 0), *wanted.values())):
        return None
    bias = None if population.bias is None else _biased(population.bias, factor)
    if population.bias is not None and bias is None:
        return None
    neuron = replace(population.neuron, **dict(wanted))  # type: ignore[arg-type]
    return Gain(flat(factor, population.shape), bias, neuron)


def _biased(bias: Weights, factor: Array) -> Weights | None:
    """The bias times the gain, one number for each neuron only where one of them has that."""
    shape = np.broadcast_shapes(bias.shape, factor.shape)
    return product(np.broadcast_to(bias, shape), np.broadcast_to(factor, shape))


def _with(population: Population, gain: Gain | None) -> Population:
    assert gain is not None
    return replace(population, neuron=gain.neuron, bias=gain.bias)


def _changes(network: Network, gains: Mapping[str, Gain | None], frozen: Collection[int]) -> list[Change | None]:
    """By projection: its last weights multiplied, where all projections into the same population can have theirs."""
    found: dict[str, Change] = {}
    for name, gain in gains.items():
        for projection, goal in (_goals(network, name, gain, frozen) or {}).items():
            found[projection] = Change({goal.place: goal.factor})
    return [found.get(projection.name) for projection in network.projections]


def _goals(network: Network, name: str, gain: Gain | None, frozen: Collection[int]) -> dict[str, Goal] | None:
    """By projection into a population: where its gain goes; None where one of them has no place for it."""
    if gain is None:
        return None
    found = {}
    for projection in network.into(name):
        goal = _goal(projection, gain.factor, frozen)
        if goal is None:
            return None
        found[projection.name] = goal
    return found


def _goal(projection: Projection, factor: Array, frozen: Collection[int]) -> Goal | None:
    end = len(projection.chain)
    layer = towards(projection.chain, end, -1, factor, (Dense, Conv), frozen)
    return layer or towards(projection.chain, end, -1, factor, (Scale,), frozen)


def _left(name: str) -> Diagnostic:
    message = "the gains stay in the neurons: a projection has no weights that take them, or shares them with others"
    return Diagnostic("PASS002", Severity.INFO, name, message, "fold-scale or merge-linear before it may help")
