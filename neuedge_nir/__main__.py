"""`python -m neuedge_nir` is `neuedge-nir`."""

from neuedge_nir.cli.main import entry

entry()
