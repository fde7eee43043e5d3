"""The text report of a plan: the ten lines that matter first, then layer by layer, then all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import Row, number, percent
from neuedge_nir.report.figures import Figure, figures_of
from neuedge_nir.report.headline import Headline, headline_of, told
from neuedge_nir.report.layer_energy import beside_layers
from neuedge_nir.report.per_layer import Layer, layers_of
from neuedge_nir.report.text import model_words, plan_tables, printable, table
from neuedge_nir.report.use import copy_of

if TYPE_CHECKING:
    from rich.console import RenderableType


def plan_report(plan: Plan) -> list[RenderableType]:
    """What `compile` and `report` print."""
    figures = figures_of(plan)
    return [*_headline(headline_of(plan, figures)), _layers(plan, figures), *plan_tables(plan)]


def _headline(found: Headline) -> list[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    lines = Table.grid(padding=(0, 3, 0, 0))
    lines.add_column(style="bold", no_wrap=True)
    lines.add_column(overflow="fold")
    verdict = Text(printable(found.verdict), style="green" if found.proved else "yellow")
    lines.add_row(Text("  verdict"), verdict)
    for name, text in found.lines:
        lines.add_row(Text(f"  {name}"), Text(printable(text), style=STYLES.get(name, "")))
    return [Text(printable(found.title), style="bold"), lines, Text("")]


STYLES = {"binds": "cyan", "not checked": "yellow", "remarks": "yellow"}
"""Colours that a terminal shows; none says what the words do not."""


def _layers(plan: Plan, figures: Mapping[str, Figure]) -> RenderableType:
    originals = copy_of((p.name for p in plan.populations), plan)
    first = [layer for layer in layers_of(plan) if not originals[layer.name][1]]
    copied = ", first copy" * (len(first) < len(originals) - _outputs(plan))
    models = {p.name: model_words(p) for p in plan.populations}
    rows = [_row(layer, models[layer.name], figures.get(f"populations.{layer.name}.energy")) for layer in first]
    rows += [_energy_alone(*pair) for pair in beside_layers(figures)]
    rows += [_energy_alone("(all)", figures["energy.dynamic"])] if figures["energy.dynamic"].typical else []
    title = f"Layer by layer{copied}; synaptic events, messages and energy of a step"
    return table(title, HEADER, rows, right=(2, 3, 4, 5, 6, 7, 9, 10, 11))


HEADER = (
    *("layer", "model", "neurons", "cores", "lag", "events", "messages", "energy"),
    *("binds", "share", "bits", "error"),
)


def _energy_alone(word: str, energy: Figure) -> Row:
    return (word, *[""] * 6, told(energy, span=False), *[""] * 4)


def _outputs(plan: Plan) -> int:
    return sum(p.model == "Output" for p in plan.populations)


def _row(layer: Layer, model: str, energy: Figure | None) -> Row:
    return (
        layer.name,
        model,
        f"{layer.neurons:,}",
        f"{layer.cores:,}" if layer.cores else "host",
        str(layer.lag),
        number(layer.events),
        number(layer.messages),
        "-" if energy is None or energy.typical is None else told(energy, span=False),
        layer.binds or "-",
        percent(layer.share),
        "-" if layer.weight_bits is None else str(layer.weight_bits),
        "-" if layer.weight_error is None else f"{layer.weight_error:.2%}",
    )
