"""The keys of a chip file, read off the classes that it is read into."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_origin

from docs.generate.markdown import code, heading, page, table, text
from docs.generate.reference import prose
from docs.generate.source import Module
from neuedge_nir.chip.model import Chip, Confidence, Quantity
from neuedge_nir.chip.rules import Expected
from neuedge_nir.chip.shape import Key, keys_of

TITLES = {"Chip": "The file itself"}
OWN = {"sha256"}
"""Fields that are no key of a file."""
LEVELS = {
    Confidence.A1: "read in a primary artefact: code of the vendor or of a tool, a saved output, a vendor's document",
    Confidence.A2: "read in a secondary text that quotes the paper",
    Confidence.B_HIGH: "from the paper, by memory, sure",
    Confidence.B_MED: "from the paper, by memory",
    Confidence.B_LOW: "from the paper, by memory, unsure",
    Confidence.D: "derived by arithmetic from named inputs",
    Confidence.ASSUMED: "a modelling choice of ours: nobody published it",
}


def keys_page(root: Path) -> str:
    """Every table of a chip file, with every key."""
    module = Module.read("neuedge_nir.chip.model", root)
    return page(
        heading(1, "Chip files"),
        "What a chip's TOML file may hold, generated from the classes that it is read into. "
        "`neuedge-nir targets lint FILE.toml` names every mistake with its key and line. "
        "[Add a chip](add_a_chip.md) makes one step by step.",
        "Beside the tables below a file has `schema = 1` and a table `[sources]`: short names for sources, which any "
        "`source` may use.",
        heading(2, "A number"),
        "Every number is an inline table of `value`, `unit`, `source` and `confidence`, and a `note` if wanted. An "
        "estimate has `low`, `typical` and `high` for `value`. What is unknown is left out: it is never 0.",
        levels(),
        *(part for at, record in tables() for part in _record(at, record, module)),
    )


def levels() -> str:
    """What the letters of a confidence mean."""
    return table(("confidence", "means"), [(code(level.value), LEVELS[level]) for level in Confidence])


def tables(record: type = Chip, at: str = "") -> Iterator[tuple[str, type]]:
    """Every table of a chip file with its dotted name, from the top."""
    yield at, record
    for name, key in keys_of(record).items():
        inner, many = _inner(key)
        if inner is not None:
            path = f"{at}.{name}" if at else name
            yield from tables(inner, f"[{path}]" if many and not at else path)


def _inner(key: Key) -> tuple[type | None, bool]:
    """The record that a key holds, and whether it holds many."""
    shape = key.shape
    many = get_origin(shape) is tuple
    inner = get_args(shape)[0] if many else shape
    return (inner if is_dataclass(inner) and inner is not Quantity else None), many  # type: ignore[return-value]


def _record(at: str, record: type, module: Module) -> Iterator[str]:
    node = next(each for each in module.tree.body if isinstance(each, ast.ClassDef) and each.name == record.__name__)
    said = _meanings(node, module.comments)
    yield heading(2, TITLES.get(record.__name__, code(f"[{at}]")), record.__name__)
    yield prose(inspect.getdoc(record) or "")
    rows = [
        (code(name), _kind(key), "yes" if key.required else "", said.get(name, ""))
        for name, key in keys_of(record).items()
        if name not in OWN
    ]
    yield table(("key", "holds", "required", "meaning"), rows)


def _meanings(node: ast.ClassDef, comments: Mapping[int, str]) -> dict[str, str]:
    return {
        each.target.id: text(comments.get(each.end_lineno or 0, ""))
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }


def _kind(key: Key) -> str:
    """What a key holds, in words."""
    shape, expected = key.shape, key.expected
    inner, many = _inner(key)
    if inner is not None:
        return f"{'array of tables' if many else 'table'} [{inner.__name__}](#{inner.__name__})"
    if expected.among:
        return " | ".join(map(code, expected.among)) + (", an array" if get_origin(shape) is tuple else "")
    if isinstance(shape, type) and issubclass(shape, StrEnum):
        return " | ".join(code(each.value) for each in shape)
    return _plain(shape, expected)


def _plain(shape: Any, expected: Expected) -> str:
    words = {Quantity: "number", str: "text", bool: "`true` or `false`", int: "whole number", float: "number"}
    if get_origin(shape) is tuple:
        return f"array: {_plain(get_args(shape)[0], expected)}"
    if get_origin(shape) is Mapping:
        return f"table of {_plain(get_args(shape)[1], expected)}"
    unit = f", in {text(expected.unit)}" if expected.unit else ""
    return f"{words.get(shape, 'value')}{unit}" + (", whole" if expected.whole and shape is Quantity else "")
