"""A page for each chip, with every number of its file; and one table of all chips."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from docs.generate.markdown import bullets, heading, interval, linked, page, table, text
from neuedge_nir.chip.arithmetic import KINDS
from neuedge_nir.chip.formulas import FORMULAS
from neuedge_nir.chip.model import Capabilities, Chip, EnergyKind, Limit, Quantity
from neuedge_nir.plugin import TARGETS, TomlTarget, chip_of_target, listed, load_target

DISTRIBUTION = "neuedge-nir"
NUMBER = ("number", "value", "known", "source")
ORDER = ("loihi1", "loihi2", "truenorth", "spinnaker1", "spinnaker2")
"""As the README lists them; others come behind."""
MESHES = {
    "mesh": "a mesh of four neighbours",
    "torus": "a torus of four neighbours",
    "hex": "a mesh of six neighbours",
    "hex-torus": "a torus of six neighbours",
}
ROUTINGS = {
    "xy": "dimension order: one message for each destination core",
    "multicast": "multicast: one message, copied where its tree branches",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A chip with the short names that its file gives to sources: by full text, the key of `[sources]`."""

    chip: Chip
    path: str
    keys: Mapping[str, str]

    def cited(self, source: str) -> str:
        """A link to the list of sources where it stands there, else the source itself."""
        key = self.keys.get(source)
        return text(source) if key is None else f"[{key}](#source-{key})"


def sheets() -> tuple[Sheet, ...]:
    """The chips that come with the compiler; those of other installed packages are left out."""
    places = {name: place for place, name in enumerate(ORDER)}
    return tuple(_sheet(name) for name in sorted(own(TARGETS), key=lambda name: (places.get(name, len(ORDER)), name)))


def own(group: str) -> list[str]:
    """The names that the compiler's own distribution registers in a group, sorted."""
    return [point.name for point in listed(group) if point.dist is not None and point.dist.name == DISTRIBUTION]


def _sheet(name: str) -> Sheet:
    target = load_target(name)
    assert isinstance(target, TomlTarget)
    content = files(target.package).joinpath(target.resource).read_text(encoding="utf-8")
    keys = {full: key for key, full in tomllib.loads(content).get("sources", {}).items()}
    return Sheet(chip_of_target(name), f"targets/{target.package}/{target.resource}", keys)


def chip_page(sheet: Sheet) -> str:
    """Everything that the chip's file says."""
    chip = sheet.chip
    return page(
        heading(1, text(chip.title)),
        f"Generated from `{sheet.path}`, which `compile --target {chip.name}` reads. How a number is known is said by "
        "letters: see [which numbers to trust](../trust.md). `neuedge-nir targets show "
        f"{chip.name}` prints the same, with `--json` for programs.",
        bullets(linked(note, "../") for note in chip.notes),
        heading(2, "Limits"),
        _limits(sheet),
        heading(2, "What no plan is held against"),
        _not_checked(sheet),
        heading(2, "Cores and routers"),
        _topology(sheet),
        heading(2, "Systems"),
        _systems(sheet),
        heading(2, "Capabilities"),
        _capabilities(sheet),
        heading(2, "Ways in and out"),
        _ways(sheet),
        heading(2, "Arithmetic"),
        _arithmetic(sheet),
        heading(2, "Energy and time"),
        "What is not listed is not published. [How energy and time are computed](../energy.md)",
        costs(sheet),
        heading(2, "Sources"),
        bullets(f"**{key}**{{ #source-{key} }}: {text(full)}" for full, key in sheet.keys.items()),
    )


def row(sheet: Sheet, name: str, found: Quantity) -> tuple[str, ...]:
    """A number with what it rests on."""
    note = f". {_sentence(found.note)}" if found.note else ""
    value = interval(found.low, found.typical, found.high, found.unit)
    return name, value, found.confidence.value, sheet.cited(found.source) + note


def _sentence(note: str) -> str:
    return text(note[:1].upper() + note[1:])


def _limits(sheet: Sheet) -> str:
    rows = [line for limit in sheet.chip.limits for line in _limit(sheet, limit)]
    scope = "" if sheet.chip.limits_complete else " More limits exist: they are named below."
    counted = [FORMULAS[name] for name in dict.fromkeys(limit.formula for limit in sheet.chip.limits)]
    return page(
        "A core (or a chip) must keep each of these. A `wall` is where the circuit ends, a `budget` is shared by all "
        f"that lies there, `real-time` is time that runs out.{scope}",
        table(("limit", "at most", "kind", "counted by", "known", "source"), rows),
        "How each is counted, for every slice (the part of one population on one core) and summed unless said "
        "otherwise:",
        bullets(f"[`{f.name}`](../formulas.md#{f.name}), in {text(f.unit)}: {text(f.meaning)}" for f in counted),
    )


