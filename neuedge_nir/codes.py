"""What every code means. The table itself is data: `codes.toml` beside this file."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files


@cache
def explanations() -> dict[str, str]:
    """The explanation of every error and diagnostic, by its code."""
    table = tomllib.loads(files("neuedge_nir").joinpath("codes.toml").read_text(encoding="utf-8"))
    return {code: " ".join(text.split()) for code, text in table.items()}
