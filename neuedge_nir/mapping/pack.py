"""Slices onto cores: of all packings that an effort finds, the best by the objective as the plan will report it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from neuedge_nir.chip.model import InputCores
from neuedge_nir.errors import NoPlanError
from neuedge_nir.events import Observer, silent
from neuedge_nir.mapping.asked import Tiles, too_large_tile
from neuedge_nir.mapping.bounds import input_capacity, lower_bound
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.effort import EFFORTS
from neuedge_nir.mapping.first_fit import Cores
from neuedge_nir.mapping.grouping import grouped
from neuedge_nir.mapping.input_bands import banded
from neuedge_nir.mapping.ladder import Job, Packed, climbed
from neuedge_nir.mapping.partition import Bound, Cluster, Destinations, Partition, Piece, Role
from neuedge_nir.mapping.repack import improved, tiles_bound
from neuedge_nir.mapping.split import longest_run, too_many_cores
from neuedge_nir.mapping.traffic import deliveries, host_messages
from neuedge_nir.network.model import Port
from neuedge_nir.network.slices import Grid, Run, Slice, boxes

Whole = tuple[Packed, Cores]
"""A packing, and the cores of inputs that go with it."""


def partition(
    demands: Demands,
    effort: str = "normal",
    seed: int = 0,
    observer: Observer = silent,
    max_cores: int | None = None,
    asked: Mapping[str, Tiles] | None = None,
    objective: str = "cores",
) -> Partition:
    """The network cut and packed onto as few cores as found, never more than sequential fill takes.

    With the `objective` "traffic", with the fewest deliveries that were found on no more chips than the fewest cores of
    the quickest effort take. Populations are cut as `asked`, all others as is best. A higher effort never takes more of
    what the objective names. Deterministic: one worker, a fixed seed and deterministic time limits. Raises
    `NoPlanError` where no cut was found that fits the cores and agrees with itself, or none of at most `max_cores`
    (None: what the effort says).
    """
    return next(partitions(demands, effort, seed, observer, max_cores, asked, objective))


def partitions(
    demands: Demands,
    effort: str = "normal",
    seed: int = 0,
    observer: Observer = silent,
    max_cores: int | None = None,
    asked: Mapping[str, Tiles] | None = None,
    objective: str = "cores",
) -> Iterator[Partition]:
    """All that were found, the best first. Raises as `partition`."""
    bound = lower_bound(demands)
    job = Job(
        demands, asked or {}, max_cores or EFFORTS[effort].cores, bound.cores, seed, _beside(demands, asked or {})
    )
    steps = climbed(job, effort, observer)
    found = _different(packed for step in steps for packed in step)
    if not found:
        raise NoPlanError("FIT014", "no cut of the populations was found that agrees with itself")
    if (fewest := min(len(packed.cores) for packed in found)) > job.most:
        raise too_many_cores(f"the packing found takes {fewest} cores", job.most, fewest)
    whole = [each for packed in found if (each := _whole(packed, job)) is not None]
    if not whole:
        raise too_many_cores("the packing found has more cores, with those of inputs and outputs", job.most)
    if objective == "traffic":
        first = next(step for step in steps if step)
        ranked = _least_traffic(whole, _room(whole, first, demands), job, EFFORTS[effort].packing)
    else:
        ranked = _fewest_cores(whole, demands)
    for packed, inputs in ranked:
        yield _finished(packed, inputs, bound, demands)


def merit(found: Partition, demands: Demands, objective: str) -> tuple[float, float]:
    """What the objective names, as the plan reports it, then the other; less is better."""
    cores, messages = float(len(found.clusters)), deliveries(found.clusters, demands)
    return (messages, cores) if objective == "traffic" else (cores, messages)


def _beside(demands: Demands, asked: Mapping[str, Tiles]) -> int:
    """The cores of inputs and outputs, where these do not depend on how populations are cut; else none."""
    if not demands.legal.mapped_inputs or demands.depends_on_targets:
        return demands.legal.outputs.gatherer
    found = _input_cores(demands, demands.uncut(), 1 << 62, asked)
    return demands.legal.outputs.gatherer + len(found or ())


def _different(found: Iterable[Packed]) -> list[Packed]:
    """Each packing once, with what is proved of it."""
    best: dict[frozenset[frozenset[Piece]], Packed] = {}
    for packed in found:
        key = frozenset(map(frozenset, packed.cores))
        if key not in best or not best[key].proven:
            best[key] = packed
    return list(best.values())


def _whole(packed: Packed, job: Job) -> Whole | None:
    """The packing with the cores of its inputs; None where all are more than the most."""
    left = job.most - len(packed.cores) - job.demands.legal.outputs.gatherer
    if not job.demands.legal.mapped_inputs:
        return (packed, ()) if left >= 0 else None
    inputs = _input_cores(job.demands, grouped(packed.cores, job.demands), left, job.asked) if left >= 0 else None
    return None if inputs is None else (packed, inputs)


def _count(whole: Whole) -> int:
    packed, inputs = whole
    return len(packed.cores) + len(inputs)


def _fewest_cores(found: Iterable[Whole], demands: Demands) -> Iterator[Whole]:
    """Those of the fewest cores first; of as many, those of the fewest messages, with the host's."""
    for _, alike in groupby(sorted(found, key=_count), key=_count):
        several = list(alike)
        if len(several) > 1:
            several.sort(key=lambda whole: sum(_messages(whole, demands)))
        yield from several


