"""The targets: their chip files, and for SpiNNaker 1 a PyNN script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from neuedge_nir.emission.door import Files, Shown
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plugin import TomlTarget

_PACKAGE = __package__ or "neuedge_spinnaker"


@dataclass(frozen=True, slots=True)
class SpiNNaker1(TomlTarget):
    """SpiNNaker 1, whose plans sPyNNaker runs."""

    formats: ClassVar[Mapping[str, str]] = {"pynn": "a PyNN script for sPyNNaker, with slices and placement"}

    def emit(self, plan: Plan, network: Network, format: str, shown: Shown | None) -> Files:  # noqa: A002
        from neuedge_spinnaker.pynn import pynn

        del format  # there is one
        return pynn(plan, network, shown)


SPINNAKER1 = SpiNNaker1("spinnaker1", _PACKAGE, "spinnaker1.toml")
SPINNAKER2 = TomlTarget("spinnaker2", _PACKAGE, "spinnaker2.toml")
