"""What differs between two plans: first whether the mapping is the same, then all else that the two say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

from neuedge_nir.chip.shape import dump
from neuedge_nir.plan.figures import Interval
from neuedge_nir.plan.model import Plan, PlanCore, PlanPopulation
from neuedge_nir.report.amounts import counted, quantity

SCHEMA = "neuedge-nir/diff/1"

MAPPING = ("chip", "machine", "population", "projection", "cores", "cut", "moved", "route")
"""Kinds of changes of a mapping: which neuron stands where, and where its messages go."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: its kind, what it is about, and what each plan says; None: nothing."""

    kind: str
    name: str
    old: str | None
    new: str | None


def changes(old: Plan, new: Plan) -> list[Change]:
    """All that differs, the mapping first. Empty where two plans say the same."""
    return [
        *_facts("chip", _chip(old), _chip(new)),
        *_facts("machine", _machine(old), _machine(new)),
        *_facts("population", _populations(old), _populations(new)),
        *_facts("projection", _projections(old), _projections(new)),
        *_facts("cores", _cores(old), _cores(new)),
        *_places(old, new),
        *_routes(old, new),
        *_facts("model", _model(old), _model(new)),
        *_facts("option", _options(old), _options(new)),
        *_facts("activity", _activity(old), _activity(new)),
        *_facts("weights", _weights(old), _weights(new)),
        *_facts("use", _use(old), _use(new)),
        *_facts("bound", _bounds(old), _bounds(new)),
        *_facts("cost", _costs(old), _costs(new)),
        *_facts("other", _other(old), _other(new)),
    ]


def same_mapping(found: Iterable[Change]) -> bool:
    """Whether no change is one of the mapping."""
    return not any(change.kind in MAPPING for change in found)


