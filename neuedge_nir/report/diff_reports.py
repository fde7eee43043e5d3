"""What differs between two reports, as `compile --json` prints them: what moved, as far as reports tell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from neuedge_nir.errors import InputError
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import counted
from neuedge_nir.report.contract import SCHEMA, report_of
from neuedge_nir.report.diff import Change

MOST_BYTES = 1 << 30
HINT = "give a plan that `compile -o` wrote, or a report that `compile --json` printed"


@dataclass(frozen=True)
class ReportFigure:
    """A figure of a report."""

    title: str
    unit: str
    low: float | None
    typical: float | None
    high: float | None
    assumed: bool


@dataclass(frozen=True)
class ReportActivity:
    """How active the network was taken to be: spikes of a neuron in a step, in the mean."""

    kind: str
    spikes_per_neuron_per_step: float


@dataclass(frozen=True)
class ReportCore:
    """Where a core is, and what it is for."""

    core: int
    chip: int
    router: tuple[int, int]
    slot: int
    role: str


@dataclass(frozen=True)
class ReportLayer:
    """A population on its cores."""

    population: str
    model: str
    neurons: int
    cores: list[int]
    lag: int


@dataclass(frozen=True)
class ReportTarget:
    """The chip."""

    name: str
    system: str | None


@dataclass(frozen=True)
class Report:
    """What is compared of a report."""

    schema: str
    outcome: str
    target: ReportTarget
    layers: list[ReportLayer]
    cores: list[ReportCore]
    figures: dict[str, ReportFigure]
    activity: ReportActivity


def of_plan(plan: Plan) -> Report:
    """The report of a plan."""
    return _converted(json.loads(json.dumps(report_of(plan))), "the plan")


def read_report(path: Path) -> Report | None:
    """The report in a file, None where the file holds something else. Raises `InputError` (USE115) for a broken one."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return None
        told = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(told, list) and any(isinstance(each, dict) and each.get("schema") == SCHEMA for each in told):
        message = "several reports, as `compare` and `check` print them"
        raise InputError("USE115", message, where=path.name, hint="keep the one that is meant, without its list")
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        return None
    if told.get("figures") is None:
        raise InputError("USE115", "a report of no plan: there is nothing to compare", where=path.name, hint=HINT)
    return _converted(told, path.name)


def _converted(told: object, where: str) -> Report:
    import msgspec

    try:
        return msgspec.convert(told, type=Report)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError("USE115", f"not a whole report: {error}", where=where, hint=HINT) from error


def report_changes(old: Report, new: Report) -> list[Change]:
    """What differs of the mapping, and the outcome. Routes and the cuts of populations are in plans alone."""
    return [
        *_facts("chip", {"name": old.target.name}, {"name": new.target.name}),
        *_facts("machine", {"system": old.target.system or "-"}, {"system": new.target.system or "-"}),
        *_facts("population", _populations(old), _populations(new)),
        *_facts("cores", _roles(old), _roles(new)),
        *_facts("moved", _places(old), _places(new)),
        *_facts("activity", _activity(old), _activity(new)),
        *_facts("bound", {"outcome": old.outcome}, {"outcome": new.outcome}),
    ]


def _facts(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Change(kind, name, old.get(name), new.get(name))


def _populations(report: Report) -> dict[str, str]:
    return {each.population: f"{each.model} {each.neurons}, lag {each.lag}" for each in report.layers}


def _activity(report: Report) -> dict[str, str]:
    return {"kind": report.activity.kind, "mean rate": f"{report.activity.spikes_per_neuron_per_step:g}"}


def _roles(report: Report) -> dict[str, str]:
    found = Counter(core.role for core in report.cores)
    return {f"with {role}": str(found[role]) for role in sorted(found)}


def _places(report: Report) -> dict[str, str]:
    """Of each population: its cores, the first few by their place."""
    at = {core.core: f"chip {core.chip} router {core.router} slot {core.slot}" for core in report.cores}
    found = {}
    for each in report.layers:
        places = [at.get(core, "?") for core in each.cores]
        more = "; ..." if len(places) > 4 else ""
        found[each.population] = f"{counted(len(places), 'core')}: {'; '.join(places[:4])}{more}"
        if more:  # so that what is not shown counts too
            found[each.population] += f" ({hash_of(places)})"
    return found


def hash_of(places: list[str]) -> str:
    """A short name of a list of places."""
    import hashlib

    return hashlib.sha256("\n".join(places).encode()).hexdigest()[:8]
