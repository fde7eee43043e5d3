"""What each population and each core uses of every limit, which limit binds, and what a population's events take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from neuedge_nir.chip.model import Chip, Limit, LimitScope
from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.model import Plan, PlanCore, PlanPopulation
from neuedge_nir.report.figure import Figure, Given, count, derived, priced
from neuedge_nir.report.figures_energy import UPDATES
from neuedge_nir.report.figures_traffic import by_activity
from neuedge_nir.report.layer_ways import Way, size_of, ways_by_population


@dataclass(frozen=True, slots=True)
class CoreUse:
    """What a core uses of each of its limits, as (used, available), and the limit of which it uses most."""

    core: int
    used: Mapping[str, tuple[int, float]]
    binds: str | None
    share: float | None


@dataclass(frozen=True, slots=True)
class LayerUse:
    """A population on its cores: the fullest of them limit by limit, the limit that binds, and events per step.

    `slots`: updates of its neurons, with their copies or compartments; a core's are dealt by neurons. `messages` to
    other cores, and the `way` that these take.
    """

    population: PlanPopulation
    cores: tuple[int, ...]
    used: Mapping[str, tuple[int, float]]
    binds: str | None
    share: float | None
    synaptic_events: float
    spikes: float
    slots: float
    messages: float
    way: Way


def core_uses(plan: Plan) -> list[CoreUse]:
    """All cores with their limits, in the order of the plan; of a limit of chips, what all cores of its chip use.

    Cores that make spikes or pass them on have other limits, those of their way in: none is told.
    """
    limits = slowed(plan.chip, plan.options.time_scale).limits
    shared = [limit.name for limit in limits if limit.scope is LimitScope.CHIP]
    chips: Counter[tuple[int, str]] = Counter()
    for core in plan.cores:
        chips.update({(core.chip, name): core.used[name] for name in shared})
    return [_core_use(index, core, limits, chips) for index, core in enumerate(plan.cores)]


def _core_use(index: int, core: PlanCore, limits: Sequence[Limit], chips: Mapping[tuple[int, str], int]) -> CoreUse:
    own = core.role in ("neurons", "synapses")
    used = {
        limit.name: (chips.get((core.chip, limit.name), core.used[limit.name]), limit.limit.typical)
        for limit in limits
        if own
    }
    return CoreUse(index, used, *_binding(used))


def _binding(used: Mapping[str, tuple[int, float]]) -> tuple[str | None, float | None]:
    shares = {name: many / most for name, (many, most) in used.items()}
    binds = max(shares, key=lambda name: shares[name], default=None)
    return binds, None if binds is None else shares[binds]


def layer_uses(plan: Plan) -> list[LayerUse]:
    """All populations with cores, in the order of the plan; inputs that take cores are among them."""
    uses = core_uses(plan)
    neurons = [sum(map(size_of, core.slices)) for core in plan.cores]
    own: dict[str, dict[int, int]] = {}
    for index, core in enumerate(plan.cores):
        for piece in core.slices:
            held = own.setdefault(piece.population, {})
            held[index] = held.get(index, 0) + size_of(piece)
    sent, ways = _messages(plan), ways_by_population(plan)
    return [
        replace(
            _layer(plan, population, own[population.name], uses, neurons, sent.get(population.name, 0.0)),
            way=ways.get(population.name, Way()),
        )
        for population in plan.populations
        if population.name in own
    ]


def _layer(
    plan: Plan, population: PlanPopulation, own: Mapping[int, int], uses: list[CoreUse], neurons: list[int], sent: float
) -> LayerUse:
    fullest = {
        name: (max(uses[index].used[name][0] for index in own), most) for name, (_, most) in uses[min(own)].used.items()
    }
    slots = sum(plan.cost.cores[index].neuron_updates * many / neurons[index] for index, many in own.items())
    rate = plan.activity.rates[population.name]
    return LayerUse(
        population,
        tuple(sorted(own)),
        fullest,
        *_binding(fullest),
        plan.cost.events_into.get(population.name, 0.0),
        math.prod(population.shape) * rate if population.model != "Input" else 0.0,
        slots,
        sent,
        Way(),
    )


def _messages(plan: Plan) -> dict[str, float]:
    """Messages to other cores per step, by the population that sends them."""
    found: dict[str, float] = {}
    for route in plan.routes:
        name = plan.cores[route.core].slices[route.slice].population
        many = sum(n for target, n in route.targets if target != route.core)
        found[name] = found.get(name, 0.0) + many * plan.activity.rates[name]
    return found


def first_layers(plan: Plan) -> list[LayerUse]:
    """Those of the first copy, where there are several: the others are as it."""
    copies = copies_among([p.name for p in plan.populations], plan)
    return [layer for layer in layer_uses(plan) if layer.population.name not in copies]


def copies_among(names: Iterable[str], plan: Plan) -> frozenset[str]:
    """The names of what belongs to a copy behind the first."""
    if plan.copies is None or plan.copies.count == 1:
        return frozenset()
    known = set(names)
    parts = {name: name.rpartition("@") for name in known}
    return frozenset(name for name, (base, _, number) in parts.items() if number.isdecimal() and base in known)


# --- as figures


def layer_figures(plan: Plan) -> Iterator[Figure]:
    """What is told of each population on its cores and of its events."""
    chip = slowed(plan.chip, plan.options.time_scale)
    for layer in first_layers(plan):
        yield from _use_figures(layer, chip)
        yield from _event_figures(plan, layer)


def _use_figures(layer: LayerUse, chip: Chip) -> Iterator[Figure]:
    where, name = f"populations.{layer.population.name}", layer.population.name
    for limit, (used, most) in layer.used.items():
        unit = next(each.limit.unit for each in chip.limits if each.name == limit)
        many = count("used", used, unit, "of the fullest of its cores, with whatever else is on it")
        of = priced("limit", next(each.limit for each in chip.limits if each.name == limit))
        yield derived(f"{where}.used.{limit}", f"{limit} of the fullest core of {name}", unit, used, "used", [many])
        share = used / most
        titled = f"share of {limit} that the fullest core of {name} uses"
        yield derived(f"{where}.share.{limit}", titled, "", share, "used / limit", [many, of])


def amounts_of(plan: Plan, layer: LayerUse) -> dict[str, Given]:
    """What a layer does in a step, by kind of event."""
    name = layer.population.name
    found = {
        "synaptic_events": (layer.synaptic_events, f"into {name}"),
        "spikes": (layer.spikes, f"of {name}"),
        "messages": (layer.messages, f"of {name} to other cores"),
        "hops": (layer.way.hops, f"of messages of {name} over links"),
        "crossings": (layer.way.crossings, f"of messages of {name} from chip to chip"),
    }
    rated = {kind: by_activity(plan, count(kind, value, "", note)) for kind, (value, note) in found.items()}
    return {**rated, UPDATES: count(UPDATES, layer.slots, "", f"of {name}: a core's are dealt by its neurons")}


def _event_figures(plan: Plan, layer: LayerUse) -> Iterator[Figure]:
    for kind, given in amounts_of(plan, layer).items():
        path, title = f"populations.{layer.population.name}.{kind}", f"{kind.replace('_', ' ')} {given.note} in a step"
        yield derived(path, title, "", given.typical, "count", [replace(given, name="count")])
