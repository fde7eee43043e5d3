"""A chip that is nothing but its file, one whose file was left out of the package, and a class in place of a chip."""

from __future__ import annotations

from neuedge_nir.chip.model import Chip
from neuedge_nir.plugin import TomlTarget

TOYCHIP = TomlTarget("toychip", "acme_chips", "toychip.toml")
LOSTCHIP = TomlTarget("lostchip", "acme_chips", "lostchip.toml")


class ClassChip:
    """The entry point should name an instance."""

    name = "classchip"

    def chip(self) -> Chip:
        return TOYCHIP.chip()
