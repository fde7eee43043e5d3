"""deployment: event-camera networks on a single Loihi 2 chip: how full its cores are, and how long an answer takes."""

from __future__ import annotations

from neuedge_models.experiments.bench import Bench, Budget, Trained, train
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.gestures import GESTURES
from neuedge_models.experiments.naive import naive_plan, used
from neuedge_models.experiments.price import measured, of_plan, planned
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_models.nmnist import NMNIST
from neuedge_nir.reproduction.finding import Claim, Finding, judged

UTILISED, WANTED, LATE_MS, CLAIMED_MS = 89.0, 85.0, 5.0, 2.3
COPIES = 16
CASES = {
    "N-MNIST": Bench(NMNIST, Budget(300, 4, 60, 100), Budget(1000, 14, 60, 100)),
    "synthetic gestures": Bench(GESTURES, Budget(280, 3, 60, 210), Budget(640, 8, 60, 210)),
}


def work(plan: Plan) -> Finding:
    """Both networks, packed and layer by layer."""
    rows = Rows()
    for name, bench in CASES.items():
        for seed in plan.each_seed(name):
            _add(rows, name, train(bench.model, bench.budget(plan.quick), seed, plan.folder))
    notes = (
        "The gestures are synthetic: blobs that move by a formula. DVS Gesture was not to be had.",
        f"{COPIES} copies beside each other, for one network is too small to fill a core or two; but for the shares in "
        "use all is of one copy.",
        "Scarcest: in each core with neurons the fullest of all its limits, mean over cores. What NeuEdge calls "
        "utilisation is not defined; the four shares of the report are in the table.",
    )
    budget = {name: bench.budget(plan.quick).words for name, bench in CASES.items()}
    return Finding(claims(rows), (rows.table("On one Loihi 2 chip"),), "scarcest %", (), budget, notes=notes)


def claims(rows: Rows) -> tuple[Claim, ...]:
    """What follows from the table."""
    packed = [rows.of(name, "scarcest %") for name in CASES]
    alone = [rows.of(name, "scarcest %, one copy") for name in CASES]
    naive = [rows.of(name, "scarcest %, naive") for name in CASES]
    worst = max((rows.of(name, "latency ms, at most") for name in CASES), key=lambda each: each.mean)
    typical = [rows.of(name, "latency ms") for name in CASES]
    told = " and ".join(f"{each.words} %" for each in packed)
    beside = "a layer per core: " + " and ".join(f"{each.words} %" for each in naive)
    beside += "; packed, one copy: " + " and ".join(f"{each.words} %" for each in alone)
    times = " and ".join(f"{each.words} ms" for each in typical)
    return (
        Claim(
            "89 % of the cores' resources used, 47 % before",
            "abstract",
            f"{told} of the scarcest limit ({COPIES} copies of {' and '.join(CASES)}), by packing alone",
            beside,
            judged(min(each.mean for each in packed) >= UTILISED),
            min(each.mean for each in naive) >= UTILISED,
        ),
        Claim(
            "at least 85 % used on a single chip",
            "our reading of the deployment",
            f"{told}, {COPIES} copies",
            beside,
            judged(min(each.mean for each in packed) >= WANTED),
            min(each.mean for each in naive) >= WANTED,
        ),
        Claim(
            "2.3 ms an inference",
            "abstract",
            f"{times} modelled on Loihi 2; {worst.words} ms at most",
            f"a bound of {LATE_MS:g} ms; the claim's network is not known",
            judged(worst.mean <= CLAIMED_MS),
        ),
    )


def _add(rows: Rows, name: str, known: Trained) -> None:
    found = measured(known.network, known.test)
    packed = planned(known.network, found.rates, found.steps)
    naive = naive_plan(known.network, found.rates, found.steps)
    filled = planned(known.network, found.rates, found.steps, copies=COPIES)
    cost, use = of_plan(packed), filled.mapping.utilisation
    rows.put(
        name,
        {
            "accuracy %": 100 * found.accuracy,
            "chips": packed.mapping.chips_used,
            "cores": packed.mapping.cores_neurons,
            "scarcest %": 100 * used(filled),
            "scarcest %, one copy": 100 * used(packed),
            "scarcest %, naive": 100 * used(naive),
            "cores, naive": naive.mapping.cores_neurons,
            "neurons %": 100 * (use.neurons or 0.0),
            "synapse memory %": 100 * (use.synapse_memory or 0.0),
            "axons %": 100 * (use.axons_in or 0.0),
            "chip's cores %": 100 * use.cores,
            "latency ms": cost.latency_ms[1],
            "latency ms, at most": cost.latency_ms[2],
            "energy nJ": cost.dynamic_nj[1],
        },
    )


DEPLOYMENT = Trial("deployment", "event-camera networks on one Loihi 2 chip: use of cores, and latency", work)
