"""Plans as bytes: canonical JSON, so that the same plan is the same file."""

from __future__ import annotations

from pathlib import Path

from neuedge_nir.chip.load import from_dict, to_dict
from neuedge_nir.errors import InputError
from neuedge_nir.files import check_writable, write_whole
from neuedge_nir.plan.model import SCHEMA, Plan

MAX_PLAN_BYTES = 1 << 30
FAMILY = "neuedge-nir/plan/"
"""How the schema of every version begins."""


def encode(plan: Plan) -> bytes:
    """The canonical JSON of a plan: keys sorted, no spaces, floats in their shortest exact form, one newline."""
    import msgspec

    return msgspec.json.encode(plan, order="sorted") + b"\n"


def decode(content: bytes, where: str) -> Plan:
    """The plan in these bytes.

    Raises `InputError` where they are not the canonical JSON of a plan of this schema; so nothing unknown hides in it.
    """
    import msgspec

    try:
        plan = msgspec.json.decode(content, type=Plan)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        _check_version(_stated_schema(content), where)
        _check_whole(content, where)
        raise InputError(
            "PLAN001", f"not a plan: {error}", where=where, hint="give a file that `compile -o` wrote"
        ) from error
    _check_version(plan.schema, where)
    if encode(plan) != content:
        raise InputError(
            "PLAN002",
            "the file is not in the form that `compile -o` writes: it was edited, or holds unknown keys",
            where=where,
            hint="compile the model again",
        )
    from_dict(to_dict(plan.chip), f"the chip in {where}")
    return plan


def write(plan: Plan, path: Path) -> None:
    """The plan's file, there whole or not at all. Raises `UsageError` (USE006) where it cannot be written."""
    check_writable(path)
    write_whole(path, encode(plan))


def _stated_schema(content: bytes) -> str:
    """The schema that a file states, if it is JSON at all: what else it holds may be another version's."""
    import msgspec

    try:
        stated = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return SCHEMA
    schema = stated.get("schema") if isinstance(stated, dict) else None
    another = isinstance(schema, int) or (isinstance(schema, str) and schema.startswith(FAMILY))
    return str(schema) if another else SCHEMA


def _check_version(schema: str, where: str) -> None:
    if schema != SCHEMA:
        message = f"a plan of schema {schema[:80]!r}; this version reads {SCHEMA!r}"
        raise InputError("PLAN280", message, where=where, hint="compile the model again")


def _check_whole(content: bytes, where: str) -> None:
    """A plan's first keys are there, and its end is not."""
    if not content:
        raise InputError("PLAN281", "the file is empty", where=where, hint="copy it again, or compile the model again")
    if content.startswith(b'{"activity":') and not content.rstrip().endswith(b"}"):
        message = f"the file of {len(content):,} bytes does not end as a plan does: it was cut off, or added to"
        raise InputError("PLAN281", message, where=where, hint="copy it again, or compile the model again")


def read(path: Path) -> Plan:
    """The plan in a file. Raises `InputError`."""
    try:
        if not path.is_file():
            there = "is a directory" if path.is_dir() else "no regular file"
            missing = there if path.exists() else "no such file"
            raise InputError("PLAN001", missing, where=path.name, hint="give a file that `compile -o` wrote")
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise InputError("PLAN001", "larger than 1 GiB, so not a plan", where=path.name)
        content = path.read_bytes()
    except OSError as error:
        raise InputError("PLAN001", f"cannot be read: {error.strerror}", where=path.name) from error
    return decode(content, path.name)
