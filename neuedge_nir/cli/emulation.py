"""What `simulate --as CHIP` tells: a run in a chip's own numbers beside the reference."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from neuedge_nir.cli.shared import print_diagnostics, raise_if_interrupted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from neuedge_nir.emulation.agreement import Agreement
    from neuedge_nir.emulation.model import IntegerNetwork
    from neuedge_nir.emulation.run import Emulation
    from neuedge_nir.interpreter.run import Run
    from neuedge_nir.interpreter.samples import Samples
    from neuedge_nir.network.model import Network


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """An emulation, and how far it agrees with the reference."""

    emulation: Emulation
    agreement: Agreement


def in_integers(network: Network, target: str, arguments: argparse.Namespace) -> IntegerNetwork:
    """The network as the chip of this name would hold it; remarks on that go to stderr. Raises as `compile`."""
    from neuedge_nir.api import chip_of
    from neuedge_nir.emulation.run import quantised
    from neuedge_nir.rewrite.door import Context
    from neuedge_nir.rewrite.legalising import legalised

    chip, known = chip_of(target), len(network.origin.diagnostics)
    whole = legalised(network, chip, Context(chip, None, None, network.dt, network.reset))
    print_diagnostics(whole.origin.diagnostics[known:])
    found = quantised(whole, chip, arguments.dt, arguments.reset)
    print_diagnostics(found.legal.diagnostics)
    return found


def emulated(integers: IntegerNetwork, samples: Samples, reference: Run) -> Beside:
    """Run a quantised network on the samples of the reference."""
    from neuedge_nir.emulation.agreement import agreement
    from neuedge_nir.emulation.run import run_integers

    found = run_integers(integers, samples.of(integers.network), record=list(reference.recorded))
    raise_if_interrupted()
    return Beside(found, agreement(integers.network, reference, found.run, samples.labels))


def as_json(beside: Beside) -> dict[str, object]:
    """One entry of `emulations`."""
    found, chip = beside.emulation, beside.emulation.chip
    return {
        "chip": {"name": chip.name, "sha256": chip.sha256},
        "arithmetic": None if chip.arithmetic is None else chip.arithmetic.kind,
        "accuracy": beside.agreement.accuracy,
        "same_class": beside.agreement.same_class,
        "spikes": {name: asdict(spikes) for name, spikes in beside.agreement.spikes.items()},
        "overflows": {name: dict(counts) for name, counts in found.overflows.items() if counts},
        "quantisation": [asdict(loss) for loss in found.losses],
    }


def as_tables(beside: Beside) -> list[RenderableType]:
    """Spikes of both runs, the cost of quantisation, and the verdict in a line."""
    from neuedge_nir.report.text import table

    found = beside.emulation
    header = ("population", "spikes, reference", "spikes, emulated", "equal", "numbers that did not fit")
    rows = [(x.population, *_spikes(beside, x.population), _overflows(found, x.population)) for x in found.losses]
    of_weights = ("max error / max weight", "rms error / rms weight")  # so the first may be below the second
    errors = ("population", "largest weight", *of_weights, "threshold", "decay", "bias")
    losses = [(x.population, f"{x.largest_weight:,}", *map(_share, x.errors)) for x in found.losses]
    kind = "" if found.chip.arithmetic is None else found.chip.arithmetic.kind
    return [
        table(f"As {found.chip.title}, arithmetic {kind}", header, rows, right=(1, 2, 3)),
        table("Relative errors of quantisation", errors, losses, right=(1, 2, 3, 4, 5, 6)),
        _verdict(beside),
    ]


def _spikes(beside: Beside, name: str) -> tuple[str, str, str]:
    spikes = beside.agreement.spikes.get(name)
    return (
        ("-", "-", "-") if spikes is None else (f"{spikes.reference:,}", f"{spikes.emulated:,}", f"{spikes.equal:.2%}")
    )


def _overflows(found: Emulation, name: str) -> str:
    return ", ".join(f"{what} {count:,} times" for what, count in found.overflows[name].items()) or "none"


def _share(error: float) -> str:
    return "exact" if error == 0 else f"{error:.2g}"


def _verdict(beside: Beside) -> str:
    found = beside.agreement
    same = f"the reference's class in {100 * found.same_class:.2f} % of the samples"
    if found.accuracy is None or found.reference_accuracy is None:
        return f"as {beside.emulation.chip.name}: {same}"
    was = f"{100 * found.reference_accuracy:.2f} % in floating point"
    return f"as {beside.emulation.chip.name}: accuracy {100 * found.accuracy:.2f} %, {was}; {same}"
