"""The order of the stages of a compilation. No algorithm lives here."""

from neuedge_nir.pipeline.compile import compile_copies, compile_network
from neuedge_nir.pipeline.options import Options

__all__ = ["Options", "compile_copies", "compile_network"]
