"""Changes are tried until some make the network fit: each through the whole pipeline, under a budget of counted work.

No clock decides. One change alone comes first, then other chips, then changes on top of each other where the first,
another chip among them, led to another limit. Of a kind in several strengths the weakest that fits is found by halving.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from neuedge_nir.across.changes import Change, Family
from neuedge_nir.errors import NeuedgeError
from neuedge_nir.events import Observer, Progress, silent
from neuedge_nir.network.model import Network
from neuedge_nir.plan.build import counts
from neuedge_nir.plan.model import Plan

DEEPEST = 3
"""Changes on top of each other."""
WORK = 40.0
"""Units of work; a try takes one, and one more for every 50,000 neurons and 4 million synapses, or, where a pass makes
another network of it, for every 400,000: a minute or so in all."""
MOST = 24
"""Tries."""

Words = tuple[str, ...]
Changes = tuple[Change, ...]
Outcome = Plan | NeuedgeError
Attempt = Callable[[Words], Outcome]
Worth = Callable[[NeuedgeError, Changes], Sequence[Family]]
"""What bears on an error that is in the way after changes."""


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One command that was run, and what came of it. `alters`: the network computes something else then."""

    words: Words
    kinds: tuple[str, ...]
    alters: bool
    outcome: Outcome


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was verified, what was in vain, and whether the budget ended the search.

    `untried`: kinds of changes of which some, or all, were left out, as the budget was spent.
    """

    verified: tuple[Tried, ...]
    vain: tuple[Tried, ...]
    stopped: bool
    untried: tuple[str, ...] = ()


@dataclass(slots=True)
class _Log:
    """What is known so far, and what is left of the budget."""

    attempt: Attempt
    network: Network
    observer: Observer
    known: dict[Words, Outcome] = field(default_factory=dict)
    tried: list[Tried] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    work: float = 0.0

    def outcome(self, words: Words, kinds: tuple[str, ...], changes: Changes) -> Outcome | None:
        """None where the budget does not allow it."""
        if words not in self.known:
            price = price_of(self.network, passes=any(change.passes for change in changes))
            if len(self.known) >= MOST or self.work + price > WORK:
                self.untried.append(kinds[-1])
                return None
            self.work += price
            self.observer(Progress(f"trying {kinds[-1]}", len(self.known) + 1, MOST))
            self.known[words] = self.attempt(words)
            self.tried.append(Tried(words, kinds, any(change.alters for change in changes), self.known[words]))
        return self.known[words]


def price_of(network: Network, *, passes: bool) -> float:
    """The work of one try, with passes or without."""
    size = counts(network)
    return 1 + size.neurons / 5e4 + size.synapses / (4e5 if passes else 4e6)


def search(
    error: NeuedgeError,
    network: Network,
    worth: Worth,
    spelled: Callable[[Changes], Words],
    attempt: Attempt,
    others: Sequence[Family] = (),
    observer: Observer = silent,
) -> Found:
    """What makes it fit. `spelled` is the command with changes; of `others`, chips, the first that fits counts."""
    log = _Log(attempt, network, observer)
    verified, beyond = _layer([((), (), error)], worth, spelled, log)
    for family in others:
        found, elsewhere = _settled((), (), family, spelled, log)
        verified += found
        beyond += [elsewhere] if elsewhere is not None else []
        if found:
            break
    depth = 1
    while not verified and beyond and depth < DEEPEST:
        verified, beyond = _layer(beyond, worth, spelled, log)
        depth += 1
    vain = tuple(tried for tried in log.tried if isinstance(tried.outcome, NeuedgeError))
    return Found(tuple(verified), vain, bool(log.untried), tuple(dict.fromkeys(log.untried)))


Branch = tuple[Changes, tuple[str, ...], NeuedgeError]


def _layer(
    branches: Sequence[Branch],
    worth: Worth,
    spelled: Callable[[Changes], Words],
    log: _Log,
) -> tuple[list[Tried], list[Branch]]:
    """One more change on each branch: what fits then, and the branches that came to another limit."""
    verified: list[Tried] = []
    beyond: list[Branch] = []
    for sofar, kinds, error in branches:
        for family in worth(error, sofar):
            if family.kind in kinds:
                continue
            found, next_ = _settled(sofar, kinds, family, spelled, log)
            verified += found
            beyond += [next_] if next_ is not None and _other(next_[2], error) else []
    return verified, beyond


def _other(now: NeuedgeError, before: NeuedgeError) -> bool:
    """Whether something else is in the way than before, or less of it."""
    less = now.needed is not None and before.needed is not None and now.needed < before.needed
    return less or (now.code, now.resource) != (before.code, before.resource)


def _settled(
    sofar: Changes, kinds: tuple[str, ...], family: Family, spelled: Callable[[Changes], Words], log: _Log
) -> tuple[list[Tried], Branch | None]:
    """The weakest change of a family that fits, by halving; else what is in the way of the strongest."""
    here = (*kinds, family.kind)

    def tried(index: int) -> Outcome | None:
        changes = (*sofar, family.changes[index])
        return log.outcome(spelled(changes), here, changes)

    low, high = 0, len(family.changes) - 1
    if not family.ordered:
        high = next((index for index in range(high) if isinstance(tried(index), Plan)), high)
    outcome = tried(high)
    if not isinstance(outcome, Plan):
        return [], None if outcome is None else ((*sofar, family.changes[high]), here, outcome)
    while family.ordered and low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if isinstance(tried(middle), Plan) else (middle + 1, high)
    changes = (*sofar, family.changes[high])
    words = spelled(changes)
    return [next(each for each in log.tried if each.words == words)], None


def summary(found: Found) -> Mapping[str, object]:
    """How many of each."""
    return {"verified": len(found.verified), "in_vain": len(found.vain), "stopped_by_budget": found.stopped}