def _room(found: Sequence[Whole], first: Iterable[Packed], demands: Demands) -> int:
    """The cores of the chips that the fewest cores take of the quickest effort that found any."""
    per_chip, gatherer = demands.legal.chip.topology.cores_per_chip.count, demands.legal.outputs.gatherer
    quickest = {packed.cores for packed in first}
    few = min((_count(each) for each in found if each[0].cores in quickest), default=min(map(_count, found)))
    return -(-(few + gatherer) // per_chip) * per_chip - gatherer


def _least_traffic(found: Iterable[Whole], room: int, job: Job, limit: float) -> Iterator[Whole]:
    """Those of the fewest deliveries first, of those that fit the room; then the others.

    The very first one on fewer cores where that delivers no more.
    """
    sent = {packed.cores: _messages((packed, inputs), job.demands) for packed, inputs in found}

    def worth(whole: Whole) -> tuple[bool, tuple[float, float], int]:
        return _count(whole) > room, sent[whole[0].cores], _count(whole)

    best, *others = sorted(found, key=worth)
    again = _whole(Packed(*improved(best[0].cores, job.demands, limit, job.seed)), job)
    # What is found must not depend on the objective, or the other one might have taken more cores.
    few = again is not None and min(map(_count, found)) <= _count(again) <= _count(best)
    if again is not None and few and _messages(again, job.demands) <= sent[best[0].cores]:
        best = again
    yield best
    yield from others


def _messages(whole: Whole, demands: Demands) -> tuple[float, float]:
    """Messages per step to other cores, and of the host, as the plan reports them."""
    packed, inputs = whole
    io = [Cluster(Role.IO, (), {})] if demands.legal.outputs.gatherer else []
    clusters = [*io, *(Cluster(Role.NEURONS, core, {}) for core in (*inputs, *packed.cores))]
    return deliveries(clusters, demands), host_messages(clusters, demands)


def _finished(packed: Packed, inputs: Cores, bound: Bound, demands: Demands) -> Partition:
    order = {p.name: i for i, p in enumerate(demands.legal.network.populations)}
    tidy = [tuple(sorted(core, key=lambda piece: _place_in_order(piece, order, demands))) for core in packed.cores]
    tidy.sort(key=lambda core: _place_in_order(core[0], order, demands))
    targets = grouped(tuple(tidy), demands)
    clusters = [_cluster(Role.IO, (), demands, targets)] if demands.legal.outputs.gatherer else []
    role = Role.IO if demands.legal.inputs.cores is InputCores.IO else Role.INPUT
    clusters += [_cluster(role, core, demands, targets) for core in inputs]
    clusters += [_cluster(Role.NEURONS, core, demands, targets) for core in tidy]
    least = tiles_bound(packed.cores, demands) if packed.tiles_bound is None else packed.tiles_bound
    return Partition(tuple(clusters), bound, least, packed.proven or len(packed.cores) in (bound.cores, least))


def _place_in_order(piece: Piece, order: dict[str, int], demands: Demands) -> tuple[int, tuple[int, ...]]:
    first = boxes(piece.part, demands.shapes[piece.population])[0]
    return order[piece.population], tuple(span[0] for span in first)


def _cluster(role: Role, core: tuple[Piece, ...], demands: Demands, targets: Destinations) -> Cluster:
    used = demands.load(core, targets)
    return Cluster(role, core, {limit.name: n for limit, n in zip(demands.limits, used, strict=True)})


def _input_cores(demands: Demands, targets: Destinations, most: int, asked: Mapping[str, Tiles]) -> Cores | None:
    """Input ports on cores of their own, in runs of as many as a core takes or as `asked`; None if on more cores."""
    cores: list[tuple[Piece, ...]] = []
    for port in demands.legal.network.inputs:
        for part in _input_parts(port, asked, demands, targets):
            piece = Piece(port.name, part)
            if len(cores) == most:
                return None
            if not demands.fits_in(piece, targets, input_capacity(demands)):
                raise too_large_tile(port.name, [part], demands, targets, input_capacity(demands))
            cores.append((piece,))
    return tuple(cores)


def _input_parts(port: Port, asked: Mapping[str, Tiles], demands: Demands, targets: Destinations) -> Iterable[Slice]:
    if port.name not in asked:
        return banded(port, _input_runs(port, demands, targets), demands, targets)
    cut = asked[port.name].of(port.shape)
    return cut.blocks() if isinstance(cut, Grid) else cut


def _input_runs(port: Port, demands: Demands, targets: Destinations) -> Iterator[Run]:
    limit, capacity = demands.legal.inputs.neurons_per_core, input_capacity(demands)
    start = 0
    while start < port.neurons:
        stop = longest_run(port.name, start, demands, targets, capacity, most=limit.count if limit else None)
        if stop == start:
            raise NoPlanError(
                "FIT013",
                f"an input of {port.name!r} fits no core of {demands.legal.chip.title}",
                where=f"node {port.name!r}",
                hint="inject the input from the host: --input host",
            )
        yield Run(start, stop)
        start = stop
