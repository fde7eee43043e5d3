"""`--pass`, `--pipeline`, `--emit-after`: passes on the command line, what each did, the networks between them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.shared import check_output, data_of, print_diagnostics, print_tables
from neuedge_nir.errors import UsageError
from neuedge_nir.events import Event, Finished, Observer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from neuedge_nir.network.model import Network
    from neuedge_nir.rewrite.call import PassCall
    from neuedge_nir.rewrite.door import Cell, Context, Table
    from neuedge_nir.rewrite.manager import Applied, Effect


def add_passes(sub: argparse.ArgumentParser, *, emit: bool = True) -> None:
    """`--pass` and `--pipeline`, as often as wanted and in any order; `--emit-after` where one network results."""
    sub.add_argument(
        "--pass",
        dest="passes",
        action="append",
        default=[],
        type=lambda text: ("pass", text),
        metavar="NAME[:key=value,...]",
        help="rewrite the network first; may be repeated",
    )
    sub.add_argument(
        "--pipeline",
        dest="passes",
        action="append",
        type=lambda text: ("pipeline", text),
        metavar="FILE.toml[:NAME]",
        help="the passes of a pipeline, in its order",
    )
    if emit:
        sub.add_argument(
            "--emit-after",
            dest="emitted",
            action="append",
            default=[],
            nargs=2,
            metavar=("PASS", "OUT.nir"),
            help="write the network as it is after that pass",
        )


def calls_of(arguments: argparse.Namespace) -> tuple[PassCall, ...]:
    """The passes that were named, those of pipelines in their place. Raises `UsageError` and `InputError`.

    Says before any work that a network to be emitted cannot be.
    """
    from neuedge_nir.rewrite.call import PassCall, pipeline

    calls: list[PassCall] = []
    for kind, text in arguments.passes:
        calls += pipeline(text) if kind == "pipeline" else [PassCall.parse(text)]
    for name, path in getattr(arguments, "emitted", ()):
        if name not in {call.name for call in calls}:
            hint = f"the passes are: {', '.join(call.name for call in calls) or 'none'}"
            raise UsageError("USE027", f"no pass {name!r} is run", where="--emit-after", hint=hint)
        check_output(Path(path), arguments.model, *(other for _, other in arguments.emitted if other is not path))
    return tuple(calls)


class Watch:
    """Keeps what passes did; once all are done it says so on stderr, and writes the networks that are to be emitted."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.applied: list[Applied] = []
        self._emitted: Sequence[tuple[str, str]] = getattr(arguments, "emitted", ())

    def told(self, onward: Observer) -> Observer:
        """An observer that reports when the stage of the passes is over, and hands on what it is told."""

        def observe(event: Event) -> None:
            if event == Finished("passes"):
                self.report()
            onward(event)

        return observe

    def report(self) -> None:
        """Say what the passes did, and write the networks between them. Raises `InputError` as `write` does."""
        from neuedge_nir.frontend import write
        from neuedge_nir.report.words import printable
        from neuedge_nir.rewrite.manager import broken_promise

        for done in self.applied:
            print(printable(line_of(done)), file=sys.stderr)
            print_tables([_table(each) for each in done.report], sys.stderr)
            broken = broken_promise(done)
            print_diagnostics([broken] if broken else [])
        for name, path in self._emitted:
            write(next(done.network for done in reversed(self.applied) if done.call.name == name), path)


def context_of(arguments: argparse.Namespace, network: Network) -> Context:
    """What passes may know: the samples of --data, and those that are to be searched on. Raises `InputError`."""
    from neuedge_nir.rewrite.door import Context

    samples, calibration = data_of(arguments, network)
    return Context(None, samples, calibration, network.dt, network.reset)


def rewritten(
    network: Network, calls: Sequence[PassCall], context: Context, arguments: argparse.Namespace
) -> tuple[Network, list[Applied]]:
    """The network after its passes, measured where there are samples, reported and emitted as the words ask."""
    from neuedge_nir.rewrite.manager import apply_passes

    watch = Watch(arguments)
    known = len(network.origin.diagnostics)
    for done in apply_passes(network, calls, context, measured=True):
        watch.applied.append(done)
        network = done.network
    watch.report()
    print_diagnostics(network.origin.diagnostics[known:])
    return network, watch.applied


def line_of(done: Applied) -> str:
    """What a pass did, in one line."""
    what = "nothing to do" if not done.changed else _effect(done.effect) if done.effect else "done"
    return f"pass {done.call} ({done.keeps}): {what}"


def _table(found: Table) -> RenderableType:
    from neuedge_nir.report.text import table

    rows = [tuple(_cell(cell) for cell in row) for row in found.rows]
    return table(found.title, found.header, rows, right=tuple(range(1, len(found.header))))


def _cell(cell: Cell) -> str:
    return "-" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _effect(effect: Effect) -> str:
    change = 100 * (effect.spikes / effect.spikes_before - 1) if effect.spikes_before else 0.0
    spikes = f"spikes {effect.spikes_before:,.1f} -> {effect.spikes:,.1f} per sample ({change:+.1f} %)"
    same = f"same class {100 * effect.agreement:.2f} %, same output {100 * effect.equal_steps:.2f} % of steps"
    if effect.accuracy is None or effect.accuracy_before is None:
        return f"{same}, {spikes}"
    return f"{same}, {spikes}, accuracy {100 * effect.accuracy_before:.2f} -> {100 * effect.accuracy:.2f} %"


def applied_json(applied: Sequence[Applied]) -> list[dict[str, object]]:
    """What the passes did, for programs."""
    from dataclasses import asdict

    return [
        {
            "pass": str(done.call),
            "keeps": done.keeps,
            "changed": done.changed,
            "effect": asdict(done.effect) if done.effect else None,
            "report": [
                {"title": table.title, "rows": [dict(zip(table.keys, row, strict=True)) for row in table.rows]}
                for table in done.report
            ],
        }
        for done in applied
    ]
