"""A .nir file in, a Network out, and back. The only folder that imports h5py, and only when a file is opened."""

from neuedge_nir.frontend.raw import DEFAULT_CAPS, Caps
from neuedge_nir.frontend.reader import read
from neuedge_nir.frontend.writer import write

__all__ = ["DEFAULT_CAPS", "Caps", "read", "write"]
