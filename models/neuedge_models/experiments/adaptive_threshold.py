"""adaptive-threshold: Eq. 11 on streams that are busy now and then, against its target and a threshold that stays."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from neuedge_models import neurons
from neuedge_models.digits import DIGITS
from neuedge_models.experiments.bench import BENCHES, apart, drawn, train
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.price import planned, price
from neuedge_models.experiments.streams import WINDOW, Seen, Stream, adapting, heard, seen, static, stream
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_models.networks import mlp
from neuedge_nir import Network
from neuedge_nir.errors import CapacityError
from neuedge_nir.reproduction.finding import Claim, Finding, judged
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.manager import rewritten

LEAKY = replace(DIGITS, layers=partial(mlp, (64, 96, 10), fire=partial(neurons.leaky, keep=0.9)), timesteps=WINDOW)
"""Without a leak noise would add up to spikes, however weak it is."""
DUTIES = (0.05, 0.3)
GAMMA = 10.0
TARGETS = (0.5, 1.0, 2.0)
"""A_target over the mean activity of busy calibration streams."""
FACTORS = (1.25, 1.5, 2.0, 3.0, 4.0)
CHIPS = {"loihi2": "", "truenorth": "approximate-leak"}
"""With the pass that a chip wants of a network that leaks."""
ENERGY, POWER = 67.0, 31.0
"""% of the energy (abstract) and of the power (294 to 201 mW, the summary's ablation)."""
SHOWN = {True: 100, False: 360}
"""Digits in the test streams."""


def work(plan: Plan) -> Finding:
    """64-96-10 LIF neurons on digits; energy of a window by the cost report of Loihi 2."""
    rows, taken = Rows(), Rows()
    for seed in plan.each_seed("digits"):
        network = _add(rows, seed, plan)
        for name, each in ((FIXED, network), (RULED, adapting(network, GAMMA, 0.1))):
            taken.put(name, {chip: _is_taken(each, chip) for chip in CHIPS})
    notes = (
        f"Eq. 11 as written, gamma {GAMMA:g}, activity of the layer's input; within 0.5 and 4 times the base.",
        "Dynamic energy of a window, modelled, without what adapting itself costs, which nobody published; the input's "
        "spikes and the updates of neurons are in it, and no threshold saves those.",
        "On TrueNorth with leaks by a constant (`--pass approximate-leak`): it has no others.",
        "The control's factor is the highest that loses at most a point on calibration streams.",
    )
    budget = {"digits": BENCHES["digits"].budget(plan.quick).words, "digits in streams": SHOWN[plan.quick]}
    tables = rows.table("Streams of digits in noise"), taken.table("Taken by `compile`: 1, refused: 0")
    return Finding(claims(rows, taken), tables, "hidden spikes saved %", (), budget, notes=notes)


def claims(rows: Rows, taken: Rows) -> tuple[Claim, ...]:
    """What follows from the tables."""
    spikes, energy, control = (
        [rows.of(_name(duty, row), column) for duty in DUTIES]
        for row, column in (
            ("target 1", "hidden spikes saved %"),
            ("target 1", "energy saved %"),
            (STATIC, "energy saved %"),
        )
    )
    lost = rows.lost(_name(DUTIES[0], "target 1"), _name(DUTIES[0], FIXED), "accuracy %")
    worst = rows.of(_name(DUTIES[1], "target 0.5"), "hidden spikes saved %")
    best = rows.of(_name(DUTIES[1], "target 1"), "hidden spikes saved %")
    return (
        Claim(
            "adaptive thresholds save 67 % of the energy",
            "abstract",
            f"{energy[0].words} % at a duty of 5 %, {lost.words} points lost; of hidden spikes {spikes[0].words} %",
            f"a higher threshold that stays {control[0].words} %",
            judged(energy[0].mean >= ENERGY),
            control[0].mean >= ENERGY,
        ),
        Claim(
            "they save 31 % of the power (294 to 201 mW)",
            "summary's ablation",
            f"{energy[1].words} % of the dynamic energy at a duty of 30 %; of hidden spikes {spikes[1].words} %",
            f"a higher threshold that stays {control[1].words} %",
            judged(energy[1].mean >= POWER),
            control[1].mean >= POWER,
        ),
        Claim(
            "A_target sets what is saved",
            "summary: homeostasis towards A_target",
            f"half the busy activity as target: {worst.words} % of hidden spikes saved at a duty of 30 %",
            f"the busy activity itself {best.words} %",
            judged(abs(best.mean - worst.mean) > best.sd + worst.sd),
        ),
        Claim(
            "the same networks run on Loihi 2 and TrueNorth",
            "abstract",
            f"with adaptive thresholds `compile` takes {_counts(taken, RULED)}",
            f"with thresholds that stay {_counts(taken, FIXED)}",
            judged(all(taken.of(RULED, chip).mean == 1 for chip in CHIPS)),
            all(taken.of(FIXED, chip).mean == 1 for chip in CHIPS),
        ),
    )


FIXED, STATIC, RULED = "fixed", "control: static", "adaptive"


def _is_taken(network: Network, chip: str) -> bool:
    """Whether the chip can do what the network wants."""
    ready = [PassCall.parse(CHIPS[chip])] if CHIPS[chip] else []
    try:
        planned(rewritten(network, ready, Context()), {}, WINDOW, chip)
    except CapacityError:
        return False
    return True


def _counts(taken: Rows, row: str) -> str:
    return ", ".join(f"{sum(each):.0f} of {len(each)} on {chip}" for chip, each in taken.found[row].items())


def _name(duty: float, row: str) -> str:
    return f"duty {duty:.0%}, {row}"


def _add(rows: Rows, seed: int, plan: Plan) -> Network:
    """The rows of one seed; returns its network."""
    budget = BENCHES["digits"].budget(plan.quick)
    network = train(LEAKY, budget, seed, None).network
    data = DIGITS.dataset(None, WINDOW)
    _, known = apart(data.train, budget)
    for duty in DUTIES:
        calibration = stream(drawn(known, SHOWN[plan.quick]), duty, seed + 1000)
        test = stream(drawn(data.test, SHOWN[plan.quick]), duty, seed)
        fixed = seen(network, test)
        target, spent = heard(calibration), _energy(network, fixed)
        ways = {STATIC: static(network, _factor(network, calibration))}
        ways |= {f"target {t:g}": adapting(network, GAMMA, t * target) for t in TARGETS}
        rows.put(_name(duty, FIXED), _told(fixed))
        for name, each in ways.items():
            found = seen(each, test)
            saved = {
                "hidden spikes saved %": 100 * (1 - found.spikes / fixed.spikes),
                "energy saved %": 100 * (1 - _energy(network, found) / spent),
            }
            rows.put(_name(duty, name), {**_told(found), **saved})
    return network


def _told(found: Seen) -> dict[str, float]:
    return {"accuracy %": 100 * found.accuracy, "busy window": found.busy, "idle window": found.idle}


def _energy(network: Network, found: Seen) -> float:
    """Of a window, of the network without the rule: the spikes it led to are in the rates."""
    return price(network, found.rates, found.steps).dynamic_nj[1]


def _factor(network: Network, calibration: Stream) -> float:
    least = seen(network, calibration).accuracy - 0.01
    kept = [factor for factor in FACTORS if seen(static(network, factor), calibration).accuracy >= least]
    return max(kept, default=1.0)


ADAPTIVE_THRESHOLD = Trial("adaptive-threshold", "thresholds by Eq. 11 on streams that are mostly idle", work)
