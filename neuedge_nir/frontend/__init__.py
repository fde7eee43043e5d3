"""A .nir file in, a Network out. The only folder that imports h5py, and only when a file is opened."""

from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps
from neuedge_nir.frontend.reader import read

__all__ = ["DEFAULT_CAPS", "Caps", "read"]
