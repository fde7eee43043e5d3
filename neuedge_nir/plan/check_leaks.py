"""Constant leaks: those of the network, on a chip that has them, of neurons that can have one."""

from __future__ import annotations

from neuedge_nir.network.model import Network
from neuedge_nir.plan.check_rules import match, refuse
from neuedge_nir.plan.model import Plan

WAYS = {True: "reversing", False: "falling"}


def check_leaks(plan: Plan, network: Network) -> None:
    """The plan says of each population whether it loses a constant in every step, and how."""
    due = {p.name: None if p.leak is None else WAYS[p.leak.reverses] for p in network.populations}
    due |= {port.name: None for port in (*network.inputs, *network.outputs)}
    match("PLAN204", "constant leak", {p.name: p.leak for p in plan.populations}, due)
    for population in plan.populations:
        if population.leak is not None and not plan.chip.capabilities.constant_leak:
            refuse("PLAN204", f"neurons of {plan.chip.title} lose nothing by a constant", population.name)
