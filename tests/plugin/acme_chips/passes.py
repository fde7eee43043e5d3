"""A pass that changes nothing, and three that do not behave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neuedge_nir.chip.model import Chip
from neuedge_nir.network.model import Network


@dataclass(frozen=True, slots=True)
class AcmePass:
    """Whatever a network and its options are made into."""

    name: str
    summary: str
    rewrite: Callable[[Network], Any]

    def run(self, network: Network, chip: Chip, options: Mapping[str, str]) -> Any:
        del chip, options
        return self.rewrite(network)


def _stumble(network: Network) -> Network:
    raise RuntimeError(f"cannot cope with {network.neurons} neurons")


NOOP = AcmePass("noop", "change nothing", lambda network: network)
STUMBLE = AcmePass("stumble", "fail while running", _stumble)
FORGET = AcmePass("forget", "forget to return the network", lambda network: None)  # noqa: ARG005
SHAPELESS = object()
