"""A file of constraints in, `Constraints` out, or the first reason why not with its key and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from neuedge_nir.chip.lines import KeyPath, line_of, locate
from neuedge_nir.chip.load import ENDLESS_KEY
from neuedge_nir.chip.shape import Key, build, keys_of, table_problems
from neuedge_nir.constraints.model import Cap, Constraints, Dead, Forbid, Holder, Pin
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.network.typed import told

SCHEMA = 1
MAX_BYTES = 1 << 20
MOST = 1 << 31

_KEYS: Mapping[str, Key] = {"schema": Key(int), **keys_of(Constraints)}
Fault = tuple[KeyPath, str, str | None]
"""Where, what is wrong as a predicate of the key, and what to do."""


def constraints_given(given: Constraints | Path | str) -> Constraints:
    """Constraints themselves, or those in a file. Raises `InputError` (USE080, USE081), `UsageError` (USE019)."""
    if isinstance(given, Path | str):
        return load(given)
    if not isinstance(given, Constraints):
        message = f"constraints cannot be {told(given)}"
        raise UsageError("USE019", message, where="Options.constraints", hint="give Constraints(...) or a file's path")
    for (kind, number, *rest), message, hint in _faults(given):
        where = ".".join([f"Options.constraints.{kind}[{number}]", *map(str, rest)])
        raise UsageError("USE019", f"{where} {message}", where=where, hint=hint)
    return given


def load(path: Path | str) -> Constraints:
    """The constraints in a TOML file.

    Raises `InputError`: USE080 where it cannot be read or is no TOML, USE081 for the first key that is wrong.
    """
    file = Path(path)
    try:
        if not file.is_file():
            what = "is no regular file" if file.exists() else "does not exist"
            raise InputError("USE080", f"the file of constraints {what}", where=str(path))
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InputError("USE080", f"the file of constraints cannot be read: {error}", where=str(path)) from error
    return parse(content, str(path))


def parse(content: bytes, where: str) -> Constraints:
    """The constraints in TOML text; `where` names the file in errors. Raises as `load`."""
    text, data = _toml(content, where)
    for at, message, hint in _problems(data):
        line = line_of(locate(text), at)
        raise InputError("USE081", f"{_dotted(at)} {message}", where=f"{where} line {line}", hint=hint)
    found = build({name: value for name, value in data.items() if name != "schema"}, Constraints)
    assert isinstance(found, Constraints)
    return found


def _toml(content: bytes, where: str) -> tuple[str, dict[str, Any]]:
    if len(content) > MAX_BYTES:
        raise InputError("USE080", f"a file of constraints has at most {MAX_BYTES} bytes", where=where)
    try:
        text = content.decode("utf-8-sig")
        if ENDLESS_KEY.search(text):
            raise InputError("USE080", "a dotted key has more than 64 parts", where=where)
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError("USE080", "the text is not UTF-8", where=f"{where} line {line}") from error
    except RecursionError as error:
        raise InputError("USE080", "the arrays and tables are nested too deeply", where=where) from error
    except ValueError as error:  # TOMLDecodeError, and an integer of thousands of digits
        told = re.search(r"line (\d+)", str(error))
        place = f"{where} line {told[1]}" if told else where
        raise InputError("USE080", f"this is not valid TOML: {error}", where=place) from error


def _problems(data: dict[str, Any]) -> Iterator[Fault]:
    schema = data.get("schema")
    if type(schema) is int and schema != SCHEMA:
        hint = f"update neuedge-nir, or write schema = {SCHEMA}"
        yield ("schema",), f"is {schema}, and this version reads {SCHEMA}", hint
        return
    found = [(problem.at, problem.message, problem.hint) for problem in table_problems(data, _KEYS, ())]
    yield from found
    if not found:
        yield from _faults(build({name: value for name, value in data.items() if name != "schema"}, Constraints))


def _faults(given: Constraints) -> Iterator[Fault]:
    """What types cannot say of each constraint."""
    for kind in fields(given):
        for number, constraint in enumerate(getattr(given, kind.name)):
            for key, message in _faults_of(constraint):
                yield (kind.name, number, key), message, "docs/constraints.md shows each kind"


def _faults_of(constraint: Any) -> Iterator[tuple[str, str]]:
    match constraint:
        case Pin(neurons=neurons, cores=cores, chips=chips):
            if bool(cores) == bool(chips):
                yield "cores", "or chips: one of the two must say where"
            if neurons is not None and not neurons[0] < neurons[1]:
                yield "neurons", "must be [first, behind the last]"
        case Forbid(chip=chip, router=router, slot=slot):
            if (chip is None) == (router is None):
                yield "chip", "or router: one of the two must say where"
            elif slot is not None and router is None:
                yield "slot", "is one of a router's cores, and no router is named"
        case Dead(chip=chip, link=link):
            if (chip is None) == (link is None):
                yield "chip", "or link: one of the two must say what does not work"
            elif link is not None and link[0] == link[1]:
                yield "link", "must be two routers"
        case Cap(neurons=0):
            yield "neurons", "must be at least 1"
    if (on := getattr(constraint, "on", None)) is not None:
        names = constraint.populations
        if len(names) < (1 if type(constraint).__name__ == "Together" else 2):
            yield "populations", "has too few of them"
        if len(set(names)) < len(names):
            yield "populations", "names one twice"
        if on not in tuple(Holder):
            yield "on", f"is {on!r}, neither 'core' nor 'chip'"
    if any(not 0 <= number < MOST for number in _numbers(constraint)):
        yield "population", f"or another key has a number that is not from 0 to {MOST - 1}"


def _numbers(value: Any) -> Iterator[int]:
    """Every whole number in a constraint."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    elif hasattr(value, "__dataclass_fields__"):
        for item in fields(value):
            yield from _numbers(getattr(value, item.name))


def _dotted(at: KeyPath) -> str:
    """pin[2].cores: elements of an array by their number, from 1."""
    text = ""
    for part in at:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if part.isprintable() else f".{part!r}"
    return text.removeprefix(".") or "the file"
