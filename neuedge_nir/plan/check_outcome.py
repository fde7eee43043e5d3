"""What a plan says that it proves: a bound that holds for every mapping, an outcome no better than the bound allows."""

from __future__ import annotations

import math
from collections.abc import Mapping

from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.model import Limit, LimitScope
from neuedge_nir.network.model import Network
from neuedge_nir.plan.check_chips import check_chips_bound
from neuedge_nir.plan.check_copies import check_most
from neuedge_nir.plan.check_demand import least_blocked, recount
from neuedge_nir.plan.check_parts import everything
from neuedge_nir.plan.check_rows import spared_words
from neuedge_nir.plan.check_rules import TOLERANCE, agree, at_most, rounded, same
from neuedge_nir.plan.check_sharing import SHARED, spared
from neuedge_nir.plan.check_synapse_cores import SYNAPSES
from neuedge_nir.plan.check_tables import TABLES, counted_values
from neuedge_nir.plan.check_wires import Part, Rules
from neuedge_nir.plan.model import Plan

PORTS = ("Input", "Output")


def check_outcome(plan: Plan, rules: Rules | None, network: Network | None) -> None:
    """The outcome is no better than the bound allows."""
    mapping, inner = plan.mapping, sum(core.role in ("neurons", SYNAPSES) for core in plan.cores)
    met = inner == mapping.cores_lower_bound
    agree("PLAN128", mapping, bound_scope="universal")
    if rules is not None and network is not None:
        least = _least(plan, rules)
        check_most(plan, least)
        bounds = _bounds(plan, least) | _table_bounds(plan, network)
        agree("PLAN128", mapping, cores_lower_bound=max([1, *bounds.values()]))
        first = max(
            bounds, key=lambda name: bounds[name], default="cores"
        )  # no limit of a core: the one that is needed
        same("PLAN128", "the first limit that asks for most", mapping.bound_resource, first)
        check_chips_bound(plan, least)
    else:
        check_chips_bound(plan, None)
    at_most("PLAN128", "neuron cores of the bound", mapping.cores_lower_bound, inner)
    agree("PLAN129", plan, outcome="optimal" if met else "feasible")
    agree("PLAN129", plan, scope="published limits only" if plan.not_checked else "all limits")
    agree("PLAN129", mapping, packing_proven=mapping.packing_proven or met)


def _least(plan: Plan, rules: Rules) -> dict[str, int]:
    """Per limit: populations that are whole, each on one core, need no more than any split of them.

    Relays do not count: other mappings may have fewer.
    """
    inner = [p.name for p in plan.populations if p.model not in PORTS and p.relay is None]
    parts = [Part(core, name, (everything(rules.shapes[name]),)) for core, name in enumerate(inner)]
    used = recount(parts, rules, messages=False).used
    least = {limit.name: sum(_up(need[limit.name], limit) for need in used) for limit in plan.chip.limits}
    blocked = [limit for limit in plan.chip.limits if limit.formula == "blocked_row_bits"]
    for limit in plan.chip.limits:
        if limit.formula in ("merged_input_axons", SHARED):
            least[limit.name] -= spared(rules, limit, {*inner})
        elif limit.formula == "entry_row_words":
            least[limit.name] -= spared_words(rules, limit, {*inner})
    return least | {limit.name: least_blocked(rules, limit) for limit in blocked}  # a row cut may save a word


def _up(need: float, limit: Limit) -> int:
    return rounded(need, TOLERANCE / 10) if limit.formula == "synaptic_events" else math.ceil(need)


def _bounds(plan: Plan, least: Mapping[str, int]) -> dict[str, int]:
    """The cores that each limit of a core asks for at least."""
    counted = [x for x in plan.chip.limits if x.scope is LimitScope.CORE and FORMULAS[x.formula].sums]
    return {limit.name: math.ceil(least[limit.name] / limit.limit.typical) for limit in counted}


def _table_bounds(plan: Plan, network: Network) -> dict[str, int]:
    """The cores that different values ask for, counted as if all neurons but those of relays were on one core."""
    inner = [p for p in plan.populations if p.model not in PORTS and p.relay is None]
    together = counted_values(plan, network, [Part(0, p.name, (everything(p.shape),)) for p in inner])
    tables = {limit.name: limit.limit.typical for limit in plan.chip.limits if limit.formula in TABLES}
    return {name: math.ceil(together.get((0, name), 0) / most) for name, most in tables.items()}
