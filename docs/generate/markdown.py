"""Markdown of what was read elsewhere: text that cannot turn into mark-up, tables, numbers with their units."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"([\\*_{}\[\]|#~^])")
CODE = re.compile(r"(`[^`]+`)")
ADDRESS = re.compile(r"https?://[^\s)>,;|]*[^\s)>,;|.:]")
PAGE = re.compile(r"\bdocs/(\w+\.md)\b")
PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "\N{MICRO SIGN}"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))
SCALED = {"J", "W", "s"}
"""Units that take a prefix."""


def text(words: str) -> str:
    """Words as they are: no character of them is mark-up, code in backquotes and addresses of the web excepted."""
    return "".join(part if part.startswith("`") else _addressed(part) for part in CODE.split(words))


def _addressed(words: str) -> str:
    found, at = [], 0
    for address in ADDRESS.finditer(words):
        found += [_plain(words[at : address.start()]), f"<{address[0]}>"]
        at = address.end()
    return "".join([*found, _plain(words[at:])])


def linked(words: str, up: str) -> str:
    """As `text`, and a page of `docs/` that is named leads there; `up` is the way to `docs/`."""
    found, at = [], 0
    for page in PAGE.finditer(words):
        found += [text(words[at : page.start()]), f"[{page[0]}]({up}{page[1]})"]
        at = page.end()
    return "".join([*found, text(words[at:])])


def _plain(words: str) -> str:
    safe = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(r"\\\1", safe)


def code(words: str) -> str:
    """Words in a fixed pitch; they hold no backquote."""
    return f"`{words}`"


def cell(content: str) -> str:
    """Markdown that fits into a cell of a table: lines are one. Bars are escaped in text, and need it not in code."""
    return " ".join(content.split())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells in Markdown; nothing where there are no rows."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    head = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*head, *lines]) + "\n" if lines else ""


def heading(level: int, title: str, anchor: str | None = None) -> str:
    """A heading, with an anchor of its own where one is given."""
    return f"{'#' * level} {title}" + (f" {{ #{anchor} }}" if anchor else "")


def page(*parts: str) -> str:
    """Paragraphs, tables and headings; empty ones are left out."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def bullets(items: Iterable[str]) -> str:
    return "\n".join(f"* {item}" for item in items)


def fenced(content: str, language: str = "") -> str:
    return f"```{language}\n{content.rstrip()}\n```"


def number(value: float, unit: str) -> str:
    """A number with its unit: 23.6 pJ, 4,095 neurons, 1.25e+10."""
    if unit in SCALED and value:
        size, prefix = next((p for p in PREFIXES if abs(value) >= p[0] * 0.9999999), PREFIXES[-1])
        return f"{value / size:,.6g} {prefix}{unit}"
    return f"{value:,.12g} {unit}".strip()


def interval(low: float, typical: float, high: float, unit: str) -> str:
    """One number, or the typical one and in brackets the range."""
    if low == high:
        return number(typical, unit)
    told = [number(each, unit) for each in (low, typical, high)]
    if len({each.partition(" ")[2] for each in told}) == 1:  # the unit with its prefix, once
        return f"{told[1]} ({' .. '.join(each.partition(' ')[0] for each in (told[0], told[2]))})"
    return f"{told[1]} ({told[0]} .. {told[2]})"
