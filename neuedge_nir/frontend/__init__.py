"""A .nir file in, a Network out, and back. Only this folder knows HDF5; what reads a file is a process of its own."""

from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps
from neuedge_nir.frontend.reader import checked_strictly, read
from neuedge_nir.frontend.writer import write

__all__ = ["DEFAULT_CAPS", "Caps", "checked_strictly", "read", "write"]
