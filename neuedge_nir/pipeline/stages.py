"""What a stage is for who watches, and the stages that cut, pack, place and route a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import NoPlanError, UsageError
from neuedge_nir.events import Finished, Observer, Started
from neuedge_nir.mapping.asked import tiles_given
from neuedge_nir.mapping.crossings import holds, with_crossings
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.effort import EFFORTS
from neuedge_nir.mapping.fabric import largest_system
from neuedge_nir.mapping.keys import allocate
from neuedge_nir.mapping.obey import Obliged
from neuedge_nir.mapping.pack import partition
from neuedge_nir.mapping.place import Placement, place
from neuedge_nir.mapping.route import Routing, route
from neuedge_nir.mapping.shun import off_dead_links
from neuedge_nir.mapping.synapse_cores import with_synapse_cores
from neuedge_nir.mapping.traffic import flows
from neuedge_nir.pipeline.options import Options
from neuedge_nir.plan.build import Stages
from neuedge_nir.plan.kept import kept
from neuedge_nir.plan.model import Plan, PlanSchedule

T = TypeVar("T")

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
    found = _mapped(demands, schedule, wanted, observer, available)
    if holds(found.partition, demands):
        return found
    return _roomier(demands, schedule, wanted, observer, available)


def _roomier(demands: Demands, schedule: PlanSchedule, wanted: Options, observer: Observer, available: int) -> Stages:
    """Too many destinations lie on other chips: the fewest cores that leave room for some of them, or for all.

    Raises `NoPlanError` where no such mapping was found.
    """
    found, failed = [], None
    for roomier in (*(replace(demands, spare=eighths) for eighths in SPARE), replace(demands, crossed=True)):
        try:
            stages = _mapped(roomier, schedule, wanted, observer, available)
        except NoPlanError as error:
            failed = error
            continue
        found += [stages] if holds(stages.partition, demands) else []
    if not found and failed is not None:
        raise failed
    return min(found, key=lambda stages: stages.partition.neuron_cores)


def _mapped(demands: Demands, schedule: PlanSchedule, wanted: Options, observer: Observer, available: int) -> Stages:
    chip, effort = demands.legal.chip, wanted.effort
    most, asked = wanted.max_cores or EFFORTS[effort].cores, tiles_given(wanted.tiles)
    told = effort, wanted.seed, observer, most, asked, wanted.objective
    split = stage("partition", observer, lambda: partition(demands, *told))
    split = with_synapse_cores(split, demands)
    sent = stage("traffic", observer, lambda: flows(split.clusters, demands))
    keys = allocate(sent, split.clusters, chip, demands.legal.relays.stages)

    def placed_and_routed(obliged: Obliged) -> tuple[Placement, Routing]:
        placement = stage(
            "place", observer, lambda: place(split.clusters, sent, chip, available, effort, observer, obliged)
        )
        return placement, stage("route", observer, lambda: route(sent, placement, keys))

    placement, routing = off_dead_links(placed_and_routed, demands)
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
