"""The targets: their chip files, and scripts for the software that runs them."""

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


@dataclass(frozen=True, slots=True)
class SpiNNaker2(TomlTarget):
    """SpiNNaker 2, whose plans py-spinnaker2 runs."""

    formats: ClassVar[Mapping[str, str]] = {"spinnaker2": "a script for py-spinnaker2, which cuts and places by itself"}

    def emit(self, plan: Plan, network: Network, format: str, shown: Shown | None) -> Files:  # noqa: A002
        from neuedge_spinnaker.spinnaker2 import spinnaker2

        del format  # there is one
        return spinnaker2(plan, network, shown)


SPINNAKER1 = SpiNNaker1("spinnaker1", _PACKAGE, "spinnaker1.toml")
SPINNAKER2 = SpiNNaker2("spinnaker2", _PACKAGE, "spinnaker2.toml")
