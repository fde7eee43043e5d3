"""Slices onto cores: sequential fill, first-fit decreasing, and CP-SAT to improve or prove the packing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from neuedge_nir.chip.model import InputCores
from neuedge_nir.errors import NoPlanError
from neuedge_nir.events import Improved, Observer, silent
from neuedge_nir.mapping.asked import Tiles, too_large_tile
from neuedge_nir.mapping.bounds import input_capacity, lower_bound
from neuedge_nir.mapping.candidates import asked_of, promising, targets_first, ways_to_cut
from neuedge_nir.mapping.choose import choices, deterministic_solver
from neuedge_nir.mapping.demand import Demand, Demands, add, fits
from neuedge_nir.mapping.first_fit import Cores, first_fit
from neuedge_nir.mapping.input_bands import banded
from neuedge_nir.mapping.obey import Obliged, unkept
from neuedge_nir.mapping.obliged_pack import packed_into
from neuedge_nir.mapping.packing.classes import effort_of, packed_again
from neuedge_nir.mapping.packing.dive import Search
from neuedge_nir.mapping.packing.free import freely_cut
from neuedge_nir.mapping.partition import Bound, Cluster, Destinations, Partition, Piece, Role
from neuedge_nir.mapping.split import Tiling, axons_into, longest_run, too_many_cores
from neuedge_nir.network.model import Port
from neuedge_nir.network.slices import Grid, Run, Slice, boxes

MAX_CLASSES = 200
"""Above this many classes of slices that need the same, patterns are not generated."""

MAX_PACKING_VARIABLES = 4000
"""Above this many (class of slices, core) pairs CP-SAT is not asked to improve a packing."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What a mapping may take.

    `choice` and `packing` are deterministic solver times for each CP-SAT model, in OR-Tools' own units (some seconds
    each). `cores` are those of the largest plan that is tried unasked: a thousand take some seconds. `searches`:
    how far cuts that fill what others leave are looked for, one after the other.
    """

    choice: float
    packing: float
    cores: int = 2**15
    searches: tuple[Search, ...] = ()


SEARCHES = (
    Search(tiles=6, width=16, rounds=30, steps=2),
    Search(tiles=8, width=24, rounds=40, steps=6, near=200),
    Search(tiles=12, width=24, rounds=60, steps=40, near=500),
)

EFFORTS = {
    "none": Effort(0.0, 0.0, cores=2**13),
    "quick": Effort(0.1, 0.1, searches=SEARCHES[:1]),
    "normal": Effort(0.5, 1.0, searches=SEARCHES[:2]),
    "high": Effort(4.0, 8.0, searches=SEARCHES),
}


OBJECTIVES = ("cores", "traffic")
"""What decides between packings that fit; the other breaks ties."""


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

    With the `objective` "traffic", what is found on no more chips with the fewest axons into cores. Populations are cut
    as `asked`, all others as is best. Deterministic: one worker, a fixed seed and deterministic
    time limits. Raises `NoPlanError` where no cut was found that fits the cores and agrees with itself, or none of at
    most `max_cores` (None: what the effort says).
    """
    most = max_cores or EFFORTS[effort].cores
    bound, asked = lower_bound(demands), asked or {}
    options: list[Cores] = []
    for candidates, cuts in promising(ways_to_cut(demands, most, asked), demands):
        fewest = min(map(len, options), default=most + 1)
        if fewest > bound.cores:
            options += _packed(candidates, cuts, demands, EFFORTS[effort], seed, asked, min(most, fewest), bound.cores)
    if not asked:
        room = min(map(len, options), default=most + 1) - 1
        if objective == "traffic":  # more and smaller slices: worth it for a chip less alone
            per_chip = demands.legal.chip.topology.cores_per_chip.count
            room = room // per_chip * per_chip
        freely = freely_cut(demands, EFFORTS[effort].searches, room, bound.cores)
        options += [] if freely is None else [freely]
    if not options:
        raise NoPlanError("FIT014", "no cut of the populations was found that agrees with itself")
    best = _best(options, demands, objective)
    if len(best) > most:
        raise too_many_cores(f"the packing found takes {len(best)} cores", most, len(best))
    observer(Improved("pack", len(best), bound.cores))
    best, tiles_bound, proven = _improved(best, demands, EFFORTS[effort].packing, seed)
    observer(Improved("pack", len(best), bound.cores))
    left = most - len(best) - demands.legal.outputs.gatherer
    inputs = _input_cores(demands, grouped(best, demands), left, asked) if demands.legal.mapped_inputs else ()
    if inputs is None or left < 0:
        raise too_many_cores("the packing found has more cores, with those of inputs and outputs", most)
    return _finished(best, inputs, bound, tiles_bound, proven or len(best) == bound.cores, demands)


