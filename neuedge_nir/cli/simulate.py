"""`neuedge-nir simulate`: run a network on samples; spikes, accuracy, an activity profile for `compile`."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.rewriting import add_passes, applied_json, calls_of, context_of, rewritten
from neuedge_nir.cli.shared import (
    add_data,
    add_early_exit,
    add_json,
    add_model,
    add_reading_options,
    check_output,
    print_diagnostics,
    print_json,
    print_tables,
    raise_if_interrupted,
    read_model,
)
from neuedge_nir.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from neuedge_nir.interpreter.metrics import Metrics
    from neuedge_nir.interpreter.run import Run
    from neuedge_nir.network.model import Network
    from neuedge_nir.rewrite.manager import Applied


PROFILE = ".npz"


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `simulate`."""
    add_model(sub)
    add_data(sub, required=True)
    sub.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.npz|FILE.h5",
        help="write rates per neuron and step, or every spike as NIRData (.h5); --activity reads both",
    )
    sub.add_argument(
        "--as",
        dest="chips",
        action="append",
        default=[],
        metavar="NAME|FILE.toml",
        help="run in a chip's own numbers too, beside the reference; may be repeated",
    )
    add_early_exit(sub)
    add_passes(sub)
    add_reading_options(sub)
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Simulate one model. Raises `InputError` where the model or its data are refused; nothing is written then."""
    from neuedge_nir.cli.emulation import as_json, as_tables, emulated, in_integers
    from neuedge_nir.files import write_whole
    from neuedge_nir.interpreter.answers import accuracy
    from neuedge_nir.interpreter.run import simulate

    if arguments.output is not None:
        _check_suffix(arguments.output)
        check_output(arguments.output, arguments.model, arguments.data)
    calls = calls_of(arguments)
    read = read_model(arguments)
    print_diagnostics(read.origin.diagnostics)
    context = context_of(arguments, read)
    samples = context.samples
    assert samples is not None  # --data is required
    network, applied = rewritten(read, calls, context, arguments)
    integers = [in_integers(network, name, arguments) for name in arguments.chips]
    kept = network.sources if _every_spike(arguments.output) else [p.name for p in network.populations if integers]
    found = simulate(network, samples.of(network), record=kept, metered=True)
    beside = [emulated(each, samples, found) for each in integers]
    correct = None if samples.labels is None else accuracy(found, samples.labels)
    early = None if arguments.early_exit is None else _early(network, found, arguments.early_exit, samples.labels)
    raise_if_interrupted()
    if arguments.output is not None:
        write_whole(arguments.output, _content(found, _every_spike(arguments.output)))
    if arguments.json:
        emulations = {"emulations": [as_json(each) for each in beside]} if beside else {}
        exits = {} if early is None else {"early_exit": asdict(early)}
        print_json(_json(network, found, correct, applied) | exits | emulations)
    else:
        print_tables(
            [
                *_tables(network, found, correct),
                *([_exit_line(early, found)] if early else []),
                *(one for each in beside for one in as_tables(each)),
            ]
        )
    return 0


@dataclass(frozen=True, slots=True)
class EarlyExit:
    """What stopping at a lead costs and saves: means per sample, beside the run over all steps."""

    lead: float
    steps: float
    spikes: float
    spikes_without: float
    same_class: float
    accuracy: float | None


def _early(network: Network, found: Run, lead: float, labels: NDArray[np.int64] | None) -> EarlyExit:
    from neuedge_nir.interpreter.answers import Course

    course = Course.of_run(network, found)
    whole, answers = course.whole(), course.exit_at(lead)
    correct = None if labels is None else answers.accuracy(labels)
    return EarlyExit(lead, answers.steps, answers.spikes, whole.spikes, answers.agreement(whole), correct)


def _exit_line(early: EarlyExit, found: Run) -> str:
    correct = "" if early.accuracy is None else f", accuracy {100 * early.accuracy:.2f} %"
    return (
        f"stopping at a lead of {early.lead:g}: {early.steps:.2f} of {found.steps} steps, "
        f"{early.spikes:,.1f} of {early.spikes_without:,.1f} spikes per sample, "
        f"same class {100 * early.same_class:.2f} %{correct}"
    )


def _check_suffix(output: Path) -> None:
    """Raises `UsageError` (USE001) for a file of neither kind."""
    from neuedge_nir.frontend.recordings import SUFFIXES

    known = (PROFILE, *SUFFIXES)
    if output.suffix.lower() not in known:
        hint = f"call it {PROFILE}, which holds rates, or {' or '.join(SUFFIXES)}, which hold every spike"
        raise UsageError("USE001", f"no kind of file ends in {output.suffix!r}", where=f"-o {output}", hint=hint)


def _every_spike(output: Path | None) -> bool:
    from neuedge_nir.frontend.recordings import SUFFIXES

    return output is not None and output.suffix.lower() in SUFFIXES


def _content(found: Run, every: bool) -> bytes:
    """The file of a run: every spike, or a profile of rates."""
    from neuedge_nir.frontend.recordings import encoded_recordings
    from neuedge_nir.interpreter.profile import encoded, profile

    if every:
        return encoded_recordings(found.recorded, found.dt)
    return encoded(profile(found))


def _json(network: Network, found: Run, correct: float | None, applied: list[Applied]) -> dict[str, object]:
    return {
        "schema": "neuedge-nir/simulate/1",
        "model": {"name": network.origin.name, "sha256": network.origin.sha256},
        "samples": found.samples,
        "steps": found.steps,
        "dt": found.dt,
        "reset": found.reset.value,
        "accuracy": correct,
        "passes": applied_json(applied),
        "metrics": None if found.metrics is None else asdict(found.metrics),
        "activity": {each.name: each.json for each in _senders(network, found)},
    }


@dataclass(frozen=True, slots=True)
class Sender:
    """What a population or an input sent: spikes, or, where it does not spike, a value of each neuron and timestep."""

    name: str
    kind: str
    neurons: int
    spiking: bool
    per_sample: float
    rate: float

    @property
    def json(self) -> dict[str, object]:
        spikes = (self.per_sample, self.rate) if self.spiking else (0.0, 0.0)
        told: dict[str, object] = {"neurons": self.neurons}
        told |= {"spikes_per_sample": spikes[0], "spikes_per_neuron_per_step": spikes[1]}
        values = {"values_per_sample": self.per_sample, "values_per_neuron_per_step": self.rate}
        return told if self.spiking else told | values

    @property
    def row(self) -> tuple[str, ...]:
        per_sample, rate = f"{self.per_sample:,.1f}", f"{self.rate:.4g}"
        if not self.spiking:
            per_sample, rate = f"none; {self.per_sample:,.0f} values", "none; a value"
        return self.name, self.kind, f"{self.neurons:,}", per_sample, rate


def _senders(network: Network, found: Run) -> list[Sender]:
    def sent(name: str) -> tuple[float, float]:
        return float(found.counts[name].sum()) / found.samples, found.rate(name)

    inputs = [Sender(port.name, "input", port.neurons, True, *sent(port.name)) for port in network.inputs]
    return inputs + [Sender(p.name, p.model, p.neurons, p.spiking, *sent(p.name)) for p in network.populations]


def _figures(found: Metrics) -> list[tuple[str, str]]:
    return [
        ("synaptic operations, dense", f"{found.synaptic_operations_dense:,.0f}"),
        ("synaptic operations, effective: additions", f"{found.effective_acs:,.0f}"),
        ("synaptic operations, effective: multiplications", f"{found.effective_macs:,.0f}"),
        ("membrane updates", f"{found.membrane_updates:,.0f}"),
        ("activation sparsity", f"{found.activation_sparsity:.4f}"),
        ("connection sparsity", f"{found.connection_sparsity:.4f}"),
        ("footprint", f"{found.footprint_bytes:,} bytes"),
    ]


def _tables(network: Network, found: Run, correct: float | None) -> list[RenderableType]:
    from neuedge_nir.report.text import table

    lines = [each.row for each in _senders(network, found)]
    title = (
        f"{network.origin.name}: {found.samples} samples of {found.steps} steps, dt {found.dt:g}, reset {found.reset}"
    )
    header = ("population", "model", "neurons", "spikes per sample", "per neuron and step")
    tables = [table(title, header, lines, right=(2, 3, 4))]
    if found.metrics is not None:
        tables.append(
            table("NeuroBench's figures, per sample", ("figure", "value"), _figures(found.metrics), right=(1,))
        )
    if correct is not None:
        tables.append(f"accuracy {100 * correct:.2f} % ({round(correct * found.samples)} of {found.samples})")
    return tables
