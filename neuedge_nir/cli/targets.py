"""`neuedge-nir targets`: the chips, every number of one with its source, and a check of chip files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from neuedge_nir.chip.model import (
    AdaptiveThresholds,
    Arithmetic,
    Chip,
    DelayExtension,
    InputCores,
    InputWay,
    OutputWay,
    Quantity,
    ResetSchedule,
)
from neuedge_nir.cli.shared import add_json, print_json, print_tables


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """`targets`, `targets show NAME`, `targets lint FILE`."""
    actions = sub.add_subparsers(dest="action", metavar="show|lint")
    show = actions.add_parser("show", help="every number of a chip, with unit, source and confidence")
    show.add_argument("name", metavar="NAME|FILE.toml")
    add_json(show, inner=True)
    lint = actions.add_parser("lint", help="every mistake in a chip file, with key and line")
    lint.add_argument("file", type=Path, metavar="FILE.toml")
    add_json(lint, inner=True)
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """List, show or lint. A chip file with mistakes is refused input: exit 3."""
    match arguments.action:
        case "show":
            return _show(arguments.name, arguments.json)
        case "lint":
            return _lint(arguments.file, arguments.json)
        case _:
            return _list(arguments.json)


def _list(as_json: bool) -> int:
    from neuedge_nir.plugin import TARGETS, listed, origin_of
    from neuedge_nir.report.text import table

    rows = [(point.name, origin_of(point), point.value) for point in listed(TARGETS)]
    if as_json:
        print_json([{"name": name, "package": package, "entry_point": value} for name, package, value in rows])
    else:
        print_tables([table("Targets (or give --target a .toml file)", ("name", "from", "entry point"), rows)])
    return 0


def _show(name: str, as_json: bool) -> int:
    from neuedge_nir.api import chip_of
    from neuedge_nir.chip.load import to_dict
    from neuedge_nir.report.text import table

    chip = chip_of(name)
    if as_json:
        print_json(to_dict(chip))
        return 0
    numbers = [
        (key, _value(q), q.unit, q.confidence.value, q.source + (f". {q.note}" if q.note else ""))
        for key, q in quantities(chip, "")
    ]
    print_tables(
        [
            table(f"{chip.title} ({chip.name})", ("number", "value", "unit", "known", "source"), numbers, right=(1,)),
            table("Limits", ("name", "kind", "per", "counted as"), _limits(chip)),
            table("Not checked", ("limit", "why", "source"), [(n.name, n.why, n.source) for n in chip.not_checked]),
            table("Systems", ("name", "chips", "arrangement", "source"), _systems(chip), right=(1,)),
            table("Capabilities", ("", "", "source"), _capabilities(chip)),
            table("Ways in and out, by --input and --output", ("way", "takes", "source"), _ways(chip)),
            table("Arithmetic, for simulate --as", ("kind", "meaning", "source"), _arithmetic(chip.arithmetic)),
            table("Notes", ("",), [(note,) for note in (*chip.notes, *([chip.costs.note] if chip.costs.note else []))]),
        ]
    )
    return 0


def quantities(value: object, key: str) -> Iterator[tuple[str, Quantity]]:
    """Every number of a chip with its dotted key."""
    if isinstance(value, Quantity):
        yield key, value
    elif isinstance(value, tuple):
        for item in value:
            yield from quantities(item, f"{key}[{getattr(item, 'name', '')}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from quantities(item, f"{key}.{name}")
    elif is_dataclass(value):
        for f in fields(value):
            yield from quantities(getattr(value, f.name), f"{key}.{f.name}" if key else f.name)


def _value(q: Quantity) -> str:
    return f"{q.typical:,.12g}" if q.low == q.high else f"{q.low:,.6g} .. {q.typical:,.6g} .. {q.high:,.6g}"


def _limits(chip: Chip) -> list[tuple[str, ...]]:
    from neuedge_nir.chip.formulas import FORMULAS

    return [
        (lim.name, lim.kind.value, lim.scope.value, f"{lim.formula}: {FORMULAS[lim.formula].meaning}")
        for lim in chip.limits
    ]


def _systems(chip: Chip) -> list[tuple[str, ...]]:
    return [
        (s.name, f"{s.chips:,}", f"{s.columns} x {s.rows}{', wrapping' * s.wraps}", f"{s.source} [{s.confidence}]")
        for s in chip.topology.systems
    ]


def _capabilities(chip: Chip) -> list[tuple[str, ...]]:
    able = chip.capabilities
    shown = {f.name: getattr(able, f.name) for f in fields(able) if f.name != "sources"}
    records = Quantity | AdaptiveThresholds | DelayExtension | ResetSchedule
    plain = {k: v for k, v in shown.items() if not isinstance(v, records) and v is not None}
    rows: list[tuple[str, ...]] = [
        (k, ", ".join(map(str, v)) if isinstance(v, tuple) else str(v), able.sources.get(k, ""))
        for k, v in plain.items()
    ]
    rows += [] if able.adaptation is None else [_adaptation(able.adaptation)]
    reset = able.reset_schedule
    return rows if reset is None else [*rows, ("reset_schedule", f"period: {reset.period}", _source(reset))]


_TAKES = {
    InputCores.NONE: "no cores: the host sends to those that hear",
    InputCores.INPUT: "cores that make the spikes (cores_input)",
    InputCores.IO: "cores that pass on what the host sends (cores_io)",
}


def _ways(chip: Chip) -> list[tuple[str, ...]]:
    """The first of each is taken by itself."""
    found: list[tuple[str, ...]] = [(f"in: {way.name}", _TAKES[way.cores], _source(way)) for way in chip.io.inputs]
    for out in chip.io.outputs:
        takes = "a core that hands all to the host (cores_io)" if out.gatherer else "no cores"
        found.append((f"out: {out.name}", takes + ("" if out.potentials else "; spikes alone"), _source(out)))
    return found


def _adaptation(able: AdaptiveThresholds) -> tuple[str, ...]:
    late = f", means {able.steps_late.count} steps late" if able.steps_late is not None else ""
    words = f"of {', '.join(able.sources)}; {', '.join(able.forms)}{late}"
    of_means = f". {able.steps_late.note}" if able.steps_late is not None and able.steps_late.note else ""
    return ("adaptation", words, _source(able) + of_means)


def _arithmetic(found: Arithmetic | None) -> list[tuple[str, ...]]:
    from neuedge_nir.chip.arithmetic import KINDS

    if found is None:
        return []
    return [(found.kind, KINDS[found.kind].meaning, _source(found))]


def _source(found: Arithmetic | AdaptiveThresholds | ResetSchedule | InputWay | OutputWay) -> str:
    return f"{found.source} [{found.confidence}]" + (f". {found.note}" if found.note else "")


def _lint(path: Path, as_json: bool) -> int:
    from neuedge_nir.api import chip_of
    from neuedge_nir.chip.load import lint, read
    from neuedge_nir.errors import InputError
    from neuedge_nir.report.words import printable

    findings = lint(read(path), path.name)
    if not findings:
        chip_of(f"{path.parent}/{path.name}")  # whose name may be taken
    if as_json:
        print_json(
            [{"code": f.code, "line": f.line, "key": f.key, "message": f.message, "hint": f.hint} for f in findings]
        )
    else:
        for finding in findings:
            print(printable(f"error[{finding.code}]: {finding.error}"), file=sys.stderr)
        if not findings:
            sys.stdout.write(printable(f"{path.name}: no mistakes found") + "\n")
    return InputError.exit_status if findings else 0
