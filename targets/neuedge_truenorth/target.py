"""The target is its chip file: TrueNorth needs no Python."""

from neuedge_nir.plugin import TomlTarget

TRUENORTH = TomlTarget("truenorth", __package__ or "neuedge_truenorth", "truenorth.toml")
