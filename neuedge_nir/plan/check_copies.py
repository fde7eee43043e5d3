"""Copies of a network: the plan maps all of them, each whole, and no mapping holds more than the plan says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.model import LimitScope
from neuedge_nir.network.model import Network, Port, Projection
from neuedge_nir.plan.check_rules import agree, at_most, refuse, same
from neuedge_nir.plan.model import Plan

MOST = 65536
"""The copies that are tried at most."""


def check_copies(plan: Plan, chips_used: int) -> None:
    """Raises `VerificationError` (PLAN220) where what the plan says of copies does not go together."""
    stated, asked = plan.copies, plan.options.copies
    if (stated is None) != (asked is None):
        refuse("PLAN220", f"{asked} copies are asked for, and the plan tells of {stated}")
    if stated is None or asked is None:
        return
    same("PLAN220", "copies", stated.count, asked)
    at_most("PLAN220", "copies of the bound", stated.count, stated.at_most)
    at_most("PLAN220", "copies that are tried", stated.count, MOST)
    at_most("PLAN220", "a copy at least", 1, stated.count)
    at_most("PLAN220", "chips in use", chips_used, stated.chips)
    at_most("PLAN220", "chips of the bound", stated.chips, plan.chips_available)


def check_most(plan: Plan, least: Mapping[str, int]) -> None:
    """The bound on copies, from what all populations of the plan need of each limit at least, relays left out."""
    stated = plan.copies
    if stated is None:
        return
    room = {}
    for limit in plan.chip.limits:
        one = least[limit.name] // stated.count
        if FORMULAS[limit.formula].sums and one:
            holders = plan.chip.topology.cores_per_chip.count if limit.scope is LimitScope.CORE else 1
            room[limit.name] = math.floor(stated.chips * holders * limit.limit.typical / one)
    agree("PLAN221", stated, at_most=min([MOST, *room.values()]))
    if room:
        same("PLAN221", "copies by the limit named", min(room.get(stated.resource, -1), MOST), stated.at_most)


def several(plan: Plan, network: Network) -> Network:
    """The network as often as the plan says, every name but the first copy's with its number."""
    count = 1 if plan.options.copies is None else plan.options.copies
    if not 1 <= count <= min(MOST, len(plan.populations)):
        refuse("PLAN220", f"{count} copies in a plan of {len(plan.populations)} populations and ports")
    inputs, outputs = list(network.inputs), list(network.outputs)
    populations, projections = list(network.populations), list(network.projections)
    for number in range(2, count + 1):
        mark = f"@{number}"
        inputs += [_marked(port, mark) for port in network.inputs]
        outputs += [_marked(port, mark) for port in network.outputs]
        populations += [replace(one, name=one.name + mark) for one in network.populations]
        projections += [_moved(wire, mark) for wire in network.projections]
    return replace(
        network,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        populations=tuple(populations),
        projections=tuple(projections),
    )


def _marked(port: Port, mark: str) -> Port:
    return replace(port, name=port.name + mark)


def _moved(wire: Projection, mark: str) -> Projection:
    return replace(wire, name=wire.name + mark, source=wire.source + mark, target=wire.target + mark)
