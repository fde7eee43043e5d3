"""Small changes to networks that passes have in common. What is not changed stays the very object it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.network.connect import Operator
from neuedge_nir.network.model import Network, Projection


def with_remarks(network: Network, *remarks: Diagnostic) -> Network:
    """The network with what a pass has to say of it."""
    origin = network.origin
    return replace(network, origin=replace(origin, diagnostics=(*origin.diagnostics, *remarks)))


def with_operators(network: Network, change: Callable[[Operator], Operator]) -> Network:
    """The network with each operator changed; one that several projections share is changed once and stays shared.

    The same network where `change` returns every operator as it is.
    """
    made: dict[int, Operator] = {}

    def changed(operator: Operator) -> Operator:
        if id(operator) not in made:
            made[id(operator)] = change(operator)
        return made[id(operator)]

    def projection(old: Projection) -> Projection:
        chain = tuple(changed(operator) for operator in old.chain)
        return old if _same(chain, old.chain) else replace(old, chain=chain)

    projections = tuple(projection(old) for old in network.projections)
    return network if _same(projections, network.projections) else replace(network, projections=projections)


def _same(new: tuple[object, ...], old: tuple[object, ...]) -> bool:
    return all(after is before for after, before in zip(new, old, strict=True))
