"""hybrid-vs-rate: NeuEdge's hybrid of rate and time beside pure rate and pure time, at the same number of spikes."""

from __future__ import annotations

import statistics

from neuedge_models.experiments.bench import BENCHES, Trained, trained
from neuedge_models.experiments.coded import encoded
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.price import measured
from neuedge_models.experiments.streams import static
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_nir.reproduction.finding import Claim, Finding, Spread, judged

CODES = {
    "hybrid, v_base 2": "v_base=2,weight_scale=3",
    "hybrid, v_base 4": "v_base=4,weight_scale=3",
    "hybrid, v_base 8": "v_base=8,weight_scale=4",
    "hybrid, v_base 8, alpha 0.5": "v_base=8,alpha=0.5,weight_scale=3",
    "time alone (one spike), v_base 4": "v_base=4,cap=1,weight_scale=6",
    "time alone (one spike), v_base 8, alpha 0.9": "v_base=8,alpha=0.9,cap=1,weight_scale=4",
}
STEPS = (25, 12, 6, 4, 3, 2)
"""Of the rate code: fewer of them are the control, its spikes becoming fewer too."""
GAINS = (1.0, 2.0, 4.0)
"""On the weights behind the input, with which the rate code may make up for fewer spikes as the hybrids do."""


def work(plan: Plan) -> Finding:
    """MNIST: accuracy against input spikes; a hybrid is held against a rate code with no more spikes than it."""
    rows = Rows()
    for seed in plan.each_seed("mnist"):
        _add(rows, seed, plan)
    notes = (
        "Nothing is trained again; weights behind the input are scaled as the pass hybrid-encoding is told.",
        "The rate code with as many spikes: between the two nearest numbers of steps, by a straight line; the best of "
        f"weights times {', '.join(f'{gain:g}' for gain in GAINS)}, chosen on the test samples themselves.",
    )
    budget = {"mnist": BENCHES["mnist"].budget(plan.quick).words, "timesteps": 25}
    return Finding(claims(rows), (rows.table("MNIST, 784-256-10"),), "accuracy %", (), budget, notes=notes)


def claims(rows: Rows) -> tuple[Claim, ...]:
    """What follows from the table."""
    hybrids = [cells for name, cells in rows.found.items() if name.startswith("hybrid")]
    pairs = [zip(cells["accuracy %"], cells["best rate code %"], strict=True) for cells in hybrids]
    over = Spread.of(
        [statistics.mean(each) for each in zip(*([a - b for a, b in pair] for pair in pairs), strict=True)]
    )
    return (
        Claim(
            "a hybrid of rate and time tells more than a rate code with as many spikes",
            "summary",
            f"{over.words} points of accuracy over a rate code with as many input spikes, mean of the hybrids",
            "the same rate code after fewer steps, weights scaled, the best in its favour",
            judged(over.mean > over.sd),
        ),
    )


def _add(rows: Rows, seed: int, plan: Plan) -> None:
    import numpy as np

    known = trained("mnist", seed, plan.quick, plan.folder)
    course = measured(known.network, known.test).course
    labels = known.test.labels
    assert labels is not None
    for steps in STEPS:
        answers = course.after(steps)
        right = 100 * answers.accuracy(labels)
        rows.put(
            f"rate, {steps} steps", {"accuracy %": right, "input spikes": answers.input_spikes, "all": answers.spikes}
        )
    curves = [_curve(known, gain) for gain in GAINS]
    for name, setting in CODES.items():
        found = measured(encoded(known.network, setting), known.test)
        whole = found.course.whole()
        rows.put(name, {"accuracy %": 100 * found.accuracy, "input spikes": whole.input_spikes, "all": whole.spikes})
        if name.startswith("hybrid"):
            best = max(float(np.interp(whole.input_spikes, *curve)) for curve in curves)
            rows.put(name, {"best rate code %": best})


def _curve(known: Trained, gain: float) -> tuple[list[float], list[float]]:
    """Input spikes and accuracy (%) of the rate code after 1, 2 ... timesteps, with weights behind the input so large.

    A threshold of 1 / gain is the same: membranes are reset to 0.
    """
    course, labels = measured(static(known.network, 1 / gain), known.test).course, known.test.labels
    assert labels is not None
    stops = [course.after(n) for n in range(1, known.test.steps + 1)]
    return [each.input_spikes for each in stops], [100 * each.accuracy(labels) for each in stops]


HYBRID_VS_RATE = Trial("hybrid-vs-rate", "a hybrid code beside rate and time alone, at as many spikes", work)
