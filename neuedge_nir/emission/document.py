"""The format `json`, for every chip: a plan and its network in whole numbers. docs/emit.md says what each key means."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emission.integers import integers_of, legal_of
from neuedge_nir.emission.runbook import Runbook
from neuedge_nir.emulation.accum import APART
from neuedge_nir.emulation.model import IntegerNetwork
from neuedge_nir.interpreter.operators import undrawn
from neuedge_nir.network.connect import Conv, Delay, Dense, Operator, Pool, Scale
from neuedge_nir.network.connect_sparse import FixedProbability, Sparse
from neuedge_nir.network.model import Network, Population
from neuedge_nir.plan.model import Plan, PlanCore, PlanPopulation

SCHEMA = "neuedge-nir/emit/1"


def document(plan: Plan, network: Network, book: Runbook) -> bytes:
    """The file. `network` is the plan's, after its passes. Raises what `quantise` raises."""
    integers = integers_of(plan, network) if plan.chip.arithmetic is not None else None
    held = integers.network if integers is not None else legal_of(plan, network).network
    kind = plan.chip.arithmetic.kind if plan.chip.arithmetic is not None else None
    chains = {projection.name: projection for projection in held.projections}
    found = {
        "schema": SCHEMA,
        "model": asdict(plan.model),
        "target": {"name": plan.chip.name, "title": plan.chip.title, "system": plan.machine.system},
        "arithmetic": _arithmetic(plan),
        "reset": plan.options.reset,
        "dt": plan.options.dt,
        "passes": list(plan.options.passes),
        "depth": book.depth,
        "populations": [_population(p, held, integers) for p in plan.populations if p.model != "Output"],
        "projections": [
            {
                "name": told.name,
                "source": told.source,
                "target": told.target,
                "delay": told.delay,
                "axons_per_input": told.axons_per_input,
                "axons": None if told.axons is None else asdict(told.axons),
                "source_shape": list(chains[told.name].source_shape),
                "target_shape": list(chains[told.name].target_shape),
                "chain": [_operator(op, kind) for op in chains[told.name].chain if not isinstance(op, Delay)],
            }
            for told in plan.projections
        ],
        "cores": _cores(plan),
        "keys": _keys(plan),
        "inputs": [asdict(feed) for feed in book.feeds],
        "outputs": [asdict(reading) for reading in book.readings],
    }
    return json.dumps(found, separators=(",", ":"), sort_keys=True, allow_nan=False).encode() + b"\n"


def _arithmetic(plan: Plan) -> dict[str, object] | None:
    """None: no file says in which numbers the chip computes, and the numbers here are the model's own."""
    known = plan.chip.arithmetic
    if known is None:
        return None
    return {"kind": known.kind, "parameters": {name: value.count for name, value in known.parameters.items()}}


def _population(told: PlanPopulation, held: Network, integers: IntegerNetwork | None) -> dict[str, object]:
    found: dict[str, object] = {"name": told.name, "model": told.model, "shape": list(told.shape), "lag": told.lag}
    found["encoder"] = None if told.encoder is None else asdict(told.encoder)
    found["adaptation"] = None if told.adaptation is None else asdict(told.adaptation)
    if told.model != "Input":
        found["registers"] = _real(held.population(told.name)) if integers is None else _whole(integers, told.name)
    return found


def _whole(integers: IntegerNetwork, name: str) -> dict[str, object]:
    """What the cells hold, under the names that docs/emit.md explains for each arithmetic."""
    cells: Any = integers.cells[name]
    found: dict[str, object] = {}
    for each in fields(cells):
        value = getattr(cells, each.name)
        if isinstance(value, str):
            found[each.name] = str(value)
        elif isinstance(value, tuple) and each.name != "shape":
            found[each.name] = [_numbers(one) for one in value]
        elif value is None or isinstance(value, (np.ndarray, np.generic, int)):
            found[each.name] = None if value is None else _numbers(np.asarray(value))
    return found


def _real(population: Population) -> dict[str, object]:
    found: dict[str, object] = {name: _numbers(values) for name, values in population.parameters.items()}
    return {**found, "bias": None if population.bias is None else _numbers(population.bias)}


def _numbers(values: NDArray[Any]) -> object:
    """One number where all are equal, else a list for each axis; whole numbers without a point."""
    flat = np.asarray(values)
    if flat.size and (flat == flat.flat[0]).all():
        flat = flat.flat[0]
    if np.asarray(flat).dtype.kind == "f" and (np.asarray(flat) == np.rint(flat)).all():
        flat = np.asarray(flat).astype(np.int64)
    listed: object = np.asarray(flat).tolist()
    return listed


def _operator(operator: Operator, kind: str | None) -> dict[str, object]:
    found: dict[str, object] = {
        "kind": type(operator).__name__.lower(),
        "input_shape": list(operator.input_shape),
        "output_shape": list(operator.output_shape),
    }
    match operator:
        case Dense(weight=weight):
            found["weight"] = _every(_signed(weight, kind))
        case Conv(weight=weight):
            found["weight"] = _every(_signed(weight, kind))
            found |= {"stride": list(operator.stride), "padding": [list(pair) for pair in operator.padding]}
            found |= {"dilation": list(operator.dilation), "groups": operator.groups}
        case Pool():
            found |= {"factor": operator.factor, "kernel": list(operator.kernel)}
            found |= {"stride": list(operator.stride), "padding": [[zeros, zeros] for zeros in operator.padding]}
        case Scale(factor=factor):
            found["factor"] = _numbers(_signed(factor, kind))
        case Sparse(indptr=indptr, indices=indices, weights=weights):
            found |= {"indptr": indptr.tolist(), "indices": indices.tolist(), "weights": _every(_signed(weights, kind))}
        case FixedProbability():
            raise undrawn(operator)
        case Delay():
            pass
    return found


def _every(weights: NDArray[Any]) -> object:
    whole = (weights == np.rint(weights)).all()
    listed: object = (weights.astype(np.int64) if whole else weights).tolist()
    return listed


def _signed(weights: NDArray[Any], kind: str | None) -> NDArray[Any]:
    """The weights themselves: `accum` carries negative ones apart."""
    if kind != "accum":
        return weights
    return np.where(weights >= 2.0**APART, -weights / 2.0**APART, weights)


def _cores(plan: Plan) -> list[dict[str, object]]:
    routes = defaultdict(list)
    for route in plan.routes:
        links = [[list(a), list(b)] for a, b in route.links]
        routes[route.core].append({"slice": route.slice, "targets": [list(t) for t in route.targets], "links": links})
    return [{**_core(core), "routes": routes[index]} for index, core in enumerate(plan.cores)]


def _keys(plan: Plan) -> dict[str, object] | None:
    rule = plan.chip.topology.keys
    if plan.keys is None or rule is None:
        return None
    return {"colour_bits": rule.colour_bits.count, **asdict(plan.keys)}


def _core(core: PlanCore) -> dict[str, object]:
    return {
        "role": core.role,
        "chip": core.chip,
        "router": list(core.router),
        "slot": core.slot,
        "used": dict(core.used),
        "slices": [
            {"population": p.population, "block": p.block and [list(s) for s in p.block], "run": p.run and list(p.run)}
            for p in core.slices
        ],
    }
