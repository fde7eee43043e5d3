"""The targets: their chip files, and for Loihi 1 the files of the simulator SANA-FE."""

from __future__ import annotations

from neuedge_nir.emission.door import EmittingTarget
from neuedge_nir.plugin import TomlTarget

_PACKAGE = __package__ or "neuedge_loihi"

LOIHI1 = EmittingTarget(
    "loihi1",
    _PACKAGE,
    "loihi1.toml",
    "sanafe",
    "architecture, mapping and network of the simulator SANA-FE",
    "neuedge_loihi.sanafe:sanafe",
)
LOIHI2 = TomlTarget("loihi2", _PACKAGE, "loihi2.toml")
