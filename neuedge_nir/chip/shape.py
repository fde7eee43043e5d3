"""The layout of a chip file is the layout of the classes in `chip/model.py`: it is read off their type hints.

So a new field of a chip is a new key of its file, required unless it has a default, and there is one place to say so.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from neuedge_nir.chip.lines import KeyPath
from neuedge_nir.chip.model import Quantity
from neuedge_nir.chip.rules import ANYTHING, EXPECTED, Expected, Problem, contradictions, unmet

_SOURCED = {"unit", "source", "confidence", "note"}
_EXACT = ("value",)
_ESTIMATE = ("low", "typical", "high")
_EXAMPLE = '{ value = 1, unit = "..", source = "..", confidence = ".." }'
_LARGEST = 1e300  # beyond it an integer has no float
_WORDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "an array",
    dict: "a table",
    NoneType: "null",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: the type of its value, whether it must be there, and what else it must hold."""

    shape: Any
    required: bool = True
    expected: Expected = ANYTHING


@functools.cache
def keys_of(record: type) -> Mapping[str, Key]:
    """The keys of the table that describes a `record`, a dataclass."""
    hints = get_type_hints(record)
    return {
        f.name: Key(_present(hints[f.name]), _required(f), EXPECTED.get((record, f.name), ANYTHING))
        for f in fields(record)
    }


def problems(value: object, key: Key, at: KeyPath) -> Iterator[Problem]:
    """Everything wrong with `value`, which stands at `at`, as a value of `key`."""
    shape = key.shape
    if shape is Quantity:
        yield from _quantity(value, key.expected, at)
    elif is_dataclass(shape):
        yield from _record(value, shape, at)
    elif get_origin(shape) is tuple:
        yield from _array(value, key, at)
    elif get_origin(shape) is Mapping:
        yield from _mapping(value, key, at)
    else:
        yield from _scalar(value, key, at)


def table_problems(table: object, keys: Mapping[str, Key], at: KeyPath) -> Iterator[Problem]:
    """Everything wrong with a table of these keys: unknown keys, missing keys, and what is wrong with the rest."""
    if not isinstance(table, dict):
        yield _mistyped(table, dict, at, f"write {_EXAMPLE}" if "unit" in keys else None)
        return
    unknown = [name for name in table if name not in keys]
    meant = {name: nearest(name, keys) for name in unknown}
    for name in unknown:
        yield Problem("CHIP007", (*at, name), "is not a known key", _suggest(meant[name], keys))
    for name, key in keys.items():
        if name in table:
            yield from problems(table[name], key, (*at, name))
        elif key.required and name not in meant.values():  # a misspelt key is one mistake, not two
            yield Problem("CHIP006", (*at, name), "is missing", f"write {_EXAMPLE}" if key.shape is Quantity else None)


def build(value: Any, shape: Any) -> Any:
    """`value` as a `shape`. Only for what `problems` found nothing wrong with."""
    if shape is Quantity:
        return _built_quantity(value)
    if is_dataclass(shape):
        keys = keys_of(shape)  # type: ignore[arg-type]  # is_dataclass admits instances, hints hold classes alone
        return shape(**{name: build(value[name], key.shape) for name, key in keys.items() if name in value})  # type: ignore[operator]
    if get_origin(shape) is tuple:
        return tuple(build(item, get_args(shape)[0]) for item in value)
    if get_origin(shape) is Mapping:
        return {name: build(item, get_args(shape)[1]) for name, item in value.items()}
    return shape(value)


def dump(value: object) -> object:
    """The inverse of `build`, ready for JSON. What is absent or empty is left out."""
    if isinstance(value, Quantity):
        return _dumped_quantity(value)
    if is_dataclass(value):
        items = ((f.name, getattr(value, f.name), _required(f)) for f in fields(value))
        return {name: dump(item) for name, item, required in items if required or item not in (None, (), {})}
    if isinstance(value, tuple):
        return [dump(item) for item in value]
    if isinstance(value, Mapping):
        return {name: dump(item) for name, item in value.items()}
    return str(value) if isinstance(value, StrEnum) else value


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name the author most likely meant."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), None)


def _suggest(guess: str | None, known: Iterable[str]) -> str:
    return f"did you mean {guess!r}?" if guess else f"known: {', '.join(known)}"


def _present(hint: Any) -> Any:
    """`X` of a hint `X | None`: an absent key stands for None."""
    if isinstance(hint, UnionType):
        return next(option for option in get_args(hint) if option is not NoneType)
    return hint


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _record(value: object, shape: Any, at: KeyPath) -> Iterator[Problem]:
    found = tuple(table_problems(value, keys_of(shape), at))
    yield from found
    if not found:
        yield from _under(at, contradictions(build(value, shape)))


def _under(at: KeyPath, found: Iterable[Problem]) -> Iterator[Problem]:
    return (replace(problem, at=at + problem.at) for problem in found)


