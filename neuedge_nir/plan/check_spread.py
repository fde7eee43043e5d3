"""How evenly links are used, and what crosses the middle of the machine, counted again link by link."""

from __future__ import annotations

import math
from collections.abc import Mapping

from neuedge_nir.plan.check_rules import TOLERANCE, refuse, same
from neuedge_nir.plan.figures import Link, LinkUse
from neuedge_nir.plan.model import Plan


def check_spread(plan: Plan, loads: Mapping[Link, float]) -> None:
    """The plan's figures of all links agree with the loads that the checker walked. Raises PLAN239 where not."""
    stated = plan.cost.traffic.links
    used = {link: load for link, load in loads.items() if load > 0}
    same("PLAN239", "links used", stated.used, len(used))
    same("PLAN239", "mean load of the links used", stated.mean, math.fsum(used.values()) / max(1, len(used)))
    _check_histogram(stated, used)
    for axis, between in enumerate(("columns", "rows")):
        there = [core.router[axis] for core in plan.cores]
        middle = (min(there) + max(there)) / 2
        crossing = math.fsum(load for (a, b), load in used.items() if (a[axis] > middle) != (b[axis] > middle))
        same("PLAN239", f"messages over the middle between {between}", stated.bisection[axis], crossing)


def _check_histogram(stated: LinkUse, used: Mapping[Link, float]) -> None:
    """Up to each tenth of the largest load there are as many links; one right at a tenth may be rounded either way."""
    bins, largest = len(stated.histogram), max(used.values(), default=0.0)
    same("PLAN239", "bins of the histogram", bins, 10)
    if min(stated.histogram) < 0:
        refuse("PLAN239", "fewer links than none in a bin")
    for tenth in range(1, bins + 1):
        upto, edge = sum(stated.histogram[:tenth]), largest * tenth / bins
        least = sum(load * (1 + TOLERANCE) <= edge for load in used.values())
        most = sum(load * (1 - 2 * TOLERANCE) <= edge for load in used.values())
        if not (least if tenth < bins else len(used)) <= upto <= most:
            refuse("PLAN239", f"the plan says {upto} links up to {edge:g} messages, it is {most}", None, most, upto)
