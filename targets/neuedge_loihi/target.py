"""The targets: their chip files, and for Loihi 1 the files of the simulator SANA-FE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from neuedge_nir.emission.door import Files, Shown
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plugin import TomlTarget

_PACKAGE = __package__ or "neuedge_loihi"


@dataclass(frozen=True, slots=True)
class Loihi1(TomlTarget):
    """Loihi 1, whose plans SANA-FE prices in time and energy."""

    formats: ClassVar[Mapping[str, str]] = {"sanafe": "architecture, mapping and network of the simulator SANA-FE"}

    def emit(self, plan: Plan, network: Network, format: str, shown: Shown | None) -> Files:  # noqa: A002
        from neuedge_loihi.sanafe import sanafe

        del format  # there is one
        return sanafe(plan, network, shown)


LOIHI1 = Loihi1("loihi1", _PACKAGE, "loihi1.toml")
LOIHI2 = TomlTarget("loihi2", _PACKAGE, "loihi2.toml")