def _facts(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Change(kind, name, old.get(name), new.get(name))


def _chip(plan: Plan) -> dict[str, str]:
    limits = ", ".join(f"{limit.name} {limit.limit.typical:g}" for limit in plan.chip.limits)
    return {"name": plan.chip.name, "limits": limits}


def _machine(plan: Plan) -> dict[str, str]:
    return {"system": plan.machine.system, "chips": ", ".join(map(str, plan.machine.chips))}


def _populations(plan: Plan) -> dict[str, str]:
    orders = {name: f", in another order by {order.by}" for name, order in plan.orders.items()}
    return {p.name: _population(p) + orders.get(p.name, "") for p in plan.populations}


def _population(p: PlanPopulation) -> str:
    relay = f", relay of {p.relay.of}" if p.relay else ""
    return f"{p.model} {'x'.join(map(str, p.shape))}, lag {p.lag}{relay}"


def _projections(plan: Plan) -> dict[str, str]:
    late = {p.name: f", {p.excess} late" if p.excess else "" for p in plan.projections}
    return {p.name: f"{p.source} -> {p.target}, {p.kind}, delay {p.delay}{late[p.name]}" for p in plan.projections}


def _cores(plan: Plan) -> dict[str, str]:
    roles = [core.role for core in plan.cores]
    counted = {f"with {role}": str(roles.count(role)) for role in sorted(set(roles))}
    return {**counted, "chips in use": str(plan.mapping.chips_used)}


Places = dict[str, dict[str, str]]
"""For each population: where each of its slices stands."""


def _standing(plan: Plan) -> Places:
    found: Places = {}
    for core in plan.cores:
        for piece in core.slices:
            spans = piece.block if piece.block is not None else (piece.run or (0, 0),)
            told = ", ".join(f"{a}:{b}" for a, b in spans)
            kind = "" if piece.block is not None or len(spans) > 1 else " of the row-major order"
            found.setdefault(piece.population, {})[f"[{told}]{kind}"] = _place(core, plan)
    return found


def _place(core: PlanCore, plan: Plan) -> str:
    chip = plan.machine.chips[core.chip] if 0 <= core.chip < len(plan.machine.chips) else core.chip
    return f"chip {chip} router {core.router} slot {core.slot}"


def _places(old: Plan, new: Plan) -> Iterator[Change]:
    """Populations that are cut otherwise; of the others the slices that stand elsewhere."""
    before, now = _standing(old), _standing(new)
    for name in dict.fromkeys([*before, *now]):
        was, here = before.get(name, {}), now.get(name, {})
        if sorted(was) != sorted(here):
            yield Change("cut", name, _cut(was), _cut(here))
        else:
            yield from _facts(
                "moved", {f"{name}{s}": p for s, p in was.items()}, {f"{name}{s}": p for s, p in here.items()}
            )


def _cut(slices: Mapping[str, str]) -> str | None:
    if not slices:
        return None
    told = " ".join(list(slices)[:4]) + " ..." * (len(slices) > 4)
    return f"{counted(len(slices), 'slice')} on {counted(len(set(slices.values())), 'core')}: {told}"


def _routes(old: Plan, new: Plan) -> Iterator[Change]:
    """What every slice sends to which place, and on which links: told where the slices themselves are the same."""
    if _standing(old) != _standing(new):
        return
    before, now = _sent(old), _sent(new)
    different = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    for name in different:
        yield Change("route", name, before.get(name), now.get(name))


def _sent(plan: Plan) -> dict[str, str]:
    found = {}
    for route in plan.routes:
        if 0 <= route.core < len(plan.cores) and 0 <= route.slice < len(plan.cores[route.core].slices):
            core = plan.cores[route.core]
            piece = core.slices[route.slice]
            targets = ", ".join(
                f"{n} to {_place(plan.cores[t], plan)}" for t, n in route.targets if t < len(plan.cores)
            )
            links = f", over {len(route.links)} links" if route.links else ""
            found[f"{piece.population} {piece.block or piece.run}"] = targets + links
    return found


def _model(plan: Plan) -> dict[str, str]:
    told = {"name": plan.model.name, "sha256": plan.model.sha256 or "-", "nir version": plan.model.nir_version or "-"}
    return told | {f.name.replace("_", " "): str(getattr(plan.counts, f.name)) for f in fields(plan.counts)}


def _options(plan: Plan) -> dict[str, str]:
    held = plan.options
    plain = {
        f.name.replace("_", " "): str(getattr(held, f.name))
        for f in fields(held)
        if f.name not in ("tiles", "constraints")
    }
    given = dump(held.constraints)
    told = {f"constraints {kind}": str(those) for kind, those in given.items()} if isinstance(given, dict) else {}
    return plain | {f"tiles {name}": size for name, size in held.tiles.items()} | told


def _activity(plan: Plan) -> dict[str, str]:
    return {"kind": plan.activity.kind, **{name: f"{rate:g}" for name, rate in plan.activity.rates.items()}}


def _weights(plan: Plan) -> dict[str, str]:
    return {
        p.name: f"step {p.weight_step:g}, {p.weight_bits} bits, error {p.weight_error:.3g}, {p.axons_per_input} axons"
        for p in plan.projections
    }


def _use(plan: Plan) -> dict[str, str]:
    """Of each limit: what all cores use together, and the fullest."""
    found = {}
    for limit in plan.chip.limits:
        used = [core.used.get(limit.name, 0) for core in plan.cores]
        found[limit.name] = f"{sum(used)} in all, at most {max(used, default=0)} on a core"
    return found


def _bounds(plan: Plan) -> dict[str, str]:
    m = plan.mapping
    told = {"outcome": plan.outcome, "cores at least": f"{m.cores_lower_bound}, by {m.bound_resource}"}
    told["packing proved"] = str(m.packing_proven)
    if plan.copies is not None:
        told["copies"] = f"{plan.copies.count}, at most {plan.copies.at_most}, by {plan.copies.resource}"
    return told


def _costs(plan: Plan) -> dict[str, str]:
    cost, traffic = plan.cost, plan.cost.traffic
    told = {
        "dynamic energy of a step": _typical(cost.dynamic_j_per_step, "J"),
        "static power": _typical(cost.static_w, "W"),
        "step time": _typical(cost.step_s, "s"),
        "messages between cores": f"{traffic.deliveries_per_step:.6g}",
        "unicast hops": f"{traffic.unicast_hops_per_step:.6g}",
        "tree hops": f"{traffic.tree_hops_per_step:.6g}",
        "busiest link": f"{traffic.max_link_load:.6g}",
        "synaptic events": f"{cost.synaptic_events_per_step:.6g}",
    }
    if cost.inference is not None:
        told |= {
            "dynamic energy of an inference": _typical(cost.inference.dynamic_j, "J"),
            "static energy of an inference": _typical(cost.inference.static_j, "J"),
            "time of an inference": _typical(cost.inference.time_s, "s"),
        }
    return told


def _typical(interval: Interval, unit: str) -> str:
    known = interval.typical is not None and math.isfinite(interval.typical)
    return quantity(interval.typical or 0.0, unit).strip() if known else "-"


def _other(plan: Plan) -> dict[str, str]:
    tools = {f"tool {name}": version for name, version in plan.tool.items()}
    remarks = {f"{d.code} {d.node or ''}".strip(): d.message for d in plan.diagnostics}
    schedule = plan.schedule
    return (
        tools | remarks | {"reset": f"{schedule.rule}, depth {schedule.depth}, {schedule.steps} in {schedule.period}"}
    )
