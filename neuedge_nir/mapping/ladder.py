"""Packings of a network, effort by effort: each tries what the quicker ones before it try, and more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from neuedge_nir.errors import NoPlanError
from neuedge_nir.events import Improved, Observer
from neuedge_nir.mapping.asked import Tiles
from neuedge_nir.mapping.candidates import Candidates, asked_of, promising, ways_to_cut
from neuedge_nir.mapping.choose import Aim, by_rules, chosen, least_axons
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.effort import EFFORTS, LADDER, Effort
from neuedge_nir.mapping.first_fit import Cores, first_fit
from neuedge_nir.mapping.grouping import consistent
from neuedge_nir.mapping.packing.dive import Search
from neuedge_nir.mapping.packing.free import freely_cut
from neuedge_nir.mapping.repack import improved, obliged_packing
from neuedge_nir.mapping.sequential import sequential
from neuedge_nir.mapping.split import Tiling, axons_into

MAX_TIGHTER = 6
"""Times that the fewest axons are looked for on ever fewer cores, until first fit takes no more than there are."""

Pick = Sequence[Tiling]
"""One tiling for every population."""

Key = tuple[int, ...]
"""What tells picks apart."""

Choice = tuple[Sequence[Sequence[Tiling]], Aim]
"""Candidates, and what decides among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Slices on cores; the fewest cores that they take by sums, where counted; whether no packing takes fewer."""

    cores: Cores
    tiles_bound: int | None = None
    proven: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What is packed on at most `most` cores; no packing takes fewer than `least`. `beside` are those of the ports."""

    demands: Demands
    asked: Mapping[str, Tiles]
    most: int
    least: int
    seed: int
    beside: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Rung:
    """Where an effort has come to: all packings but those packed again, what it adds, and what is open."""

    options: tuple[Packed, ...] = ()
    added: tuple[Packed, ...] = ()
    open: tuple[Choice, ...] = ()
    picks: frozenset[Key] = frozenset()


def climbed(job: Job, effort: str, observer: Observer) -> list[tuple[Packed, ...]]:
    """The packings that each effort adds, up to the one asked for; no objective decides what is looked for.

    Raises `NoPlanError` where no way to cut the network was found, and where constraints leave none.
    """
    ways, first = _by_rules(job)
    several = [candidates for candidates, _ in ways if any(len(each) > 1 for each in candidates)]
    choices = tuple((candidates, aim) for candidates in several for aim in Aim)
    picks = frozenset(_key(pick) for candidates, _ in ways for pick in _rules(candidates))
    rung, found, fewest = Rung(tuple(first), tuple(first), choices, picks), list[tuple[Packed, ...]](), job.most + 1
    for name, before in zip(LADDER[: LADDER.index(effort) + 1], (None, *LADDER), strict=False):
        searched = len(EFFORTS[before].searches) if before else 0
        rung = _tried(rung, EFFORTS[name], searched, job)
        if job.demands.constraints.packs and not rung.options:
            rung = _with(rung, _obliged(ways, EFFORTS[name], job, last=name == effort))
        roomy = _roomy(several, first, EFFORTS[name], job) if before == LADDER[0] else ()
        found.append((*rung.added, *roomy, *_repacked(rung.options, EFFORTS[name], job)))
        now = min((len(packed.cores) for packed in found[-1]), default=fewest)
        if now < fewest:
            observer(Improved("pack", now, job.least))
        fewest, rung = min(now, fewest), replace(rung, added=())
    return found


def _tried(rung: Rung, step: Effort, searched: int, job: Job) -> Rung:
    """What the solver picks, packed first fit, and cuts of any length by the searches that were not made yet."""
    picks, left = _chosen(rung.open, step, job)
    new = [pick for pick in picks if _key(pick) not in rung.picks]
    hopeful = _hopeful(new, rung.options, job)
    rung = replace(_with(rung, _fitted(hopeful, job.demands)), open=tuple(left), picks=rung.picks | set(map(_key, new)))
    return _with(rung, _free(step.searches[searched:], rung.options, job))


def _with(rung: Rung, more: Iterable[Packed]) -> Rung:
    more = tuple(more)
    return replace(rung, options=rung.options + more, added=rung.added + more)


def axons_into_all(cores: Cores, demands: Demands) -> int:
    """Axons into all cores: what decides between packings of equally many cores."""
    return sum(axons_into(piece.population, (piece.part,), demands) for core in cores for piece in core)


def fewest_cores(options: Iterable[Packed], demands: Demands) -> Packed:
    """The fewest cores, then the fewest axons into them."""
    few = list(options)
    least = min(len(packed.cores) for packed in few)
    few = [packed for packed in few if len(packed.cores) == least]
    return min(few, key=lambda packed: axons_into_all(packed.cores, demands)) if len(few) > 1 else few[0]


