"""architectures: the encoder that is chosen as on MNIST, on networks of other kinds."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from neuedge_models.digits import DIGITS
from neuedge_models.experiments.bench import BENCHES, Bench, Budget, Trained, train, trained
from neuedge_models.experiments.coded import Choice, choice, encoded, labels_of
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.price import measured
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_models.networks import recurrent
from neuedge_nir.reproduction.finding import Claim, Finding, judged

LEAST, LOST, CHOSEN = 3.0, 3.0, 0.02
"""Times fewer spikes, points lost: what the encoding is said to do; and what settings may lose, of 1."""
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
    rows, told = Rows(), list[str]()
    for kind in KINDS:
        nets = [_of(kind, seed, plan) for seed in plan.each_seed(kind)]
        chosen = choice(nets, CHOSEN, SETTINGS)
        told.append(f"{kind}: {chosen.words}.")
        for known in nets:
            rows.put(KINDS[kind], _numbers(known, chosen))
    notes = (
        f"Chosen on samples apart, on the mean of the seeds, to lose at most {100 * CHOSEN:g} points there; 1: none "
        "did, and the network stayed as it was.",
        *told,
    )
    budget = {kind: BENCHES[kind].budget(plan.quick).words for kind in KINDS if kind in BENCHES}
    budget["recurrent"] = RECURRENT.budget(plan.quick).words
    return Finding(claims(rows), (rows.table("By architecture"),), "times fewer", (), budget, notes=notes)


def claims(rows: Rows) -> tuple[Claim, ...]:
    """What follows from the table."""
    fewer = {name: rows.of(name, "times fewer") for name in KINDS.values()}
    lost = {name: rows.of(name, "points lost").mean for name in KINDS.values()}
    good = [name for name in fewer if fewer[name].mean >= LEAST and lost[name] < LOST]
    columns = ("early exit", "fewer steps")
    controls = [max((rows.of(name, c) for c in columns), key=lambda each: each.mean) for name in KINDS.values()]
    return (
        Claim(
            f"the encoding carries over to others: {LEAST:g} times fewer spikes, less than {LOST:g} points lost",
            "open question",
            f"{len(good)} of {len(KINDS)}: " + ", ".join(each.words for each in fewer.values()) + " times",
            "the better control " + ", ".join(each.words for each in controls),
            judged(len(good) == len(KINDS)),
            all(each.mean >= LEAST for each in controls),
        ),
    )


def _of(kind: str, seed: int, plan: Plan) -> Trained:
    if kind == "recurrent":
        return train(RECURRENT.model, RECURRENT.budget(plan.quick), seed, plan.folder)
    return trained(kind, seed, plan.quick, plan.folder)


def _numbers(known: Trained, chosen: Choice) -> dict[str, float]:
    original, labels = measured(known.network, known.test), labels_of(known.test)
    coded = measured(encoded(known.network, chosen.setting), known.test)
    shorter, sooner = original.course.after(chosen.steps), original.course.exit_at(chosen.lead)
    return {
        "accuracy %": 100 * original.accuracy,
        "spikes": original.spikes,
        "times fewer": original.spikes / coded.spikes,
        "points lost": 100 * (original.accuracy - coded.accuracy),
        "early exit": original.spikes / sooner.spikes,
        "its points lost": 100 * (original.accuracy - sooner.accuracy(labels)),
        "fewer steps": original.spikes / shorter.spikes,
    }


ARCHITECTURES = Trial(
    "architectures", "the encoding on an MLP, a recurrent network and CNNs of pictures and sound", work
)
