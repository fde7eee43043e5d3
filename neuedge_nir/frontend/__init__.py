"""A .nir file in, a Network out. The only folder that imports h5py, and only in the process that reads the file."""

from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps
from neuedge_nir.frontend.reader import checked_strictly, read

__all__ = ["DEFAULT_CAPS", "Caps", "checked_strictly", "read"]
