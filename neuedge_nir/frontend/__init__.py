"""A .nir file in, a Network out, and back. Only this folder knows HDF5; what reads a file is a process of its own.

The public names are resolved when first used: the process that reads needs a part of this folder only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps
    from neuedge_nir.frontend.reader import checked_strictly, read
    from neuedge_nir.frontend.writer import write

__all__ = ["DEFAULT_CAPS", "Caps", "checked_strictly", "read", "write"]

_HOMES = {"DEFAULT_CAPS": "raw", "Caps": "raw", "checked_strictly": "reader", "read": "reader", "write": "writer"}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
