"""Signs that a plan is worse than it could be: what a user should see without reading every figure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from neuedge_nir.chip.model import LimitScope
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.network.model import Adaptation, Listening
from neuedge_nir.plan.figures import Binding
from neuedge_nir.plan.model import Plan, PlanPopulation

FULL = 1 + 1e-9
"""Of a tick, but for rounding: a core with as many events as it has time for is not late."""

FILLED = 0.6
"""Cores that are filled less, in the mean, are remarked on."""


def signs_of(plan: Plan) -> list[Diagnostic]:
    """Remarks on how full cores are, on what a step waits for, on a tick that is too full, on adaptive thresholds."""
    return [*_fill(plan), *_one_link(plan), *_overload(plan), *_idle_thresholds(plan)]


def _warning(code: str, node: str | None, message: str, hint: str | None) -> Diagnostic:
    return Diagnostic(code, Severity.WARNING, node, message, hint)


def _fill(plan: Plan) -> Iterator[Diagnostic]:
    """Several cores, each filled as far as whatever it has least of; how many slices it takes does not count."""
    limits = [limit for limit in plan.chip.limits if limit.scope is LimitScope.CORE and limit.formula != "slices"]
    cores = [core for core in plan.cores if core.role == "neurons"]
    if len(cores) < 2 or not limits:
        return
    shares = [{limit.name: core.used[limit.name] / limit.limit.typical for limit in limits} for core in cores]
    binding = [max(share, key=lambda name: share[name]) for share in shares]
    mean = sum(share[name] for share, name in zip(shares, binding, strict=True)) / len(cores)
    if mean < FILLED:
        mostly = Counter(binding).most_common(1)[0][0]
        message = (
            f"the {len(cores)} cores with neurons are filled to {mean:.0%} in the mean, mostly limited by {mostly}"
        )
        yield _warning("WARN051", None, message, _more(plan))


def _more(plan: Plan) -> str | None:
    """What may fill cores, of what was not done: no effort takes fewer than the fewest."""
    ways = [] if plan.outcome == "optimal" else ["a higher --effort", "other --tiles"]
    ways += [] if plan.copies is not None else ["--copies max"]
    return f"{' or '.join(ways)} may fill them" if ways else None


def _one_link(plan: Plan) -> Iterator[Diagnostic]:
    binding = plan.cost.pace.binding
    if binding.link is not None:
        message = f"a step waits for one {binding.words}, and not for the cores"
        yield _warning("WARN052", None, message, "--objective traffic brings what talks much closer together")


def _overload(plan: Plan) -> Iterator[Diagnostic]:
    load, busiest = plan.cost.pace.load, plan.cost.pace.busiest
    if load is None or busiest is None or load.high is None or load.typical is None or load.high <= FULL:
        return
    least = f"{load.typical:.4g}, and may need " if load.typical > FULL else ""
    does = plan.chip.costs.overload or "what happens then is not published"
    message = f"{busiest.words} {'needs' if least else 'may need'} {least}{load.high:.4g} times the chip's tick: {does}"
    yield _warning("WARN053", None, message, _time_to_spare(plan, busiest, load.high))


def _time_to_spare(plan: Plan, busiest: Binding, load: float) -> str:
    """What gives a step enough time.

    A slower step is no help where cores hold as many neurons as the step has time for: they are then filled with more.
    """
    if busiest.core is not None and any(limit.formula == "synaptic_events" for limit in plan.chip.limits):
        return (
            "a [[cap]] of --constraints on the neurons of a core leaves time to spare; a slower step fills it with more"
        )
    return f"--time-scale {math.ceil(plan.options.time_scale * load)} gives every step the time"


# --- thresholds


def _idle_thresholds(plan: Plan) -> Iterator[Diagnostic]:
    for population in plan.populations:
        rule = population.adaptation
        if rule is not None and not rule.noted:
            idle, busy = _factor(rule, 0.0), _factor(rule, activity_heard(plan, population, rule))
            if idle <= busy:
                message = (
                    f"the thresholds do not rise when the input is idle: {idle:.3g} times as high then, else {busy:.3g}"
                )
                yield _warning("WARN054", population.name, message, _remedy(rule))


def _remedy(rule: Adaptation) -> str:
    if rule.homeostatic:
        return "a homeostatic rule lowers them; Eq. 11 as it stands raises them"
    return "give it a gamma above 0, a target above 0, an activity to fall from, and bounds that let it rise"


def _factor(rule: Adaptation, activity: float) -> float:
    """What the threshold is multiplied with at a lasting activity."""
    factor = 1 + rule.gain * (rule.target - activity)
    factor = factor if rule.high is None else min(factor, rule.high)
    return factor if rule.low is None else max(factor, rule.low)


def activity_heard(plan: Plan, population: PlanPopulation, rule: Adaptation) -> float:
    """The mean spikes per neuron and step of what a rule listens to, at the activity of the plan."""
    if rule.source is not Listening.INPUT:
        return plan.activity.rates[population.name]
    heard = {p.source for p in plan.projections if p.target == population.name and p.source != population.name}
    sizes = {p.name: math.prod(p.shape) for p in plan.populations if p.name in heard}
    spikes = sum(plan.activity.rates[name] * size for name, size in sizes.items())
    return spikes / sum(sizes.values()) if sizes else 0.0
