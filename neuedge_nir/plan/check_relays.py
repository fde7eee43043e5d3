"""Relays: each does nothing but repeat its source's spikes or potentials, and stands just where a long way needs it.

With the network, the one that the chip runs is put together from the plan and the model: the model's populations and
the plan's relays, each projection at the source that the plan says, which must be the model's or a relay of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neuedge_nir.network.model import LI, PARAMETERS, SPIKING, Listening, Network, Population, Projection, Signal
from neuedge_nir.plan.check_rules import refuse, same
from neuedge_nir.plan.model import Plan, PlanPopulation, PlanProjection

PATTERN = (1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 1) * 256
"""Spikes that a relay must repeat, whatever each leaves behind in it."""

VALUES = (0.5, -3.25, 0.0, 17.0, -0.0078125, 1024.5, 1.0, -1.0)
"""Potentials that a relay must follow."""

SPIKING_MODELS = frozenset(model.__name__ for model in SPIKING)


def check_relays(plan: Plan) -> None:
    """What follows from the plan alone: sources, shapes, rates, weights of one, neurons that repeat, nothing idle."""
    known = {p.name: p for p in plan.populations}
    root = roots(plan)
    for relay in relays_of(plan):
        where, of = f"relay {relay.name!r}", known[relay.relay.of if relay.relay else ""]
        into = [p for p in plan.projections if p.target == relay.name]
        same("PLAN150", "projections into it", len(into), 1, where)
        for held in into:
            same("PLAN150", "source", held.source, of.name, where)
            told = "spike" if relay.model in SPIKING_MODELS else "graded"
            same("PLAN150", "kind and signal", (held.kind, held.signal), ("one-to-one", told), where)
            same("PLAN150", "weight error", held.weight_error, 0.0, where)
        same("PLAN150", "shape", relay.shape, of.shape, where)
        same("PLAN150", "rate", plan.activity.rates[relay.name], plan.activity.rates[root[relay.name]], where)
        if not any(p.source == relay.name for p in plan.projections):
            refuse("PLAN150", "it feeds nothing", where)
        if (relay.model in SPIKING_MODELS) != (of.model == "Input" or of.model in SPIKING_MODELS):
            refuse("PLAN150", f"{relay.model} neurons do not repeat what {of.model} sends", where)
        _check_repeats(relay, plan, where)


def relays_of(plan: Plan) -> list[PlanPopulation]:
    return [population for population in plan.populations if population.relay is not None]


def roots(plan: Plan) -> Mapping[str, str]:
    """By name of a population or port, whose spikes it sends: its own, or those of what it relays."""
    of = {p.name: p.relay.of for p in plan.populations if p.relay is not None}
    names = {p.name for p in plan.populations if p.model != "Output"}
    found = {}
    for name in names:
        end, steps = name, 0
        while end in of:
            end, steps = of[end], steps + 1
            if end not in names or steps > len(of):
                refuse("PLAN150", f"it repeats {end!r}, which is no source", f"relay {name!r}")
        found[name] = end
    return found


def _check_repeats(relay: PlanPopulation, plan: Plan, where: str) -> None:
    """The neuron is run on a pattern of spikes by the equations of its model."""
    numbers = relay.relay.parameters if relay.relay else {}
    names = {model.__name__: names for model, names in PARAMETERS.items()}.get(relay.model)
    if names is None or sorted(numbers) != sorted(names) or not all(map(math.isfinite, numbers.values())):
        refuse("PLAN150", f"a {relay.model} with the parameters {dict(numbers)}", where)
    if relay.adaptation is not None or relay.encoder is not None:
        refuse("PLAN150", "it adapts or encodes", where)
    if relay.model == "LI":
        _check_follows(numbers, plan, where)
        return
    for dt in (plan.options.dt,) if plan.options.dt else (1e-3, 1.0):
        if _repeated(relay.model, numbers, dt, subtracts=plan.options.reset == "subtract") != list(PATTERN):
            refuse("PLAN150", "its neuron does not repeat each spike once", where)


def _check_follows(numbers: Mapping[str, float], plan: Plan, where: str) -> None:
    """A leaky integrator, by forward Euler: its potential in every step is the value that arrives."""
    v = 0.0
    if not numbers["tau"] > 0:
        refuse("PLAN150", f"its neuron has the time constant {numbers['tau']}", where)
    for value in VALUES:
        v += (plan.options.dt or 0.0) / numbers["tau"] * (numbers["v_leak"] - v + numbers["r"] * value)
        if v != value:
            refuse("PLAN150", f"its neuron has the potential {v} where {value} arrives", where)


def _repeated(model: str, numbers: Mapping[str, float], dt: float, *, subtracts: bool) -> list[int]:
    """What the neuron sends: NIR's equations by forward Euler, a strict comparison, one input of weight 1."""
    found, v = [], 0.0
    for spike in PATTERN:
        match model:
            case "Threshold":
                found.append(int(spike > numbers["threshold"]))
                continue
            case "IF":
                v += dt * numbers["r"] * spike
            case "LIF" if numbers["tau"] > 0:
                v += dt / numbers["tau"] * (numbers["v_leak"] - v + numbers["r"] * spike)
            case _:
                return []
        found.append(int(v > numbers["v_threshold"]))
        if found[-1]:
            v = v - numbers["v_threshold"] if subtracts else numbers["v_reset"]
    return found


