"""Ways to cut a population into slices that fit a core: rectangular tiles and contiguous runs."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, product

from neuedge_nir.chip.model import Limit
from neuedge_nir.errors import NoPlanError
from neuedge_nir.mapping.asked import Tiles, too_large_tile
from neuedge_nir.mapping.demand import Demand, Demands, add, fits
from neuedge_nir.mapping.effective import node_of
from neuedge_nir.mapping.grid_needs import grid_needs, kinds_of
from neuedge_nir.mapping.obey import Obliged, in_parts, kept_whole, most_on_core, unkept, until_cut
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.mapping.sharing import fewest_inputs
from neuedge_nir.mapping.stored import too_large
from neuedge_nir.mapping.tiles import tile_sizes
from neuedge_nir.network.connect import irregular_in
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.count import most_sources
from neuedge_nir.network.model import Population
from neuedge_nir.network.slices import Block, Grid, Run, Slice, cut

MAX_TRIALS = 400
"""Sizes of tiles tried per population, of those whose middle tile fits."""

MAX_CANDIDATES = 6
"""Tilings kept per population for the choice among them."""

MAX_UNLIKE = 2
"""The same where no two tiles are alike and each is counted by itself."""

MAX_FITTING = 24
"""Fitting tilings looked at per population: later ones have more tiles and rarely fewer axons."""

WORTHWHILE_RUNS = 2
"""Runs are given up when there are this many times more of them than tiles: windows make long runs expensive."""

MAX_SETTLING = 8
"""Rounds that the cut of a population which projects to itself is given to agree with itself."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """One way to cut a population: its slices, the kind of each, and what a slice of each kind uses of every limit.

    A grid of 100,000 tiles has a few kinds: tiles in its middle see the same, those at its borders less. `axons` are
    those into all slices.
    """

    population: str
    cut: Grid | tuple[Slice, ...]
    kinds: tuple[tuple[int, ...], ...]
    needs: Mapping[tuple[int, ...], Demand]
    axons: int
    total: Demand

    def __len__(self) -> int:
        return len(self.cut)

    @property
    def parts(self) -> tuple[Slice, ...]:
        return tuple(self.cut.blocks()) if isinstance(self.cut, Grid) else self.cut

    @property
    def demands(self) -> tuple[Demand, ...]:
        """What each slice uses."""
        return tuple(self.needs[kind] for kind in product(*self.kinds))


def check_single_neurons(demands: Demands) -> None:
    """Prove for every population that its hungriest neuron alone fits a core.

    Raises `CapacityError` naming the node: what one neuron needs, no split can avoid. But for copies of neurons, which
    splitters may hold: these are a `NoPlanError` (FIT050), where nothing else is proved.
    """
    uncut, copied = demands.uncut(), None
    different: dict[Hashable, Population] = {}
    for population in demands.legal.network.populations:
        different.setdefault(demands.family(population.name), population)
    for population in different.values():
        incoming = [p.projection for p in demands.legal.into(population.name)]
        first, _ = most_sources(incoming)
        need = demands.of(Piece(population.name, Run(first, first + 1)), uncut)
        for limit, needed, available in zip(demands.limits, need, demands.capacity, strict=True):
            if needed > available and not _may_fit(population.name, first, limit, demands):
                node = node_of(incoming[-1]) if incoming else population.name
                if limit.formula != "neuron_copies":
                    raise too_large(node, needed, limit, demands.legal.chip)
                copied = copied or _too_many_copies(population.name, needed, limit, demands)
    if copied is not None:
        raise copied


def _may_fit(name: str, neuron: int, limit: Limit, demands: Demands) -> bool:
    """Whether shared axons might make a neuron fit: we cut as if there were none, but that proves nothing."""
    own = Piece(name, Run(neuron, neuron + 1))
    if limit.formula != "merged_input_axons":
        return False
    return fewest_inputs(demands.legal, name, own.part) + demands.self_axons(own) <= limit.limit.count


def tilings(name: str, demands: Demands, targets: Destinations, most_slices: int) -> list[Tiling]:
    """Candidate cuts of a population, each slice of which fits an empty core; fewest slices first.

    Raises `NoPlanError` where some neuron fits no core once its targets are cut as they are, and where all cuts found
    have more slices than are tried.
    """
    found: list[Tiling] = []
    fitting, too_many = 0, 0
    for grid in _grids(name, demands, targets):
        if len(grid) > most_slices:  # all others have as many, or more
            too_many = len(grid)
            break
        tiling = _tiling(name, grid, demands, targets)
        if tiling is None:
            continue
        fitting += 1
        if not any(_no_better(tiling, other) for other in found):
            found.append(tiling)
        if len(found) >= MAX_CANDIDATES or fitting >= (MAX_UNLIKE if _all_unlike(name, demands) else MAX_FITTING):
            break
    found += _parted(name, demands, targets, most_slices)
    most = WORTHWHILE_RUNS * min(map(len, found), default=math.prod(demands.shapes[name]))
    most = 1 if kept_whole(name, demands.constraints) else min(most, most_slices)
    runs = _runs_tiling(name, demands, targets, most)
    if runs is not None:
        found.append(runs)
    if not found and too_many:
        raise too_many_cores(f"the cut of {name!r} into the largest tiles that fit has {too_many} slices", most_slices)
    if not found:
        raise _no_cut(name, demands)
    return found


def asked_tiling(name: str, asked: Tiles, demands: Demands, targets: Destinations) -> Tiling:
    """The cut that the user asked for. Raises `NoPlanError` (FIT023) where one of its tiles fits no core."""
    cut = asked.of(demands.shapes[name])
    given = _tiling(name, cut, demands, targets) if isinstance(cut, Grid) else _listed(name, cut, demands, targets)
    if given is None:
        parts = tuple(cut.blocks()) if isinstance(cut, Grid) else cut
        raise too_large_tile(name, parts, demands, _cut_so(name, parts, targets), demands.capacity)
    return given


def _all_unlike(name: str, demands: Demands) -> bool:
    """Whether no two slices of a population see alike, so that each is counted by itself."""
    return any(isinstance(irregular_in(p.projection.chain), Sparse) for p in demands.legal.into(name))


def _parted(name: str, demands: Demands, targets: Destinations, most: int) -> list[Tiling]:
    """The cut at the ends of the parts that a partitioner found, where there are some and each fits."""
    ends = demands.ends.get(name, ())
    if not ends or len(ends) > most or kept_whole(name, demands.constraints):
        return []
    tiling = _listed(name, tuple(Run(*ends_of) for ends_of in pairwise((0, *ends))), demands, targets)
    return [] if tiling is None else [tiling]


def _no_better(tiling: Tiling, other: Tiling) -> bool:
    return len(tiling) >= len(other) and tiling.axons >= other.axons


def neurons_per_core(demands: Demands) -> int:
    """The most neurons that the limits which count neurons allow on a core."""
    counted = [limit.limit.count for limit in demands.limits if limit.formula in ("neurons", "neuron_copies")]
    return max(1, min(counted, default=1 << 62) // demands.legal.compartments_per_neuron)


def _counted(demands: Demands, room: Demand) -> int:
    """The most neurons that the limits which count nothing else leave room for."""
    left = [most for limit, most in zip(demands.limits, room, strict=True) if limit.formula == "neurons"]
    return min(left, default=1 << 62) // demands.legal.compartments_per_neuron


def _grids(name: str, demands: Demands, targets: Destinations) -> Iterator[Grid]:
    """Cuts of a population into tiles that hold no more than a core, fewest tiles first; full, then balanced ones."""
    shape = demands.shapes[name]

    def fit(tile: Block) -> bool:
        return demands.fits_in(Piece(name, tile), targets, demands.capacity)

    if kept_whole(name, demands.constraints):
        yield cut(shape, shape, balanced=False)
    if kept_whole(name, demands.constraints) or in_parts(name, demands.constraints):
        return
    most = min(neurons_per_core(demands), most_on_core(name, demands.constraints))
    for tile in islice(tile_sizes(shape, most, fit), MAX_TRIALS):
        yield cut(shape, tile, balanced=False)
        if any(size % step for size, step in zip(shape, tile, strict=True)):
            yield cut(shape, tile, balanced=True)


def _tiling(name: str, grid: Grid, demands: Demands, targets: Destinations) -> Tiling | None:
    """The grid with its demands, or None where a tile does not fit; the middle one is tried first."""
    if not demands.shifts(name):
        return _listed(name, grid, demands, targets)
    if demands.depends_on_targets:
        return _driving(name, grid, demands, targets)
    if not fits(demands.of(Piece(name, grid.block(grid.middle)), targets), demands.capacity):
        return None
    axes = kinds_of(name, grid, demands)
    total: Demand = (0,) * len(demands.limits)
    needs, axons = {}, 0
    for kind in product(*(range(len(axis.firsts)) for axis in axes)):
        piece = Piece(name, grid.block(tuple(axis.firsts[k] for axis, k in zip(axes, kind, strict=True))))
        times = math.prod(axis.often[k] for axis, k in zip(axes, kind, strict=True))
        needs[kind] = demands.of(piece, targets)
        if not fits(needs[kind], demands.capacity):
            return None
        axons += times * demands.axons(piece)
        total = add(total, tuple(times * need for need in needs[kind]))
    return Tiling(name, grid, tuple(axis.ids for axis in axes), needs, axons, total)


def _driving(name: str, grid: Grid, demands: Demands, targets: Destinations) -> Tiling | None:
    """The same where tiles differ in what they drive."""
    feeds_itself = any(p.projection.target == name for p in demands.legal.out_of(name))
    own = _cut_so(name, tuple(grid.blocks()), targets) if feeds_itself else targets
    found = grid_needs(name, grid, demands, own)
    if found is None:
        return None
    needs, axons = found
    return Tiling(name, grid, tuple(tuple(range(len(spans))) for spans in grid.axes), needs, axons, needs.total)


def _tiling_of(name: str, parts: tuple[Slice, ...], needs: Sequence[Demand], axons: int) -> Tiling:
    """A tiling of slices each of which is a kind of its own."""
    total = tuple(map(sum, zip(*needs, strict=True)))
    each: dict[tuple[int, ...], Demand] = {(number,): need for number, need in enumerate(needs)}
    return Tiling(name, parts, (tuple(range(len(parts))),), each, axons, total)


def _listed(name: str, cut: Grid | tuple[Slice, ...], demands: Demands, targets: Destinations) -> Tiling | None:
    """A tiling whose slices are all counted, the middle one first; None where one does not fit."""
    parts = tuple(cut.blocks()) if isinstance(cut, Grid) else cut
    own = _cut_so(name, parts, targets)
    if not fits(demands.of(Piece(name, parts[len(parts) // 2]), own), demands.capacity):
        return None
    needs: list[Demand] = []
    for part in parts:
        needs.append(demands.of(Piece(name, part), own))
        if not fits(needs[-1], demands.capacity):
            return None
    return _tiling_of(name, parts, needs, axons_into(name, parts, demands))


def _cut_so(name: str, parts: Sequence[Slice], targets: Destinations) -> Destinations:
    """The targets with one population cut in another way."""
    return ChainMap({name: tuple((part,) for part in parts)}, targets)  # type: ignore[arg-type]  # it is only read


def axons_into(name: str, parts: tuple[Slice, ...], demands: Demands) -> int:
    """The (source element, slice) pairs: what has to be delivered when every source spikes once."""
    return sum(demands.axons(Piece(name, part)) for part in parts)


def _runs_tiling(name: str, demands: Demands, targets: Destinations, most: int) -> Tiling | None:
    """The longest runs that fit, at most so many, one after the other.

    Repeated until a population that feeds itself agrees with its own cut.
    """
    own = targets
    for _ in range(MAX_SETTLING):
        parts = _runs(name, demands, own, most)
        if parts is None:
            return None
        tiling = _listed(name, parts, demands, targets)
        if tiling is not None:
            return tiling
        own = _cut_so(name, parts, targets)
    return None


def _runs(name: str, demands: Demands, targets: Destinations, most: int) -> tuple[Slice, ...] | None:
    size, start, length = math.prod(demands.shapes[name]), 0, None
    parts: list[Slice] = []
    while start < size:
        stop = longest_run(name, start, demands, targets, demands.capacity, guess=length)
        if stop == start or len(parts) >= most:
            return None
        parts.append(Run(start, stop))
        start, length = stop, stop - start
    return tuple(parts)


def longest_run(
    name: str,
    start: int,
    demands: Demands,
    targets: Destinations,
    room: Demand,
    *,
    most: int | None = None,
    guess: int | None = None,
) -> int:
    """The end of the longest run from `start` whose demand fits `room`, of at most `most` neurons.

    Demand grows with the run: the search brackets the length by doubling steps around the guess, then bisects.
    """
    longest = min(math.prod(demands.shapes[name]) - start, most or neurons_per_core(demands), _counted(demands, room))
    longest = min(longest, most_on_core(name, demands.constraints), until_cut(name, start, demands.constraints))

    def fit(length: int) -> bool:
        return length == 0 or demands.fits_in(Piece(name, Run(start, start + length)), targets, room)

    good, bad = 0, longest + 1
    trial = min(guess or longest, longest)
    step = 1
    while good < trial < bad:
        if not fit(trial):
            bad, trial = trial, max(good, trial - step) if guess else (good + trial) // 2
        elif trial == longest:
            return start + longest
        else:
            good, trial = trial, min(longest, trial + step) if guess else (trial + bad) // 2
        step *= 2
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fit(middle) else (good, middle)
    return start + good


def too_many_cores(finding: str, most: int, needed: int | None = None) -> NoPlanError:
    """More work than is tried unasked: that proves nothing."""
    return NoPlanError(
        "FIT021",
        f"{finding}, and no plan of more than {most} cores is tried; whether it fits is not known",
        resource="cores",
        needed=needed,
        available=most,
        hint="--max-cores N tries plans of up to N cores, some seconds a thousand; or make the network smaller",
    )


def _too_many_copies(name: str, needed: int, limit: Limit, demands: Demands) -> NoPlanError:
    return NoPlanError(
        "FIT050",
        f"a neuron of {name!r} drives {needed} axons, and a core of {demands.legal.chip.title} has room for "
        f"{limit.limit.count} copies of it",
        where=f"node {name!r}",
        resource=limit.name,
        needed=needed,
        available=limit.limit.count,
        hint="let it drive less, or let splitters hold the copies: --splitters auto",
    )


def _no_cut(name: str, demands: Demands) -> NoPlanError:
    """One way to cut the targets failed, which is no proof that none works."""
    if kept_whole(name, demands.constraints):
        return unkept(f"all of {name!r} was found to fit no core", Obliged(demands), [name])
    return NoPlanError(
        "FIT013",
        f"no slice of {name!r} fits a core of {demands.legal.chip.title} with its targets cut as they must be",
        where=f"node {name!r}",
        hint="make the layer behind it smaller",
    )
