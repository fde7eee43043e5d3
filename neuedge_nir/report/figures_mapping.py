"""What is counted of a plan: its model, what the mapping takes, and what it uses of every limit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from neuedge_nir.chip.model import Limit, LimitScope
from neuedge_nir.chip.slow import slowed
from neuedge_nir.plan.build import AXONS_IN, SYNAPSE_MEMORY
from neuedge_nir.plan.model import Plan, PlanCore
from neuedge_nir.plan.stages import NEURONS
from neuedge_nir.report.figure import Figure, count, derived, priced, tally, unpublished

MEASURES: Mapping[str, tuple[str, ...]] = {
    "neurons": NEURONS,
    "synapse_memory": SYNAPSE_MEMORY,
    "axons_in": AXONS_IN,
}
"""The formulas of the limits behind each share of use."""


def mapping_figures(plan: Plan) -> Iterator[Figure]:
    """All of them, the model's size first."""
    yield from _model(plan)
    yield from _mapped(plan)
    yield from _utilisation(plan)
    for limit in slowed(plan.chip, plan.options.time_scale).limits:
        yield from _limit(plan, limit)
    yield from _parts(plan)


def _model(plan: Plan) -> Iterator[Figure]:
    c = plan.counts
    for name, value in (
        ("populations", c.populations),
        ("projections", c.projections),
        ("neurons", c.neurons),
        ("synapses", c.synapses),
        ("stored_weights", c.stored_weights),
    ):
        yield tally(f"model.{name}", f"{name.replace('_', ' ')} of the model", value)


def _mapped(plan: Plan) -> Iterator[Figure]:
    m = plan.mapping
    roles = (
        ("cores_input", m.cores_input, "cores that make input spikes"),
        ("cores_neurons", m.cores_neurons, "cores with neurons of the model"),
        ("cores_relay_or_copy", m.cores_relay_or_copy, "cores with relays alone"),
        ("cores_io", m.cores_io, "cores that pass spikes on between host and chip"),
        ("cores_synapses", m.cores_synapses, "cores that take events of the neurons of another"),
    )
    parts = [count(name, value, "cores", title) for name, value, title in roles]
    yield derived("mapping.cores", "cores in use", "cores", m.cores_used, " + ".join(p.name for p in parts), parts)
    for name, value, title in roles:
        yield tally(f"mapping.{name}", title, value, "cores")
    inner = [part for part in parts if part.name in ("cores_neurons", "cores_relay_or_copy", "cores_synapses")]
    names = " + ".join(part.name for part in inner)
    yield derived(
        "mapping.cores_inner", "cores without those of inputs and outputs", "cores", m.cores_inner, names, inner
    )
    yield tally("mapping.copies", "exact copies of neurons", m.copies, "neurons")
    yield tally("mapping.relay_neurons", "neurons of relays", m.relay_neurons, "neurons")
    note = "chips with cores in use, and chips that messages cross"
    yield tally("mapping.chips", "chips that must be on", m.chips_used, "chips", note)
    if m.boards_used is not None:
        yield tally("mapping.boards", "boards that must be on, whole", m.boards_used, "boards")
    yield tally(
        "mapping.cores_lower_bound",
        "cores that any split needs",
        m.cores_lower_bound,
        "cores",
        f"by {m.bound_resource}",
    )
    yield tally(
        "mapping.chips_lower_bound",
        "chips that any split needs",
        m.chips_lower_bound,
        "chips",
        f"by {m.chips_bound_resource}",
    )
    yield tally(
        "mapping.cores_tiles_bound",
        "cores that these slices need",
        m.cores_tiles_bound,
        "cores",
        f"by {m.tiles_bound_resource}",
    )
    yield derived(
        "target.cores_per_chip",
        "cores of a chip that neurons may have",
        "cores",
        plan.chip.topology.cores_per_chip.typical,
        "cores_per_chip",
        [priced("cores_per_chip", plan.chip.topology.cores_per_chip)],
    )
    yield tally(
        "target.chips_available",
        "chips that were available",
        plan.chips_available,
        "chips",
        "by --chips, else the largest published system",
    )
    if plan.copies is not None:
        yield tally("copies.count", "copies of the network", plan.copies.count)
        yield tally("copies.chips", "chips for the copies", plan.copies.chips, "chips")
        note = f"what those chips have of {plan.copies.resource} over what a copy needs of it at least"
        yield tally("copies.at_most", "copies that no mapping exceeds", plan.copies.at_most, "", note)


