"""Values of the right type and size, whoever gives them: names, shapes, numbers, arrays, lists of one kind."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import index
from reprlib import repr as shown
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.errors import UsageError

Given = TypeVar("Given")

LARGEST = 1 << 28
"""Neurons of a population, or elements of an input, beyond which a shape is refused: what files may have unasked."""


def real(value: object) -> float:
    """A real number as a float, NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def told(value: object) -> str:
    """A value as an error shows it, cut; by its type where it cannot be printed at all."""
    try:
        return shown(value)
    except Exception:  # its own repr may raise anything, that of a very long number a ValueError
        return f"a {type(value).__name__}"


def array_given(value: object, where: str) -> NDArray[Any]:
    """An array, or what numpy makes of nested lists.

    Raises `UsageError` (USE034) where they are no box of numbers, or some of them are masked: what is behind a mask is
    no value.
    """
    if np.ma.is_masked(value):
        raise UsageError("USE034", f"{where} cannot be masked", where=where, hint="give those that count, compressed()")
    try:
        return np.asarray(value)
    except ValueError as error:
        message = f"{where} cannot be a {type(value).__name__} whose rows differ in length"
        raise UsageError("USE034", message, where=where, hint="fill up what is short, or give one array") from error


def of_type(value: Given, kinds: type | tuple[type, ...], where: str, hint: str) -> Given:
    """The value. Raises `UsageError` (USE034) where it is of another type."""
    if not isinstance(value, kinds):
        raise UsageError("USE034", f"{where} cannot be a {type(value).__name__}", where=where, hint=hint)
    return value


def all_of_type(values: Iterable[Given], kind: type[Given], where: str) -> tuple[Given, ...]:
    """What an iterable holds. Raises `UsageError` (USE034) where it is none, or holds something of another type."""
    hint = f"give a list of {kind.__name__}s, or () for none"
    return tuple(of_type(value, kind, where, hint) for value in of_type(values, Iterable, where, hint))


def name_given(value: object, what: str, but: str = "") -> str:
    """A name. Raises `UsageError` (USE095) for what is no text, is empty or cannot be kept; '/' parts nested graphs.

    `but`: signs that are allowed all the same.
    """
    if not isinstance(value, str):
        problem = f"cannot be a {type(value).__name__}"
    elif not value.strip():
        problem = "is empty"
    elif "/" in value.replace(but or "//", "") or not value.isprintable():  # half a character is not printable either
        problem = f"cannot be {shown(value)}"
    else:
        return value
    hint = "give text without '/' and without signs that cannot be printed"
    raise UsageError("USE095", f"the name of {what} {problem}", where=what, hint=hint)


def shape_given(value: object, where: str) -> tuple[int, ...]:
    """A shape, or one number for a row of so many.

    Raises `UsageError` (USE096) where a length is no whole number from 1, and beyond 2**28 neurons.
    """
    lengths = value if isinstance(value, tuple | list) else (value,)
    try:
        shape = tuple(index(length) for length in lengths)
        sound = bool(shape) and not any(isinstance(length, bool | np.bool_) for length in lengths) and min(shape) > 0
    except TypeError:
        sound = False
    if not sound or math.prod(shape) > LARGEST:
        hint = "give a whole number of neurons, or a tuple of them: 1 and more, 2**28 neurons at most"
        raise UsageError("USE096", f"{where} cannot have the shape {shown(value)}", where=where, hint=hint)
    return shape


def number_given(value: object, what: str, where: str, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number from `least` to `most`. Raises `UsageError` (USE097) for anything else."""
    number = real(value)
    if not (math.isfinite(number) and least <= number <= most):
        bounds = "a finite number" if math.inf in (most, -least) else f"a number from {least:g} to {most:g}"
        raise UsageError("USE097", f"{what} of {where} cannot be {shown(value)}", where=where, hint=f"give {bounds}")
    return number
