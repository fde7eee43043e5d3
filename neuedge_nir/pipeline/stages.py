"""What a stage is for who watches, and the stages that cut, pack, place and route a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import NoPlanError, UsageError
from neuedge_nir.events import Finished, Observer, Started
from neuedge_nir.mapping.asked import tiles_given
from neuedge_nir.mapping.crossings import first_placed, holds, may_hold, with_crossings
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.fabric import largest_system
from neuedge_nir.mapping.keys import allocate
from neuedge_nir.mapping.obey import Obliged
from neuedge_nir.mapping.pack import EFFORTS, partition
from neuedge_nir.mapping.partition import Partition
from neuedge_nir.mapping.place import Placement, place
from neuedge_nir.mapping.route import Routing, route
from neuedge_nir.mapping.shun import off_dead_links
from neuedge_nir.mapping.synapse_cores import with_synapse_cores
from neuedge_nir.mapping.traffic import Flow, flows
from neuedge_nir.mapping.turned_on import listed_first
from neuedge_nir.pipeline.options import Options
from neuedge_nir.plan.kept import kept
from neuedge_nir.plan.model import Plan, PlanSchedule
from neuedge_nir.plan.stages import Stages

T = TypeVar("T")

SPARE = (1, 2, 3)
"""Eighths of a core's output entries that are left free for destinations on other chips, where those do not fit."""

FAR = 1.1
"""Clusters that move rarely change their chip: what exceeds a limit so many times before, exceeds it afterwards."""


def stage(name: str, observer: Observer, work: Callable[[], T]) -> T:
    observer(Started(name))
    result = work()
    observer(Finished(name))
    return result


def mapped(demands: Demands, schedule: PlanSchedule, wanted: Options, observer: Observer, available: int) -> Stages:
    """The network cut, packed, placed and routed, or as the plan says whose mapping is kept.

    Raises `NoPlanError` where no such mapping was found.
    """
    if isinstance(wanted.keep, Plan):
        return kept(wanted.keep, demands, available, schedule)
    split, sent = _cut(demands, wanted, observer)
    placed = first_placed(split, sent, demands, available, wanted.effort)
    if placed is None or holds(placed, demands, FAR):
        found = _placed(split, sent, demands, schedule, wanted, observer, available)
        if holds(found.partition, demands):
            return found
        placed = found.partition
    spares = [eighths for eighths in SPARE if may_hold(split, placed, demands, eighths, FAR)]
    return _roomier(spares, demands, schedule, wanted, observer, available)


def _roomier(
    spares: Sequence[int],
    demands: Demands,
    schedule: PlanSchedule,
    wanted: Options,
    observer: Observer,
    available: int,
) -> Stages:
    """Too many destinations lie on other chips: the least that is left free for some of them, or for all, that does.

    The less is left free, the fewer cores. Raises `NoPlanError` where no such mapping was found.
    """
    failed = None
    for roomier in (*(replace(demands, spare=eighths) for eighths in spares), replace(demands, crossed=True)):
        try:
            split, sent = _cut(roomier, wanted, observer)
            found = _placed(split, sent, roomier, schedule, wanted, observer, available)
        except NoPlanError as error:
            failed = error
            continue
        if holds(found.partition, demands):
            return found
    assert failed is not None, "where every destination counts as on another chip, any placement holds"
    raise failed


def _cut(demands: Demands, wanted: Options, observer: Observer) -> tuple[Partition, tuple[Flow, ...]]:
    """The network cut and packed, and what its slices send."""
    effort, asked = wanted.effort, tiles_given(wanted.tiles)
    most = wanted.max_cores or EFFORTS[effort].cores
    told = effort, wanted.seed, observer, most, asked, wanted.objective
    split = stage("partition", observer, lambda: partition(demands, *told))
    split = with_synapse_cores(split, demands)
    return split, stage("traffic", observer, lambda: flows(split.clusters, demands))


def _placed(
    split: Partition,
    sent: tuple[Flow, ...],
    demands: Demands,
    schedule: PlanSchedule,
    wanted: Options,
    observer: Observer,
    available: int,
) -> Stages:
    """Placed and routed. Raises `NoPlanError` where that takes more chips than there are."""
    chip, effort = demands.legal.chip, wanted.effort
    keys = allocate(sent, split.clusters, chip, demands.legal.relays.stages)

    def placed_and_routed(obliged: Obliged) -> tuple[Placement, Routing]:
        on = obliged.demands.legal.chip  # of large systems alone, perhaps
        placement = stage(
            "place", observer, lambda: place(split.clusters, sent, on, available, effort, observer, obliged)
        )
        return placement, stage("route", observer, lambda: route(sent, placement, keys))

    placement, routing = listed_first(*off_dead_links(placed_and_routed, demands), available)
    _check_crossed(placement, routing, available)
    placed = with_crossings(split, placement, demands)
    return Stages(demands.uncrossed, placed, placement, sent, routing, available, schedule, keys=keys)


def chips_available(chip: Chip, wanted: int | None) -> int:
    largest = largest_system(chip)
    if wanted is not None and wanted > largest:
        raise UsageError(
            "USE015",
            f"{wanted} chips; the largest published system of {chip.title} has {largest}",
            where="--chips",
            hint="leave it out to use as many as are needed",
        )
    return wanted or largest


def _check_crossed(placement: Placement, routing: Routing, available: int) -> None:
    """Raises `NoPlanError` where messages cross more chips than there are: another placement may not."""
    chips = 1 + max({site.chip for site in placement.sites} | routing.transit, default=0)
    if chips > available:
        raise NoPlanError(
            "FIT014",
            f"the mapping found takes {chips} chips, with those that messages cross, and {available} are available; "
            "whether fewer do is not proved",
            resource="chips",
            needed=chips,
            available=available,
            hint="raise --chips or --effort, or make the network smaller",
        )
