"""Each target is its chip file: Loihi needs no Python."""

from neuedge_nir.plugin import TomlTarget

_PACKAGE = __package__ or "neuedge_loihi"

LOIHI1 = TomlTarget("loihi1", _PACKAGE, "loihi1.toml")
LOIHI2 = TomlTarget("loihi2", _PACKAGE, "loihi2.toml")
