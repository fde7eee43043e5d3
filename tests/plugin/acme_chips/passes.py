"""A pass that changes nothing, and some that do not behave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from neuedge_nir.network.model import Network
from neuedge_nir.rewrite.door import Context


@dataclass(frozen=True)
class Noop:
    """Whatever the options say, the network stays as it is."""

    name: ClassVar[str] = "noop"
    summary: ClassVar[str] = "change nothing"
    keeps: ClassVar[str] = "exact"
    requires: ClassVar[tuple[str, ...]] = ()

    depth: int = 3
    gain: float = 0.5
    loud: bool = False
    word: str = "x"

    def run(self, network: Network, context: Context) -> Any:
        del context
        return network


@dataclass(frozen=True)
class Stumble(Noop):
    def run(self, network: Network, context: Context) -> Any:
        del context
        raise RuntimeError(f"cannot cope with {network.neurons} neurons")


@dataclass(frozen=True)
class Forget(Noop):
    def run(self, network: Network, context: Context) -> Any:
        del network, context


@dataclass(frozen=True)
class Tear(Noop):
    """Leaves projections that lead nowhere."""

    def run(self, network: Network, context: Context) -> Any:
        del context
        return replace(network, populations=network.populations[1:])


@dataclass(frozen=True)
class Seek(Noop):
    """Finds its depth by itself, from data."""

    name: ClassVar[str] = "seek"
    keeps: ClassVar[str] = "approximate"
    requires: ClassVar[tuple[str, ...]] = ("data",)

    def settled(self, network: Network, context: Context) -> Seek:
        del network
        assert context.samples is not None
        return Seek(depth=context.samples.count)


SHAPELESS = object()
