"""A chip file in, a `Chip` out, or every reason why not with its key and line; and a chip to JSON and back."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuedge_nir.chip.arithmetic import KINDS
from neuedge_nir.chip.lines import KeyPath, line_of, locate
from neuedge_nir.chip.model import Chip
from neuedge_nir.chip.rules import Problem
from neuedge_nir.chip.shape import Key, build, dump, keys_of, nearest, table_problems
from neuedge_nir.errors import InputError

SCHEMA = 1
MAX_BYTES = 1 << 20

# tomllib takes quadratic time over the parts of one dotted key: a hostile file could hold it for hours.
ENDLESS_KEY = re.compile(r"""(?<!["'\w-])(?:["'\w-]+[ \t]*\.[ \t]*){64}""")

_CHIP_KEYS = keys_of(Chip)
_FILE_KEYS: Mapping[str, Key] = {
    "schema": Key(int),
    "sources": Key(Mapping[str, str], required=False),
    **{name: key for name, key in _CHIP_KEYS.items() if name != "sha256"},
}
_EMBEDDED_KEYS: Mapping[str, Key] = {"schema": Key(int), **_CHIP_KEYS}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a chip file. `key` is dotted, empty where the file as a whole is meant; `line` counts from 1.

    `line` is None where none can be named, as in a plan. `where` is the file as the caller called it.
    """

    code: str
    where: str
    line: int | None
    key: str
    message: str
    hint: str | None = None

    @property
    def error(self) -> InputError:
        place = self.where if self.line is None else f"{self.where} line {self.line}"
        return InputError(self.code, self.message, where=place, hint=self.hint)


def load(path: Path | str) -> Chip:
    """The chip described by the TOML file at `path`.

    Raises `InputError` (CHIP001 to CHIP012) for the first fault, naming its dotted key and line.
    """
    return parse(read(path), where=str(path))


def read(path: Path | str) -> bytes:
    """The bytes of a chip file, for `parse` or `lint`.

    Raises `InputError`: CHIP002 where there is no such file or it cannot be read, CHIP004 where it is too large.
    """
    file = Path(path)
    try:
        if not file.is_file():
            what = "is no regular file" if file.exists() else "does not exist"
            raise InputError("CHIP002", f"the chip file {what}", where=str(path), hint="give the path of a .toml file")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InputError("CHIP002", f"the chip file cannot be read: {error}", where=str(path)) from error
    if len(content) > MAX_BYTES:
        raise _too_large(str(path)).error
    return content


def parse(content: bytes, where: str) -> Chip:
    """The chip described by the TOML text `content`; `where` names the file in errors.

    Raises `InputError` (CHIP001, CHIP003 to CHIP012) for the first fault, naming its dotted key and line.
    """
    found = lint(content, where)
    if found:
        raise found[0].error
    data = tomllib.loads(content.decode("utf-8-sig"))
    return _chip({**_spelled_out(data), "sha256": hashlib.sha256(content).hexdigest()})


def lint(content: bytes, where: str) -> tuple[Finding, ...]:
    """Every fault of a chip file, in the order of its lines; empty for a sound one. Raises nothing.

    A file that is no TOML has one finding, for nothing else can be said of it.
    """
    if len(content) > MAX_BYTES:
        return (_too_large(where),)
    try:
        return _findings(content.decode("utf-8-sig"), where)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return (Finding("CHIP003", where, line, "", "the text is not UTF-8", "save the file as UTF-8"),)
    except RecursionError:
        return (Finding("CHIP001", where, None, "", "the arrays and tables are nested too deeply for a chip file"),)


def to_dict(chip: Chip) -> dict[str, object]:
    """`chip` in the layout of a chip file, ready for JSON: with `schema` and `sha256`, its sources spelled out."""
    record = dump(chip)
    assert isinstance(record, dict)
    return {"schema": SCHEMA, **record}


def from_dict(data: object, where: str = "the chip of a plan") -> Chip:
    """The chip that `to_dict` wrote, equal to the one it was given.

    Raises `InputError` (CHIP005 to CHIP012) for the first fault, naming its dotted key.
    """
    for problem in _problems(data, _EMBEDDED_KEYS):
        raise _finding(problem, data, where, None).error
    return _chip(data)


def _chip(data: object) -> Chip:
    chip = build(data, Chip)
    assert isinstance(chip, Chip)
    return chip


def _too_large(where: str) -> Finding:
    message = f"a chip file has at most {MAX_BYTES} bytes, and this one has more"
    return Finding("CHIP004", where, None, "", message, "is it a chip file?")


def _findings(text: str, where: str) -> tuple[Finding, ...]:
    if endless := ENDLESS_KEY.search(text):
        line = text.count("\n", 0, endless.start()) + 1
        return (Finding("CHIP001", where, line, "", "a dotted key has more than 64 parts"),)
    try:
        data = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and an integer of thousands of digits
        return (_syntax(error, text, where),)
    lines = locate(text)
    found = (_finding(problem, data, where, line_of(lines, problem.at)) for problem in _problems(data, _FILE_KEYS))
    return tuple(sorted(found, key=lambda finding: finding.line or 0))


def _syntax(error: ValueError, text: str, where: str) -> Finding:
    """tomllib puts the line into its message, or says 'at end of document'."""
    told = re.search(r"line (\d+)", str(error))
    at_end = text.count("\n") + 1 if "end of document" in str(error) else None
    return Finding("CHIP001", where, int(told[1]) if told else at_end, "", f"this is not valid TOML: {error}")


def _finding(problem: Problem, data: object, where: str, line: int | None) -> Finding:
    key = _dotted(problem.at, data) or "the chip"
    return Finding(problem.code, where, line, key, f"{key} {problem.message}", problem.hint)


def _dotted(at: KeyPath, data: Any) -> str:
    """limits[neurons].limit.unit: an element of an array goes by its name where it has one, else by its number."""
    text = ""
    for part in at:
        data = _child(data, part)
        if isinstance(part, int):
            name = data.get("name") if isinstance(data, dict) else None
            text += f"[{name if isinstance(name, str) and name.isprintable() else part + 1}]"
        else:
            text += f".{part}" if part.isprintable() else f".{part!r}"
    return text.removeprefix(".")


def _child(data: Any, part: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(part)
    return data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None


def _problems(data: object, keys: Mapping[str, Key]) -> Iterator[Problem]:
    schema = data.get("schema") if isinstance(data, dict) else None
    if type(schema) is int and schema != SCHEMA:  # then nothing else of it is known to mean what it says
        hint = f"update neuedge-nir, or write schema = {SCHEMA}"
        yield Problem("CHIP005", ("schema",), f"is {schema}, and this version reads {SCHEMA}", hint)
        return
    yield from table_problems(data, keys, ())
    if isinstance(data, dict) and isinstance(sources := data.get("sources"), dict):
        yield from _misspelt_sources(data, sources)
    yield from _unlike_weights(data)
    yield from _unlike_completeness(data)


def _unlike_completeness(data: Any) -> Iterator[Problem]:
    """A chip has limits that are not checked, or its limits are complete: one says the other."""
    complete, named = _child(data, "limits_complete"), _child(data, "not_checked") or []
    if complete is True and named:
        yield Problem("CHIP012", ("limits_complete",), "is true, but not_checked names limits that are not checked")
    if complete is False and not named:
        hint = "name each limit that no formula counts in a [[not_checked]] with name, why and source"
        yield Problem("CHIP012", ("limits_complete",), "is false, but not_checked names nothing", hint)


def _unlike_weights(data: Any) -> Iterator[Problem]:
    """An arithmetic computes with weights as the chip stores them, or one of the two is wrong."""
    kind = KINDS.get(_text(data, "arithmetic", "kind"))
    stored = _text(data, "capabilities", "weights")
    if kind is not None and stored and stored != kind.weights.value:
        message = f"is {kind.name!r}, which computes with {kind.weights.value!r} weights; the chip's are {stored!r}"
        yield Problem("CHIP012", ("arithmetic", "kind"), message)


def _text(data: Any, table: str, key: str) -> str:
    """What stands at a key of a table, empty where it is no text."""
    found = _child(_child(data, table), key)
    return found if isinstance(found, str) else ""


def _misspelt_sources(data: object, sources: Mapping[str, object]) -> Iterator[Problem]:
    """A source that all but equals a key of [sources] is a slip, and no free text."""
    for at, text in _cited(data, ()):
        guess = None if text in sources or " " in text else nearest(text, sources)
        if guess:
            yield Problem("CHIP009", at, f"is {text!r}, which is no key of [sources]", f"did you mean {guess!r}?")


def _cited(data: object, at: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Every place that names a source, with what it names."""
    for key, value in _children(data):
        if _cites((*at, key)) and isinstance(value, str):
            yield (*at, key), value
        else:
            yield from _cited(value, (*at, key))


def _children(data: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(data, dict):
        return data.items()
    return enumerate(data) if isinstance(data, list) else ()


def _cites(at: KeyPath) -> bool:
    return at[-1] == "source" or (len(at) == 3 and at[:2] == ("capabilities", "sources"))


def _spelled_out(data: dict[str, Any]) -> dict[str, Any]:
    """`data` with the full text in place of every key of its [sources]."""
    sources = data.get("sources", {})

    def spell(value: Any, at: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: spell(item, (*at, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [spell(item, (*at, index)) for index, item in enumerate(value)]
        return sources.get(value, value) if isinstance(value, str) and _cites(at) else value

    return {key: spell(value, (key,)) for key, value in data.items()}
