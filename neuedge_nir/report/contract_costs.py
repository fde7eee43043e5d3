"""What programs read of costs: energy, latency, an inference, use by layer and core, and all figures with sources."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from neuedge_nir.plan.figures import Binding, CostReport, Inference, Interval
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.core_use import CoreUse, core_uses
from neuedge_nir.report.figure import Figure, Given
from neuedge_nir.report.layer_energy import COPIES, SHARED
from neuedge_nir.report.use import LayerUse, copies_among, first_layers

Json = dict[str, object]


def interval_json(interval: Interval) -> Json:
    """Low, typical, high and what they rest on."""
    return {"low": interval.low, "typical": interval.typical, "high": interval.high, "basis": interval.basis}


def energy_json(cost: CostReport, figures: Mapping[str, Figure]) -> Json:
    """Of a step. The cross-checks are averages of a whole chip, which hold static power: part of no sum."""
    averages = [figure for path, figure in figures.items() if path.startswith("energy.average.")]
    return {
        "dynamic_j_per_step": interval_json(cost.dynamic_j_per_step),
        "idle_j_per_step": interval_json(cost.idle_j_per_step),
        "static_w": interval_json(cost.static_w),
        "of_no_layer_j_per_step": _ends(figures[SHARED]),
        "other_copies_j_per_step": _ends(figures[COPIES]) if COPIES in figures else None,
        "synaptic_events_per_step": cost.synaptic_events_per_step,
        "neuron_updates_per_step": cost.neuron_updates_per_step,
        **({"cross_checks": [_average(figure) for figure in averages]} if averages else {}),
        **_supplies(figures),
    }


def _supplies(figures: Mapping[str, Figure]) -> Json:
    """The plan at other voltages, where they are published: by voltage, such as 0.75V."""
    found: dict[str, Json] = {}
    units = {"static": "static_w", "dynamic": "dynamic_j_per_step", "power": "power_w"}
    for path, figure in figures.items():
        if path.startswith("supply."):
            at, _, what = path.removeprefix("supply.").rpartition(".")
            found.setdefault(at, {})[units[what]] = _ends(figure)
    return {"supplies": [{"volts": at, **told} for at, told in found.items()]} if found else {}


def _average(figure: Figure) -> Json:
    ends: Json = {"low": figure.low, "typical": figure.typical, "high": figure.high}
    return {"profile": figure.path.removeprefix("energy.average."), "j_per_step": {**ends, "basis": figure.title}}


def latency_json(plan: Plan) -> Json:
    """Of a step: how long it takes, what that follows from, and how full a tick is."""
    pace = plan.cost.pace
    scale = {} if plan.options.time_scale == 1 else {"time_scale": plan.options.time_scale}
    return {
        "step_s": interval_json(plan.cost.step_s),
        "tiles_used": pace.tiles,
        "longest_way": pace.longest_way,
        "load_of_tick": None if pace.load is None else interval_json(pace.load),
        **scale,
    }


def binding_json(plan: Plan) -> Json:
    """The resource that a step waits for; of a chip with a tick, the one that needs most of it too."""
    pace = plan.cost.pace
    return {**_resource(pace.binding), "busiest": None if pace.busiest is None else _resource(pace.busiest)}


def _resource(found: Binding) -> Json:
    return {"resource": found.words, **asdict(found)}


def inference_json(found: Inference | None, figures: Mapping[str, Figure]) -> Json | None:
    """Of a sample: one at a time, and one behind the other."""
    if found is None:
        return None
    return {
        "steps": found.steps,
        "steps_shown": found.shown,
        "early_exit": found.lead,
        "pipeline_steps": found.depth,
        "period_steps": found.period,
        "dynamic_j": interval_json(found.dynamic_j),
        "static_j": interval_json(found.static_j),
        "energy_j": _ends(figures["inference.energy"]),
        "time_s": interval_json(found.time_s),
        "latency_s": interval_json(found.latency_s),
        "interval_steps": found.interval,
        "rate_hz": interval_json(found.rate_hz),
        "pipelined": {
            "dynamic_j": interval_json(found.pipelined_dynamic_j),
            "static_j": interval_json(found.pipelined_static_j),
            "energy_j": _ends(figures["inference.pipelined.energy"]),
        },
    }


def _ends(figure: Figure) -> Json:
    return {"low": figure.low, "typical": figure.typical, "high": figure.high, "basis": figure.formula or figure.why}


def layers_json(plan: Plan, figures: Mapping[str, Figure]) -> list[Json]:
    """Each population on its cores, of the first copy where there are several."""
    return [_layer(layer, figures) for layer in first_layers(plan)]


def _layer(layer: LayerUse, figures: Mapping[str, Figure]) -> Json:
    p = layer.population
    return {
        "population": p.name,
        "model": p.model,
        "neurons": math.prod(p.shape),
        "cores": list(layer.cores),
        "lag": p.lag,
        "used": _used(layer.used),
        "binds": layer.binds,
        "share": layer.share,
        "synaptic_events": layer.synaptic_events,
        "neuron_updates": layer.slots,
        "spikes": layer.spikes,
        "messages": layer.messages,
        "hops": layer.way.hops,
        "crossings": layer.way.crossings,
        "energy_j": _ends(figures[f"populations.{p.name}.energy"]),
    }


def _used(used: Mapping[str, tuple[int, float]]) -> Json:
    return {name: {"used": many, "available": most, "share": many / most} for name, (many, most) in used.items()}


def cores_json(plan: Plan) -> list[Json]:
    """Each core: what it uses of every limit, and what it does in a step."""
    return [_core(plan, use) for use in core_uses(plan)]


def _core(plan: Plan, use: CoreUse) -> Json:
    core = plan.cores[use.core]
    return {
        "core": use.core,
        "chip": core.chip,
        "router": core.router,
        "slot": core.slot,
        "role": core.role,
        "used": _used(use.used),
        "binds": use.binds,
        "share": use.share,
        **asdict(plan.cost.cores[use.core]),
    }


def figures_json(plan: Plan, figures: Mapping[str, Figure]) -> Json:
    """All figures by path, without those of copies of the first copy's populations and projections."""
    copies = tuple(f"{kind}.{name}." for kind, name in _copied(plan))
    return {path: figure_json(figure) for path, figure in figures.items() if not path.startswith(copies)}


def _copied(plan: Plan) -> list[tuple[str, str]]:
    names = {"populations": [p.name for p in plan.populations], "projections": [q.name for q in plan.projections]}
    return [(kind, name) for kind, held in names.items() for name in copies_among(held, plan)]


def figure_json(figure: Figure) -> Json:
    """A figure without its path; the inputs as they are called in its formula."""
    found = asdict(figure)
    del found["path"]
    return {**found, "inputs": given_json(figure.inputs)}


def given_json(inputs: Iterable[Given]) -> list[Json]:
    """What figures rest on, without what is not told."""
    return [{key: value for key, value in asdict(given).items() if value is not None} for given in inputs]
