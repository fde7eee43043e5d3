"""The text report of a plan: the ten lines that matter first, then layer by layer, then all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import Row, number, percent
from neuedge_nir.report.figures import Figure, figures_of
from neuedge_nir.report.grid import Lines
from neuedge_nir.report.headline import Headline, headline_of, told
from neuedge_nir.report.layer_energy import beside_layers
from neuedge_nir.report.per_layer import Layer, layers_of
from neuedge_nir.report.text import model_words, plan_tables, table
from neuedge_nir.report.use import copy_of
from neuedge_nir.report.words import printable, shortened

if TYPE_CHECKING:
    from rich.console import RenderableType


def plan_report(plan: Plan) -> list[RenderableType]:
    """What `compile` and `report` print."""
    figures = figures_of(plan)
    return [*_headline(headline_of(plan, figures)), _layers(plan, figures), *plan_tables(plan)]


def _headline(found: Headline) -> list[RenderableType]:
    from rich.text import Text

    verdict = ("verdict", found.verdict, "green" if found.proved else "yellow")
    lines = Lines((verdict, *((name, text, STYLES.get(name, "")) for name, text in found.lines)))
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


LONGEST_NAME = 40
"""Columns of a layer's name; of a longer one the beginning and the end are shown."""

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
        shortened(layer.name, LONGEST_NAME),
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
