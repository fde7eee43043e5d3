"""`python -m neuedge_nir` is `neuedge-nir`."""

from neuedge_nir.cli.start import entry

entry()
