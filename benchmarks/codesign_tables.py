"""The tables of docs/codesign.md, of what codesign.py measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

CHIPS = ("core64", "loihi2", "spinnaker2", "isaac")
FOUR = ("cores", "neurons", "synapse_memory", "axons_in")
NUMBERS = ("accuracy", "naive", "packed", "used_naive", "used_packed", *FOUR, "messages", "hops", "energy_j")


def table(rows: Sequence[Mapping[str, Any]], model: str, chip: str) -> list[str]:
    """Mean and standard deviation over the seeds, a line for each training."""
    lines = [f"| trained | {' | '.join(TITLES)} |", "| --- " * (len(TITLES) + 1) + "|"]
    names = dict.fromkeys(row["trained"] for row in rows if row["model"] == model)
    for name in names:
        these = [r for r in rows if (r["model"], r["chip"], r["trained"]) == (model, chip, name)]
        widths = [f"{statistics.mean(each):.0f}" for each in zip(*(r["widths"] for r in these), strict=True)]
        cells = [_cell(key, [r[key] for r in these]) for key in NUMBERS]
        lines.append(f"| {name} | {cells[0]} | {', '.join(widths)} | {' | '.join(cells[1:])} |")
    return lines


TITLES = (
    *("accuracy %", "widths", "cores naive", "cores packed", "used naive %", "used packed %"),
    *("cores %", "neurons %", "synapse memory %", "axons in %", "spike-messages", "hops", "energy nJ"),
)
SCALE = {"energy_j": 1e9, "naive": 1, "packed": 1, "messages": 1, "hops": 1}


def _cell(key: str, values: Sequence[float | None]) -> str:
    numbers = [SCALE.get(key, 100) * value for value in values if value is not None]
    if len(numbers) < len(values):
        return "-"
    if len(numbers) < 2:
        return f"{numbers[0]:.4g} (one seed)"
    return f"{statistics.mean(numbers):.4g} ± {statistics.stdev(numbers):.2g}"


def transfer(rows: Sequence[Mapping[str, Any]], model: str) -> list[str]:
    """Trained for one chip, mapped to the others: cores, the share in use and spike-messages."""
    lines = [f"| trained | accuracy % | {' | '.join(CHIPS)} |", "| --- " * (len(CHIPS) + 2) + "|"]
    for name in dict.fromkeys(row["trained"] for row in rows if row["model"] == model):
        these = {c: [r for r in rows if (r["model"], r["chip"], r["trained"]) == (model, c, name)] for c in CHIPS}
        cells = [
            " / ".join(_cell(key, [r[key] for r in these[c]]) for key in ("packed", "used_packed", "messages"))
            for c in CHIPS
        ]
        lines.append(
            f"| {name} | {_cell('accuracy', [r['accuracy'] for r in these[CHIPS[0]]])} | {' | '.join(cells)} |"
        )
    return lines


def verdicts(rows: Sequence[Mapping[str, Any]], model: str) -> list[str]:
    """What was to hold on core64: each with its number and yes or no. Means of the seeds, against the control."""

    def mean(name: str, key: str) -> float:
        these = [r for r in rows if (r["model"], r["chip"], r["trained"]) == (model, "core64", name)]
        return statistics.mean(r[key] for r in these)

    used, packed = 100 * mean("for core64", "used_packed"), 100 * mean("control", "used_packed")
    saved = 100 * (1 - mean("for core64", "messages") / mean("control", "messages"))
    lost = 100 * (mean("control", "accuracy") - mean("for core64", "accuracy"))
    told = (
        ("at least 89 % of the cores used", used >= 89, f"{used:.1f} %"),
        ("3 points more than by packing alone", used - packed >= 3, f"{used - packed:+.1f} points over {packed:.1f} %"),
        ("45 % fewer spike-messages", saved >= 45, f"{saved:.1f} % fewer"),
        ("no more than 0.5 points of accuracy lost", lost <= 0.5, f"{-lost:+.2f} points"),
    )
    lines = ["| wanted on core64 | measured | holds |", "| --- | --- | --- |"]
    return lines + [f"| {wanted} | {measured} | {'yes' if holds else 'no'} |" for wanted, holds, measured in told]


def document(rows: Sequence[Mapping[str, Any]]) -> str:
    """The tables as Markdown."""
    parts = list[str]()
    for model in dict.fromkeys(row["model"] for row in rows):
        seeds = sorted({row["seed"] for row in rows if row["model"] == model})
        parts += [f"## {model}", "", f"Seeds {', '.join(map(str, seeds))}.", "", *verdicts(rows, model), ""]
        for chip in CHIPS:
            parts += [f"### {model} on {chip}", "", *table(rows, model, chip), ""]
        parts += [f"### {model}, trained for one chip and mapped to the others", ""]
        parts += ["Cores / share used % / spike-messages of a sample.", "", *transfer(rows, model), ""]
    return "\n".join(parts)
