"""`--tiles`: POPULATION=TILES, or a TOML file with a table of them, such as another compiler's split."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.errors import UsageError

if TYPE_CHECKING:
    from neuedge_nir.mapping.asked import Tiles

MAX_BYTES = 1 << 20


def tiles_of(words: Sequence[str]) -> dict[str, Tiles]:
    """Tiles by population, those of files in their place. Raises `UsageError` (USE037) for what is neither."""
    from neuedge_nir.mapping.asked import tiles_given

    texts: list[str] = []
    for word in words:
        texts += _in_file(Path(word)) if "=" not in word and word.endswith(".toml") else [word]
    return tiles_given(texts)


def _in_file(path: Path) -> list[str]:
    """A file's POPULATION = "TILES", or a whole number of neurons, as texts."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        table = tomllib.loads(content[: MAX_BYTES + 1].decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError("USE037", f"the file of tiles cannot be read: {error}", where=str(path)) from error
    if len(content) > MAX_BYTES:
        raise UsageError("USE037", f"a file of tiles has at most {MAX_BYTES} bytes", where=str(path))
    wrong = [name for name, value in table.items() if type(value) not in (str, int)]
    if wrong:
        hint = 'write POPULATION = "AxBxC", or a whole number'
        raise UsageError(
            "USE037", f"the tiles of {wrong[0]!r} are neither text nor a number", where=str(path), hint=hint
        )
    return [f"{name}={value}" for name, value in table.items()]
