"""baseline: CIFAR-10 from 1,000 images, coded by rate, each layer on cores of its own."""

from __future__ import annotations

from neuedge_models.experiments.bench import BENCHES, trained
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.naive import naive_plan, used
from neuedge_models.experiments.price import measured, of_plan, planned
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_nir.reproduction.finding import Claim, Finding, Verdict, judged

CLAIMED = 91.0
"""% right, the least of the 91 to 96 that the abstract names for its vision and audio tasks."""


def work(plan: Plan) -> Finding:
    """Train, map packed and layer by layer, on Loihi 2; MNIST under the same budget shows what data are worth."""
    rows = Rows()
    for name in ("cifar10", "mnist"):
        for seed in plan.each_seed(name):
            _add(rows, name, seed, plan)
    notes = (
        "The energy is the dynamic one of an inference on Loihi 2 by `compile`, typical; the table has its bounds.",
        "Naive: every layer on cores of its own, cut as often as it alone needs; the same spikes, another mapping.",
        "The 1,000 images are drawn from the training part; nothing is pretrained, and no image is altered.",
    )
    budget = {name: BENCHES[name].budget(plan.quick).words for name in ("cifar10", "mnist")}
    return Finding(claims(rows), (rows.table("Rate-coded networks on Loihi 2"),), "accuracy %", (), budget, notes=notes)


def claims(rows: Rows) -> tuple[Claim, ...]:
    """What follows from the table."""
    cifar, mnist = "cifar10, 1,000 images", "mnist"
    right = rows.of(cifar, "accuracy %")
    return (
        Claim(
            "91 to 96 % right, with CIFAR-10 (a subset of 1,000 images) among the tasks",
            "abstract",
            f"{right.words} % on CIFAR-10",
            f"chance 10 %; MNIST {rows.of(mnist, 'accuracy %').words} %",
            judged(right.mean >= CLAIMED),
        ),
        Claim(
            "847 GOp/s/W; 312 times less energy than a GPU and 89 times less than a CPU",
            "abstract; one version calls it estimated",
            f"{rows.of(cifar, 'energy nJ, naive').words} nJ a sample, dynamic, modelled",
            "what an operation is, and which GPU, is not said",
            Verdict.NOT_TESTABLE,
        ),
    )


def _add(rows: Rows, name: str, seed: int, plan: Plan) -> None:
    known = trained(name, seed, plan.quick, plan.folder)
    found = measured(known.network, known.test)
    packed = planned(known.network, found.rates, found.steps)
    naive = naive_plan(known.network, found.rates, found.steps)
    low, typical, high = of_plan(naive).dynamic_nj
    rows.put(
        "cifar10, 1,000 images" if name == "cifar10" else name,
        {
            "accuracy %": 100 * found.accuracy,
            "spikes": found.spikes,
            "energy nJ, naive": typical,
            "at least": low,
            "at most": high,
            "energy nJ, packed": of_plan(packed).dynamic_nj[1],
            "cores, naive": naive.mapping.cores_neurons,
            "cores, packed": packed.mapping.cores_neurons,
            "used %, naive": 100 * used(naive),
            "used %, packed": 100 * used(packed),
        },
    )


BASELINE = Trial("baseline", "CIFAR-10 from 1,000 images, coded by rate, mapped layer by layer", work)
