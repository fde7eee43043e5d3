"""drop-dead: leave out populations that no output can see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network


@dataclass(frozen=True, slots=True)
class DropDead:
    """Populations without a way to an output are removed, with their projections.

    Sound: what an output shows depends only on the populations that have a way to it.
    """

    name: str = "drop-dead"
    summary: str = "leave out populations that no output can see"

    def run(self, network: Network, chip: Chip | None, options: Mapping[str, str]) -> Network:
        """The network without its dead populations; the same network where all are alive."""
        del chip
        if options:
            raise UsageError("USE014", f"the pass {self.name} has no option {next(iter(options))!r}")
        alive = _alive(network)
        if all(p.name in alive for p in network.populations):
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


DROP_DEAD = DropDead()
