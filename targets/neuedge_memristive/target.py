"""The target: its chip file alone, as no tool loads such a chip."""

from __future__ import annotations

from neuedge_nir.plugin import TomlTarget

ISAAC = TomlTarget("isaac", __package__ or "neuedge_memristive", "isaac.toml")
