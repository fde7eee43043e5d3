"""What each population uses of every limit, which limit binds, and what its events take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from neuedge_nir.chip.model import Chip, RoutingKind
from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.model import Plan, PlanPopulation
from neuedge_nir.report.core_use import CoreUse, binding, core_uses, limits_of, neurons_of
from neuedge_nir.report.figure import Figure, Given, count, derived, priced
from neuedge_nir.report.figures_energy import UPDATES
from neuedge_nir.report.figures_traffic import by_activity
from neuedge_nir.report.layer_ways import Way, ways_by_population


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


def layer_uses(plan: Plan) -> list[LayerUse]:
    """All populations with cores, in the order of the plan; inputs that take cores are among them."""
    uses = core_uses(plan)
    neurons = [sum(map(neurons_of, core.slices)) for core in plan.cores]
    own: dict[str, dict[int, int]] = {}
    for index, core in enumerate(plan.cores):
        for piece in core.slices:
            held = own.setdefault(piece.population, {})
            held[index] = held.get(index, 0) + neurons_of(piece)
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
        *binding(fullest, limits_of(plan)),
        plan.cost.events_into.get(population.name, 0.0),
        math.prod(population.shape) * rate if population.model != "Input" else 0.0,
        slots,
        sent,
        Way(),
    )


def _messages(plan: Plan) -> dict[str, float]:
    """Messages to other cores per step, by the population that sends them."""
    found: dict[str, float] = {}
    multicast = plan.chip.topology.routing is RoutingKind.MULTICAST
    for route in plan.routes:
        piece = plan.cores[route.core].slices[route.slice]
        name, size = piece.population, neurons_of(piece)
        many = sum(size if multicast else n for target, n in route.targets if target != route.core)
        found[name] = found.get(name, 0.0) + many * plan.activity.rates[name]
    return found


def first_layers(plan: Plan) -> list[LayerUse]:
    """Those of the first copy, where there are several: the others are as it."""
    copies = copies_among([p.name for p in plan.populations], plan)
    return [layer for layer in layer_uses(plan) if layer.population.name not in copies]


def copies_among(names: Iterable[str], plan: Plan) -> frozenset[str]:
    """The names of what belongs to a copy behind the first."""
    return frozenset(name for name, (_, number) in copy_of(names, plan).items() if number)


def copy_of(names: Iterable[str], plan: Plan) -> Mapping[str, tuple[str, int]]:
    """Whose copy each of these is, and which: the second copy of conv1 is conv1@2. The first is number 0."""
    known = set(names)
    if plan.copies is None or plan.copies.count < 2:
        return {name: (name, 0) for name in known}
    parts = {name: name.rpartition("@") for name in known}
    return {
        name: (base, int(number)) if number.isdecimal() and base in known else (name, 0)
        for name, (base, _, number) in parts.items()
    }


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
