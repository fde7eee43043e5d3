"""The target: its chip file, and the files of the RANC simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from neuedge_nir.emission.door import Files, Shown
from neuedge_nir.network.model import Network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plugin import TomlTarget


@dataclass(frozen=True, slots=True)
class TrueNorth(TomlTarget):
    """TrueNorth, whose plans RANC runs: an open simulator of the same circuit."""

    formats: ClassVar[Mapping[str, str]] = {"ranc": "input and configuration of the RANC simulator"}

    def emit(self, plan: Plan, network: Network, format: str, shown: Shown | None) -> Files:  # noqa: A002
        from neuedge_truenorth.ranc import ranc

        del format  # there is one
        return ranc(plan, network, shown)


TRUENORTH = TrueNorth("truenorth", __package__ or "neuedge_truenorth", "truenorth.toml")
