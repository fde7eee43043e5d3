"""Encoders in the place of a rate code, chosen on samples apart, and the controls that need none."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from neuedge_models.experiments.bench import Trained
from neuedge_models.experiments.price import measured
from neuedge_nir import Network
from neuedge_nir.interpreter.answers import Answers, Classes, Course
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
    *("v_base=1,window=8,weight_scale=1.5", "v_base=3,weight_scale=3", "v_base=5,weight_scale=5"),
    *("v_base=6,weight_scale=5", "v_base=6,weight_scale=6", "v_base=8,weight_scale=8"),
)
"""Of the pass hybrid-encoding: few enough that a small set of samples can choose among them."""


def encoded(network: Network, setting: str) -> Network:
    """The network with encoders at its inputs; itself where the setting is empty."""
    if not setting:
        return network
    return rewritten(network, [PassCall.parse(f"hybrid-encoding:{setting}")], Context())


@dataclass(frozen=True, slots=True)
class Choice:
    """One setting for all trainings of a network, and the controls: steps, and leads without the encoder and with it.

    All are the most frugal that lose, on the mean of the trainings, no more than allowed on their calibration samples:
    one training's few samples could not tell.
    """

    setting: str
    steps: int
    lead: float
    lead_encoded: float

    @property
    def words(self) -> str:
        """For a note of a result."""
        leads = f"leads {self.lead:g} and with the encoder {self.lead_encoded:g}"
        return f"encoder {self.setting or 'none'}; {self.steps} steps; {leads}"


def choice(nets: Sequence[Trained], lost: float = MOST_LOST, settings: Sequence[str] = SETTINGS) -> Choice:
    """Chosen on the calibration samples of all trainings."""
    courses, labels = _courses(nets, ""), [labels_of(each.calibration) for each in nets]
    least = _mean(courses, labels, lambda course: course.whole()) - lost
    tried = {setting: _courses(nets, setting) for setting in ("", *settings)}
    spikes = {s: sum(each.whole().spikes for each in found) for s, found in tried.items()}
    good = [s for s, found in tried.items() if _mean(found, labels, lambda course: course.whole()) >= least]
    setting = min(good, key=lambda each: spikes[each])
    steps = next(
        n
        for n in range(1, nets[0].calibration.steps + 1)
        if _mean(courses, labels, partial(Course.after, steps=n)) >= least
    )
    leads = [_lead(found, labels, least) for found in (courses, tried[setting])]
    return Choice(setting, steps, *leads)


def lead(nets: Sequence[Trained], lost: float = MOST_LOST) -> float:
    """The smallest lead on which the trainings of one network may stop early and lose no more of what they are."""
    courses, labels = _courses(nets, ""), [labels_of(each.calibration) for each in nets]
    return _lead(courses, labels, _mean(courses, labels, lambda course: course.whole()) - lost)


def _lead(courses: Sequence[Course], labels: Sequence[Classes], least: float) -> float:
    fit = (m for m in MARGINS if _mean(courses, labels, partial(Course.exit_at, margin=m)) >= least)
    return float(next(fit, math.inf))


def _courses(nets: Sequence[Trained], setting: str) -> list[Course]:
    return [measured(encoded(each.network, setting), each.calibration).course for each in nets]


def _mean(courses: Sequence[Course], labels: Sequence[Classes], answer: Callable[[Course], Answers]) -> float:
    """The mean accuracy of the trainings."""
    return statistics.mean(answer(each).accuracy(truth) for each, truth in zip(courses, labels, strict=True))


def labels_of(samples: Samples) -> Classes:
    """What the samples show. They are those of a classifier."""
    assert samples.labels is not None
    return samples.labels
