"""The nouns of a file of constraints: its layout is that of these classes.

Cores and chips are named as a plan names them: a chip by its position (column, row) in the system, a core by its router
(column, row over the whole system) and which of the router's cores it is.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

Position = tuple[int, int]
"""Column and row of a chip in its system."""


class Holder(StrEnum):
    """What populations share, or must not."""

    CORE = "core"
    CHIP = "chip"


@dataclass(frozen=True, slots=True, order=True)
class Core:
    """A core of the system."""

    router: tuple[int, int]
    slot: int = 0


@dataclass(frozen=True, slots=True)
class Pin:
    """A population, or the `neurons` [first, behind the last] of its row-major order, on these cores or chips only."""

    population: str
    neurons: tuple[int, int] | None = None
    cores: tuple[Core, ...] = ()
    chips: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Together:
    """All neurons of these populations on one core, or one chip."""

    populations: tuple[str, ...]
    on: Holder


@dataclass(frozen=True, slots=True)
class Apart:
    """No core, or no chip, holds neurons of two of these populations."""

    populations: tuple[str, ...]
    on: Holder


@dataclass(frozen=True, slots=True)
class Forbid:
    """Cores that nothing may stand on: all of a chip, all of a router, or one. Their routers still pass messages on."""

    chip: Position | None = None
    router: tuple[int, int] | None = None
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many neurons on a core: of one population, or of all together."""

    neurons: int
    population: str | None = None


@dataclass(frozen=True, slots=True)
class Reserve:
    """So many usable cores of a chip stay free; of every chip where none is named."""

    cores: int
    chip: Position | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """What does not work: a chip, which then is none, or the link between two routers, in both directions.

    Nothing stands on a dead chip, and its routers pass nothing on.
    """

    chip: Position | None = None
    link: tuple[tuple[int, int], tuple[int, int]] | None = None


Constraint = Pin | Together | Apart | Forbid | Cap | Reserve | Dead


@dataclass(frozen=True, slots=True)
class Constraints:
    """All that a mapping must keep, by kind, in the order of the file."""

    pin: tuple[Pin, ...] = ()
    together: tuple[Together, ...] = ()
    apart: tuple[Apart, ...] = ()
    forbid: tuple[Forbid, ...] = ()
    cap: tuple[Cap, ...] = ()
    reserve: tuple[Reserve, ...] = ()
    dead: tuple[Dead, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, kind.name) for kind in fields(self))

    @property
    def packs(self) -> bool:
        """Whether some say which slices share a core."""
        return bool(self.pin or self.together or self.apart or self.cap)

    @property
    def dead_chips(self) -> frozenset[Position]:
        return frozenset(dead.chip for dead in self.dead if dead.chip is not None)

    @property
    def dead_links(self) -> frozenset[tuple[tuple[int, int], tuple[int, int]]]:
        """Each in both directions."""
        return frozenset(end for dead in self.dead if dead.link is not None for end in (dead.link, dead.link[::-1]))

    @property
    def populations(self) -> tuple[str, ...]:
        """The populations that are named."""
        named = [p.population for p in self.pin] + [c.population for c in self.cap if c.population is not None]
        groups: tuple[Together | Apart, ...] = (*self.together, *self.apart)
        named += [name for group in groups for name in group.populations]
        return tuple(dict.fromkeys(named))

    def name(self, constraint: Constraint) -> str:
        """As an error calls it: [[pin]] 2 of 'conv1'."""
        kind = type(constraint).__name__.lower()
        number = getattr(self, kind).index(constraint) + 1
        match constraint:
            case Pin(population=name) | Cap(population=str(name)):
                return f"[[{kind}]] {number} of {name!r}"
            case Together(populations=those) | Apart(populations=those):
                return f"[[{kind}]] {number} of {', '.join(map(repr, those))}"
        return f"[[{kind}]] {number}"


NONE = Constraints()
