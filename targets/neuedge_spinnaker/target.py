"""Each target is its chip file: SpiNNaker needs no Python."""

from neuedge_nir.plugin import TomlTarget

_PACKAGE = __package__ or "neuedge_spinnaker"

SPINNAKER1 = TomlTarget("spinnaker1", _PACKAGE, "spinnaker1.toml")
SPINNAKER2 = TomlTarget("spinnaker2", _PACKAGE, "spinnaker2.toml")
