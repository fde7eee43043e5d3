"""How right a plan's network is in the arithmetic of its chip, on samples: what `simulate --as` runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.emulation.run import quantised, run_integers
from neuedge_nir.errors import NeuedgeError, UsageError
from neuedge_nir.interpreter.answers import Course
from neuedge_nir.interpreter.run import Run, simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.plan.model import Plan
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.manager import rewritten

Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The class of each sample, None where nothing ran: `why` says it. `accuracy` where labels are known."""

    classes: Classes | None
    accuracy: float | None
    why: str


def agreement(one: Scored, other: Scored) -> float | None:
    """The share of samples to which both give one class."""
    if one.classes is None or other.classes is None:
        return None
    return float((one.classes == other.classes).mean())


def reference(network: Network, samples: Samples, dt: float | None, reset: ResetMode | None) -> Scored:
    """The model itself, as it was read, in floating point, over all steps."""
    found = simulate(network, samples.of(network), dt, reset)
    return _scored(network, found, samples, None, "as read, in floating point")


def as_mapped(
    plan: Plan, network: Network, samples: Samples, calibration: Samples | None, lead: float | None
) -> Scored:
    """The network after the plan's passes, in its chip's whole numbers. `network` is the one that was read."""
    context = Context(plan.chip, samples, calibration, plan.options.dt, ResetMode(plan.options.reset))
    try:
        after = rewritten(network, [PassCall.parse(text) for text in plan.options.passes], context)
        found = run_integers(
            quantised(after, plan.chip, plan.options.dt, plan.options.reset), samples.of(after), record=()
        )
    except NeuedgeError as error:
        if isinstance(error, UsageError) or error.exit_status in (3, 4, 5):
            return Scored(None, None, f"{error.code}: {error.told}")
        raise
    kind = plan.chip.arithmetic.kind if plan.chip.arithmetic is not None else "?"
    late = sum(p.excess > 0 for p in plan.projections)
    aside = f"; without the lateness of {late} projections" if late else ""
    return _scored(after, found.run, samples, lead, f"in the whole numbers of {plan.chip.name} ({kind}){aside}")


def _scored(network: Network, found: Run, samples: Samples, lead: float | None, why: str) -> Scored:
    course = Course.of_run(network, found)
    answers = course.whole() if lead is None else course.exit_at(lead)
    correct = None if samples.labels is None else answers.accuracy(samples.labels)
    return Scored(answers.classes, correct, why if lead is None else f"{why}, ended at a lead of {lead:g}")
