"""What people read of a plan behind its first lines: tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from neuedge_nir.chip.model import LimitScope
from neuedge_nir.chip.slow import slowed
from neuedge_nir.report.amounts import Row, counted, number, percent
from neuedge_nir.report.grid import Grid

if TYPE_CHECKING:
    from rich.console import RenderableType

    from neuedge_nir.plan.figures import Copies, Traffic
    from neuedge_nir.plan.model import Plan, PlanCore, PlanPopulation, PlanRelay, PlanSchedule
    from neuedge_nir.report.figure import Figure


def table(title: str, header: Row, rows: Iterable[Row], *, right: Sequence[int] = ()) -> RenderableType:
    """A table; the columns in `right` hold numbers."""
    return Grid(title, header, tuple(rows), tuple(right))


def plan_tables(plan: Plan) -> list[RenderableType]:
    """The report of a plan behind its first lines and its layers (`plan_text.py`)."""
    from neuedge_nir.report.cost_text import cost_rows, legend
    from neuedge_nir.report.figures import figures_of

    known = figures_of(plan)
    return [
        table("Limits", ("limit", "kind", "fullest", "of", "mean use"), _limits(plan), right=(2, 3, 4)),
        table(
            "Cost of one timestep", ("", "low", "typical", "high", "rests on"), cost_rows(plan, known), right=(1, 2, 3)
        ),
        *_inference(plan, known),
        table("In detail", ("", ""), _summary(plan)),
        *legend(known),
    ]


def _inference(plan: Plan, known: Mapping[str, Figure]) -> list[RenderableType]:
    """What one sample costs, where it is known how long samples are."""
    from neuedge_nir.report.cost_text import sample_rows

    found = plan.cost.inference
    if found is None:
        return []
    early = f", stopping at a lead of {found.lead:g}" if found.lead is not None else ""
    title = (
        f"Cost of one inference: {found.steps:.4g} of {found.shown} timesteps, {found.period:.4g} with resets{early}"
    )
    return [table(title, ("", "low", "typical", "high", "rests on"), sample_rows(plan, known), right=(1, 2, 3))]


def _summary(plan: Plan) -> list[Row]:
    traffic, use = plan.cost.traffic, plan.mapping.utilisation
    return [
        ("model", _model_line(plan)),
        ("cores", _cores_line(plan)),
        (
            "chips",
            _chips_line(plan),
        ),
        ("bound", _bound_line(plan)),
        (
            "utilisation",
            "  ".join(
                f"{k} {percent(v)}" for k, v in _shares(use.cores, use.neurons, use.synapse_memory, use.axons_in)
            ),
        ),
        (
            "spikes/step",
            f"{number(traffic.spikes_per_step)} sent, {number(traffic.host_spikes_per_step)} injected by the host",
        ),
        (
            "between cores",
            f"{number(traffic.deliveries_per_step)} messages, {number(traffic.unicast_hops_per_step)} unicast hops, "
            f"{number(traffic.tree_hops_per_step)} tree hops",
        ),
        *_placement(plan),
        ("outputs", _outputs_line(plan)),
        ("busiest link", f"{number(traffic.max_link_load)} messages/step; {_deadlock(traffic.deadlock_free)}"),
        *([("links", _links_line(traffic))] if traffic.links.used else []),
        ("reset", _reset_line(plan.schedule)),
        *_constraints(plan),
        *([] if plan.copies is None else [("copies", _copies_line(plan.copies))]),
        *_late(plan),
        *_pace(plan),
        ("checked", f"{plan.scope}; every count, limit, route and total recounted"),
    ]


def _links_line(traffic: Traffic) -> str:
    """How evenly links are used, and what crosses the middle of the machine."""
    links, busy = traffic.links, sum(traffic.links.histogram[5:])
    columns, rows = map(number, links.bisection)
    tables = f"; {traffic.table_entries_max:,} table entries" if traffic.table_entries_max else ""
    return (
        f"{links.used:,} used, mean {number(links.mean)}, {busy:,} above half the busiest; "
        f"bisection {columns} and {rows}{tables}"
    )


def _placement(plan: Plan) -> list[Row]:
    """How far messages go at least; nothing where none leaves its core."""
    placed = plan.cost.traffic.placed
    least = f"any placement takes at least {number(placed.bound)}"
    return [("placement", f"{number(placed.hops)} hops by shortest ways; {least}")] if placed.hops else []


def _pace(plan: Plan) -> list[Row]:
    """How much slower the chip is run, if it is."""
    times, tick = plan.options.time_scale, plan.chip.costs.timestep_s
    if times == 1 or tick is None:
        return []
    return [("pace", f"{times} times slower (--time-scale): a timestep takes {times * tick.typical * 1e3:g} ms")]


def _model_line(plan: Plan) -> str:
    c = plan.counts
    sizes = ((c.populations, "population"), (c.projections, "projection"), (c.neurons, "neuron"),
             (c.synapses, "synapse"), (c.stored_weights, "stored weight"))  # fmt: skip
    return ", ".join(counted(count, noun) for count, noun in sizes)


def _chips_line(plan: Plan) -> str:
    m, most = plan.mapping, plan.chip.topology.cores_per_chip.count
    if m.boards_used is None:
        return f"{m.chips_used} of {plan.machine.system}, {most} cores each"
    boards = counted(m.boards_used, "board")
    return f"{m.chips_used} of {plan.machine.system}, up to {most} cores each; {boards} powered, whole"


IN = {
    "host": "inputs injected by the host",
    "onchip": "inputs made by neurons on cores of their own",
    "source-core": "inputs made by source cores",
}
OUT = {
    "host": "read by the host in every step",
    "probe": "read by probes when the run is over",
    "record": "recorded on the chip, read when the run is over",
}


def _cores_line(plan: Plan) -> str:
    m = plan.mapping
    extra = [IN[plan.options.inputs] + (f" ({m.cores_input})" if m.cores_input else "")]
    extra += [f"{m.cores_io} between host and chip"] if m.cores_io else []
    if m.copies:
        extra.append(f"{m.copies} exact copies of neurons among them")
    if m.relay_neurons:
        extra.append(f"{counted(m.relay_neurons, 'neuron')} of relays")
    if m.cores_synapses:
        extra.append(f"{m.cores_synapses} that take events of single neurons")
    if m.cores_relay_or_copy:
        extra.append(f"{m.cores_relay_or_copy} with relays alone")
    return f"{m.cores_neurons} with neurons, " + ", ".join(extra)


def _outputs_line(plan: Plan) -> str:
    read = plan.cost.traffic.host_reads_per_step
    return OUT[plan.options.outputs] + (f": {number(read)} messages/step" if read else "")


def _bound_line(plan: Plan) -> str:
    m = plan.mapping
    packing = "packing proved minimal" if m.packing_proven else "packing not proved minimal"
    cores = f"{counted(m.cores_lower_bound, 'core')}, by {m.bound_resource}"
    if m.chips_used > 1:
        cores += f", and {counted(m.chips_lower_bound, 'chip')}, by {m.chips_bound_resource}"
    more = m.cores_tiles_bound > m.cores_lower_bound
    own = f"these slices {m.cores_tiles_bound}, by {m.tiles_bound_resource}; " * more
    return f"any split needs {cores}; {own}{packing} for these slices"


def _shares(*values: float | None) -> list[tuple[str, float | None]]:
    return list(zip(("cores", "neurons", "synapse memory", "axons in"), values, strict=True))


def _deadlock(free: bool | None) -> str:
    return {
        True: "no deadlock possible",
        False: "deadlock possible",
        None: "routing drops packets rather than deadlock",
    }[free]


RULES = {
    None: "how is not published",
    "power-of-two": "by a counter, every power of two of steps",
    "snip": "by a program on the chip",
}


def _reset_line(found: PlanSchedule) -> str:
    how = RULES.get(found.rule, found.rule)
    if found.period is None:
        return f"at the lags, {how}; samples take {counted(found.depth, 'step')} more"
    return f"at the lags, {how}; samples of {counted(found.steps or 0, 'step')} take {found.period}"


def _copies_line(copies: Copies) -> str:
    """How many copies of the network there are, and how many there can be."""
    chips = counted(copies.chips, "chip")
    if copies.count == copies.at_most:
        return f"{copies.count:,} on {chips}, proved the most, by {copies.resource}"
    return f"{copies.count:,} found on {chips}, proved at most {copies.at_most:,}, by {copies.resource}"


def _constraints(plan: Plan) -> list[Row]:
    """What the user demanded, and the plan keeps."""
    given = plan.options.constraints
    kinds = [
        (kind, len(getattr(given, kind))) for kind in ("pin", "together", "apart", "forbid", "cap", "reserve", "dead")
    ]
    return [("constraints", ", ".join(f"{n} {kind}" for kind, n in kinds if n) + "; all kept")] if given else []


def _late(plan: Plan) -> list[Row]:
    """What is late, and how much that matters."""
    late = [p.excess for p in plan.projections if p.excess]
    if not late:
        return []
    error = plan.timing_error
    known = "not measured" if error is None else f"the model's class in {percent(error.same_class)} of the samples"
    return [("recurrence", f"{counted(len(late), 'projection')} late, by {counted(sum(late), 'step')} in all; {known}")]


def model_words(population: PlanPopulation) -> str:
    """The model of a population, and what is special about it."""
    p = population
    how = ", encoded" if p.encoder else ", adaptive" if p.adaptation else ""
    how += f", {p.leak} leak" if p.leak else ""
    return p.model + how + (f", {_relay_word(p.relay)} of {p.relay.of}" if p.relay else "")


def _relay_word(relay: PlanRelay) -> str:
    return "splitter" if relay.splits else "delay extension" if relay.stages else "relay"


def _limits(plan: Plan) -> list[Row]:
    rows: list[Row] = []
    for limit in slowed(plan.chip, plan.options.time_scale).limits:
        used = _uses(plan, limit.name, limit.scope)
        if used:
            most = limit.limit.count
            mean = sum(used) / len(used) / most
            scope = f"{limit.name} per {limit.scope}"
            rows.append((scope, limit.kind.value, f"{max(used):,}", f"{most:,} {limit.limit.unit}", percent(mean)))
    return rows


def _uses(plan: Plan, name: str, scope: LimitScope) -> list[int]:
    cores = [core for core in plan.cores if core.role == "neurons"]
    if scope is LimitScope.CORE:
        return [core.used[name] for core in cores]
    return [_chip_use(cores, chip, name) for chip in sorted({core.chip for core in cores})]


def _chip_use(cores: list[PlanCore], chip: int, name: str) -> int:
    return sum(core.used[name] for core in cores if core.chip == chip)