def _by_rules(job: Job) -> tuple[list[Candidates], list[Packed]]:
    """The ways to cut, up to one that is known to take the fewest cores, and what no solver is needed for."""
    ways: list[Candidates] = []
    options: list[Packed] = []
    for candidates, cuts in promising(ways_to_cut(job.demands, job.most, job.asked), job.demands):
        fewest = min((len(packed.cores) for packed in options), default=job.most + 1)
        if fewest <= job.least:
            break
        ways.append((candidates, cuts))
        options += _fitted(_hopeful(_rules(candidates), options, job), job.demands)
        fewest = min([fewest, *(len(packed.cores) for packed in options)])
        if fewest != job.least and not job.demands.constraints.packs:  # it knows nothing of who may share a core
            given = {t.population: t.parts for each in candidates for t in each if t.population in job.asked}
            filled = sequential(job.demands, cuts, given, min(job.most, fewest))
            options += [Packed(filled)] if filled is not None and consistent(filled, job.demands) else []
    return ways, options


def _rules(candidates: Sequence[Sequence[Tiling]]) -> list[Pick]:
    """What the quickest effort picks, of the tilings that it looks at, so that it finds the same on every effort."""
    most = EFFORTS[LADDER[0]].cores
    return list(by_rules([[t for t in each if len(t) <= most] or each for each in candidates]))


def _chosen(waiting: Sequence[Choice], step: Effort, job: Job) -> tuple[list[Pick], list[Choice]]:
    """A pick of CP-SAT for each aim, and the aims whose picks are not proved the best: more time may change them."""
    picks: list[Pick] = []
    left = []
    for candidates, aim in waiting:
        pick, proven = chosen(candidates, job.demands, aim, step.choice, job.seed)
        picks += [] if pick is None else [pick]
        left += [] if proven else [(candidates, aim)]
    return picks, left


def _hopeful(picks: Iterable[Pick], found: Sequence[Packed], job: Job) -> list[Pick]:
    """Without those whose sums ask for more chips than what was found takes: neither objective has a use for them."""
    if not found or (job.demands.legal.mapped_inputs and job.demands.depends_on_targets):
        return list(picks)
    return [pick for pick in picks if asked_of(pick, job.demands) <= _room(found, job)]


def _room(found: Iterable[Packed], job: Job) -> int:
    """The cores of as many chips as the fewest cores of these take, without those of the ports."""
    per_chip = job.demands.legal.chip.topology.cores_per_chip.count
    return -(-(_fewest(found, job) + job.beside) // per_chip) * per_chip - job.beside


def _key(pick: Pick) -> Key:
    """Tilings are told apart by who they are: all picks are from the same candidates."""
    return tuple(map(id, pick))


def _fitted(picks: Sequence[Pick], demands: Demands) -> list[Packed]:
    """First-fit decreasing of every different pick, where it agrees with itself."""
    different = {_key(pick): pick for pick in picks}.values()
    tried = [first_fit([t for t in pick if len(t)], demands) for pick in different]
    return [Packed(cores) for cores in tried if cores is not None and consistent(cores, demands)]


def _obliged(ways: Sequence[Candidates], step: Effort, job: Job, *, last: bool) -> Iterator[Packed]:
    """What the solver packs where first fit cannot. Raises `NoPlanError` where the last effort has none."""
    failed = None
    for candidates, _ in ways:
        try:
            yield Packed(obliged_packing(candidates, job.demands, step.packing, job.seed))
            return
        except NoPlanError as error:
            failed = failed or error
    if last and failed is not None:
        raise failed


def _free(searches: Sequence[Search], options: Sequence[Packed], job: Job) -> list[Packed]:
    """A packing on fewer cores than all before whose slices are of any length; none where tiles are asked for."""
    if job.asked or not searches:
        return []
    room = min((len(packed.cores) for packed in options), default=job.most + 1) - 1
    found = freely_cut(job.demands, searches, room, job.least)
    return [] if found is None else [Packed(found)]


def _roomy(
    ways: Sequence[Sequence[Sequence[Tiling]]], options: Sequence[Packed], step: Effort, job: Job
) -> Iterator[Packed]:
    """The fewest axons on as many chips as the fewest cores of these take; tighter where first fit takes more.

    They are kept apart: other searches go on from the fewest cores.
    """
    most = _room(options, job)
    for candidates in ways:
        room = most
        for _ in range(MAX_TIGHTER):
            pick = least_axons(candidates, job.demands, room, step.choice, job.seed)
            found = _fitted([] if pick is None else [pick], job.demands)
            yield from found
            if pick is None or (found and len(found[0].cores) <= most):
                break
            room -= max(1, len(found[0].cores) - most) if found else 1


def _fewest(options: Iterable[Packed], job: Job) -> int:
    return min((len(packed.cores) for packed in options), default=job.most)


def _repacked(options: Sequence[Packed], step: Effort, job: Job) -> list[Packed]:
    """The packing on the fewest cores on fewer ones where that is found, with what is proved of it."""
    if not options:
        return []
    return [Packed(*improved(fewest_cores(options, job.demands).cores, job.demands, step.packing, job.seed))]
