"""training-energy: what a training takes in joules, and after how many inferences a saving has earned it back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from neuedge_models.experiments.bench import MNIST_RATE, Budget, train
from neuedge_models.experiments.coded import choice, encoded
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.price import measured, price
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_nir.interpreter.run import simulate
from neuedge_nir.reproduction.finding import Claim, Finding, Spread, judged

COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
"""Microjoules that the processor's package took, where the system lets us read them."""
STATED_W = 15.0
"""Of one busy core, stated, not measured: a thermal design power shared by cores is of this size."""
YEAR = 365 * 24 * 3600
"""Inferences of a year, one a second."""
BUDGETS = {True: Budget(800, 2, 400, 500), False: Budget(10_000, 5, 2000, 2000)}
TIMED = 20
"""Samples of which the processor's time is taken."""
FIRST, SAVED = "inferences to break even, processor to chip", "saved by the encoder uJ"
ROW, COUNTED = "MNIST 784-256-10", "counted by RAPL"


def work(plan: Plan) -> Finding:
    """MNIST: joules of a training, of an inference here and on Loihi 2, and the break-even points between them."""
    rows, counted = Rows(), _joules() is not None
    for seed in plan.each_seed("mnist"):
        rows.put(ROW, _numbers(seed, plan))
    source = COUNTED if counted else f"processor time x {STATED_W:g} W, stated"
    notes = (
        "Times are measured: no two runs agree in them, and other machines differ more.",
        f"Joules of training and of the processor: {source}. Those of Loihi 2: `compile`, typical, one inference at a "
        "time, static power for its duration included.",
        "The processor runs this package's interpreter, one sample at a time, which is no tuned implementation.",
    )
    budget = {"mnist": BUDGETS[plan.quick].words, "joules of the training": source}
    return Finding(
        claims(rows, source),
        (rows.table("Joules and break-even points"),),
        "training J",
        (),
        budget,
        notes=notes,
        repeats=False,
    )


def claims(rows: Rows, source: str) -> tuple[Claim, ...]:
    """What follows from the table; `source` says where the joules of the training come from."""
    spent, first = (rows.of(ROW, name) for name in ("training J", FIRST))
    saved = zip(rows.found[ROW]["training J"], rows.found[ROW][SAVED], strict=True)
    return (
        Claim(
            "the energy of training is earned back in use (within a year of one inference a second)",
            "open question",
            f"{spent.words} J ({source}); after {first.words} inferences on Loihi 2 instead of this processor",
            f"by the encoder alone, rate code and encoder both on the chip: {_after([*saved])}",
            judged(0 < first.mean <= YEAR),
        ),
    )


def _numbers(seed: int, plan: Plan) -> dict[str, float]:
    before, started = _joules(), time.process_time()
    known = train(MNIST_RATE, BUDGETS[plan.quick], seed, plan.folder)
    seconds, behind = time.process_time() - started, _joules()
    joules = behind - before if before is not None and behind is not None else seconds * STATED_W
    network = encoded(known.network, choice([known]).setting)
    original, coded = measured(known.network, known.test), measured(network, known.test)
    chip = price(known.network, original.rates, original.steps).typical_all_nj / 1e9
    encoder = price(network, coded.rates, coded.steps).typical_all_nj / 1e9
    started = time.process_time()
    for at in range(TIMED):
        simulate(known.network, known.test.part(slice(at, at + 1)).inputs)
    here = STATED_W * (time.process_time() - started) / TIMED
    found = {"accuracy %": 100 * original.accuracy, "training s": seconds, "training J": joules}
    found |= {"inference here mJ": 1e3 * here, "on Loihi 2 uJ": 1e6 * chip, "with the encoder uJ": 1e6 * encoder}
    found |= {FIRST: joules / (here - chip), SAVED: 1e6 * (chip - encoder)}
    return found


def _after(seeds: Sequence[tuple[float, float]]) -> str:
    """Inferences until a saving has earned the joules; by seed (joules, microjoules saved by each inference)."""
    if any(saved <= 0 for _, saved in seeds):
        return "never, with some seeds"
    return f"after {Spread.of([1e6 * joules / saved for joules, saved in seeds]).words}"


def _joules() -> float | None:
    """What the processor's counter says, in joules; None where it cannot be read."""
    try:
        return int(COUNTER.read_text(encoding="utf-8")) / 1e6
    except (OSError, ValueError):
        return None


TRAINING_ENERGY = Trial("training-energy", "joules of a training, and the inferences that earn them back", work)