def _utilisation(plan: Plan) -> Iterator[Figure]:
    use = plan.mapping.utilisation
    have = round(len(plan.cores) / use.cores)
    inputs = [count("cores_used", len(plan.cores), "cores"), count("cores_usable", have, "cores", "of the chips on")]
    yield derived(
        "utilisation.cores",
        "cores used of those usable on the chips that are on",
        "",
        use.cores,
        "cores_used / cores_usable",
        inputs,
    )
    shares = (("neurons", use.neurons), ("synapse_memory", use.synapse_memory), ("axons_in", use.axons_in))
    for name, share in shares:
        yield _share(plan, name, share)


def _share(plan: Plan, name: str, share: float | None) -> Figure:
    path, title = f"utilisation.{name}", f"use of {name.replace('_', ' ')} over the cores with neurons"
    limit = next((limit for limit in plan.chip.limits if limit.formula in MEASURES[name]), None)
    if share is None or limit is None:
        return unpublished(path, title, "", plan.mapping.utilisation.why[name])
    cores = [core for core in plan.cores if core.role == "neurons"]
    holders = plan.mapping.chips_used if limit.scope is LimitScope.CHIP else len(cores)
    used = count("used", sum(core.used[limit.name] for core in cores), limit.limit.unit, f"of {limit.name}")
    where = "chips that are on" if limit.scope is LimitScope.CHIP else "cores with neurons"
    inputs = [used, count("holders", holders, "", where), priced(limit.name, limit.limit)]
    return derived(path, title, "", share, f"used / (holders * {limit.name})", inputs)


def _limit(plan: Plan, limit: Limit) -> Iterator[Figure]:
    used = uses(plan, limit)
    if not used:
        return
    unit, of = limit.limit.unit, priced("limit", limit.limit)
    where = f"the {len(used)} {'cores with neurons' if limit.scope is LimitScope.CORE else 'chips in use'}"
    fullest = count("fullest", max(used), unit, f"of {where}")
    yield derived(
        f"limits.{limit.name}.used",
        f"{limit.name} of the fullest {limit.scope.value}",
        unit,
        max(used),
        "fullest",
        [fullest],
    )
    yield derived(
        f"limits.{limit.name}.available",
        f"{limit.name} that a {limit.scope.value} has",
        unit,
        limit.limit.typical,
        "limit",
        [of],
    )
    yield derived(
        f"limits.{limit.name}.share",
        f"share of {limit.name} that the fullest {limit.scope.value} uses",
        "",
        max(used) / limit.limit.typical,
        "fullest / limit",
        [fullest, of],
    )
    total, holders = count("used", sum(used), unit, f"over {where}"), count("holders", len(used), "", where)
    yield derived(
        f"limits.{limit.name}.mean",
        f"mean use of {limit.name}",
        "",
        sum(used) / len(used) / limit.limit.typical,
        "used / (holders * limit)",
        [total, holders, of],
    )


def uses(plan: Plan, limit: Limit) -> list[int]:
    """What every core with neurons, or every chip with such cores, uses of a limit."""
    cores = [core for core in plan.cores if core.role == "neurons"]
    if limit.scope is LimitScope.CORE:
        return [core.used[limit.name] for core in cores]
    return [_of_chip(cores, chip, limit.name) for chip in sorted({core.chip for core in cores})]


def _of_chip(cores: list[PlanCore], chip: int, name: str) -> int:
    return sum(core.used[name] for core in cores if core.chip == chip)


def _parts(plan: Plan) -> Iterator[Figure]:
    """What is told of each population and each projection."""
    cores: dict[str, int] = {}
    for core in plan.cores:
        for name in {piece.population for piece in core.slices}:
            cores[name] = cores.get(name, 0) + 1
    for p in plan.populations:
        where = f"populations.{p.name}"
        yield tally(f"{where}.neurons", f"neurons of {p.name}", math.prod(p.shape))
        yield tally(f"{where}.cores", f"cores with neurons of {p.name}", cores.get(p.name, 0), "cores")
        yield tally(f"{where}.lag", f"steps that {p.name} runs behind the model", p.lag, "steps")
    for q in plan.projections:
        where = f"projections.{q.name}"
        yield tally(f"{where}.weight_bits", f"bits of a weight of {q.name}", q.weight_bits, "bit")
        yield tally(
            f"{where}.weight_error",
            f"relative error of the weights of {q.name}",
            q.weight_error,
            "",
            "||stored - wanted|| / ||wanted||",
        )
        yield tally(f"{where}.axons", f"axons that an input of {q.name} takes", q.axons_per_input, "axons")
        if q.excess:
            yield tally(f"{where}.late", f"steps that {q.name} is later than in the model", q.excess, "steps")
