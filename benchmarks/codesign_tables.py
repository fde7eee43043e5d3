"""The tables of docs/codesign.md, of what codesign.py and codesign_choice.py measured. Puts them below the page's head:

python benchmarks/codesign_tables.py docs/codesign.md docs/codesign.json docs/codesign_choice.json
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codesign_choice import GRID, chosen, tried
from codesign_mapping import read
from codesign_training import CHIPS, Setting

Row = Mapping[str, Any]
NUMBERS = {
    "accuracy": ("accuracy %", 100),
    "naive": ("cores naive", 1),
    "packed": ("cores packed", 1),
    "used_naive": ("used naive %", 100),
    "used_packed": ("used packed %", 100),
    "cores": ("cores %", 100),
    "neurons": ("neurons %", 100),
    "synapse_memory": ("synapse memory %", 100),
    "axons_in": ("axons in %", 100),
    "messages": ("spike-messages", 1),
    "hops": ("hops", 1),
    "energy_j": ("energy nJ", 1e9),
}
"""What a row tells: its title, and what makes its unit."""


def trainings(rows: Sequence[Row], model: str, chip: str) -> dict[str, list[Row]]:
    """The seeds' rows of each training of a model, on a chip; the trainings in the order of the file."""
    these = [row for row in rows if (row["model"], row["chip"]) == (model, chip)]
    return {
        name: [row for row in these if row["trained"] == name] for name in dict.fromkeys(r["trained"] for r in these)
    }


def of(key: str, rows: Sequence[Row]) -> list[float]:
    """A number of every row in its unit; none where the chip's file has no such number."""
    values = [row[key] for row in rows]
    return [] if None in values else [NUMBERS[key][1] * value for value in values]


def spread(numbers: Sequence[float]) -> str:
    """Mean ± standard deviation; the number alone where all are the same."""
    if not numbers:
        return "-"
    mean, deviation = statistics.mean(numbers), statistics.stdev(numbers)
    told = f"{mean:,.0f}" if abs(mean) >= 1000 else f"{mean:.4g}"
    if deviation <= 1e-9 * abs(mean):
        return told
    return f"{told} ± {deviation:.2g}" if deviation < 100 else f"{told} ± {deviation:,.0f}"


