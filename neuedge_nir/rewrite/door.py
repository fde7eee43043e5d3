"""What a pass is: the class that an entry point in the group `neuedge_nir.passes` names.

A pass is a frozen dataclass. Its fields are its options, each with a default; a type such as
`Annotated[int, Meta(ge=1, description="bits of a weight")]` (of msgspec) states bounds and meaning, and
`passes show NAME` prints them. What it is called, what it keeps and what it needs are class variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Protocol, cast

from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import PluginError, UsageError
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.plugin import PASSES, load_entry, misshapen, nearest
from neuedge_nir.rewrite.call import NOTHING, PassCall, as_text


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a pass may require, in words, and the option that gives it."""

    what: str
    option: str


NEEDS: Mapping[str, Need] = {
    "chip": Need("a chip", "--target"),
    "data": Need("samples", "--data"),
    "calibration": Need("samples to search on, apart from those to measure on", "--data and --calibrate"),
    "timestep": Need("the length of a timestep", "--dt"),
}
"""What a pass may require, by the word that it uses."""
SHAPE = "a frozen dataclass with the class variables `name`, `summary`, `keeps`, `requires` and `run(network, context)`"


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What a pass may know beside the network: the chip it is for, and samples that show what it is for.

    `chip` is None where the network is for no chip in particular, as in `convert`; `samples` where no data were given.
    What a pass searches for it finds on `calibration`, kept apart from the samples that it is measured on. `dt` (in the
    file's time unit) and `reset` override the network's own in a simulation.
    """

    chip: Chip | None = None
    samples: Samples | None = None
    calibration: Samples | None = None
    dt: float | None = None
    reset: ResetMode | None = None


class Pass(Protocol):
    """A rewriting of networks.

    `keeps` is "exact" (the same spikes, up to the rounding of floating point), "exact under CONDITION" or
    "approximate". `requires` names what it cannot do without, out of `NEEDS`. A pass whose options are to be searched
    for may have a method `settled(network, context)`, which returns the pass with all options found; one with more to
    tell than what is measured of every pass may have `report(before, after, context)`, which returns tables.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    keeps: ClassVar[str]
    requires: ClassVar[tuple[str, ...]]

    def run(self, network: Network, context: Context) -> Network:
        """The rewritten network; the very network it was given where there was nothing to do."""
        ...


Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """What a pass has to report: a title, the names of the columns, rows of as many cells.

    A column of the names of rows may have no heading.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns, as programs call them."""
        return tuple(heading or "name" for heading in self.header)


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a pass: its type and bounds in words, what it is without being said, what it means."""

    name: str
    type: str
    default: str
    meaning: str


def load_pass(name: str) -> type[Pass]:
    """The pass registered as `name`. Raises `UsageError` (USE003), or `PluginError` for one without the shape."""
    found: Any = load_entry(PASSES, name)
    if not (isinstance(found, type) and is_dataclass(found)) or not callable(getattr(found, "run", None)):
        raise misshapen(PASSES, name, SHAPE)
    words = [getattr(found, key, None) for key in ("name", "summary", "keeps")]
    needs = getattr(found, "requires", None)
    if not all(isinstance(word, str) for word in words) or not isinstance(needs, tuple) or not set(needs) <= {*NEEDS}:
        raise misshapen(PASSES, name, SHAPE)
    if str(words[2]).partition(" ")[0] not in ("exact", "approximate"):
        raise misshapen(PASSES, name, 'a `keeps` that begins with "exact" or "approximate"')
    return cast("type[Pass]", found)


def configured(call: PassCall) -> Pass:
    """The pass with these options. Raises `UsageError`: USE014 for an unknown option, USE025 for a value refused."""
    import msgspec

    kind = load_pass(call.name)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # load_pass has seen that it is one
    given = dict(call.options)
    if odd := sorted(given.keys() - {*known}):
        guess = nearest(odd[0], known)
        hint = f"did you mean {guess!r}?" if guess else f"it has: {', '.join(known) or 'none'}"
        raise UsageError("USE014", f"the pass {call.name} has no option {odd[0]!r}", hint=hint)
    try:
        made = msgspec.convert({**given, **_nothing(kind, given)}, type=kind, strict=False)
    except msgspec.ValidationError as error:
        message = str(error).replace("`", "'").replace("$.", "")
        raise UsageError(
            "USE025", message, where=f"--pass {call}", hint=f"neuedge-nir passes show {call.name}"
        ) from None
    except TypeError as error:
        raise PluginError("PLUG003", f"the options of {call.name} have types that no text gives: {error}") from error
    return _finite(made, call)


def _nothing(kind: type[Pass], given: Mapping[str, str]) -> Mapping[str, None]:
    """The options given as `none` of which that is a value: the word that `passes show` has for it."""
    import msgspec

    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.DataclassType)
    return {f.name: None for f in info.fields if given.get(f.name) == NOTHING and _takes_nothing(f.type)}


def _takes_nothing(kind: Any) -> bool:
    from msgspec import inspect

    match kind:
        case inspect.Metadata(type=inner):
            return _takes_nothing(inner)
        case inspect.UnionType(types=types):
            return any(isinstance(each, inspect.NoneType) for each in types)
        case _:
            return False


def _finite(made: Pass, call: PassCall) -> Pass:
    for field in fields(made):  # type: ignore[arg-type]
        value = getattr(made, field.name)
        if isinstance(value, float) and not abs(value) < float("inf"):
            raise UsageError("USE025", f"{field.name} cannot be {value}", where=f"--pass {call}", hint="give a number")
    return made


def call_of(name: str, made: Pass) -> PassCall:
    """The call that makes this very pass: its options where they are not the defaults."""
    options = [(f.name, getattr(made, f.name)) for f in fields(made) if getattr(made, f.name) != f.default]  # type: ignore[arg-type]
    return PassCall(name, tuple((name, as_text(value)) for name, value in options))


def choices(kind: type[Pass]) -> tuple[Choice, ...]:
    """The options of a pass, in the order of its fields."""
    import msgspec

    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.DataclassType)
    return tuple(Choice(f.name, _words(f.type), as_text(f.default), _meaning(f.type)) for f in info.fields)


def _meaning(kind: Any) -> str:
    """The description in the annotation of an option."""
    return str((getattr(kind, "extra_json_schema", None) or {}).get("description", ""))


def _words(kind: Any) -> str:
    """A type of msgspec's in words."""
    from msgspec import inspect

    match kind:
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return " | ".join(map(str, values))
        case inspect.IntType() | inspect.FloatType():
            signs = {">=": kind.ge, ">": kind.gt, "<=": kind.le, "<": kind.lt}
            bounds = ", ".join(f"{sign} {bound:g}" for sign, bound in signs.items() if bound is not None)
            return f"{'whole ' if isinstance(kind, inspect.IntType) else ''}number{f' {bounds}' if bounds else ''}"
        case inspect.UnionType(types=types):
            return " or ".join(_words(each) for each in types)
        case inspect.NoneType():
            return NOTHING
        case _:
            return "text"
