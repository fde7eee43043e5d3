"""The ways by which a plan says that spikes come and go, as the chip has them."""

from __future__ import annotations

from neuedge_nir.chip.model import InputWay, OutputWay
from neuedge_nir.plan.check_rules import refuse
from neuedge_nir.plan.model import Plan


def way_in(plan: Plan) -> InputWay:
    found = [way for way in plan.chip.io.inputs if way.name == plan.options.inputs]
    if len(found) != 1:
        refuse("PLAN160", f"inputs come by {plan.options.inputs!r}, and the chip has {len(found)} such ways")
    return found[0]


def way_out(plan: Plan) -> OutputWay:
    found = [way for way in plan.chip.io.outputs if way.name == plan.options.outputs]
    if len(found) != 1:
        refuse("PLAN160", f"outputs go by {plan.options.outputs!r}, and the chip has {len(found)} such ways")
    return found[0]


def takes_cores(plan: Plan) -> bool:
    """Whether input ports lie on cores of the chip."""
    return way_in(plan).cores.value != "none"


def role_of_inputs(plan: Plan) -> str:
    """The role of cores that hold inputs."""
    return "io" if way_in(plan).cores.value == "io" else "input"
