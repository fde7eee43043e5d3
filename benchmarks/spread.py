"""Mean and standard deviation over seeds, as Markdown, and what they were measured with."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """Spikes per sample that enter and of neurons, timesteps used, per cent of right answers."""

    input: float
    neurons: float
    steps: float
    accuracy: float

    @property
    def spikes(self) -> float:
        return self.input + self.neurons


def table(seeds: Mapping[str, Mapping[str, Any]], base: str, control: str) -> str:
    """Markdown of every way, over the seeds: `fewer` is times the base's spikes, `beside` points from the control's."""
    found = [{name: Row(**row) for name, row in seed["rows"].items()} for seed in seeds.values()]
    names = ("input", "neurons", "all", "fewer", "steps", "accuracy %", "beside the control")
    lines = ["| | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for name in found[0]:
        of_seeds = [_cells(rows[name], rows[base], rows[control]) for rows in found]
        cells = [spread(column, digits) for column, digits in zip(zip(*of_seeds, strict=True), DIGITS, strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


PACKAGES = ("nir", "nirtorch", "numpy", "scikit-learn", "sinabs", "torch")


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


DIGITS = (0, 0, 0, 2, 2, 2, 2)


def _cells(row: Row, base: Row, control: Row) -> tuple[float, ...]:
    fewer = base.spikes / row.spikes
    return row.input, row.neurons, row.spikes, fewer, row.steps, row.accuracy, row.accuracy - control.accuracy


def spread(values: Sequence[float], digits: int) -> str:
    """Mean ± standard deviation, of a single value without one."""
    apart = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.{digits}f} ± {apart:.{digits}f}"
