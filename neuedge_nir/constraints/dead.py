"""What does not work, as the command line says it: core:3,2:1, chip:1,0, link:0,0-1,0."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from neuedge_nir.constraints.model import Constraints, Dead, Forbid
from neuedge_nir.errors import UsageError

_AT = r"(\d{1,9}),(\d{1,9})"
_FORMS = re.compile(rf"core:{_AT}(?::(\d{{1,9}}))?|chip:{_AT}|link:{_AT}-{_AT}")


def with_dead(given: Constraints, texts: Sequence[str]) -> Constraints:
    """The constraints, and that these cores, chips and links do not work. Raises `UsageError` (USE087)."""
    found = [_parsed(text) for text in texts]
    forbid = tuple(each for each in found if isinstance(each, Forbid))
    dead = tuple(each for each in found if isinstance(each, Dead))
    return replace(given, forbid=given.forbid + forbid, dead=given.dead + dead)


def _parsed(text: str) -> Forbid | Dead:
    match = _FORMS.fullmatch(text)
    numbers = [] if match is None else [None if part is None else int(part) for part in match.groups()]
    match numbers:
        case [int(x), int(y), slot, *_]:
            return Forbid(router=(x, y), slot=slot)
        case [_, _, _, int(x), int(y), *_]:
            return Dead(chip=(x, y))
        case [_, _, _, _, _, int(x), int(y), int(u), int(v)] if (x, y) != (u, v):
            return Dead(link=((x, y), (u, v)))
    raise UsageError(
        "USE087",
        f"{text!r} is neither a core, a chip nor a link between two routers",
        where="--dead",
        hint="core:COLUMN,ROW:SLOT (without the slot: all cores of the router), chip:COLUMN,ROW or "
        "link:COLUMN,ROW-COLUMN,ROW",
    )
