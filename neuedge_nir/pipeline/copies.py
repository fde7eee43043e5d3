"""How many copies of a network are mapped, and what all of them need."""

from __future__ import annotations

from dataclasses import replace

from neuedge_nir.constraints.load import constraints_given
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.events import silent
from neuedge_nir.mapping.asked import tiles_given
from neuedge_nir.mapping.bounds import check_room
from neuedge_nir.mapping.copies import most_copies, most_found, of_each_copy
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.effort import EFFORTS
from neuedge_nir.network.copies import copied, for_copies, named
from neuedge_nir.pipeline.options import Options
from neuedge_nir.pipeline.ready import Ready, legal_of, served_for
from neuedge_nir.pipeline.stages import mapped
from neuedge_nir.plan.figures import Copies
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.schedule import schedule_of


def spelled_out(wanted: Options, copies: Copies | None) -> Options:
    """The options with tiles and constraints of every copy."""
    if copies is None or wanted.keep is not None:  # a plan has spelled them out
        return wanted
    tiles, given = for_copies(tiles_given(wanted.tiles), copies.count), constraints_given(wanted.constraints)
    return replace(wanted, tiles=tiles, constraints=of_each_copy(given, copies.count), copies=copies.count)


def demands_of(ready: Ready, copies: Copies | None) -> Demands:
    """What all copies need."""
    wanted = spelled_out(ready.wanted, copies)
    legal, activity = ready.legal, ready.activity
    if copies is not None and copies.count > 1:
        served = served_for(ready.served, copies.count)
        legal = legal_of(copied(ready.ordered, copies.count), legal.chip, wanted, served)
        activity = replace(activity, rates=for_copies(activity.rates, copies.count))
    given, names = constraints_given(wanted.constraints), [p.name for p in ready.network.populations]
    twins = {named(name, k): name for k in range(2, (copies.count if copies else 1) + 1) for name in names}
    ends = for_copies({name: found.ends for name, found in ready.orders.items()}, copies.count if copies else 1)
    pinned = {} if given.pin else twins
    return Demands(legal, legal.relays.active(activity), constraints=given, twins=pinned, ends=ends)


def bounded(ready: Ready, count: int, chips: int) -> Copies:
    """So many copies on so many chips, with the bound on how many there can be."""
    bound = most_copies(demands_of(ready, None), chips)
    return Copies(count, chips, bound.count, bound.resource)


def copies_of(ready: Ready) -> Copies | None:
    """The copies that are asked for, or as many as are found to fit: first without a solver, then with one."""
    asked, effort = ready.wanted.copies, ready.wanted.effort
    if asked is None:
        return None
    if asked != "max":
        old = ready.wanted.keep.copies if isinstance(ready.wanted.keep, Plan) else None
        return Copies(int(asked), 0, 0, "") if old is None else bounded(ready, old.count, old.chips)
    bound = bounded(ready, 1, ready.wanted.chips or 1)

    def needed(count: int, effort: str) -> int | None:
        return _needed(ready, replace(bound, count=count), effort)

    room = bound.chips * ready.legal.chip.topology.cores_per_chip.count
    return replace(bound, count=most_found(needed, room, bound.at_most, effort))


def _needed(ready: Ready, copies: Copies, effort: str) -> int | None:
    """The cores of a mapping of so many copies on so many chips; None where none is found."""
    ready = replace(ready, wanted=replace(ready.wanted, effort=effort))
    demands, wanted = demands_of(ready, copies), spelled_out(ready.wanted, copies)
    schedule = schedule_of(demands.legal, None)
    try:
        check_room(demands, copies.chips, wanted.max_cores or EFFORTS[effort].cores)
        stages = mapped(demands, schedule, wanted, silent, copies.chips)
    except (CapacityError, NoPlanError):
        return None
    return len(stages.partition.clusters)
