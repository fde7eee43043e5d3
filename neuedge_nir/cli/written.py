"""Constraints of the command line in an error's place: as the user wrote them, not by a number in a file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager

from neuedge_nir.errors import NeuedgeError

_NUMBERED = re.compile(r"\[\[(?:forbid|dead)\]\] \d+")


@contextmanager
def as_written(arguments: argparse.Namespace) -> Iterator[None]:
    """Errors that pass through name what `--dead` says by its text, and the time limit that was written."""
    try:
        yield
    except NeuedgeError as error:
        if error.code == "FIT075":  # of which reading the model took a part
            error.message = f"no plan was found within {arguments.time_limit:g} s"
        if error.where is not None and arguments.dead:
            names = _names(arguments)
            error.where = _NUMBERED.sub(lambda found: names.get(found[0], found[0]), error.where)
        raise


def _names(arguments: argparse.Namespace) -> dict[str, str]:
    """What --dead says, by the name that the constraint has behind those of the file."""
    from neuedge_nir.constraints.dead import with_dead
    from neuedge_nir.constraints.load import constraints_given
    from neuedge_nir.constraints.model import NONE

    given = NONE if arguments.constraints is None else constraints_given(arguments.constraints)
    names = dict.fromkeys([*map(given.name, given.forbid), *map(given.name, given.dead)], "")
    for text in arguments.dead:
        given = with_dead(given, [text])
        name = given.name(given.forbid[-1]) if text.startswith("core") else given.name(given.dead[-1])
        names.setdefault(name, f"--dead {text}")
    return {name: text for name, text in names.items() if text}