def lines(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table as Markdown, with an empty line behind it."""
    titles = list(titles)
    return [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|", *(f"| {' | '.join(row)} |" for row in rows), ""]


def on_chip(rows: Sequence[Row], model: str, chip: str) -> list[str]:
    """All numbers, a line for each training; without those that the chip's file does not give."""
    every = trainings(rows, model, chip)
    keys = [key for key in NUMBERS if any(of(key, these) for these in every.values())]
    titles = ("trained", "widths", *(NUMBERS[key][0] for key in keys))
    return lines(titles, ((n, widths(these), *(spread(of(k, these)) for k in keys)) for n, these in every.items()))


def widths(rows: Sequence[Row]) -> str:
    return ", ".join(f"{statistics.mean(each):.0f}" for each in zip(*(row["widths"] for row in rows), strict=True))


def transfer(rows: Sequence[Row], model: str) -> list[str]:
    """Trained for one chip, mapped to the others: cores and the share in use, spike-messages, energy."""
    by_chip = {chip: trainings(rows, model, chip) for chip in CHIPS}
    first = next(iter(by_chip.values()))

    def on(chip: str, name: str) -> str:
        these = by_chip[chip][name]
        return f"{spread(of('packed', these))} ({spread(of('used_packed', these))} %)"

    def each(key: str, chips: Sequence[str]) -> list[str]:
        return lines(("trained", *chips), ((n, *(spread(of(key, by_chip[c][n])) for c in chips)) for n in first))

    costed = [chip for chip in CHIPS if of("energy_j", by_chip[chip]["control"])]
    cores = ((n, spread(of("accuracy", r)), widths(r), *(on(c, n) for c in CHIPS)) for n, r in first.items())
    return [
        *("Cores, and the share of them in use:", ""),
        *lines(("trained", "accuracy %", "widths", *CHIPS), cores),
        *("Spike-messages of a sample:", "", *each("messages", list(CHIPS))),
        *("Energy of a sample, nJ:", "", *each("energy_j", costed)),
    ]


def verdicts(rows: Sequence[Row], model: str) -> list[str]:
    """What was to hold on core64: each with its number and yes or no. Means of the seeds, against the control."""
    every = trainings(rows, model, "core64")

    def mean(name: str, key: str) -> float:
        return statistics.mean(of(key, every[name]))

    used, packed = mean("for core64", "used_packed"), mean("control", "used_packed")
    saved = 100 * (1 - mean("for core64", "messages") / mean("control", "messages"))
    lost = mean("control", "accuracy") - mean("for core64", "accuracy")
    told = (
        ("at least 89 % of the cores used", used >= 89, f"{used:.1f} %"),
        ("3 points more than by packing alone", used - packed >= 3, f"{used - packed:+.1f} points over {packed:.1f} %"),
        ("45 % fewer spike-messages", saved >= 45, f"{saved:.1f} % fewer"),
        ("no more than 0.5 points of accuracy lost", lost <= 0.5, f"{-lost:+.2f} points"),
    )
    found = ((wanted, measured, "yes" if holds else "no") for wanted, holds, measured in told)
    return lines(("wanted on core64", "measured", "holds"), found)


def beside_small(rows: Sequence[Row], model: str, name: str, words: str) -> list[str]:
    """What the hardware loss does that another way to as small a network does not, seed by seed."""
    every = trainings(rows, model, "core64")
    by_seed = [{row["seed"]: row for row in every[each]} for each in ("for core64", name)]
    pairs = [(row, by_seed[1][seed]) for seed, row in by_seed[0].items()]
    right = [100 * (chip["accuracy"] - small["accuracy"]) for chip, small in pairs]
    sent = [100 * (chip["messages"] / small["messages"] - 1) for chip, small in pairs]
    found = [f"{statistics.mean(each):+.2f} ± {statistics.stdev(each):.2f}" for each in (right, sent)]
    beside = f"Trained for core64, beside {words} as small, seed by seed"
    return [f"{beside}:", f"{found[0]} points of accuracy, {found[1]} % spike-messages.", ""]


def choice(rows: Sequence[Row], model: str) -> list[str]:
    """What was tried to choose the settings; the chosen ones are bold."""
    found = list[list[str]]()
    for chip in GRID[model]:
        best = chosen(rows, model, chip)
        for each in tried(rows, model, chip):
            name = f"**{told(each.setting)}**" if each.setting == best else told(each.setting)
            numbers = str(each.seeds), f"{-100 * each.lost:+.2f}", f"{100 * each.used:.1f}", f"{each.messages:,.0f}"
            found.append([chip, name, *numbers, "yes" if each.allowed(chip) else "no"])
    return lines(("for", "setting", "seeds", "accuracy, points", "used %", "spike-messages", "allowed"), found)


def told(setting: Setting) -> str:
    goal = f", goal {setting.cores} cores" if setting.cores else ""
    return f"{setting.utilisation:g} / {setting.communication:g} / {setting.memory:g}{goal}, {setting.pruned} pruned"


def document(rows: Sequence[Row], tries: Sequence[Row]) -> str:
    """The tables as Markdown."""
    parts = list[str]()
    for model in dict.fromkeys(row["model"] for row in rows):
        seeds = sorted({row["seed"] for row in rows if row["model"] == model})
        parts += [f"## {model}", "", f"Seeds {', '.join(map(str, seeds))}.", "", *verdicts(rows, model)]
        parts += beside_small(rows, model, "as small", "a new network")
        parts += beside_small(rows, model, "pruned by size", "the trained one pruned by size to be")
        parts += [f"### {model}: trained for one chip, mapped to the others", ""]
        parts += transfer(rows, model)
        tested = sorted({row["seed"] for row in tries if row["model"] == model})
        parts += [f"### {model}: how the settings were chosen", "", f"Seeds {', '.join(map(str, tested))}.", ""]
        parts += choice(tries, model)
        for chip in CHIPS:
            parts += [f"### {model}: all numbers on {chip}", "", *on_chip(rows, model, chip)]
    return "\n".join(parts)


def main() -> None:
    page, results, tries = map(Path, sys.argv[1:])
    head = page.read_text().split("\n## ")[0].rstrip()
    page.write_text(f"{head}\n\n{document(read(results), read(tries)).rstrip()}\n")


if __name__ == "__main__":
    main()
