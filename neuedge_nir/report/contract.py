"""What programs read: the JSON of `compile`, `check`, `compare` and `inspect`. Its keys are a contract."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict

from neuedge_nir.chip.model import Chip, NotChecked
from neuedge_nir.chip.shape import dump
from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.network.model import Network
from neuedge_nir.plan.build import counts, scope_of
from neuedge_nir.plan.figures import Counts, Mapped, Traffic
from neuedge_nir.plan.model import Plan, PlanModel, PlanSchedule
from neuedge_nir.report.contract_costs import (
    binding_json,
    cores_json,
    energy_json,
    figures_json,
    inference_json,
    latency_json,
    layers_json,
)
from neuedge_nir.report.figures import figures_of
from neuedge_nir.report.outline import Arrow, Group, Kernel, Outline, Spread, Step, Vertex

SCHEMA = "neuedge-nir/report/1"
INSPECTION = "neuedge-nir/inspect/1"

Json = dict[str, object]


def report_of(plan: Plan) -> Json:
    """The report of a plan."""
    mapping, cost, figures = plan.mapping, plan.cost, figures_of(plan)
    return {
        "schema": SCHEMA,
        "outcome": plan.outcome,
        **({} if plan.stopped_by is None else {"stopped_by": plan.stopped_by}),
        "scope": plan.scope,
        "not_checked": _not_checked(plan.not_checked),
        "model": _model(plan.model, plan.counts),
        "target": _target(plan.chip, plan.chips_available, plan.machine.system),
        "io": {"input": plan.options.inputs, "output": plan.options.outputs},
        "mapping": _mapping(mapping),
        "traffic": _traffic(cost.traffic),
        "energy": energy_json(cost, figures),
        "latency": latency_json(plan),
        "binding": binding_json(plan),
        "inference": inference_json(cost.inference, figures),
        "schedule": _schedule(plan.schedule),
        "recurrence": _recurrence(plan),
        **({"constraints": dump(plan.options.constraints)} if plan.options.constraints else {}),
        "activity": {"kind": plan.activity.kind, "spikes_per_neuron_per_step": _mean_rate(plan)},
        "weights": [
            {"projection": p.name, "bits": p.weight_bits, "relative_error": p.weight_error, "axons": p.axons_per_input}
            for p in plan.projections
        ],
        "layers": layers_json(plan, figures),
        "cores": cores_json(plan),
        "diagnostics": [diagnostic(d) for d in plan.diagnostics],
        "figures": figures_json(plan, figures),
    }


def _mapping(mapping: Mapped) -> Json:
    use = mapping.utilisation
    return {
        "cores_used": mapping.cores_used,
        "cores_input": mapping.cores_input,
        "cores_neurons": mapping.cores_neurons,
        "cores_relay_or_copy": mapping.cores_relay_or_copy,
        "cores_io": mapping.cores_io,
        "cores_synapses": mapping.cores_synapses,
        "copies": mapping.copies,
        "relay_neurons": mapping.relay_neurons,
        "chips_used": mapping.chips_used,
        "boards_used": mapping.boards_used,
        "cores_lower_bound": mapping.cores_lower_bound,
        "bound_scope": mapping.bound_scope,
        "bound_resource": mapping.bound_resource,
        "chips_lower_bound": mapping.chips_lower_bound,
        "chips_bound_resource": mapping.chips_bound_resource,
        "cores_tiles_bound": mapping.cores_tiles_bound,
        "tiles_bound_resource": mapping.tiles_bound_resource,
        "packing_proven": mapping.packing_proven,
        "utilisation": {
            "cores": use.cores,
            "neurons": use.neurons,
            "synapse_memory": use.synapse_memory,
            "axons_in": use.axons_in,
            "why": dict(use.why),
        },
    }


def _traffic(traffic: Traffic) -> Json:
    return {
        "spikes_per_step": traffic.spikes_per_step,
        "host_spikes_per_step": traffic.host_spikes_per_step,
        "host_reads_per_step": traffic.host_reads_per_step,
        "deliveries_per_step": traffic.deliveries_per_step,
        "unicast_hops_per_step": traffic.unicast_hops_per_step,
        "tree_hops_per_step": traffic.tree_hops_per_step,
        "placed_hops_per_step": traffic.placed.hops,
        "placed_hops_bound": traffic.placed.bound,
        "max_link_load": traffic.max_link_load,
        "hottest_links": [{"from": a, "to": b, "load": load} for (a, b), load in traffic.hottest_links],
        "links_used": traffic.links.used,
        "mean_link_load": traffic.links.mean,
        "link_histogram": list(traffic.links.histogram),
        "bisection_load": {"columns": traffic.links.bisection[0], "rows": traffic.links.bisection[1]},
        "interchip_spikes_per_step": traffic.interchip_spikes_per_step,
        "table_entries_max": traffic.table_entries_max,
        "deadlock_free": traffic.deadlock_free,
    }


def refusal(error: CapacityError | NoPlanError, chip: Chip, network: Network) -> Json:
    """The report where there is no plan: every key, and the error as the last diagnostic."""
    size = counts(network)
    last: Json = {
        "code": error.code,
        "severity": "error",
        "node": error.where,
        "message": error.message,
        "hint": error.hint,
        "resource": error.resource,
        "needed": error.needed,
        "available": error.available,
    }
    return {
        "schema": SCHEMA,
        "outcome": "infeasible" if isinstance(error, CapacityError) else "timeout",
        "scope": scope_of(chip),
        "not_checked": _not_checked(chip.not_checked),
        "model": _model(PlanModel(network.origin.name, network.origin.sha256, network.origin.nir_version), size),
        "target": _target(chip, None, None),
        "io": None,
        "mapping": None,
        "traffic": None,
        "energy": None,
        "latency": None,
        "binding": None,
        "inference": None,
        "schedule": None,
        "recurrence": None,
        "activity": None,
        "weights": None,
        "layers": None,
        "cores": None,
        "diagnostics": [*(diagnostic(d) for d in network.origin.diagnostics), last],
        "figures": None,
    }


def _not_checked(limits: Iterable[NotChecked]) -> list[Json]:
    return [{"name": left.name, "why": left.why, "source": left.source} for left in limits]


def _recurrence(plan: Plan) -> Json:
    """`late_steps` by projection; `error` null where nothing is late, or nothing was measured."""
    error = plan.timing_error
    return {
        "mode": plan.options.recurrence,
        "late_steps": {p.name: p.excess for p in plan.projections if p.excess},
        "error": None if error is None else asdict(error),
    }


def _schedule(found: PlanSchedule) -> Json:
    return {
        "rule": found.rule,
        "steps_per_sample": found.steps,
        "pipeline_steps": found.depth,
        "period_steps": found.period,
        "reset_steps": dict(found.offsets),
    }


def _model(model: PlanModel, size: Counts) -> Json:
    return {
        "name": model.name,
        "sha256": model.sha256,
        "populations": size.populations,
        "projections": size.projections,
        "neurons": size.neurons,
        "synapses": size.synapses,
        "stored_weights": size.stored_weights,
    }


def _target(chip: Chip, available: int | None, system: str | None) -> Json:
    cores = chip.topology.cores_per_chip.count
    return {"name": chip.name, "chips_available": available, "cores_per_chip": cores, "system": system}


def diagnostic(d: Diagnostic) -> Json:
    """A remark as programs read it."""
    return {"code": d.code, "severity": d.severity.value, "node": d.node, "message": d.message, "hint": d.hint}


def _mean_rate(plan: Plan) -> float:
    populations = [p for p in plan.populations if p.model not in ("Input", "Output") and p.relay is None]
    neurons = {p.name: math.prod(p.shape) for p in populations}
    total = sum(neurons.values())
    return sum(plan.activity.rates[name] * n for name, n in neurons.items()) / total if total else 0.0


def inspection_of(outline: Outline) -> Json:
    """What `inspect` tells of a network. Shapes are lists; a value is null where there is none."""
    origin = outline.origin
    model = PlanModel(origin.name, origin.sha256, origin.nir_version)
    return {
        "schema": INSPECTION,
        "model": {**_model(model, outline.totals), "nir_version": origin.nir_version},
        "reset": outline.reset,
        "dt": outline.dt,
        "inputs": [_port(vertex) for vertex in outline.inputs],
        "outputs": [_port(vertex) for vertex in outline.outputs],
        "populations": [_population(vertex) for vertex in outline.populations],
        "projections": [_projection(arrow) for arrow in outline.arrows],
        "sub_graphs": [_sub_graph(group) for group in outline.tree().groups()],
        "loops": [
            {"populations": loop.populations, "cycle": loop.cycle, "closed_by": loop.closed_by}
            for loop in outline.loops
        ],
        "diagnostics": [diagnostic(d) for d in outline.diagnostics],
    }


def _port(vertex: Vertex) -> Json:
    return {
        "name": vertex.name,
        "shape": vertex.shape,
        "signals": vertex.size,
        "sub_graph": _home(vertex),
        "encoder": _rule(vertex),
    }


def _population(vertex: Vertex) -> Json:
    return {
        "name": vertex.name,
        "model": vertex.kind,
        "shape": vertex.shape,
        "neurons": vertex.size,
        "spiking": vertex.spiking,
        "sub_graph": _home(vertex),
        "nodes": vertex.nodes,
        "biased": vertex.bias is not None,
        "bias": _spread(vertex.bias),
        "parameters": {name: _spread(values) for name, values in (vertex.parameters or {}).items()},
        "adaptation": _rule(vertex),
    }


def _rule(vertex: Vertex) -> Json | None:
    return None if vertex.rule is None else asdict(vertex.rule)


def _home(vertex: Vertex) -> str | None:
    return "/".join(vertex.group) if vertex.group else None


def _spread(spread: Spread | None) -> float | Json | None:
    if spread is None:
        return None
    if spread.uniform:
        return spread.low
    return {"low": spread.low, "median": spread.median, "high": spread.high}


def _projection(arrow: Arrow) -> Json:
    weights = arrow.weight_range
    return {
        "name": arrow.name,
        "source": arrow.source,
        "target": arrow.target,
        "source_shape": arrow.source_shape,
        "target_shape": arrow.target_shape,
        "operators": [f"{_operator(step)} {step.node}" for step in arrow.steps],
        "chain": [_step(step) for step in arrow.steps],
        "recurrent": arrow.recurrent,
        "delay_steps": arrow.delay_steps,
        "signal": arrow.signal,
        "synapses": arrow.synapses,
        "stored_weights": arrow.stored_weights,
        "weights": None if weights is None else {"low": weights[0], "high": weights[1]},
    }


def _operator(step: Step) -> str:
    return "Pool" if step.kind in ("SumPool", "AvgPool") else step.kind


def _step(step: Step) -> Json:
    weights, kernel = step.weights, step.kernel
    return {
        "kind": step.kind,
        "node": step.node,
        "input_shape": step.input_shape,
        "output_shape": step.output_shape,
        "kernel": None if kernel is None else _kernel(kernel),
        "weights": None if weights is None else {"low": weights.low, "high": weights.high, "zeros": weights.zeros},
        "delay": _spread(step.delay),
    }


def _kernel(kernel: Kernel) -> Json:
    return {
        "size": kernel.size,
        "stride": kernel.stride,
        "padding": kernel.padding,
        "dilation": kernel.dilation,
        "groups": kernel.groups,
    }


def _sub_graph(group: Group) -> Json:
    return {"name": group.name, "populations": [p.name for p in group.populations()], "neurons": group.neurons}
