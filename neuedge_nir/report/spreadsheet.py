"""The layers of plans as a table for spreadsheets: comma-separated, one line a layer, units in the names of columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.figures import Figure, figures_of
from neuedge_nir.report.layer_energy import beside_layers
from neuedge_nir.report.per_layer import Layer, layers_of
from neuedge_nir.report.words import printable

ENERGIES = ("energy_low_j_per_step", "energy_typical_j_per_step", "energy_high_j_per_step")
COLUMNS = (
    *("plan", "chip", "layer", "model", "shape", "neurons", "cores", "chips", "slices", "lag_steps"),
    *("spikes_per_neuron_per_step", "spikes_per_step", "messages_per_step", "synaptic_events_per_step"),
    *ENERGIES,
    *("binds", "share", "weight_bits", "weight_relative_error"),
)
FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for a formula at the beginning of a text."""


def csv_of(plans: Sequence[tuple[str, Plan]]) -> bytes:
    """All layers of all plans, each plan with its label; behind them what the fullest core uses of every limit.

    A line for the energy of other copies, and one for that of no layer: with them the typical column adds up to a step.
    """
    limits = list(dict.fromkeys(limit.name for _, plan in plans for limit in plan.chip.limits))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"share_of_{name}" for name in limits)])
    for label, plan in plans:
        figures = figures_of(plan)
        for layer in layers_of(plan):
            shares = [_number(layer.shares.get(name)) for name in limits]
            writer.writerow(
                [
                    _word(label),
                    _word(plan.chip.name),
                    *_cells(layer, figures.get(f"populations.{layer.name}.energy")),
                    *shares,
                ]
            )
        for word, energy in beside_layers(figures):
            writer.writerow([_word(label), _word(plan.chip.name), word, *_beside(energy), *[""] * len(limits)])
    return text.getvalue().encode()


def _beside(energy: Figure) -> list[str]:
    """The columns behind the name of a layer, for what has an energy and nothing else."""
    held = dict(zip(ENERGIES, (energy.low, energy.typical, energy.high), strict=True))
    return [_number(held.get(name)) for name in COLUMNS[3:]]


def _cells(layer: Layer, energy: Figure | None) -> list[str]:
    """The energy is dynamic, with hops and cores in use: `explain PLAN:populations.NAME.energy`."""
    return [
        _word(layer.name),
        _word(layer.model),
        "x".join(map(str, layer.shape)),
        *map(str, (layer.neurons, layer.cores, layer.chips, layer.slices, layer.lag)),
        *map(_number, (layer.rate, layer.spikes, layer.messages, layer.events)),
        *map(_number, (None, None, None) if energy is None else (energy.low, energy.typical, energy.high)),
        _word(layer.binds or ""),
        _number(layer.share),
        "" if layer.weight_bits is None else str(layer.weight_bits),
        _number(layer.weight_error),
    ]


def _word(text: str) -> str:
    """A name as text, whatever a spreadsheet might make of it."""
    shown = printable(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def _number(value: float | None) -> str:
    """In nine digits: the last ones of a sum differ between machines."""
    return "" if value is None else f"{value:.9g}"
