"""A figure of a plan by its path, and what it rests on in the end.

Those of core 17 are `cores.17.energy` and so on, those of a link `links.(3,2)-(4,2).time`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from neuedge_nir.chip.shape import nearest
from neuedge_nir.errors import UsageError
from neuedge_nir.plan.figures import Link
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figure import Figure, Given, wire
from neuedge_nir.report.figures import figures_of
from neuedge_nir.report.figures_core import core_figures, link_figures, link_loads

CORE = re.compile(r"cores\.(\d{1,9})(?:\.|$)")
LINK = re.compile(r"links\.\((\d{1,9}),(\d{1,9})\)-\((\d{1,9}),(\d{1,9})\)(?:\.|$)")


def figures_at(plan: Plan, path: str) -> list[Figure]:
    """The figure at a path, or all below it; all of the plan for an empty one.

    Raises `UsageError`: USE100 where there is none, with the nearest; USE101 for a core or link that the plan has not.
    """
    known = known_at(plan, path)
    if path in known:
        return [known[path]]
    below = [figure for name, figure in known.items() if not path or name.startswith(f"{path}.")]
    if not below:
        guess = nearest(path, known)
        hint = f"did you mean {guess!r}?" if guess else "PLAN.json: alone lists all paths"
        raise UsageError("USE100", f"the plan has no figure {path!r}", hint=hint)
    return below


def rests_on(figure: Figure, known: Mapping[str, Figure]) -> list[Given]:
    """What a figure rests on in the end: the inputs of its inputs, and so on, down to those that are no figures."""
    found: dict[Given, None] = {}
    waiting, seen = [figure], {figure.path}
    while waiting:
        for given in waiting.pop().inputs:
            held = None if given.path is None else known.get(given.path)
            if held is None:
                found.setdefault(given)
            elif held.path not in seen:
                seen.add(held.path)
                waiting.append(held)
    return list(found)


def known_at(plan: Plan, path: str) -> Mapping[str, Figure]:
    """The figures among which a path is: those of one core or link are made for it alone."""
    if found := CORE.match(path):
        return {figure.path: figure for figure in core_figures(plan, _core(plan, int(found[1])))}
    if found := LINK.match(path):
        a, b, c, d = map(int, found.groups())
        link: Link = ((a, b), (c, d))
        return {figure.path: figure for figure in link_figures(plan, link, _load(plan, link))}
    return figures_of(plan)


def _core(plan: Plan, index: int) -> int:
    if index >= len(plan.cores):
        raise UsageError("USE101", f"the plan has no core {index}", hint=f"its cores are 0 to {len(plan.cores) - 1}")
    return index


def _load(plan: Plan, link: Link) -> float:
    loads = link_loads(plan)
    if link not in loads:
        busiest = max(loads, key=lambda one: loads[one], default=None)
        hint = "no message crosses any" if busiest is None else f"the busiest is {wire(busiest)}"
        raise UsageError("USE101", f"no message crosses the link {wire(link)}", hint=hint)
    return loads[link]