def _limit(sheet: Sheet, limit: Limit) -> Iterator[tuple[str, ...]]:
    name, value, known, source = row(sheet, f"`{limit.name}` per {limit.scope.value}", limit.limit)
    yield name, value, limit.kind.value, f"[`{limit.formula}`](../formulas.md#{limit.formula})", known, source
    for key, found in limit.parameters.items():
        name, value, known, source = row(sheet, f"with `{key}`", found)
        yield name, value, "", "", known, source


def _not_checked(sheet: Sheet) -> str:
    missing = sheet.chip.not_checked
    rows = [(text(each.name), text(each.why), sheet.cited(each.source)) for each in missing]
    return table(("limit", "why", "source"), rows) or "Nothing: the file calls its limits complete."


def _topology(sheet: Sheet) -> str:
    topology = sheet.chip.topology
    words = f"{MESHES[topology.mesh.value].capitalize()}; {ROUTINGS[topology.routing.value]}."
    keys = () if topology.keys is None else _numbers(sheet, topology.keys, "keys.")
    return page(words, table(NUMBER, [*_numbers(sheet, topology), *keys]))


def _numbers(sheet: Sheet, record: Any, prefix: str = "", named: str = "") -> list[tuple[str, ...]]:
    """The numbers that are fields of a record."""
    found = [(f.name, getattr(record, f.name)) for f in fields(record)]
    return [row(sheet, f"`{prefix}{name}`{named}", value) for name, value in found if isinstance(value, Quantity)]


def _systems(sheet: Sheet) -> str:
    rows, numbers = [], []
    for system in sheet.chip.topology.systems:
        shape = f"{system.columns} x {system.rows}" + (", wrapping" if system.wraps else "")
        shape += ", with corners left out" if system.row_spans else ""
        note = f". {_sentence(system.note)}" if system.note else ""
        rows.append(
            (system.name, f"{system.chips:,}", shape, system.confidence.value, sheet.cited(system.source) + note)
        )
        if (boards := system.boards) is not None:
            source = (
                f"`boards` of {system.name}",
                "powered whole",
                boards.confidence.value,
                sheet.cited(boards.source),
            )
            numbers += [source, *_numbers(sheet, boards, "boards.", f" of {system.name}")]
    return page(table(("system", "chips", "positions", "known", "source"), rows), table(NUMBER, numbers))


def _capabilities(sheet: Sheet) -> str:
    able = sheet.chip.capabilities
    return page(
        "What is not listed is unknown, and a network that needs it is refused.",
        table(("can", "what", "source"), list(_abilities(sheet, able))),
        table(NUMBER, [*_numbers(sheet, able), *_inner_numbers(sheet, able)]),
    )


def _abilities(sheet: Sheet, able: Capabilities) -> Iterator[tuple[str, ...]]:
    for f in fields(able):
        value = getattr(able, f.name)
        if isinstance(value, tuple | bool | str) and value is not None and f.name != "sources":
            yield f"`{f.name}`", _words(value), sheet.cited(able.sources.get(f.name, ""))
    if (found := able.adaptation) is not None:
        what = f"of {', '.join(found.sources)}; {', '.join(found.forms)}"
        yield "`adaptation`", what, _record_source(sheet, found)
    if (reset := able.reset_schedule) is not None:
        yield "`reset_schedule`", f"period: {reset.period}", _record_source(sheet, reset)


def _inner_numbers(sheet: Sheet, able: Capabilities) -> Iterator[tuple[str, ...]]:
    for name in ("adaptation", "reset_schedule", "delay_extension"):
        if (found := getattr(able, name)) is not None:
            yield from _numbers(sheet, found, f"{name}.")


def _words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(map(str, value))
    return str(value)


def _record_source(sheet: Sheet, record: Any) -> str:
    note = f". {_sentence(record.note)}" if record.note else ""
    return f"{sheet.cited(record.source)} ({record.confidence.value}){note}"


