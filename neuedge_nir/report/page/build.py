"""Plans as one HTML file: template, styles and scripts of this folder, and what `view.py` says.

The file holds all it needs. Its content security policy forbids every request, and every script and style but those
whose digest it names. Names from files reach it escaped, or as JSON that cannot end its element.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from neuedge_nir import __version__
from neuedge_nir.plan.model import Plan
from neuedge_nir.report.amounts import counted
from neuedge_nir.report.page.compare import compared
from neuedge_nir.report.page.view import view_of
from neuedge_nir.report.words import shortened

SCRIPTS = ("columns.js", "colour.js", "floor.js", "draw.js", "maps.js", "tables.js", "start.js")
"""In the order of their dependence."""


def page_of(plans: Sequence[tuple[str, Plan]]) -> bytes:
    """The page of plans, each with its label; several stand side by side too. They must be verified."""
    from jinja2 import Environment, StrictUndefined

    style, script = _read("page.css"), '"use strict";\n' + "".join(_read(name) for name in SCRIPTS)
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    views = [view_of(label, plan) for label, plan in plans]
    text = template.from_string(_read("page.html.j2")).render(
        policy=_policy(style, script),
        version=__version__,
        title=_title(plans),
        subtitle=_subtitle(plans),
        style=style,
        script=script,
        plans=views,
        compared=compared([plan for _, plan in plans], views),
    )
    return text.encode()


def _policy(style: str, script: str) -> str:
    allowed = f"script-src {_digest(script)}; style-src {_digest(style)}; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return files("neuedge_nir.report.page").joinpath(name).read_text(encoding="utf-8")


def _title(plans: Sequence[tuple[str, Plan]]) -> str:
    models = list(dict.fromkeys(shortened(plan.model.name, 80) for _, plan in plans))
    shown = ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
    chips = list(dict.fromkeys(plan.chip.title for _, plan in plans))
    return f"{shown} on {chips[0] if len(chips) == 1 else f'{len(chips)} kinds of chips'}"


def _subtitle(plans: Sequence[tuple[str, Plan]]) -> str:
    counts = plans[0][1].counts
    if len(plans) > 1:
        return f"{len(plans)} plans side by side"
    sizes = ((counts.neurons, "neuron"), (counts.synapses, "synapse"))
    inside = ", ".join(counted(size, noun) for size, noun in sizes)
    return f"{inside} in {counted(counts.populations, 'population')}"
