"""Which projections the splitters of a plan feed."""

from __future__ import annotations

from neuedge_nir.mapping.splitters import Served
from neuedge_nir.plan.model import Plan


def served_in(plan: Plan) -> Served:
    """The projections that each splitter of a plan feeds, through relays or not."""
    relays = {p.name: p.relay for p in plan.populations if p.relay is not None}
    found: dict[str, dict[str, list[str]]] = {}
    for name, relay in relays.items():
        if relay.splits:
            found.setdefault(relay.of, {})[name] = []
    for held in plan.projections:
        source = held.source
        while source in relays and not relays[source].splits:
            source = relays[source].of
        if source in relays and held.target not in relays:
            found[relays[source].of][source].append(held.name)
    return {name: tuple(tuple(served) for served in each.values()) for name, each in found.items()}
