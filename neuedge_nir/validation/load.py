"""Files of cases in, `Case` out, or the first reason why not with its line."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from neuedge_nir.chip.lines import line_of, locate
from neuedge_nir.chip.shape import build, keys_of, nearest, table_problems
from neuedge_nir.errors import InputError, UsageError
from neuedge_nir.validation.model import Case
from neuedge_nir.validation.networks import INPUT
from neuedge_nir.validation.quantities import QUANTITIES

SCHEMA = 1
MAX_BYTES = 1 << 20


@cache
def cases() -> dict[str, Case]:
    """All cases that come with the compiler, by id: measurements first, in the order of their numbers."""
    folder = files("neuedge_nir.validation").joinpath("cases")
    found = [parse(each.read_bytes(), each.name) for each in folder.iterdir() if each.name.endswith(".toml")]
    return {case.id: case for case in sorted(found, key=_order)}


def chosen(words: tuple[str, ...]) -> list[Case]:
    """The cases that words name: ids in any case of letters, and paths of .toml files; all where there are none.

    Raises `UsageError` (USE108) for an unknown id, `InputError` (USE109) for a file that is no case.
    """
    return [_named(word) for word in words] if words else list(cases().values())


def parse(content: bytes, where: str) -> Case:
    """The case in TOML text; `where` names the file in errors. Raises `InputError` (USE109)."""
    try:
        text = content.decode("utf-8-sig")
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("USE109", f"no case of a validation: {error}", where=where) from error
    schema = data.get("schema")
    if type(schema) is int and schema != SCHEMA:
        raise InputError("USE109", f"its schema is {schema}, and this version reads {SCHEMA}", where=where)
    for problem in table_problems(data, keys_of(Case), ()):
        at = ".".join(str(part + 1) if isinstance(part, int) else part for part in problem.at)
        line = line_of(locate(text), problem.at)
        raise InputError("USE109", f"{at} {problem.message}", where=f"{where} line {line}", hint=problem.hint)
    case = build(data, Case)
    assert isinstance(case, Case)
    _check(case, where)
    return case


def _check(case: Case, where: str) -> None:
    """What types cannot say."""
    labels = {activity.label for activity in case.activities}
    faults = {
        "give a network and a target, or say what is missing": bool(case.missing) == bool(case.network),
        "a network needs a target": case.network is not None and not case.target,
        "measured.quantity is not known": any(m.quantity not in QUANTITIES for m in case.measured),
        "measured.at names no activity of the case": any(set(m.at) - labels for m in case.measured),
        "measured.value must be above 0": any(m.value <= 0 for m in case.measured),
        "a quantity of a sample needs mapping.steps": _lacks(case, "sample", case.mapping.steps),
        "a power at a pace needs mapping.hz and mapping.steps": _lacks(
            case, "paced", case.mapping.hz * case.mapping.steps
        ),
        "a row of the table has too many or too few figures": _uneven(case),
        "sources or rates name no layer": bool(_strangers(case)),
    }
    wrong = [message for message, bad in faults.items() if bad]
    if wrong:
        raise InputError("USE109", wrong[0], where=where, hint=f"quantities: {', '.join(QUANTITIES)}")


def _lacks(case: Case, prefix: str, needed: float) -> bool:
    return not needed and any(each.quantity.startswith(prefix) for each in case.measured)


def _strangers(case: Case) -> set[str]:
    if case.network is None:
        return set()
    known = {layer.name for layer in case.network.layers} | ({INPUT} if case.network.input else set())
    named = {name for layer in case.network.layers for name in layer.sources}
    return (named | {name for activity in case.activities for name in activity.rates}) - known


def _uneven(case: Case) -> bool:
    if case.table is None or case.network is None:
        return False
    return any(len(layer.printed) not in (0, len(case.table.columns)) for layer in case.network.layers)


def _named(word: str) -> Case:
    if word.endswith(".toml"):
        return _of_file(Path(word))
    known = cases()
    by_id = {name.lower(): name for name in known}
    if word.lower() not in by_id:
        guess = nearest(word.lower(), by_id)
        hint = f"did you mean {by_id[guess]}?" if guess else f"known: {', '.join(known)}; or the path of a .toml file"
        raise UsageError("USE108", f"no case is called {word!r}", where=word, hint=hint)
    return known[by_id[word.lower()]]


def _of_file(path: Path) -> Case:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError("USE109", f"the case cannot be read: {error}", where=str(path)) from error
    if len(content) > MAX_BYTES:
        raise InputError("USE109", f"a case has at most {MAX_BYTES} bytes", where=str(path))
    return parse(content, str(path))


def _order(case: Case) -> tuple[bool, int, str]:
    number = re.search(r"\d+", case.id)
    return case.kind != "measurement", int(number[0]) if number else 0, case.id