def _ways(sheet: Sheet) -> str:
    io = sheet.chip.io
    rows = [(f"in: `{way.name}`", f"cores: {way.cores.value}", _record_source(sheet, way)) for way in io.inputs]
    for out in io.outputs:
        takes = "a core that hands all to the host" if out.gatherer else "no core"
        rows.append(
            (f"out: `{out.name}`", takes + ("" if out.potentials else "; spikes alone"), _record_source(sheet, out))
        )
    numbers = [line for way in io.inputs for line in _numbers(sheet, way, "", f" of `{way.name}`")]
    about = "The first of each is taken unless `--input` or `--output` asks for another: [ways in and out](../io.md)."
    return page(about, table(("way", "takes", "source"), rows), table(NUMBER, numbers))


def _arithmetic(sheet: Sheet) -> str:
    found = sheet.chip.arithmetic
    if found is None:
        return "The file does not say in which numbers the chip computes: `simulate --as` refuses it."
    rows = [row(sheet, f"`{name}`", value) for name, value in found.parameters.items()]
    told = f"`{found.kind}`: {text(KINDS[found.kind].meaning)} Source: {_record_source(sheet, found)}"
    return page(
        told, table(NUMBER, rows), "Used by `simulate --as`: [networks in the numbers of a chip](../emulation.md)."
    )


def costs(sheet: Sheet) -> str:
    """Static power, tick, rates, and every profile of costs."""
    found = sheet.chip.costs
    parts = [
        "" if found.measured else "**No cost per operation was ever measured on this chip: this is an estimate.**",
        text(found.note or ""),
        f"Too much to do in a timestep: {text(found.overload)}." if found.overload else "",
        table(NUMBER, _numbers(sheet, found)),
    ]
    if found.supplies:
        rows = [numbers for supply in found.supplies for numbers in _numbers(sheet, supply, "supplies.")]
        parts += ["Static power at other voltages, the voltage before the power:", table(NUMBER, rows)]
    for profile in found.profiles:
        average = profile.energy_kind is EnergyKind.AVERAGE
        kind = "an average at one operating point, part of no sum" if average else "marginal costs"
        conditions = f" ({text(profile.conditions)})" if profile.conditions else ""
        parts += [f"Profile `{profile.name}`, {kind}{conditions}:"]
        parts += [table(NUMBER, [*_numbers(sheet, profile), *_listed(sheet, profile)])]
        absent = [(f"`{key}`", text(why)) for key, why in profile.without.items()]
        parts += [table(("has no", "why"), absent)] if absent else []
    return page(*parts)


def _listed(sheet: Sheet, record: Any) -> Iterator[tuple[str, ...]]:
    """The numbers of records that a record lists, each with what it holds for: `barrier.time_s` of tiles 4."""
    for f in fields(record):
        value = getattr(record, f.name)
        for item in value if isinstance(value, tuple) else ():
            said = [(each.name, getattr(item, each.name)) for each in fields(item)]
            about = ", ".join(f"{name} {what}" for name, what in said if isinstance(what, int | str))
            yield from _numbers(sheet, item, f"{f.name}.", f" at {about}" if about else "")


def overview(found: Sequence[Sheet]) -> str:
    """All chips in one table."""
    header = (
        "chip",
        "cores",
        "routers",
        "largest system",
        "limits checked",
        "not checked",
        "numbers",
        "cost per operation",
    )
    return page(
        heading(1, "Chips"),
        "What `--target` takes, or give it [a file of your own](../add_a_chip.md). Each page has every number of the "
        "chip with unit, source and how it is known. [What each can compute](../primitives.md) is one table.",
        table(header, [_line(sheet) for sheet in found]),
    )


def _line(sheet: Sheet) -> tuple[str, ...]:
    chip, topology = sheet.chip, sheet.chip.topology
    largest = max(topology.systems, key=lambda system: system.chips)
    return (
        f"[{text(chip.title)}]({chip.name}.md), `{chip.name}`",
        f"{topology.cores_per_chip.count:,}",
        f"{topology.columns.count} x {topology.rows.count}, {topology.mesh.value}",
        f"{largest.name}: {largest.chips:,} chips",
        str(len(chip.limits)),
        str(len(chip.not_checked)) if chip.not_checked else "none",
        _how_known(chip),
        "some published" if chip.costs.measured else "none ever published: estimate",
    )


def _how_known(chip: Chip) -> str:
    """How many numbers are of which confidence."""
    found = [q.confidence.value for _, q in quantities(chip)]
    return ", ".join(f"{found.count(level)} {level}" for level in sorted(set(found)))


def quantities(value: object, key: str = "") -> Iterator[tuple[str, Quantity]]:
    """Every number of a chip with its dotted key."""
    from neuedge_nir.cli.targets import quantities as numbers

    yield from numbers(value, key)
