"""What an option of a compilation can be: of which type, within which bounds. Nothing is read or taken apart here."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from neuedge_nir.errors import UsageError
from neuedge_nir.frontend import Caps
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.effort import EFFORTS, OBJECTIVES
from neuedge_nir.mapping.splitters import MODES
from neuedge_nir.network.activity import Activity
from neuedge_nir.network.copies import MOST
from neuedge_nir.network.typed import real, told
from neuedge_nir.plan.model import Plan
from neuedge_nir.rewrite.call import PassCall

SLOWEST = 1 << 20
"""How many times slower a chip may be asked to run: a timestep of a quarter of an hour for one of 1 ms."""

MOST_CHIPS = 1 << 40
"""More chips, or cores, than this are a slip of the keyboard."""

LONGEST = 1 << 31
"""Timesteps of the longest sample."""

Rule = tuple[Callable[[object], bool], str]
"""Whether a value makes sense, and what to give instead."""


def check_options(options: object) -> None:
    """Raises `UsageError` (USE019) for the first option that is of another type, or beyond its bounds."""
    for name, (sensible, hint) in RULES.items():
        value = getattr(options, name)
        if not sensible(value):
            raise UsageError("USE019", f"{name} cannot be {told(value)}", where=f"Options.{name}", hint=hint)


def _whole(least: int, most: int, none: bool = True) -> Rule:
    def sensible(value: object) -> bool:
        return (none and value is None) or (type(value) is int and least <= value <= most)

    return sensible, f"give a whole number from {least} to {most}" + ", or None" * none


def _one_of(words: Collection[str]) -> Rule:
    return lambda value: isinstance(value, str) and value in words, f"there are: {', '.join(words)}"


def _of(hint: str, *kinds: type) -> Rule:
    return lambda value: value is None or isinstance(value, kinds), hint


def _positive(hint: str) -> Rule:
    return lambda value: value is None or 0 < real(value) < math.inf, hint


def _copies(value: object) -> bool:
    return value is None or (isinstance(value, str) and value == "max") or (type(value) is int and 1 <= value <= MOST)


def _passes(value: object) -> bool:
    return _listed(value, str, PassCall)


def _tiles(value: object) -> bool:
    return all(isinstance(name, str) for name in value) if isinstance(value, Mapping) else _listed(value, str)


def _listed(value: object, *kinds: type) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return False
    return all(isinstance(each, kinds) for each in value)


_FLAG: Rule = (lambda value: isinstance(value, bool | np.bool_), "give True or False")

RULES: Mapping[str, Rule] = {
    "passes": (_passes, 'give a list of passes, as in ["fold-scale", "prune:share=0.5"]'),
    "activity": _of(
        "give a rate, rates by population, a file's path, an Activity or Samples",
        *(str, int, float, np.number, Mapping, Activity, Samples),
    ),
    "early_exit": _positive("give a positive number of spikes, or None"),
    "steps_per_sample": _whole(1, LONGEST),
    "time_scale": _whole(1, SLOWEST, none=False),
    "calibration": _of("give Samples, or None", Samples),
    "chips": _whole(1, MOST_CHIPS),
    "max_cores": _whole(1, MOST_CHIPS),
    "effort": _one_of(tuple(EFFORTS)),
    "seed": _whole(0, (1 << 31) - 1, none=False),
    "map_inputs": _FLAG,
    "inputs": _of("give the name of a way of the chip, or None", str),
    "outputs": _of("give the name of a way of the chip, or None", str),
    "tiles": (_tiles, 'give tiles by population, as in {"conv1": "16x8x28", "hidden": 50}'),
    "copies": (_copies, f'give a whole number from 1 to {MOST}, "max" or None'),
    "keep": _of("give a plan, the path of its file, or None", Plan, Path, str),
    "recurrence": _one_of(("exact", "approximate")),
    "splitters": _one_of(MODES),
    "objective": _one_of(OBJECTIVES),
    "strict": _FLAG,
    "limits": (lambda value: isinstance(value, Caps), "give Caps(...)"),
    "time_limit": _positive("give a positive number of seconds, or None"),
}
"""By option; a timestep, a reset and constraints are looked at where they are read."""
