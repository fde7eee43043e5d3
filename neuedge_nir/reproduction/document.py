"""A finding as JSON, the same bytes for the same finding, and as a page in Markdown; and the page of all claims."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neuedge_nir.errors import InputError
from neuedge_nir.reproduction.chart import chart
from neuedge_nir.reproduction.finding import Claim, Finding, Spread, Table, Verdict

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Result:
    """A finding with the experiment's name, what that is about, and the command that repeats it."""

    name: str
    summary: str
    finding: Finding
    command: str


KEPT = 6
"""Digits of a number in a file: more is the noise of floating point."""


def as_json(result: Result) -> str:
    """The file of a result."""
    finding = result.finding
    told = {
        "schema": SCHEMA,
        "experiment": result.name,
        "summary": result.summary,
        "command": result.command,
        "repeats": finding.repeats,
        "seeds": list(finding.seeds),
        "budget": dict(finding.budget),
        "versions": dict(finding.versions),
        "claims": [asdict(claim) for claim in finding.claims],
        "tables": [_table_json(table) for table in finding.tables],
        "drawn": finding.drawn,
        "notes": list(finding.notes),
    }
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _table_json(table: Table) -> dict[str, Any]:
    rows = {row: {name: [_rounded(v) for v in vs] for name, vs in cells.items()} for row, cells in table.rows.items()}
    return {"title": table.title, "rows": rows}


def _rounded(value: float) -> float:
    return float(f"{value:.{KEPT}g}")


def rendered(result: Result) -> dict[str, str]:
    """Picture and page, by the ending of their file."""
    table = result.finding.tables[0]
    return {".svg": chart(table, result.finding.drawn, f"{result.name}: {table.title}"), ".md": markdown(result)}


def markdown(result: Result) -> str:
    """The page of a result, with its picture NAME.svg beside it."""
    name, summary, finding = result.name, result.summary, result.finding
    seeds = ", ".join(map(str, finding.seeds)) or "none"
    given = "; ".join(f"{key} {value}" for key, value in finding.budget.items())
    versions = ", ".join(f"{package} {number}" for package, number in finding.versions.items())
    parts = [f"# {name}", "", f"{summary[:1].upper()}{summary[1:]}.", "", *_claims(finding.claims, "claim"), ""]
    parts += [f"![{finding.drawn}]({name}.svg)", ""]
    for table in finding.tables:
        parts += [f"## {table.title}", "", *_rows(table), ""]
    parts += ["Mean ± standard deviation over the seeds.", "", *(f"* {note}" for note in finding.notes)]
    parts += [""] * bool(finding.notes)
    parts += [f"Seeds {seeds}. Budget: {given}. Versions: {versions}.", "", "```", result.command, "```", ""]
    return "\n".join(parts)


def _claims(claims: Sequence[Claim], first: str) -> list[str]:
    lines = [f"| {first} | here | control | verdict | control too |", "| --- | --- | --- | --- | --- |"]
    told = (f"| {c.words} ({c.where}) | {c.ours} | {c.control} | **{c.verdict}** | {_too(c)} |" for c in claims)
    return [*lines, *told]


def _too(claim: Claim) -> str:
    """Whether the control holds as well."""
    return "-" if claim.control_holds is None else "yes" if claim.control_holds else "no"


def _rows(table: Table) -> list[str]:
    lines = ["| | " + " | ".join(table.columns) + " |", "| --- " * (len(table.columns) + 1) + "|"]
    for row, cells in table.rows.items():
        found = (Spread.of(cells[name]).words if name in cells else "" for name in table.columns)
        lines.append(f"| {row} | " + " | ".join(found) + " |")
    return lines


def load(path: Path) -> Result:
    """The result in a file of `as_json` under its own name. Raises `InputError` TRAIN050 for anything else."""
    hint = "run the experiment again, or move the file elsewhere"
    try:
        found = parsed(path.read_text(encoding="utf-8"))
        if path.stem != found.name:
            raise ValueError(f"the file holds what {found.name!r} found")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            "TRAIN050", f"no result of an experiment: {_why(error)}", where=path.name, hint=hint
        ) from error
    return found


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return str(error) if isinstance(error, OSError | ValueError) else "its values are of other types"


def parsed(text: str) -> Result:
    """What `as_json` wrote. Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for anything else."""
    told = json.loads(text)
    if told["schema"] != SCHEMA:
        raise ValueError(f"the schema is {told['schema']}, not {SCHEMA}")
    return Result(told["experiment"], told["summary"], _finding(told), told["command"])


def _finding(told: Mapping[str, Any]) -> Finding:
    claims = tuple(Claim(**{**claim, "verdict": Verdict(claim["verdict"])}) for claim in told["claims"])
    tables = tuple(Table(table["title"], table["rows"]) for table in told["tables"])
    seeds = tuple(told["seeds"])
    few = told["versions"], tuple(told["notes"]), told["repeats"]
    return Finding(claims, tables, told["drawn"], seeds, told["budget"], *few)


INTRODUCTION = """# Which of NeuEdge's claims hold

NeuEdge (arXiv 2602.02439) came without code, weights or settings, and only its abstract and a summary could be read:
Eq. 7 and 11 are quoted there, the others only named. So its words are given as far as they are known, and every number
beside them is ours: measured on small networks, over several seeds, with a control that needs nothing of NeuEdge.
Energy and time are those of `compile`'s cost report, intervals with sources; nothing was measured on a chip.

*reproduced*: the number that was claimed came out here. *control too*: whether the control, which takes nothing of
NeuEdge, reaches it as well, so that NeuEdge is not needed for it. *refuted*: it was tried here, at our scale, and did
not come out. *not testable here*: it takes hardware, data or definitions that are not to be had. More on single
mechanisms, with other networks and settings: `docs/encoding.md` and `docs/finetune.md` (spikes), `docs/codesign.md`
(utilisation and messages), `docs/adaptation.md` (thresholds).
"""


def _small(result: Result) -> str:
    return " on the small budget" if "--quick" in result.command.split() else ""


def _scale(results: Sequence[Result]) -> str:
    """How many experiments were small ones, if any was."""
    small = sum(bool(_small(each)) for each in results)
    told = (
        f" {small} of {len(results)} experiments ran on the small budget (`--quick`): networks that are hardly trained,"
    )
    return f"{told} on a few thousand samples; a larger training may decide otherwise." if small else ""


def _needless(results: Sequence[Result]) -> str:
    """How many of the reproduced claims a control reaches too."""
    good = [c for each in results for c in each.finding.claims if c.verdict is Verdict.REPRODUCED]
    return f"Of those reproduced, {sum(c.control_holds is True for c in good)} come out without NeuEdge too."


def claims_page(results: Sequence[Result], folder: str) -> str:
    """All claims of all findings, `folder` being where the pages of the experiments lie, seen from this page."""
    counts = {
        verdict: sum(c.verdict is verdict for each in results for c in each.finding.claims) for verdict in Verdict
    }
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    parts = [INTRODUCTION, f"Of {sum(counts.values())} claims: {told}. {_needless(results)}{_scale(results)}", ""]
    parts += ["| claim | here | control | verdict | control too | experiment |", "| --- " * 6 + "|"]
    for each in results:
        link = f"[{each.name}]({folder}/{each.name}.md)"
        parts += [
            f"| {c.words} ({c.where}) | {c.ours} | {c.control} | **{c.verdict}**{_small(each)} | {_too(c)} | {link} |"
            for c in each.finding.claims
        ]
    parts += ["", "## Run it again", "", "```", *(each.command for each in results), "```", ""]
    return "\n".join(parts)