def _best(options: Sequence[Cores], demands: Demands, objective: str) -> Cores:
    """The fewest cores, then the fewest axons into them; or the fewest axons on no more chips than those cores take."""
    if objective == "cores":
        return min(options, key=lambda cores: (len(cores), _deliveries(cores, demands)))
    per_chip = demands.legal.chip.topology.cores_per_chip.count
    chips = min(-(-len(cores) // per_chip) for cores in options)
    few = [cores for cores in options if -(-len(cores) // per_chip) == chips]
    return min(few, key=lambda cores: (_deliveries(cores, demands), len(cores)))


def _packed(
    candidates: Sequence[Sequence[Tiling]],
    cuts: Destinations,
    demands: Demands,
    effort: Effort,
    seed: int,
    asked: Mapping[str, Tiles],
    most: int,
    least: int,
) -> list[Cores]:
    """Packings of some choices among tilings, and sequential fill of at most `most` cores, that agree with themselves.

    `least` cores are the fewest that any packing takes.
    """
    picks = choices(candidates, demands.capacity, demands.per_core, effort.choice, seed)
    different = {tuple(map(id, pick)): pick for pick in picks}.values()
    tried = [first_fit([t for t in pick if len(t)], demands) for pick in different if asked_of(pick, demands) <= most]
    options = [cores for cores in tried if cores is not None and _consistent(cores, demands)]
    if not options and demands.constraints.packs:
        options = [_obliged(candidates, demands, effort.packing, seed)]
    fewest = min(map(len, options), default=most)
    given = {t.population: t.parts for options in candidates for t in options if t.population in asked}
    sequential = fewest != least and not demands.constraints.packs  # it knows nothing of who may share a core
    filled = _sequential(demands, cuts, given, min(most, fewest)) if sequential else None
    return [*options, filled] if filled is not None and _consistent(filled, demands) else options


def _sequential(demands: Demands, cuts: Destinations, given: Mapping[str, Sequence[Slice]], most: int) -> Cores | None:
    """Fill core after core with the longest runs that still fit: the baseline that every mapper beats or equals.

    Populations whose slices are `given` keep them. Given up as soon as it takes more than `most` cores: what another
    way has reached, or what is tried at all.
    """
    names = [p.name for p in demands.legal.network.populations]
    known = dict(cuts)
    if demands.depends_on_targets:
        names = targets_first(demands)
    cores: list[list[Piece]] = [[]]
    room = demands.capacity
    for name in names:
        size, start = math.prod(demands.shapes[name]), 0
        groups: list[tuple[Slice, ...]] = []
        while start < size:
            left = _left(cores[-1], name, demands, room)
            part = _next(name, start, groups, given, demands, known, left)
            if part is None:
                if not cores[-1] or len(cores) == most:
                    return None
                cores.append([])
                room = demands.capacity
                continue
            piece = Piece(name, part)
            room = tuple(r - d for r, d in zip(room, demands.of(piece, known), strict=True))
            cores[-1].append(piece)
            groups.append((part,))
            start += part.neurons
        known[name] = tuple(groups)
    return tuple(tuple(core) for core in cores if core)


def _left(core: Sequence[Piece], name: str, demands: Demands, room: Demand) -> Demand:
    """What a core has left for a slice of a population: values that all its neurons share may be there already."""
    left = list(room)
    for at in demands.unsummed:
        left[at] = demands.capacity[at]
    for at in demands.tables:
        there, own = demands.on_core(core, at), demands.values(name, at)
        shared = len(own.all & there) if own.numbers is None or len(own.all) == 1 else 0
        left[at] -= len(there) - shared
    return tuple(left)


def _next(
    name: str,
    start: int,
    before: Sequence[tuple[Slice, ...]],
    given: Mapping[str, Sequence[Slice]],
    demands: Demands,
    targets: Destinations,
    room: Demand,
) -> Slice | None:
    """The slice that comes next: the one given, or the longest run from `start`; None where nothing fits the room."""
    if name in given:
        part = given[name][len(before)]
        return part if demands.fits_in(Piece(name, part), targets, room) else None
    stop = longest_run(name, start, demands, targets, room, guess=before[-1][0].neurons if before else None)
    return Run(start, stop) if stop > start else None


def grouped(cores: Cores, demands: Demands) -> Destinations:
    """The slices of every population grouped by the core they are on; an input without cores is one group."""
    found: dict[str, list[tuple[Slice, ...]]] = {}
    for core in cores:
        for name in dict.fromkeys(piece.population for piece in core):
            found.setdefault(name, []).append(tuple(piece.part for piece in core if piece.population == name))
    return {**demands.uncut(), **{name: tuple(groups) for name, groups in found.items()}}


def _consistent(cores: Cores, demands: Demands) -> bool:
    """Whether every core keeps its limits when each demand is counted with the real cut of its targets."""
    if not demands.depends_on_targets and not demands.tables:
        return True
    targets = grouped(cores, demands)
    return all(fits(demands.load(core, targets), demands.capacity) for core in cores)


def _deliveries(cores: Cores, demands: Demands) -> int:
    """Axons into all cores: what decides between packings of equally many cores."""
    return sum(axons_into(piece.population, (piece.part,), demands) for core in cores for piece in core)


def _improved(cores: Cores, demands: Demands, limit: float, seed: int) -> tuple[Cores, int, bool]:
    """A packing of the same slices with fewer cores where CP-SAT finds one; their bound; whether none is smaller.

    Slices with equal demands are one class, so the model grows with the classes and cores, not with the slices.
    """
    if demands.constraints.packs:
        return _improved_obliged(cores, demands, limit, seed)
    targets = grouped(cores, demands)
    needs = {piece: demands.summed(piece, targets) for core in cores for piece in core}
    bound = _tiles_bound(cores, demands)
    best, proven = cores, len(cores) <= bound
    classes = len(set(needs.values()))
    if limit > 0 and not proven and classes <= MAX_CLASSES:
        found, least = packed_again(needs, demands.capacity, effort_of(limit), seed)
        best = found if len(found) < len(best) and _consistent(found, demands) else best
        if len(best) <= least:  # a proof, unless slices that share a core use less than they do apart
            return best, bound, len(best) <= bound or not demands.depends_on_targets
    while limit > 0 and not proven and classes * len(best) <= MAX_PACKING_VARIABLES:
        smaller = _pack_into(len(best) - 1, needs, demands.capacity, limit, seed)
        # Slices of a target that part company make its sources drive more cores; those that meet may differ in values.
        if smaller is None or not _consistent(smaller, demands):
            break
        if not smaller:
            return best, bound, not demands.depends_on_targets
        best, proven = smaller, len(smaller) <= bound
    return best, bound, proven


def _improved_obliged(cores: Cores, demands: Demands, limit: float, seed: int) -> tuple[Cores, int, bool]:
    """The same where constraints say who may share a core."""
    bound, best = _tiles_bound(cores, demands), cores
    pieces = [piece for core in cores for piece in core]
    while len(best) > bound:
        smaller = _exactly(len(best) - 1, pieces, demands, limit, seed)
        if smaller is None or not _consistent(smaller, demands):
            return best, bound, False
        if not smaller:
            return best, bound, not demands.depends_on_targets
        best = smaller
    return best, bound, True


def _exactly(count: int, pieces: Sequence[Piece], demands: Demands, limit: float, seed: int) -> Cores | None:
    """The pieces on at most `count` cores, by the solver; () where that is proved impossible, None where it gave up."""
    obliged, targets = Obliged(demands), grouped(tuple((piece,) for piece in pieces), demands)
    units = [tuple(pieces[i] for i in unit) for unit in obliged.units(pieces)]
    zero: Demand = (0,) * len(demands.limits)
    amounts = []
    for unit in units:
        total = zero
        for piece in unit:
            total = add(total, demands.summed(piece, targets))
        amounts.append(total)
    found = packed_into(count, units, amounts, demands.capacity, obliged, limit, seed)
    return None if found is None else tuple(found)


def _obliged(candidates: Sequence[Sequence[Tiling]], demands: Demands, limit: float, seed: int) -> Cores:
    """A packing by the solver alone, where first fit finds none that keeps the constraints. Raises `NoPlanError`."""
    for pick in ([options[0] for options in candidates], [options[-1] for options in candidates]):
        pieces = [Piece(t.population, part) for t in pick for part in t.parts]
        found = _exactly(len(pieces), pieces, demands, limit, seed)
        if found and _consistent(found, demands):
            return found
    names = [p.name for p in demands.legal.network.populations]
    raise unkept("no packing was found that keeps the constraints", Obliged(demands), names)


def _tiles_bound(cores: Cores, demands: Demands) -> int:
    """The cores that these slices take however they are packed: no cut of the targets asks less than none."""
    uncut, demands = demands.uncut(), demands.uncrossed
    totals = list(map(sum, zip(*(demands.of(piece, uncut) for core in cores for piece in core), strict=True)))
    return max([1, *(math.ceil(totals[i] / demands.capacity[i]) for i in demands.per_core)])


def _pack_into(count: int, needs: dict[Piece, Demand], capacity: Demand, limit: float, seed: int) -> Cores | None:
    """The slices on `count` cores; () where that is proved impossible, None where the time ran out."""
    from ortools.sat.python import cp_model

    amounts = Counter(needs.values())
    kinds = sorted(amounts)
    model = cp_model.CpModel()
    on = [[model.new_int_var(0, amounts[kind], f"y{k}_{c}") for c in range(count)] for k, kind in enumerate(kinds)]
    for k, kind in enumerate(kinds):
        model.add(sum(on[k]) == amounts[kind])
    for c in range(count):
        for r, most in enumerate(capacity):
            model.add(sum(kind[r] * on[k][c] for k, kind in enumerate(kinds)) <= most)
    for c in range(count - 1):  # cores are interchangeable: order them by the class that comes first
        model.add(on[0][c] >= on[0][c + 1])
    solver = deterministic_solver(limit, seed)
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return ()
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    waiting = {kind: [piece for piece in needs if needs[piece] == kind] for kind in kinds}
    cores = []
    for c in range(count):
        taken = [waiting[kind].pop(0) for k, kind in enumerate(kinds) for _ in range(solver.value(on[k][c]))]
        cores.append(tuple(taken))
    return tuple(core for core in cores if core)


def _finished(cores: Cores, inputs: Cores, bound: Bound, tiles_bound: int, proven: bool, demands: Demands) -> Partition:
    order = {p.name: i for i, p in enumerate(demands.legal.network.populations)}
    tidy = [tuple(sorted(core, key=lambda piece: _place_in_order(piece, order, demands))) for core in cores]
    tidy.sort(key=lambda core: _place_in_order(core[0], order, demands))
    targets = grouped(tuple(tidy), demands)
    clusters = [_cluster(Role.IO, (), demands, targets)] if demands.legal.outputs.gatherer else []
    role = Role.IO if demands.legal.inputs.cores is InputCores.IO else Role.INPUT
    clusters += [_cluster(role, core, demands, targets) for core in inputs]
    clusters += [_cluster(Role.NEURONS, core, demands, targets) for core in tidy]
    return Partition(tuple(clusters), bound, tiles_bound, proven)


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
