"""The naive mapping: every layer on cores of its own; and how much of the cores in use is used."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

import neuedge_nir
from neuedge_models.experiments.price import CHIP
from neuedge_nir import Network, Options
from neuedge_nir.constraints.model import Apart, Constraints, Holder
from neuedge_nir.plan.model import Plan


def naive_plan(network: Network, rates: Mapping[str, float], steps: int, chip: str = CHIP) -> Plan:
    """A plan in which no core holds neurons of two populations."""
    names = [population.name for population in network.populations]
    few = {name: min(rate, 1.0) for name, rate in rates.items()}
    separate = Constraints(apart=(Apart(tuple(names), Holder.CORE),))
    options = Options(activity=few, steps_per_sample=steps, effort="quick", constraints=separate)
    return neuedge_nir.compile(network, chip, options)


def used(plan: Plan) -> float:
    """The share in use of what is scarcest in a core, mean over the cores with neurons; 0 to 1."""
    limits = [limit for limit in plan.chip.limits if limit.scope == "core"]
    cores = [core for core in plan.cores if core.role == "neurons"]
    shares = [max(core.used.get(each.name, 0) / each.limit.count for each in limits) for core in cores]
    return statistics.mean(shares)
