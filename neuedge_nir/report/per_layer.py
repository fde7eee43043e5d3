"""A plan layer by layer: what each population takes, sends, and comes nearest to running out of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from neuedge_nir.plan.model import Plan, PlanPopulation
from neuedge_nir.report.use import LayerUse, layer_uses


@dataclass(frozen=True, slots=True)
class Layer:
    """A population or input of a plan.

    `spikes` of all its neurons, `messages` that leave their core and `events` at its synapses, per timestep; `rate` per
    neuron and timestep.
    `shares`: of each limit of a core or chip the largest used / limit among those the layer lies on, others' part
    included. `binds`: the one that binds, as `core_use.binding` has it. Bits and error are the largest among the
    projections into it.
    """

    name: str
    model: str
    shape: tuple[int, ...]
    neurons: int
    cores: int
    chips: int
    slices: int
    lag: int
    rate: float
    spikes: float
    messages: float
    events: float
    shares: Mapping[str, float]
    binds: str | None
    weight_bits: int | None
    weight_error: float | None
    relay: bool

    @property
    def share(self) -> float | None:
        """Used / limit of what binds."""
        return None if self.binds is None else self.shares[self.binds]


def layers_of(plan: Plan) -> tuple[Layer, ...]:
    """Every population and input, in the order of the plan; ports that are only read are none."""
    slices = Counter(piece.population for core in plan.cores for piece in core.slices)
    uses = {use.population.name: use for use in layer_uses(plan)}
    return tuple(
        _layer(plan, population, slices[population.name], uses.get(population.name))
        for population in plan.populations
        if population.model != "Output"
    )


def _layer(plan: Plan, population: PlanPopulation, slices: int, use: LayerUse | None) -> Layer:
    into = [p for p in plan.projections if p.target == population.name]
    neurons, rate = math.prod(population.shape), plan.activity.rates[population.name]
    cores = () if use is None else use.cores
    return Layer(
        name=population.name,
        model=population.model,
        shape=population.shape,
        neurons=neurons,
        cores=len(cores),
        chips=len({plan.cores[index].chip for index in cores}),
        slices=slices,
        lag=population.lag,
        rate=rate,
        spikes=neurons * rate,
        messages=0.0 if use is None else use.messages,
        events=0.0 if use is None else use.synaptic_events,
        shares={} if use is None else {name: used / most for name, (used, most) in use.used.items()},
        binds=None if use is None else use.binds,
        weight_bits=max((p.weight_bits for p in into), default=None),
        weight_error=max((p.weight_error for p in into), default=None),
        relay=population.relay is not None,
    )