def relayed(plan: Plan, network: Network) -> Network:
    """The network that the chip runs: the model's, with the plan's relays in front of what they feed.

    With the plan's lags and delays, `interpreter.retimed.simulate_late` runs it.
    """
    root, made = roots(plan), {relay.name: relay for relay in relays_of(plan)}
    for population in network.populations:
        if population.name in made:
            refuse("PLAN150", "the model has a population of this name", f"relay {population.name!r}")
    held = {p.name: p for p in plan.projections}
    wires = [_moved(wire, held.get(wire.name), root, made) for wire in network.projections]
    links = [
        Projection(p.name, p.source, p.target, made[p.target].shape, made[p.target].shape, signal=_signal(p))
        for p in plan.projections
        if p.target in made
    ]
    order = {population.name: index for index, population in enumerate(plan.populations)}
    neurons = [*network.populations, *(_neurons(relay) for relay in made.values())]
    neurons.sort(key=lambda population: order.get(population.name, -1))
    found = replace(network, populations=tuple(neurons), projections=(*wires, *links))
    for population in network.populations:
        _check_hearing(population, found, root)
    return found


def _signal(held: PlanProjection) -> Signal:
    """What the model calls the signal of a link: a graded spike has a potential."""
    return Signal.ANALOG if held.signal == "graded" else Signal.SPIKE


def _neurons(relay: PlanPopulation) -> Population:
    model = next(model for model in (*SPIKING, LI) if model.__name__ == relay.model)
    numbers = relay.relay.parameters if relay.relay else {}
    return Population(relay.name, model(**{name: np.asarray(value) for name, value in numbers.items()}), relay.shape)


def _moved(
    wire: Projection, held: PlanProjection | None, root: Mapping[str, str], made: Mapping[str, PlanPopulation]
) -> Projection:
    """A projection of the model, from the relay that the plan puts in its source's place, if it does."""
    if held is None or held.source not in made:
        return wire
    same("PLAN150", "the source that a relay repeats", root[held.source], wire.source, f"projection {wire.name!r}")
    return replace(wire, source=held.source)


def _check_hearing(population: Population, network: Network, root: Mapping[str, str]) -> None:
    """A threshold that follows its inputs hears each of them once."""
    if population.adapts is None or population.adapts.source is not Listening.INPUT:
        return
    heard = network.heard_by(population)
    same("PLAN150", "sources that a threshold hears", len({root[name] for name in heard}), len(heard), population.name)