def _quantity(value: object, expected: Expected, at: KeyPath) -> Iterator[Problem]:
    found = tuple(table_problems(value, _quantity_keys(value), at))
    yield from found
    if not found:
        quantity = _built_quantity(value)
        yield from _under(at, (*contradictions(quantity), *unmet(quantity, expected)))


def _quantity_keys(value: object) -> Mapping[str, Key]:
    """A number is exact (`value`) or an estimate (`low`, `typical`, `high`): whichever the author began to write."""
    given = value if isinstance(value, dict) else {}
    numbers = _ESTIMATE if "value" not in given and not given.keys().isdisjoint(_ESTIMATE) else _EXACT
    known = keys_of(Quantity)
    return {name: Key(float) for name in numbers} | {name: known[name] for name in known if name in _SOURCED}


def _built_quantity(value: Any) -> Quantity:
    low, typical, high = (float(value[name if name in value else "value"]) for name in _ESTIMATE)
    rest = {
        name: build(value[name], key.shape)
        for name, key in keys_of(Quantity).items()
        if name in _SOURCED & value.keys()
    }
    return Quantity(low, typical, high, **rest)


def _dumped_quantity(quantity: Quantity) -> dict[str, object]:
    exact = quantity.low == quantity.high
    numbers = {"value": quantity.typical} if exact else {name: getattr(quantity, name) for name in _ESTIMATE}
    rest = {name: getattr(quantity, name) for name in ("unit", "source", "note") if getattr(quantity, name) is not None}
    return {
        **{name: _plain(number) for name, number in numbers.items()},
        **rest,
        "confidence": str(quantity.confidence),
    }


def _plain(number: float) -> int | float:
    """128, not 128.0, wherever that is the same number."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _array(value: object, key: Key, at: KeyPath) -> Iterator[Problem]:
    shapes = get_args(key.shape)
    if not isinstance(value, list):
        yield _mistyped(value, list, at, f"write [[{at[-1]}]] tables" if is_dataclass(shapes[0]) else None)
        return
    fixed = shapes[-1] is not ...
    if fixed and len(value) != len(shapes):
        yield Problem("CHIP008", at, f"must have {len(shapes)} elements, not {len(value)}")
    if len(value) < key.expected.least:
        yield Problem("CHIP006", at, "is empty: at least one is needed")
    for index, item in enumerate(value):
        yield from problems(item, Key(shapes[0], expected=key.expected), (*at, index))
    yield from _repeated(value, at)


def _repeated(items: list[object], at: KeyPath) -> Iterator[Problem]:
    """Limits, systems and profiles are told apart by name."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    seen: set[str] = set()
    for index, name in enumerate(names):
        if isinstance(name, str) and name in seen:
            yield Problem("CHIP012", (*at, index, "name"), f"is {name!r} a second time")
        elif isinstance(name, str):
            seen.add(name)


def _mapping(value: object, key: Key, at: KeyPath) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _mistyped(value, dict, at)
        return
    for name, item in value.items():
        if key.expected.among and name not in key.expected.among:
            hint = _suggest(nearest(name, key.expected.among), key.expected.among)
            yield Problem("CHIP007", (*at, name), "is not a known key", hint)
        yield from problems(item, Key(get_args(key.shape)[1]), (*at, name))


def _scalar(value: object, key: Key, at: KeyPath) -> Iterator[Problem]:
    shape, expected = key.shape, key.expected
    among = tuple(shape) if issubclass(shape, StrEnum) else expected.among
    if not _has_type(value, shape):
        yield _mistyped(value, str if issubclass(shape, str) else shape, at)
    elif among and value not in among:
        names = [str(name) for name in among]
        yield Problem("CHIP009", at, f"is {value!r}, which is not known", _suggest(nearest(str(value), names), names))
    elif isinstance(value, str) and not value.strip():
        yield Problem("CHIP008", at, "is empty")
    elif isinstance(value, str) and not value.replace("\n", " ").replace("\t", " ").isprintable():
        yield Problem("CHIP008", at, "holds control characters")  # they would act on the terminal that shows it
    elif expected.plain and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", str(value)):
        yield Problem("CHIP010", at, "must be a plain name: letters, digits, '_', '.' and '-'")
    elif shape in (int, float) and not _fits(value, expected.least):
        yield Problem("CHIP010", at, f"must be a number from {expected.least:g} to {_LARGEST:g}")


def _has_type(value: object, shape: type) -> bool:
    """In Python true is an int; in a chip file it is not."""
    if shape in (int, float):
        return isinstance(value, int | float if shape is float else int) and not isinstance(value, bool)
    return isinstance(value, str if issubclass(shape, str) else shape)


def _fits(value: Any, least: float) -> bool:
    return bool(least <= value <= _LARGEST)


def _mistyped(value: object, wanted: type, at: KeyPath, hint: str | None = None) -> Problem:
    given = "a decimal number" if isinstance(value, float) else _WORDS.get(type(value), "a date or time")
    return Problem("CHIP008", at, f"must be {_WORDS[wanted]}, not {given}", hint)
