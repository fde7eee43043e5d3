"""What a plan says of how it was asked for: words that there are, numbers within their bounds, the model's timestep."""

from __future__ import annotations

import math

from neuedge_nir.network.model import Network
from neuedge_nir.plan.check_rules import at_most, refuse, same
from neuedge_nir.plan.model import WALL_CLOCK, Plan

WORDS = {
    "effort": ("none", "quick", "normal", "high"),
    "objective": ("cores", "traffic"),
    "recurrence": ("exact", "approximate"),
    "splitters": ("auto", "never", "always"),
}
"""What these options can be."""

SEEDS = 1 << 31

TOOLS = {"neuedge-nir", "networkx", "numpy", "ortools"}
"""What every plan depends on; `FAST` may have had a part in it."""

FAST = {"numba", "pymetis", "scipy"}

ANOTHER_STEP = "NET062"
"""The remark on a timestep that was asked for, and is not the network's own."""


def check_words(plan: Plan) -> None:
    """Raises `VerificationError` (PLAN250, PLAN261, PLAN262, PLAN264, PLAN265) for what no compilation is told."""
    for name, known in WORDS.items():
        if (word := getattr(plan.options, name)) not in known:
            refuse("PLAN261", f"{name} {word!r}; there are: {', '.join(known)}", "options")
    at_most("PLAN262", "a seed of 0 at least", 0, plan.options.seed, "options")
    at_most("PLAN262", "a seed", plan.options.seed, SEEDS - 1, "options")
    if plan.stopped_by not in (None, WALL_CLOCK):
        refuse("PLAN250", f"stopped by {plan.stopped_by!r}", "plan")
    same("PLAN264", "tools that every plan depends on", sorted({*plan.tool} - FAST), sorted(TOOLS))
    for remark in plan.diagnostics:
        if not (remark.code.strip() and remark.message.strip()):
            refuse("PLAN265", f"a remark of the code {remark.code!r} that says {remark.message!r}", "diagnostics")
    for name, version in plan.tool.items():
        if not version.strip():
            refuse("PLAN264", "it has no version", name)


def check_timestep(plan: Plan, model: Network) -> None:
    """The timestep is the model's own; another that was asked for is remarked on. Raises PLAN263."""
    dt, own = plan.options.dt, model.dt
    if dt is not None and not 0 < dt < math.inf:
        refuse("PLAN263", f"a timestep of {dt}", "options")
    if own is not None and dt != own and not any(remark.code == ANOTHER_STEP for remark in plan.diagnostics):
        refuse("PLAN263", f"a timestep of {dt}, and the model has one of {own}", "options")
