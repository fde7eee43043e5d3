"""Inputs and outputs: the chip has the plan's ways, and they take the cores that these ways take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neuedge_nir.network.model import Network
from neuedge_nir.plan.check_demand import Recount
from neuedge_nir.plan.check_ports import way_out
from neuedge_nir.plan.check_rules import refuse, same
from neuedge_nir.plan.check_wires import Part
from neuedge_nir.plan.model import Plan


def check_io(plan: Plan) -> None:
    """A core without slices gathers outputs, and there is just one where the way out has one."""
    empty = _empty(plan)
    same("PLAN161", "cores that gather outputs", len(empty), int(way_out(plan).gatherer))
    for index in empty:
        same("PLAN161", "role", plan.cores[index].role, "io", f"core {index}")


def _empty(plan: Plan) -> list[int]:
    """Cores without slices that are there for no neuron's events."""
    return [index for index, core in enumerate(plan.cores) if not core.slices and core.role != "synapses"]


def check_read(plan: Plan, network: Network) -> None:
    """What outputs read comes out by the plan's way."""
    if way_out(plan).potentials:
        return
    spiking = {population.name: population.spiking for population in network.populations}
    for name in read_by_outputs(network):
        if not spiking[name]:
            refuse("PLAN161", f"a potential is read by {plan.options.outputs!r}, which carries spikes alone", name)


def read_by_outputs(network: Network) -> list[str]:
    """Names of the populations that feed an output."""
    outputs = [port.name for port in network.outputs]
    inner = [population.name for population in network.populations]
    return [name for name in inner if any(p.source == name and p.target in outputs for p in network.projections)]


def gathered(plan: Plan, network: Network, parts: Sequence[Part], recounted: Recount) -> Recount:
    """The messages with those to a core that gathers: every spike that an output reads goes there once."""
    read, empty = read_by_outputs(network), _empty(plan)
    messages = list(recounted.messages)
    for number, part in enumerate(parts if empty else ()):
        if part.population in read:
            messages[number] = tuple(sorted({**dict(messages[number]), **dict.fromkeys(empty, part.size)}.items()))
    return replace(recounted, messages=messages)


def host_reads(plan: Plan, network: Network) -> float:
    """Messages per step by which a host reads: a spike each, or the potential of a neuron that never spikes."""
    if way_out(plan).name != "host":
        return 0.0
    each = {p.name: plan.activity.rates[p.name] if p.spiking else 1.0 for p in network.populations}
    sizes = {p.name: p.neurons for p in network.populations}
    return sum(sizes[name] * each[name] for name in read_by_outputs(network))
