"""The target: its chip file, and the files of the RANC simulator, which is open and of the same circuit."""

from __future__ import annotations

from neuedge_nir.emission.door import EmittingTarget

TRUENORTH = EmittingTarget(
    "truenorth",
    __package__ or "neuedge_truenorth",
    "truenorth.toml",
    "ranc",
    "input and configuration of the RANC simulator",
    "neuedge_truenorth.ranc:ranc",
)
