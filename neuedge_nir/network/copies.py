"""Several copies of a network beside each other: what is called `conv1` is `conv1@2` in the second copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network

MOST = 1 << 16
"""More copies are not tried: every one has populations, projections and routes of its own."""

T = TypeVar("T")


def named(name: str, copy: int) -> str:
    """What a population, port or projection is called in a copy, counted from 1; the first keeps the names."""
    return name if copy == 1 else f"{name}@{copy}"


def copied(network: Network, count: int) -> Network:
    """So many copies, one behind the other; they share the weights' arrays. The same network for one copy.

    Raises `UsageError` (USE083) where a name of a copy is taken by the network itself.
    """
    if count == 1:
        return network
    copies = range(1, count + 1)
    made = replace(
        network,
        inputs=tuple(replace(p, name=named(p.name, k)) for k in copies for p in network.inputs),
        outputs=tuple(replace(p, name=named(p.name, k)) for k in copies for p in network.outputs),
        populations=tuple(replace(p, name=named(p.name, k)) for k in copies for p in network.populations),
        projections=tuple(
            replace(p, name=named(p.name, k), source=named(p.source, k), target=named(p.target, k))
            for k in copies
            for p in network.projections
        ),
    )
    names = [*(port.name for port in (*made.inputs, *made.outputs)), *(p.name for p in made.populations)]
    twice = _repeated(names) or _repeated([p.name for p in made.projections])
    if twice is not None:
        message = f"a copy would be called {twice!r}, which is a name of the network itself"
        raise UsageError("USE083", message, where="--copies", hint="rename that node")
    return made


def _repeated(names: list[str]) -> str | None:
    return next((name for name, often in Counter(names).items() if often > 1), None)


def for_copies(values: Mapping[str, T], count: int) -> dict[str, T]:
    """What is known of each name, of its copies too."""
    return {named(name, k): value for k in range(1, count + 1) for name, value in values.items()}
