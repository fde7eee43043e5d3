"""What a stage is for who watches, and the stages that cut, pack, place and route a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import NoPlanError, UsageError
from neuedge_nir.events import Finished, Observer, Started
from neuedge_nir.mapping.asked import tiles_given
from neuedge_nir.mapping.crossings import first_placed, holds, may_hold, with_crossings
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.effort import EFFORTS
from neuedge_nir.mapping.fabric import how_to_have_more, largest_system
from neuedge_nir.mapping.keys import allocate
from neuedge_nir.mapping.obey import Obliged
from neuedge_nir.mapping.pack import merit, partitions
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

FAR = 1.1
"""What leaves room for destinations on other chips is cut for nothing where it exceeds a limit so many times."""

HOPELESS = 1.6
"""Clusters that move seldom change their chip: what exceeds a limit so many times before exceeds it afterwards."""

SPARE = (1, 2, 3)
"""Eighths of a core's output entries that are left free for destinations on other chips, where those do not fit."""


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
    splits = _partitions(demands, wanted, observer)
    first = stage("partition", observer, lambda: next(splits))
    sent = _sent(first, demands, observer)
    placed = first_placed(first, sent, demands, available, wanted.effort)
    if placed is None or holds(placed, demands, HOPELESS):
        found = _placed(first, sent, demands, schedule, wanted, observer, available)
        if holds(found.partition, demands):
            return found
        placed = found.partition
    spares = [eighths for eighths in SPARE if may_hold(first, placed, demands, eighths, FAR)]
    return _roomier(list(splits), spares, demands, schedule, wanted, observer, available)


def _partitions(demands: Demands, wanted: Options, observer: Observer) -> Iterator[Partition]:
    most, asked = wanted.max_cores or EFFORTS[wanted.effort].cores, tiles_given(wanted.tiles)
    told = wanted.effort, wanted.seed, observer, most, asked, wanted.objective
    return (with_synapse_cores(split, demands) for split in partitions(demands, *told))


def _sent(split: Partition, demands: Demands, observer: Observer) -> tuple[Flow, ...]:
    return stage("traffic", observer, lambda: flows(split.clusters, demands))


def _roomier(
    others: Sequence[Partition],
    spares: Sequence[int],
    demands: Demands,
    schedule: PlanSchedule,
    wanted: Options,
    observer: Observer,
    available: int,
) -> Stages:
    """Too many destinations lie on other chips: the best of the others, and of those that leave room for some or all.

    `spares`: eighths of the room that may do. Raises `NoPlanError` where no such mapping was found.
    """
    splits, failed = list(others), None
    for roomier in (*(replace(demands, spare=eighths) for eighths in spares), replace(demands, crossed=True)):
        try:
            splits += stage("partition", observer, lambda: list(_partitions(roomier, wanted, observer)))  # noqa: B023
        except NoPlanError as error:
            failed = error
    different = {tuple(cluster.pieces for cluster in split.clusters): split for split in splits}.values()
    for split in sorted(different, key=lambda split: merit(split, demands, wanted.objective)):
        sent = _sent(split, demands, observer)
        placed = first_placed(split, sent, demands, available, wanted.effort)
        if placed is not None and not holds(placed, demands, HOPELESS):
            continue
        try:
            found = _placed(split, sent, demands, schedule, wanted, observer, available)
        except NoPlanError as error:
            failed = error
            continue
        if holds(found.partition, demands):
            return found
    raise failed or _uncrossed(demands)


def _placed(
    split: Partition,
    sent: tuple[Flow, ...],
    demands: Demands,
    schedule: PlanSchedule,
    wanted: Options,
    observer: Observer,
    available: int,
) -> Stages:
    """The partition placed and routed. Raises `NoPlanError` where it does not fit the chips."""
    chip = demands.legal.chip
    keys = allocate(sent, split.clusters, chip, demands.legal.relays.stages)

    def placed_and_routed(obliged: Obliged) -> tuple[Placement, Routing]:
        on = obliged.demands.legal.chip  # of large systems alone, perhaps
        placement = stage(
            "place", observer, lambda: place(split.clusters, sent, on, available, wanted.effort, observer, obliged)
        )
        return placement, stage("route", observer, lambda: route(sent, placement, keys))

    placement, routing = listed_first(*off_dead_links(placed_and_routed, demands), available)
    _check_crossed(placement, routing, available)
    placed = with_crossings(split, placement, demands)
    return Stages(demands.uncrossed, placed, placement, sent, routing, available, schedule, keys=keys)


def _uncrossed(demands: Demands) -> NoPlanError:
    return NoPlanError(
        "FIT076",
        f"no mapping was found whose cores have room for their messages to other chips of {demands.legal.chip.title}",
        hint="give more cores a share of the work: --tiles with smaller tiles; or make the network smaller",
    )


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
        are = "is" if available == 1 else "are"
        raise NoPlanError(
            "FIT014",
            f"the mapping found takes {chips} chips, with those that messages cross, and {available} {are} available; "
            "whether fewer do is not proved",
            resource="chips",
            needed=chips,
            available=available,
            hint=f"{how_to_have_more(placement.fabric.chip, available)}, raise --effort, or make the network smaller",
        )
