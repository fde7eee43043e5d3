"""A plan layer by layer: what each population takes, sends, and comes nearest to running out of."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from neuedge_nir.chip.model import Limit, LimitScope
from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.model import Plan, PlanCore, PlanPopulation, PlanSlice
from neuedge_nir.report.use import LayerUse, layer_uses


@dataclass(frozen=True, slots=True)
class Layer:
    """A population or input of a plan.

    `spikes` of all its neurons, `messages` that leave their core and `events` at its synapses, per timestep; `rate` per
    neuron and timestep.
    `shares`: of each limit of a core or chip the largest used / limit among those the layer lies on, others' part
    included. `binds` is the greatest of them. Bits and error are the largest among the projections into it.
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
    held, uses = _held(plan), {use.population.name: use for use in layer_uses(plan)}
    chip_use = chip_uses(plan)
    limits = limits_of(plan)
    return tuple(
        _layer(plan, population, held[population.name], uses.get(population.name), limits, chip_use)
        for population in plan.populations
        if population.model != "Output"
    )


def copy_of(plan: Plan) -> Mapping[str, tuple[str, int]]:
    """Whose copy each population or input is, and which: the second copy of conv1 is conv1@2. The first is number 0."""
    names = {population.name for population in plan.populations}
    if plan.copies is None or plan.copies.count < 2:
        return {name: (name, 0) for name in names}
    found = {}
    for name in names:
        base, mark, number = name.rpartition("@")
        is_copy = bool(mark) and number.isdecimal() and base in names
        found[name] = (base, int(number)) if is_copy else (name, 0)
    return found


def limits_of(plan: Plan) -> tuple[Limit, ...]:
    """The limits that the plan was held against, at the pace that it runs at."""
    return slowed(plan.chip, plan.options.time_scale).limits


def chip_uses(plan: Plan) -> Mapping[tuple[int, str], int]:
    """What all cores of a chip use together, by chip and limit of a chip."""
    shared = [limit.name for limit in plan.chip.limits if limit.scope is LimitScope.CHIP]
    found: dict[tuple[int, str], int] = defaultdict(int)
    for core in plan.cores:
        for name in shared:
            found[core.chip, name] += core.used[name]
    return found


def shares_of(
    core: PlanCore, limits: tuple[Limit, ...], chip_use: Mapping[tuple[int, str], int]
) -> Iterator[tuple[str, float]]:
    """Used / limit of a core by limit; of a limit of chips, what all cores of its chip use. Cores with neurons alone.

    A core that makes or passes on spikes has other limits: those of its chip's way in.
    """
    if core.role in ("neurons", "synapses"):
        for limit in limits:
            used = chip_use[core.chip, limit.name] if limit.scope is LimitScope.CHIP else core.used[limit.name]
            yield limit.name, used / limit.limit.typical


def neurons_of(piece: PlanSlice) -> int:
    """The neurons of a slice."""
    if piece.run is not None:
        return piece.run[1] - piece.run[0]
    return math.prod(stop - start for start, stop in piece.block or ())


def _held(plan: Plan) -> Mapping[str, list[PlanCore]]:
    """The cores of each population, once for every slice."""
    found: dict[str, list[PlanCore]] = defaultdict(list)
    for core in plan.cores:
        for piece in core.slices:
            found[piece.population].append(core)
    return found


def _layer(
    plan: Plan,
    population: PlanPopulation,
    cores: list[PlanCore],
    use: LayerUse | None,
    limits: tuple[Limit, ...],
    chip_use: Mapping[tuple[int, str], int],
) -> Layer:
    shares: dict[str, float] = {}
    for core in cores:
        for name, share in shares_of(core, limits, chip_use):
            shares[name] = max(share, shares.get(name, 0.0))
    into = [p for p in plan.projections if p.target == population.name]
    neurons, rate = math.prod(population.shape), plan.activity.rates[population.name]
    return Layer(
        name=population.name,
        model=population.model,
        shape=population.shape,
        neurons=neurons,
        cores=len({(core.router, core.slot) for core in cores}),
        chips=len({core.chip for core in cores}),
        slices=len(cores),
        lag=population.lag,
        rate=rate,
        spikes=neurons * rate,
        messages=0.0 if use is None else use.messages,
        events=0.0 if use is None else use.synaptic_events,
        shares=shares,
        binds=max(shares, key=lambda name: shares[name], default=None),
        weight_bits=max((p.weight_bits for p in into), default=None),
        weight_error=max((p.weight_error for p in into), default=None),
        relay=population.relay is not None,
    )
