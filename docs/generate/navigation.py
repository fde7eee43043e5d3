"""The navigation of the site: `FOLDER/*` stands for the pages of a folder, `*` for those that stand nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Entries = Sequence[Any]
"""As mkdocs.yml has them: a place, `{title: place}`, or `{title: entries}`."""


def expanded(nav: Entries, places: Sequence[str]) -> list[Any]:
    """The navigation with every page in it; a section that is left without a page is left out."""
    named = set(places_in(nav))
    folders = {each.removesuffix("*") for each in named if each.endswith("/*")}
    rest = [p for p in places if p not in named and not p.startswith(tuple(folders) or "\0")]
    return [entry for each in nav if (entry := _entry(each, places, named, rest)) is not None]


def places_in(nav: Entries) -> Iterator[str]:
    for each in nav:
        inner = next(iter(each.values())) if isinstance(each, dict) else each
        yield from [inner] if isinstance(inner, str) else places_in(inner)


def _entry(each: Any, places: Sequence[str], named: set[str], rest: Sequence[str]) -> Any:
    if not isinstance(each, dict):
        return each
    ((title, inner),) = each.items()
    if isinstance(inner, str):
        return each
    found = [entry for item in inner for entry in _spread(item, places, named, rest)]
    return {title: found} if found else None


def _spread(item: Any, places: Sequence[str], named: set[str], rest: Sequence[str]) -> list[Any]:
    if item == "*":
        return list(rest)
    if isinstance(item, str) and item.endswith("/*"):
        return [place for place in places if place.startswith(item.removesuffix("*")) and place not in named]
    entry = _entry(item, places, named, rest)
    return [] if entry is None else [entry]
