"""Kinds of damage to a plan, each at random by a seeded generator; None where a plan has nothing of the kind.

A damaged plan has the types of a plan, as a file of one has. What `tests.plan_meaning` calls the same is no damage.
Not damaged is what no checker can know, for it is nowhere else: names and versions of tools and models, remarks and
other texts for readers, what a user asked for where the plan keeps it all the same (which seed, which effort, a cap
of more neurons), the chip itself, and that a packing is proved the least where the universal bound does not say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from neuedge_nir.constraints.model import Core, Dead, Pin
from neuedge_nir.plan.model import Plan, PlanProjection
from tests import damage_cores as cores
from tests import damage_routes as routes
from tests.damage import Mutation, each, less_or_more, numbers, other, texts
from tests.test_verify import changed


def mutant(kind: str, plan: Plan, seed: int) -> Plan | None:
    """The plan with one damage of a kind: the same for the same seed."""
    return KINDS[kind](plan, Random(f"{kind} {seed}"))


# --- Populations and projections


def shape_changed(plan: Plan, rng: Random) -> Plan | None:
    """A population is longer or shorter along an axis, has one axis more, or that of another."""
    at = rng.randrange(len(plan.populations))
    shape = plan.populations[at].shape
    axis = rng.randrange(len(shape))
    shapes = [(*shape[:axis], shape[axis] + by, *shape[axis + 1 :]) for by in (-1, 1)]
    shapes += [(*shape, 1), *{p.shape for p in plan.populations if p.shape != shape}]
    return changed(plan, ("populations", at, "shape"), lambda _: rng.choice(shapes))  # type: ignore[no-any-return]


def named_otherwise(plan: Plan, rng: Random) -> Plan | None:
    """A population has the name or the model of another, or nobody's."""
    return texts("populations", rng.choice(["name", "model"]))(plan, rng)


def populations_less_or_more(plan: Plan, rng: Random) -> Plan | None:
    return replace(plan, populations=less_or_more(plan.populations, rng))


def projections_less_or_more(plan: Plan, rng: Random) -> Plan | None:
    return replace(plan, projections=less_or_more(plan.projections, rng))


def _projection(plan: Plan, rng: Random) -> tuple[int, PlanProjection]:
    return rng.choice(list(enumerate(plan.projections)))


def ends_changed(plan: Plan, rng: Random) -> Plan | None:
    """A projection has another source, target, kind or signal, or both ends exchanged."""
    if rng.random() < 0.2:
        at, held = _projection(plan, rng)
        return changed(plan, ("projections", at), lambda p: replace(p, source=held.target, target=held.source))  # type: ignore[no-any-return]
    name = rng.choice(["source", "target", "kind", "signal"])
    return texts("projections", name)(plan, rng)


def form_changed(plan: Plan, rng: Random) -> Plan | None:
    """What is told of a projection's synapse format or axons."""
    found = [(at, name) for at, p in enumerate(plan.projections) for name in ("format", "axons") if getattr(p, name)]
    if not found:
        return None
    at, name = rng.choice(found)
    held = getattr(plan.projections[at], name)
    if rng.random() < 0.2:
        return changed(plan, ("projections", at, name), lambda _: None)  # type: ignore[no-any-return]
    field = rng.choice(sorted(held.__slots__))
    value = getattr(held, field)
    new = rng.choice(["dense", "sparse", "mixed", "shared", "nothing"]) if isinstance(value, str) else other(value, rng)
    return changed(plan, ("projections", at, name, field), lambda _: new)  # type: ignore[no-any-return]


def relay_changed(plan: Plan, rng: Random) -> Plan | None:
    """A relay repeats another source, splits or does not, has other stages or a neuron that repeats nothing."""
    those = [at for at, p in enumerate(plan.populations) if p.relay is not None]
    if not those:
        return None
    path = ("populations", rng.choice(those), "relay")
    match rng.randrange(5):
        case 0:
            name = rng.choice([*(p.name for p in plan.populations), "nobody"])
            return changed(plan, (*path, "of"), lambda _: name)  # type: ignore[no-any-return]
        case 1:
            return changed(plan, (*path, "splits"), lambda splits: not splits)  # type: ignore[no-any-return]
        case 2:
            return changed(plan, (*path, "stages"), lambda stages: other(stages, rng))  # type: ignore[no-any-return]
        case 3:
            return changed(plan, (*path, "parameters"), _silent)  # type: ignore[no-any-return]
    return changed(plan, path, lambda _: None)  # type: ignore[no-any-return]


