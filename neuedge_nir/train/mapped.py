"""What a plan of the real mapper says of each stage of a network that is being trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from neuedge_nir.api import compile as compiled
from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import UsageError
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline import Options
from neuedge_nir.plan.model import Plan, PlanCore, PlanRoute
from neuedge_nir.train.counted import Need
from neuedge_nir.train.follow import Followed


@dataclass(frozen=True, slots=True)
class Mapped:
    """By stage: the cores that hold it, the cores' worth that it was then, the links its messages cross on average.

    `hops` begin with the inputs'. `neuron_cores` are all cores with neurons, by number. All empty: nothing is mapped.
    """

    cores: tuple[int, ...] = ()
    worth: tuple[float, ...] = ()
    hops: tuple[float, ...] = ()
    neuron_cores: tuple[int, ...] = ()

    def destinations(self, cores: Sequence[float]) -> list[float]:
        """The cores that take each stage's messages, at this many cores' worth."""
        if not self.cores:
            return [float(math.ceil(each)) for each in cores]
        return [d * now / then for d, now, then in zip(self.cores, cores, self.worth, strict=True)]

    def links(self, sources: int) -> tuple[float, ...]:
        """h of inputs and stages but the last."""
        return self.hops or (0.0,) * sources

    def grown(self, stages: int) -> list[float]:
        """g of each stage: cores given over cores' worth, 1 at least."""
        if not self.cores:
            return [1.0] * stages
        return [max(1.0, d / then) for d, then in zip(self.cores, self.worth, strict=True)][:stages]


UNMAPPED = Mapped()


def mapped(
    network: Network | bytes | Path | str, followed: Followed, needs: Sequence[Sequence[Need]], chip: Chip, effort: str
) -> tuple[Plan, Mapped]:
    """The plan of a network whose populations are the stages, in their order, and what it says of each.

    Raises `UsageError` USE127 for a network with other stages, and what `compile` raises.
    """
    plan = _plan(network, chip, effort)
    names = [each.name for each in plan.populations if each.model not in ("Input", "Output") and each.relay is None]
    if len(names) != len(followed.stages):
        message = f"the network has {len(names)} populations, and {len(followed.stages)} layers of neurons are trained"
        raise UsageError(
            "USE127", message, where="network", hint="give the network that is trained, pruned and exported"
        )
    holding = [[at for at, core in enumerate(plan.cores) if _holds(core, name)] for name in names]
    worth = tuple(max(need.cores for need in each) for each in needs)
    hops = (0.0, *(_links(plan, name) for name in names[:-1]))
    return plan, Mapped(tuple(map(len, holding)), worth, hops, tuple(sorted(set().union(*holding))))


def _plan(network: Network | bytes | Path | str, chip: Chip, effort: str) -> Plan:
    if not isinstance(network, bytes):
        return compiled(network, chip, Options(effort=effort))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.nir"
        path.write_bytes(network)
        return compiled(path, chip, Options(effort=effort))


def _holds(core: PlanCore, name: str) -> bool:
    return any(piece.population == name for piece in core.slices)


def _links(plan: Plan, name: str) -> float:
    """The mean links between the core of a slice and each core that it sends to: of its tree, or of a grid's."""
    routes = [route for route in plan.routes if plan.cores[route.core].slices[route.slice].population == name]
    links = sum(len(route.links) or _grid(plan, route) for route in routes)
    return links / max(1, sum(len(route.targets) for route in routes))


def _grid(plan: Plan, route: PlanRoute) -> int:
    column, row = plan.cores[route.core].router
    ends = (plan.cores[target].router for target, _ in route.targets)
    return sum(abs(column - x) + abs(row - y) for x, y in ends)
