"""Which of several answers are best at something: none other is as good in all that counts, and better in one.

Typical values decide. Where an interval of the better one overlaps that of the worse, that is said: the sources do not
part the two there. What is not known of one of two answers lets neither dominate the other, unless it is known of
neither; an answer of which something is not known that is known of another is not on the front, which says what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST = ("energy", "latency", "chip_share", "cores", "chips", "boards")
MOST = ("throughput", "accuracy", "same_class")
OBJECTIVES = (*LEAST, *MOST)
USUAL = ("energy", "latency", "chips", "accuracy")
"""Whole chips, which one buys and powers. Cores of different chips are different things, and `chip_share`, cores in use
over those of a chip, sets 1 of 120 above 1 of 128: both count where they are asked for."""

Span = tuple[float, float, float]
"""Low, typical, high."""
Known = Mapping[str, Span | None]
"""What is known of an answer, by objective."""


@dataclass(frozen=True, slots=True)
class Beaten:
    """By which answer, strictly in what; `overlaps`: where intervals of the two leave that open."""

    by: int
    better: tuple[str, ...]
    overlaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an answer is on the front, what beats it, and what `missing` figure leaves it out."""

    front: bool
    beaten: tuple[Beaten, ...]
    missing: tuple[str, ...] = ()


def counted(answers: Sequence[Known], over: Sequence[str]) -> tuple[str, ...]:
    """The objectives that at least one answer knows: the front is one over these."""
    return tuple(name for name in over if any(answer.get(name) is not None for answer in answers))


def standings(answers: Sequence[Known], over: Sequence[str]) -> list[Standing]:
    """Of each answer, among all of them."""
    found = []
    for mine in answers:
        beaten = tuple(
            Beaten(index, *reasons)
            for index, other in enumerate(answers)
            if other is not mine and (reasons := _reasons(other, mine, over)) is not None
        )
        missing = tuple(name for name in counted(answers, over) if mine.get(name) is None)
        known = bool(counted(answers, over))
        found.append(Standing(known and not beaten and not missing, beaten, missing))
    return found


def _reasons(one: Known, other: Known, over: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """In what one is better than the other, and where intervals overlap; None where it does not dominate."""
    pairs = {name: (one.get(name), other.get(name)) for name in over}
    if any((a is None) is not (b is None) for a, b in pairs.values()):
        return None
    known = {name: (a, b) for name, (a, b) in pairs.items() if a is not None and b is not None}
    if not known or any(_worse(name, a, b) for name, (a, b) in known.items()):
        return None
    better = tuple(name for name, (a, b) in known.items() if a[1] != b[1])
    overlaps = tuple(name for name in better if not _apart(*known[name]))
    return (better, overlaps) if better else None


def _worse(name: str, one: Span, other: Span) -> bool:
    return one[1] > other[1] if name in LEAST else one[1] < other[1]


def _apart(one: Span, other: Span) -> bool:
    return one[2] < other[0] or other[2] < one[0]
