"""The targets: their chip files, and scripts for the software that runs them."""

from __future__ import annotations

from neuedge_nir.emission.door import EmittingTarget

_PACKAGE = __package__ or "neuedge_spinnaker"

SPINNAKER1 = EmittingTarget(
    "spinnaker1",
    _PACKAGE,
    "spinnaker1.toml",
    "pynn",
    "a PyNN script for sPyNNaker, with slices and placement",
    "neuedge_spinnaker.pynn:pynn",
)
SPINNAKER2 = EmittingTarget(
    "spinnaker2",
    _PACKAGE,
    "spinnaker2.toml",
    "spinnaker2",
    "a script for py-spinnaker2, which cuts and places by itself",
    "neuedge_spinnaker.spinnaker2:spinnaker2",
)
