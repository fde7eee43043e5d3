"""Remarks and refusals for tools that watch over a repository: SARIF 2.1.0, and workflow commands of GitHub Actions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote

from neuedge_nir import __version__
from neuedge_nir.codes import explanations
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.errors import NeuedgeError
from neuedge_nir.report.words import printable

Json = dict[str, object]

LEVELS = {
    Severity.INFO: "note",
    Severity.ASSUMPTION: "note",
    Severity.REPAIR: "warning",
    Severity.WARNING: "warning",
}
"""What a remark is to such tools."""

COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
"""The workflow command of a level."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a model: its level is "error", "warning" or "note"; `where`: the node, or a place in a file."""

    level: str
    code: str
    where: str | None
    message: str
    hint: str | None = None
    target: str | None = None

    @property
    def text(self) -> str:
        """All of it in one line."""
        chip = f"{self.target}: " if self.target else ""
        place = f"{self.where}: " if self.where else ""
        return printable(f"{chip}{place}{self.message}" + (f" ({self.hint})" if self.hint else ""))


def of_diagnostic(remark: Diagnostic) -> Finding:
    return Finding(LEVELS[remark.severity], remark.code, remark.node, remark.message, remark.hint)


def of_error(error: NeuedgeError, target: str | None = None, level: str = "error") -> Finding:
    return Finding(level, error.code, error.where, error.told, error.hint, target)


# --- SARIF


def sarif_of(findings: Iterable[Finding], model: str, exit_status: int) -> bytes:
    """A log of one run about one model file; `model` is the path as the user gave it."""
    kept = list(dict.fromkeys(findings))
    codes = sorted({finding.code for finding in kept})
    run: Json = {
        "tool": {"driver": {"name": "neuedge-nir", "version": __version__, "rules": [_rule(code) for code in codes]}},
        "invocations": [{"executionSuccessful": exit_status == 0, "exitCode": exit_status}],
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": uri_of(model)}}],
        "results": [_result(finding, codes.index(finding.code), model) for finding in kept],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, allow_nan=False).encode() + b"\n"


SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def _rule(code: str) -> Json:
    """What `explain CODE` says."""
    text = explanations().get(code, "")
    return {
        "id": code,
        "shortDescription": {"text": _first_sentence(text) or code},
        "fullDescription": {"text": text or code},
        "help": {"text": text or code},
    }


def _first_sentence(text: str) -> str:
    """Behind the word that says of what kind a remark is, such as "Assumption."."""
    kind, _, rest = text.partition(". ")
    sentence = rest.partition(". ")[0] if rest and len(kind.split()) <= 4 else kind
    return f"{sentence.rstrip('.')}." if sentence else ""


def _result(finding: Finding, rule: int, model: str) -> Json:
    place: Json = {"physicalLocation": {"artifactLocation": {"uri": uri_of(model), "index": 0}}}
    if finding.where:
        place["logicalLocations"] = [{"name": printable(finding.where), "kind": "object"}]
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.level,
        "message": {"text": _plain(finding.text)},
        "locations": [place],
        "partialFingerprints": {"neuedgeNir/v1": _fingerprint(finding)},
    }


def _plain(text: str) -> str:
    """Text in which no viewer finds a link: SARIF's messages have [links](of their own)."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]") if "](" in text else text


def _fingerprint(finding: Finding) -> str:
    """The same for the same finding on every run, whatever figures it tells."""
    about = "\0".join((finding.code, finding.target or "", finding.where or ""))
    return hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def uri_of(path: str) -> str:
    """A path as a URI reference: a relative one stays relative, to the root of the repository."""
    posix = PurePath(path).as_posix()
    if Path(path).is_absolute():
        return "file://" + quote(posix)
    return quote(posix if ":" not in posix.partition("/")[0] else f"./{posix}")


# --- workflow commands


def commands_of(findings: Sequence[Finding], model: str) -> str:
    """A line for each finding; equal ones about several nodes are one, since GitHub shows few of a kind."""
    nodes: dict[Finding, list[str]] = {}
    for finding in findings:
        about = Finding(finding.level, finding.code, None, finding.message, finding.hint, finding.target)
        nodes.setdefault(about, []).append(finding.where or "")
    return "".join(_command(about, names, model) for about, names in nodes.items())


def _command(about: Finding, names: Sequence[str], model: str) -> str:
    known = [name for name in names if name]
    where = ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")
    text = Finding(about.level, about.code, where or None, about.message, about.hint, about.target).text
    properties = f"file={_property(PurePath(model).as_posix())},title={_property(about.code)}"
    return f"::{COMMANDS[about.level]} {properties}::{_data(text)}\n"


def _data(text: str) -> str:
    return printable(text.replace("%", "%25"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
