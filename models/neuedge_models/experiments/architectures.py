"""architectures: the encoder that is chosen as on MNIST, on networks of other kinds."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from neuedge_models.digits import DIGITS
from neuedge_models.experiments.bench import BENCHES, Bench, Budget, Trained, train, trained
from neuedge_models.experiments.coded import best_encoder, early_exit, fewer_steps, labels_of
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.price import measured
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_models.networks import recurrent
from neuedge_nir.reproduction.finding import Claim, Finding, judged

LEAST, LOST = 3.0, 3.0
"""Times fewer spikes, points lost: what the encoding is said to do."""
RECURRENT = Bench(
    replace(DIGITS, layers=partial(recurrent, (64, 64, 10), keep=0.8)),
    Budget(1000, 6, 400, 360),
    Budget(1000, 20, 400, 360),
)
KINDS = {
    "digits": "MLP 64-96-10, digits",
    "recurrent": "recurrent 64-64-10, digits",
    "mnist": "MLP 784-256-10, MNIST",
    "cifar10": "CNN, 1,000 of CIFAR-10",
    "fsdd": "CNN, spoken digits",
}
SETTINGS = (
    *("v_base=1,weight_scale=1.5", "v_base=2,weight_scale=2", "v_base=2,weight_scale=3", "v_base=4,weight_scale=4"),
    *("v_base=2,cap=2,weight_scale=3", "v_base=0.5,window=4,weight_scale=1"),
)


def work(plan: Plan) -> Finding:
    """Times fewer spikes within a point of loss on samples apart, and the same of the controls."""
    rows = Rows()
    for kind in KINDS:
        for seed in plan.each_seed(kind):
            rows.put(KINDS[kind], _numbers(_of(kind, seed, plan)))
    fewer = {name: rows.of(name, "times fewer") for name in KINDS.values()}
    lost = {name: rows.of(name, "points lost").mean for name in KINDS.values()}
    good = [name for name in fewer if fewer[name].mean >= LEAST and lost[name] < LOST]
    controls = [max(rows.of(name, column).mean for column in ("early exit", "fewer steps")) for name in KINDS.values()]
    claims = (
        Claim(
            f"the encoding carries over to others: {LEAST:g} times fewer spikes, less than {LOST:g} points lost",
            "open question",
            f"{len(good)} of {len(KINDS)}: " + ", ".join(f"{each.mean:.2g}" for each in fewer.values()) + " times",
            "the better control " + ", ".join(f"{each:.2g}" for each in controls),
            judged(len(good) == len(KINDS)),
        ),
    )
    notes = ("1: no setting kept the accuracy on the samples to choose on, and the network stayed as it was.",)
    budget = {kind: BENCHES[kind].budget(plan.quick).words for kind in KINDS if kind in BENCHES}
    budget["recurrent"] = RECURRENT.budget(plan.quick).words
    return Finding(claims, (rows.table("By architecture"),), "times fewer", (), budget, notes=notes)


def _of(kind: str, seed: int, plan: Plan) -> Trained:
    if kind == "recurrent":
        return train(RECURRENT.model, RECURRENT.budget(plan.quick), seed, plan.folder)
    return trained(kind, seed, plan.quick, plan.folder)


def _numbers(known: Trained) -> dict[str, float]:
    original, chosen = measured(known.network, known.test), best_encoder(known, SETTINGS)
    labels = labels_of(known.test)
    shorter = fewer_steps(known, original.course)
    sooner = early_exit(known.network, known.calibration, original.course)
    return {
        "accuracy %": 100 * original.accuracy,
        "spikes": original.spikes,
        "times fewer": original.spikes / chosen.found.spikes,
        "points lost": 100 * (original.accuracy - chosen.found.accuracy),
        "early exit": original.spikes / sooner.spikes,
        "its points lost": 100 * (original.accuracy - sooner.accuracy(labels)),
        "fewer steps": original.spikes / shorter.spikes,
    }


ARCHITECTURES = Trial(
    "architectures", "the encoding on an MLP, a recurrent network and CNNs of pictures and sound", work
)
