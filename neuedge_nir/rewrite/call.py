"""Which passes are wanted: `NAME[:key=value,...]` as text, and lists of them by name in a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from neuedge_nir.errors import InputError, UsageError

MAX_BYTES = 1 << 20
SCHEMA = 1
NOTHING = "none"
"""How None is written, for an option that may be so."""
HINT = 'write: schema = 1, [pipelines], NAME = ["pass:key=value", ...]'


@dataclass(frozen=True, slots=True)
class PassCall:
    """A pass by name, with its options as text."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> PassCall:
        """`NAME[:key=value,...]`. Raises `UsageError` (USE008) where it is malformed."""
        name, _, settings = text.partition(":")
        pairs = []
        for setting in settings.split(",") if settings else ():
            key, equals, value = setting.partition("=")
            if not (key and equals):
                raise UsageError("USE008", f"{setting!r} is no key=value", where=f"--pass {text}")
            pairs.append((key, value))
        if twice := sorted({key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1}):
            raise UsageError("USE008", f"{twice[0]!r} is given twice", where=f"--pass {text}", hint="keep one")
        return cls(name, tuple(pairs))

    def __str__(self) -> str:
        settings = ",".join(f"{key}={value}" for key, value in self.options)
        return f"{self.name}:{settings}" if settings else self.name


def pipeline(text: str) -> tuple[PassCall, ...]:
    """The passes of a pipeline, `FILE.toml:NAME`, or `FILE.toml` where it holds one alone.

    The file lists the passes of each pipeline, `NAME[:key=value,...]` or a table with the key `pass`:

        schema = 1
        [pipelines]
        small = ["fold-scale", { pass = "quantise", bits = 4 }]

    Raises `InputError` (USE024) for a file that is none, or a pipeline that is no list of passes (the others may be
    anything), `UsageError` (USE023) for a name that it does not hold.
    """
    path, name = _place(text)
    pipelines = _pipelines(path)
    if name is None and len(pipelines) == 1:
        name = next(iter(pipelines))
    if name is None or name not in pipelines:
        wrong = "several pipelines, and none is named" if name is None else f"no pipeline {name!r}"
        raise UsageError("USE023", f"{path} holds {wrong}", hint=f"there are: {', '.join(pipelines)}")
    return tuple(_calls(path, name, pipelines[name]))


def _place(text: str) -> tuple[Path, str | None]:
    before, separator, name = text.rpartition(":")
    return (Path(before), name) if separator and before.endswith(".toml") else (Path(text), None)


def _pipelines(path: Path) -> Mapping[str, object]:
    """All pipelines of a file, in its order, whatever they hold."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _refused(path, f"is larger than {MAX_BYTES} bytes")
        data = tomllib.loads(content.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise _refused(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if data.keys() != {"schema", "pipelines"} or data["schema"] != SCHEMA or not isinstance(data["pipelines"], dict):
        raise _refused(path, "is no list of pipelines")
    if not data["pipelines"]:
        raise _refused(path, "holds no pipeline")
    return dict(data["pipelines"])


def _calls(path: Path, name: str, entries: object) -> Iterable[PassCall]:
    if not isinstance(entries, list):
        raise _refused(path, f"has a pipeline {name!r} that is no list")
    for entry in entries:
        match entry:
            case str():
                yield PassCall.parse(entry)
            case {"pass": str(called), **options} if all(isinstance(v, str | int | float) for v in options.values()):
                yield PassCall(called, tuple((str(key), as_text(value)) for key, value in options.items()))
            case _:
                raise _refused(path, f"has something in the pipeline {name!r} that names no pass")


def as_text(value: object) -> str:
    """An option's value as it is written after the equals sign."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _refused(path: Path, why: str) -> InputError:
    return InputError("USE024", f"the file of pipelines {why}", where=str(path), hint=HINT)
