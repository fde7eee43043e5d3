"""The plan against the model that it was made from: the same file, populations, projections and size."""

from __future__ import annotations

import math

from neuedge_nir.errors import VerificationError
from neuedge_nir.network.connect import Scale, weights_of
from neuedge_nir.network.model import Network, Projection
from neuedge_nir.plan.check_fan import synapses
from neuedge_nir.plan.check_leaks import check_leaks
from neuedge_nir.plan.check_relays import relayed
from neuedge_nir.plan.check_rules import agree, match, refuse
from neuedge_nir.plan.check_wires import kind_of
from neuedge_nir.plan.model import Plan


def run_on_chip(plan: Plan, model: Network) -> Network:
    """The network that the chip runs, relays included; the plan must speak of it, and of its model."""
    try:
        _check_origin(plan, model)
        network = relayed(plan, model)
        _check_model(plan, network)
        check_leaks(plan, network)
        _check_size(plan, model)
    except VerificationError as error:
        # Passes make other networks of other models and samples.
        hint = "give the model that the plan was made from"
        if plan.options.passes:
            passes = ", ".join(plan.options.passes)
            hint += f", and the very samples (--data, --split, --samples, --steps) that its passes were given: {passes}"
        raise VerificationError(
            error.code,
            error.message,
            where=error.where,
            hint=error.hint or hint,
            needed=error.needed,
            available=error.available,
        ) from error
    return network


def _check_remarks(plan: Plan, network: Network) -> None:
    """What the reader and the passes remark is in the plan."""
    missing = set(network.origin.diagnostics) - set(plan.diagnostics)
    if missing:
        first = min(missing, key=lambda each: (each.code, each.node or "", each.message))
        message = f"{len(missing)} of the remarks on the model are not in the plan: {first.code}, {first.message}"
        where = f"node {first.node!r}" if first.node else None
        refuse("PLAN101", message, where)


def _check_origin(plan: Plan, network: Network) -> None:
    """The plan speaks of this file, and of what its reader and its passes said."""
    origin = network.origin
    agree("PLAN101", plan.model, sha256=origin.sha256, nir_version=origin.nir_version)
    _check_remarks(plan, network)
    if origin.sha256 is None:  # a file is known by its content, whatever it is called by now
        agree("PLAN101", plan.model, name=origin.name)


def _check_model(plan: Plan, network: Network) -> None:
    """The plan has the populations and projections of the network that the chip runs, relays included."""
    due = {p.name: (p.model, p.shape) for p in network.populations}
    due |= {port.name: ("Input", port.shape) for port in network.inputs}
    due |= {port.name: ("Output", port.shape) for port in network.outputs}
    match("PLAN102", "model and shape", {p.name: (p.model, p.shape) for p in plan.populations}, due)
    inner = {population.name for population in network.populations}
    wires = [wire for wire in network.projections if wire.target in inner]
    ends = {p.name: (p.source, p.target, p.signal) for p in plan.projections}
    match("PLAN103", "ends and signal", ends, {w.name: (w.source, w.target, _sent(w)) for w in wires})
    kinds = {projection.name: projection.kind for projection in plan.projections}
    match("PLAN105", "kind", kinds, {wire.name: kind_of(wire.chain) for wire in wires})


def _sent(wire: Projection) -> str:
    """Between neurons of a chip a potential is a spike with a payload."""
    return "graded" if wire.signal == "analog" else str(wire.signal)


def _check_size(plan: Plan, network: Network) -> None:
    """The model is as large as the plan says: relays are none of it."""
    inner = {population.name for population in network.populations}
    wires = [wire for wire in network.projections if wire.target in inner]
    stored = {
        (operator.node, operator.input_shape, operator.output_shape): math.prod(operator.shape)
        if isinstance(operator, Scale)
        else weight.size
        for wire in network.projections
        for operator in wire.chain
        if (weight := weights_of(operator)) is not None
    }
    agree(
        "PLAN104",
        plan.counts,
        populations=len(network.populations),
        projections=len(network.projections),
        neurons=network.neurons,
        synapses=sum(synapses(wire.chain, wire.target_shape) for wire in wires),
        stored_weights=sum(stored.values()),
    )