def _silent(parameters: Mapping[str, float]) -> Mapping[str, float]:
    """A neuron that nothing brings to its threshold, or to what arrives."""
    return {name: value if name == "v_reset" else 1e9 for name, value in parameters.items()} | {"r": -1.0}


# --- The whole


def rate_changed(plan: Plan, rng: Random) -> Plan | None:
    """Another activity of one population, none, or of one that is not there."""
    rates = plan.activity.rates
    name = rng.choice(sorted(rates))
    match rng.randrange(6):
        case 0:
            new = {key: rate for key, rate in rates.items() if key != name}
        case 1:
            new = {**rates, "nobody": 0.5}
        case _:
            new = {**rates, name: rng.choice([rates[name] * 1.001, rates[name] + 0.1, -rates[name], float("nan")])}
    return replace(plan, activity=replace(plan.activity, rates=new))


def bound_changed(plan: Plan, rng: Random) -> Plan | None:
    """A bound is another, or of another limit, or of tiles."""
    limits = [limit.name for limit in plan.chip.limits] + ["magic"]
    mapping = plan.mapping
    new: Mapping[str, Any] = rng.choice(
        [
            {"cores_lower_bound": other(mapping.cores_lower_bound, rng)},
            {"chips_lower_bound": other(mapping.chips_lower_bound, rng)},
            {"bound_resource": rng.choice(limits)},
            {"chips_bound_resource": rng.choice(limits)},
            {"bound_scope": "tiles"},
        ]
    )
    return replace(plan, mapping=replace(mapping, **new))


def outcome_changed(plan: Plan, rng: Random) -> Plan | None:
    """Optimal or feasible, all limits or some, stopped or not: what the plan does not say."""
    match rng.randrange(4):
        case 0:
            return replace(plan, outcome=rng.choice(["optimal", "feasible", "infeasible"]))
        case 1:
            return replace(plan, scope=rng.choice(["all limits", "published limits only"]))
        case 2:
            return replace(plan, stopped_by="fatigue")
    if plan.outcome != "optimal":
        return None
    return replace(plan, mapping=replace(plan.mapping, packing_proven=False))


def options_changed(plan: Plan, rng: Random) -> Plan | None:
    """What was asked for is not what the plan does."""
    wanted = plan.options
    ways = ["host", "onchip", "source-core", "probe", "record"]
    new: Mapping[str, Any] = rng.choice(
        [
            {"inputs": rng.choice(ways)},
            {"outputs": rng.choice(ways)},
            {"chips": len(plan.machine.chips) - 1},
            {"reset": "never"},
            {"copies": rng.choice([1, 2, 7])},
            {"recurrence": "somehow"},
            {"splitters": "never" if any(p.relay and p.relay.splits for p in plan.populations) else "some"},
            {"steps_per_sample": rng.choice([1, 5, 77])},
            {"time_scale": rng.choice([0, wanted.time_scale + 1])},
            {"effort": rng.choice(["", "best"])},
            {"objective": rng.choice(["", "cost"])},
            {"seed": rng.choice([-1, 1 << 31])},
            {"dt": rng.choice([0.0, -1.0, float("nan")])},
            {"tiles": {**wanted.tiles, plan.populations[0].name: "9999"}},
        ]
    )
    return replace(plan, options=replace(wanted, **new))


def obliged(plan: Plan, rng: Random) -> Plan | None:
    """A constraint that the plan does not keep."""
    core = rng.choice([core for core in plan.cores if core.role == "neurons"] or [plan.cores[0]])
    inner = [p.name for p in plan.populations if p.model not in ("Input", "Output") and p.relay is None]
    crossed = [link for link, _ in plan.cost.traffic.hottest_links]
    given = plan.options.constraints
    x, y = core.router
    pin = Pin(rng.choice(inner), cores=(Core((x + 57, y)),))
    dead = Dead(link=rng.choice(crossed)) if crossed else Dead(chip=plan.machine.chips[core.chip])
    new = rng.choice([replace(given, pin=(*given.pin, pin)), replace(given, dead=(*given.dead, dead))])
    return replace(plan, options=replace(plan.options, constraints=new))


