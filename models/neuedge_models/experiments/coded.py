"""Encoders in the place of a rate code, chosen on samples apart, and the controls that need none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neuedge_models.experiments.bench import Trained
from neuedge_models.experiments.price import Measured, measured
from neuedge_nir import Network
from neuedge_nir.interpreter.answers import Answers, Course
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.manager import rewritten

MOST_LOST = 0.01
"""Accuracy that a setting may lose on the samples it is chosen on."""
MARGINS = (1, 2, 3, 4, 6, 8)
"""Leads of the output's spike counts at which a sample may end."""
SETTINGS = (
    *("v_base=1,weight_scale=1.5", "v_base=2,weight_scale=2", "v_base=2,weight_scale=3", "v_base=4,weight_scale=3"),
    *("v_base=4,weight_scale=4", "v_base=6,weight_scale=4", "v_base=8,weight_scale=4", "v_base=8,weight_scale=6"),
    *("v_base=2,cap=2,weight_scale=3", "v_base=4,cap=2,weight_scale=4", "v_base=8,alpha=0.5,weight_scale=3"),
    "v_base=1,window=8,weight_scale=1.5",
)
"""Of the pass hybrid-encoding: few enough that a small set of samples can choose among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What was chosen on the calibration samples, and what it gives on the test samples."""

    setting: str
    network: Network
    found: Measured


def encoded(network: Network, setting: str) -> Network:
    """The network with encoders at its inputs."""
    return rewritten(network, [PassCall.parse(f"hybrid-encoding:{setting}")], Context())


def best_encoder(trained: Trained, settings: Sequence[str] = SETTINGS, lost: float = MOST_LOST) -> Chosen:
    """The most frugal of the settings that loses no more than allowed on the calibration samples; else the original."""
    calibration = trained.calibration
    original = measured(trained.network, calibration)
    tried = [(setting, measured(encoded(trained.network, setting), calibration)) for setting in settings]
    fit = [(each.spikes, name) for name, each in tried if each.accuracy >= original.accuracy - lost]
    _, setting = min(fit, default=(0.0, ""))
    network = encoded(trained.network, setting) if setting else trained.network
    return Chosen(setting or "none", network, measured(network, trained.test))


def fewer_steps(trained: Trained, test: Course, lost: float = MOST_LOST) -> Answers:
    """The control: the original on the fewest first timesteps that lose no more than allowed on the calibration."""
    course, labels = Course.of(trained.network, trained.calibration), labels_of(trained.calibration)
    least = course.whole().accuracy(labels) - lost
    steps = trained.calibration.steps
    enough = next(n for n in range(1, steps + 1) if course.after(n).accuracy(labels) >= least)
    return test.after(enough)


def early_exit(network: Network, calibration: Samples, test: Course, lost: float = MOST_LOST) -> Answers:
    """The other control: samples end at the smallest lead that loses no more than allowed on the calibration."""
    course, labels = Course.of(network, calibration), labels_of(calibration)
    least = course.whole().accuracy(labels) - lost
    enough = next((m for m in MARGINS if course.exit_at(m).accuracy(labels) >= least), float("inf"))
    return test.exit_at(enough)


def labels_of(samples: Samples):  # type: ignore[no-untyped-def]
    assert samples.labels is not None
    return samples.labels
