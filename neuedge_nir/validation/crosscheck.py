"""What SANA-FE counted and charged for two of our plans, recorded by a test that runs it (`-m frameworks`)."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any


def recorded() -> dict[str, Any]:
    """The record: SANA-FE's version, and by network its spikes, messages, hops and energies beside ours."""
    return tomllib.loads(files("neuedge_nir.validation").joinpath("sanafe.toml").read_text(encoding="utf-8"))


def crosscheck_section() -> str:
    """The record in Markdown."""
    told = recorded()
    lines = [f"## Cross-check with SANA-FE {told['version']}", "", *told["about"].strip().splitlines()]
    for network in told["networks"]:
        lines += ["", f"### {network['title']}", "", "| | SANA-FE | ours | ratio |", "|---|---|---|---|"]
        lines += [
            f"| {row['what']} | {_shown(row['theirs'])} | {_shown(row['ours'])} | {_ratio(row)} |"
            for row in network["rows"]
        ]
    return "\n".join([*lines, "", *told["reading"].strip().splitlines()])


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def _ratio(row: dict[str, Any]) -> str:
    return f"{row['ours'] / row['theirs']:.3f}" if row["theirs"] else "-"
