"""`neuedge-nir inspect`: what is in the file, and what the reader had to assume."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from neuedge_nir.cli.shared import (
    add_json,
    add_model,
    add_reading_options,
    print_diagnostics,
    print_json,
    print_tables,
    reading_of,
)

if TYPE_CHECKING:
    from neuedge_nir.network.model import Network, Population, Projection


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `inspect`."""
    add_model(sub)
    add_reading_options(sub)
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Show a model. Raises `InputError` where it is refused."""
    from neuedge_nir.api import network_of

    network = network_of(arguments.model, reading_of(arguments))
    print_diagnostics(network.origin.diagnostics)
    if arguments.json:
        print_json(_json(network))
    else:
        _draw(network)
    return 0


def _json(network: Network) -> dict[str, object]:
    from neuedge_nir.plan.build import counts

    c = counts(network)
    return {
        "schema": "neuedge-nir/inspect/1",
        "model": {
            "name": network.origin.name,
            "sha256": network.origin.sha256,
            "nir_version": network.origin.nir_version,
            "populations": c.populations,
            "projections": c.projections,
            "neurons": c.neurons,
            "synapses": c.synapses,
            "stored_weights": c.stored_weights,
        },
        "reset": network.reset.value if network.reset else None,
        "dt": network.dt,
        "inputs": [{"name": p.name, "shape": p.shape} for p in network.inputs],
        "outputs": [{"name": p.name, "shape": p.shape} for p in network.outputs],
        "populations": [_population(p) for p in network.populations],
        "projections": [_projection(p, network) for p in network.projections],
        "diagnostics": [
            {"code": d.code, "severity": d.severity.value, "node": d.node, "message": d.message, "hint": d.hint}
            for d in network.origin.diagnostics
        ],
    }


def _population(p: Population) -> dict[str, object]:
    return {
        "name": p.name,
        "model": p.model,
        "shape": p.shape,
        "neurons": p.neurons,
        "biased": p.bias is not None,
        "parameters": {name: _range(values) for name, values in p.parameters.items()},
    }


def _range(values) -> object:  # type: ignore[no-untyped-def]
    low, high = float(values.min()), float(values.max())
    return low if low == high else {"low": low, "high": high}


def _projection(p: Projection, network: Network) -> dict[str, object]:
    from neuedge_nir.network.count import counter
    from neuedge_nir.network.slices import whole

    everything = whole(p.target_shape)
    count = counter(p)
    return {
        "name": p.name,
        "source": p.source,
        "target": p.target,
        "operators": [f"{type(op).__name__} {op.node}" for op in p.chain],
        "recurrent": p.steps > 0,
        "delay_steps": p.steps,
        "signal": p.signal.value,
        "synapses": count.synapses(everything) if p.target in {q.name for q in network.populations} else 0,
        "stored_weights": count.stored_weights(everything),
    }


def _draw(network: Network) -> None:
    from neuedge_nir.plan.build import counts
    from neuedge_nir.report.text import table

    c = counts(network)
    size = f"{c.neurons:,} neurons, {c.synapses:,} synapses, {c.stored_weights:,} stored weights"
    ports = [
        (p.name, kind, _shape(p.shape), f"{p.neurons:,}", "")
        for kind, ps in (("Input", network.inputs), ("Output", network.outputs))
        for p in ps
    ]
    populations = [(p.name, p.model, _shape(p.shape), f"{p.neurons:,}", _parameters(p)) for p in network.populations]
    rows = [_projection(p, network) for p in network.projections]
    print_tables(
        [
            table(
                f"{network.origin.name}: {size}",
                ("population", "model", "shape", "neurons", "parameters"),
                [*ports, *populations],
                right=(3,),
            ),
            table(
                "Projections",
                ("from", "to", "through", "synapses", "weights", ""),
                [_line(r) for r in rows],
                right=(3, 4),
            ),
        ]
    )


def _line(row: dict[str, object]) -> tuple[str, ...]:
    operators = row["operators"]
    through = ", ".join(map(str, operators)) if isinstance(operators, list) and operators else "one to one"
    note = "recurrent" if row["recurrent"] else ""
    return str(row["source"]), str(row["target"]), through, f"{row['synapses']:,}", f"{row['stored_weights']:,}", note


def _parameters(p: Population) -> str:
    shown = []
    for name, values in p.parameters.items():
        low, high = float(values.min()), float(values.max())
        shown.append(f"{name} {low:g}" if low == high else f"{name} {low:g}..{high:g}")
    return ", ".join(shown)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) if math.prod(shape) else "-"
