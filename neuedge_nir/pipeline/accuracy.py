"""What a chip costs in accuracy on the samples of a compilation: the model beside what the chip computes."""

from __future__ import annotations

from neuedge_nir.chip.model import Chip
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.emulation.run import quantised, run_integers
from neuedge_nir.errors import NeuedgeError
from neuedge_nir.interpreter.answers import accuracy
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.pipeline.options import Options

POINTS = 0.03
"""A model that loses more of its accuracy is remarked on."""


def accuracy_signs(model: Network, after: Network, chip: Chip, reset: ResetMode, wanted: Options) -> list[Diagnostic]:
    """A remark where the network on the chip is right less often than the model by more than 3 points.

    `after` is the model after its passes. It is run in the chip's own numbers, or, where the chip's file tells none or
    cannot say how it computes this network, as it is. Nothing where no labels are known, or nothing differs.
    """
    samples = wanted.activity
    if not isinstance(samples, Samples) or samples.labels is None:
        return []
    found = _on_chip(after, chip, reset, wanted.dt, samples)
    if found is None and after is model:
        return []
    right, how = found if found is not None else (_of(after, samples, reset, wanted.dt), "after its passes")
    before = _of(model, samples, reset, wanted.dt)
    if before - right <= POINTS:
        return []
    message = f"{how} it is right in {right:.1%} of {samples.count} samples, the model in {before:.1%}"
    hint = "`simulate --as` and `--pass` tell where it is lost; train with weights of the chip's resolution"
    return [Diagnostic("WARN050", Severity.WARNING, None, message, hint)]


def _of(network: Network, samples: Samples, reset: ResetMode, dt: float | None) -> float:
    assert samples.labels is not None
    return accuracy(simulate(network, samples.of(network), dt, reset), samples.labels)


def _on_chip(
    network: Network, chip: Chip, reset: ResetMode, dt: float | None, samples: Samples
) -> tuple[float, str] | None:
    """None where the chip's numbers cannot be had: no arithmetic, values that travel, an input that is no spikes."""
    assert samples.labels is not None
    try:
        found = run_integers(quantised(network, chip, dt, reset), samples.of(network))
    except NeuedgeError:
        return None
    return accuracy(found.run, samples.labels), f"in the numbers of {chip.title}"
