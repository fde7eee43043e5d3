"""Columns of a table as short text: thousands of cores must not make a page long.

A column of few different values is a list of them and a text with one or two digits for each row, in base 86.
`columns.js` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

DIGITS = "".join(chr(code) for code in range(35, 127) if chr(code) not in "&'<>\\`")
"""Characters that mean nothing to HTML and JSON."""

Value = int | float | str
Column = list[Value] | dict[str, object]


def column(values: Sequence[Value]) -> Column:
    """The shorter of the plain list and the packed one."""
    different = list(dict.fromkeys(values))
    width = 1 if len(different) <= len(DIGITS) else 2
    if len(different) > len(DIGITS) ** 2 or (width + 3) * len(values) < 40:
        return list(values)
    place = {value: _digits(number, width) for number, value in enumerate(different)}
    return {"of": different, "width": width, "at": "".join(place[value] for value in values)}


def _digits(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, len(DIGITS))
        text = DIGITS[digit] + text
    return text
