"""How the user wants a population cut: tiles of a given size, or so many of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from neuedge_nir.errors import NoPlanError, UsageError
from neuedge_nir.mapping.demand import Demand, Demands, fits
from neuedge_nir.mapping.legalise import LegalNetwork
from neuedge_nir.mapping.partition import Destinations, Piece
from neuedge_nir.mapping.values import gather
from neuedge_nir.network.slices import Grid, Run, Slice, Span

_FORM = re.compile(r"(/?)([1-9][0-9]{0,9}(?:x[1-9][0-9]{0,9})*)")
HINT = "write POPULATION=N (neurons a slice), POPULATION=AxBxC (neurons along each axis), or /K and /AxBxC (slices)"


@dataclass(frozen=True, slots=True)
class Tiles:
    """A cut into tiles of `sizes` neurons along each axis, the last what remains; or, by `count`, into `sizes` tiles.

    By count they are as equal as they go. One size for a population of several axes cuts its row-major order.
    """

    sizes: tuple[int, ...]
    count: bool = False

    @classmethod
    def parse(cls, text: str, name: str) -> Tiles:
        """`N`, `AxBxC`, `/K` or `/AxBxC`. Raises `UsageError` (USE037) for anything else."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise UsageError("USE037", f"{text!r} is no size of tiles", where=f"--tiles {name}", hint=HINT)
        return cls(tuple(map(int, found[2].split("x"))), bool(found[1]))

    def __str__(self) -> str:
        return "/" * self.count + "x".join(map(str, self.sizes))

    def of(self, shape: tuple[int, ...]) -> Grid | tuple[Slice, ...]:
        """The cut of an array of this shape, which `misfit` has nothing against."""
        if len(self.sizes) < len(shape):
            return tuple(Run(*span) for span in self._spans(math.prod(shape), self.sizes[0]))
        return Grid(tuple(self._spans(length, size) for length, size in zip(shape, self.sizes, strict=True)))

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        """Why an array of this shape cannot be cut so."""
        if len(self.sizes) not in (1, len(shape)):
            return f"has {len(self.sizes)} axes, the population {len(shape)}: {'x'.join(map(str, shape))}"
        axes = shape if len(self.sizes) == len(shape) else (math.prod(shape),)
        return "is larger than the population" if any(a > b for a, b in zip(self.sizes, axes, strict=True)) else None

    def _spans(self, length: int, size: int) -> tuple[Span, ...]:
        if self.count:
            return tuple(pairwise(length * i // size for i in range(size + 1)))
        return tuple(pairwise((*range(0, length, size), length)))


def tiles_given(given: Mapping[str, str | int | Tiles] | Iterable[str]) -> dict[str, Tiles]:
    """Tiles by population, of a mapping or of texts `POPULATION=TILES`. Raises `UsageError` (USE037)."""
    if isinstance(given, Mapping):
        return {n: t if isinstance(t, Tiles) else Tiles.parse(str(t), n) for n, t in given.items()}
    found: dict[str, Tiles] = {}
    for text in given:
        name, equals, size = text.rpartition("=")
        if not equals or name in found:
            wrong = f"{name!r} is given twice" if equals else f"{text!r} is no POPULATION=TILES"
            raise UsageError("USE037", wrong, where="--tiles", hint=HINT)
        found[name] = Tiles.parse(size, name)
    return found


def check_asked(asked: Mapping[str, Tiles], legal: LegalNetwork) -> None:
    """Raises `UsageError` (USE037) where there is no such population, or none that can be cut so.

    Inputs with cores count as populations.
    """
    network = legal.network
    shapes = {population.name: population.shape for population in network.populations}
    shapes |= {port.name: port.shape for port in network.inputs if legal.mapped_inputs}
    for name, tiles in asked.items():
        where = f"--tiles {name}={tiles}"
        if name not in shapes:
            known = ", ".join(list(shapes)[:8]) + ", ..." * (len(shapes) > 8)
            raise UsageError("USE037", "there is no such population", where=where, hint=f"there are: {known}")
        if wrong := tiles.misfit(shapes[name]):
            raise UsageError("USE037", f"the tile {wrong}", where=where)


def too_large_tile(
    name: str, parts: Iterable[Slice], demands: Demands, targets: Destinations, capacity: Demand
) -> NoPlanError:
    """The first of these tiles that fits no core, and by which limit: other tiles may fit."""
    for part in parts:
        need = demands.of(Piece(name, part), targets)
        if fits(need, capacity):
            continue
        limit, used, most = next(each for each in zip(demands.limits, need, capacity, strict=True) if each[1] > each[2])
        return NoPlanError(
            "FIT023",
            f"the tile of {part.neurons} neurons needs {used} {limit.limit.unit} on one core, "
            f"{demands.legal.chip.title} has {most}",
            where=f"--tiles {name}",
            resource=limit.name,
            needed=used,
            available=most,
            hint="ask for smaller tiles, or leave the population to the mapper"
            + (f", or try {fewer}" if (fewer := gather(limit.formula, most)) else ""),
        )
    raise AssertionError("all tiles fit")