def waits_changed(plan: Plan, rng: Random) -> Plan | None:
    """A step waits for another resource, or for other work of a core, or one more core does something."""
    pace, cores = plan.cost.pace, plan.cost.cores
    kinds = ["core", "link", "chip link", "way", "barrier", "host", "tick", "unknown"]
    if rng.random() < 0.3:
        return replace(plan, cost=replace(plan.cost, cores=less_or_more(cores, rng)))
    held = rng.choice([name for name in ("binding", "busiest") if getattr(pace, name) is not None])
    name = rng.choice(["kind", "what", "link"])
    new: Any = {
        "kind": rng.choice(kinds),
        "what": rng.choice(["messages", "spikes", "neuron updates", "synaptic operations", None]),
        "link": rng.choice([((0, 0), (1, 0)), None]),
    }[name]
    return changed(plan, ("cost", "pace", held, name), lambda _: new)  # type: ignore[no-any-return]


KINDS: Mapping[str, Mutation] = {
    "a slice on another core": cores.slice_moved,
    "a border of slices shifted by one": cores.border_shifted,
    "a slice left out": cores.slice_dropped,
    "a slice twice": cores.slice_doubled,
    "two slices exchanged": cores.slices_exchanged,
    "a slice of another population": cores.slice_of_another,
    "two cores' routers exchanged": cores.seats_exchanged,
    "a place taken, or none": cores.seat_taken,
    "a core on another chip": cores.core_elsewhere,
    "chips and system": cores.machine_changed,
    "a core left out or twice": cores.cores_less_or_more,
    "two cores' numbers exchanged": cores.cores_exchanged,
    "a core's role": cores.role_changed,
    "a figure of use": cores.used_changed,
    "an order of neurons": cores.order_changed,
    "a route's target": routes.target_changed,
    "a route's messages": routes.count_changed,
    "a route's links": routes.link_changed,
    "two routes' ways exchanged": routes.trees_exchanged,
    "a route of another slice": routes.route_of_another,
    "a route left out or twice": routes.routes_less_or_more,
    "two routes exchanged": routes.routes_exchanged,
    "a key": routes.key_changed,
    "a mask": routes.mask_changed,
    "a key left out or twice": routes.key_dropped,
    "a field of the keys": routes.field_changed,
    "an entry's key or mask": routes.entry_changed,
    "table entries": routes.entries_changed,
    "an entry's route": routes.entry_elsewhere,
    "tables": routes.tables_changed,
    "a population's shape": shape_changed,
    "a population's name or model": named_otherwise,
    "a population left out or twice": populations_less_or_more,
    "a lag": each("populations", "lag"),
    "a relay": relay_changed,
    "a projection left out or twice": projections_less_or_more,
    "a projection's ends": ends_changed,
    "a projection's delay": each("projections", "delay", "excess"),
    "a projection's weight bits": each("projections", "weight_bits"),
    "a projection's weight step or error": each("projections", "weight_step", "weight_error"),
    "a projection's axons": each("projections", "axons_per_input"),
    "a projection's format": form_changed,
    "an activity rate": rate_changed,
    "the schedule": numbers("schedule"),
    "a bound": bound_changed,
    "the outcome": outcome_changed,
    "counts of cores and chips": numbers("mapping", but=("utilisation", "packing_proven", "cores_lower_bound")),
    "the utilisation": numbers("mapping", "utilisation"),
    "a figure of traffic": numbers("cost", "traffic", but=("hottest_links",)),
    "a cost": numbers("cost", but=("traffic", "lead", "cores", "pace", "events_into")),
    "what a core does": numbers("cost", "cores"),
    "events into a population": numbers("cost", "events_into"),
    "what a step follows from": numbers("cost", "pace"),
    "what a step waits for": waits_changed,
    "the model's size": numbers("counts"),
    "copies": numbers("copies"),
    "what was asked for": options_changed,
    "a constraint": obliged,
}
"""By name: at least these twenty and some more."""
