"""drop-dead: leave out populations that no output can see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Context


@dataclass(frozen=True, slots=True)
class DropDead:
    """Populations without a way to any output are removed, with their projections.

    Sound: what an output shows depends only on the populations that have a way to it. A network without outputs shows
    nothing that could be kept, and is left as it is.
    """

    name: ClassVar[str] = "drop-dead"
    summary: ClassVar[str] = "leave out populations that no output can see"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    def run(self, network: Network, context: Context) -> Network:
        """The network without its dead populations; the same network where all are alive."""
        del context
        alive = _alive(network)
        if not network.outputs or all(p.name in alive for p in network.populations):
            return network
        return replace(
            network,
            populations=tuple(p for p in network.populations if p.name in alive),
            projections=tuple(p for p in network.projections if p.target in alive),
        )


def _alive(network: Network) -> set[str]:
    """Names with a way to an output, by walking projections backwards."""
    alive = {port.name for port in network.outputs}
    waiting = sorted(alive)
    while waiting:
        for projection in network.into(waiting.pop()):
            if projection.source not in alive:
                alive.add(projection.source)
                waiting.append(projection.source)
    return alive
