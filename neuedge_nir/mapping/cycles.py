"""A cycle among the ways by which longest paths came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar


class Way(Protocol):
    """What leads from a source to something."""

    @property
    def source(self) -> str: ...


W = TypeVar("W", bound=Way)


def cycle_among(via: Mapping[str, W], starts: Iterable[str]) -> list[W]:
    """One, against the flow, where there is any: it gains, or it would not be there. Looked for from each start."""
    clear: set[str] = set()
    for start in starts:
        trail: dict[str, W] = {}
        name = start
        while name in via and name not in clear and name not in trail:
            trail[name] = via[name]
            name = via[name].source
        if name in trail:
            names = list(trail)
            return [trail[each] for each in names[names.index(name) :]]
        clear.update(trail)
    return []
