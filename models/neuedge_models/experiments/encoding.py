"""encoding: NeuEdge's encoder in the place of a rate code, as it is and trained for, beside controls without it."""

from __future__ import annotations

from collections.abc import Sequence

from neuedge_models.experiments.bench import BENCHES, Trained, trained
from neuedge_models.experiments.coded import SETTINGS, Choice, choice, encoded, labels_of, lead
from neuedge_models.experiments.collect import Rows
from neuedge_models.experiments.price import measured, price
from neuedge_models.experiments.trial import Plan, Trial
from neuedge_models.experiments.tuned import EPOCHS, tuned
from neuedge_nir.interpreter.answers import Answers, information
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.reproduction.finding import Claim, Finding, judged

CLAIMED, LEAST, LOST, CHOSEN = 4.7, 3.0, 3.0, 0.02
"""Times fewer spikes; the least that the ablation names; points of accuracy; and what settings may lose, of 1."""
ALPHAS = (0.0, 0.5, 0.9)
ORIGINAL, ENCODER, EARLY = "rate code", "encoder", "control: early exit"
FEWER, BOTH = "control: fewer steps", "encoder, early exit"
MORE, MORE_EARLY = "control: rate code, trained on", "control: rate code, trained on, early exit"
TRAINED, TRAINED_EARLY = "encoder, trained for it", "encoder, trained for it, early exit"


def work(plan: Plan) -> Finding:
    """MNIST, T = 25: what is saved, what it costs, and what alpha alone does."""
    rows, alphas = Rows(), Rows()
    nets = [trained("mnist", seed, plan.quick, plan.folder) for seed in plan.each_seed("mnist")]
    chosen = choice(nets, CHOSEN)
    for known in nets:
        _add(rows, alphas, known, chosen)
    leads = _add_tuned(rows, nets, chosen.setting or SETTINGS[0], plan)
    notes = (
        "The controls need no encoder: the same network and code, stopped sooner, for all samples or each.",
        f"Settings and controls are the most frugal that lose at most {100 * CHOSEN:g} points on samples apart, on "
        f"the mean of the seeds: {chosen.words}; of those that are trained on, leads {leads[0]:g} and {leads[1]:g}.",
        f"Trained on: {EPOCHS} epochs more of the same recipe, with the encoder that was chosen or with the rate code; "
        "the points lost are beside the latter.",
        "Bits: what the answers tell of the labels, over all spikes of a sample.",
    )
    budget = {"mnist": BENCHES["mnist"].budget(plan.quick).words, "timesteps": 25}
    tables = rows.table("Spikes of MNIST, 784-256-10"), alphas.table("alpha alone: v_base 4, no cap")
    return Finding(claims(rows, alphas), tables, "times fewer", (), budget, notes=notes)


def claims(rows: Rows, alphas: Rows) -> tuple[Claim, ...]:
    """What follows from the tables."""
    fewer, more_fewer = rows.of(ENCODER, "times fewer"), rows.of(TRAINED, "times fewer")
    loss = rows.lost(TRAINED, MORE, "accuracy %")
    beside = f"as many epochs more with the rate code {rows.of(MORE, 'times fewer').words} times, "
    sooner, exits = rows.of(MORE_EARLY, "times fewer"), rows.of(EARLY, "mbit a spike")
    beside += f"with an early exit {sooner.words}"
    control = f"early exit {rows.of(EARLY, 'times fewer').words}, fewer steps {rows.of(FEWER, 'times fewer').words}"
    bits, before = rows.of(ENCODER, "mbit a spike"), rows.of(ORIGINAL, "mbit a spike")
    more, few = (alphas.of(f"alpha {alpha:g}", "input spikes") for alpha in (ALPHAS[-1], ALPHAS[0]))
    saved = rows.of(ENCODER, "energy saved %")
    return (
        Claim(
            "4.7 times fewer spikes at less than 3 % loss",
            "abstract",
            f"{more_fewer.words} times, {loss.words} points lost, trained for it",
            beside,
            judged(more_fewer.mean >= CLAIMED and loss.mean < LOST),
            sooner.mean >= CLAIMED and rows.lost(MORE_EARLY, MORE, "accuracy %").mean < LOST,
        ),
        Claim(
            "the hybrid encoding alone saves 3 to 5 times the spikes",
            "summary's ablation",
            f"{fewer.words} times",
            control,
            judged(fewer.mean >= LEAST),
            max(rows.of(name, "times fewer").mean for name in (EARLY, FEWER)) >= LEAST,
        ),
        Claim(
            "a lower threshold for strong inputs (alpha of Eq. 7) saves spikes",
            "summary",
            f"{more.words} input spikes at alpha {ALPHAS[-1]:g}",
            f"{few.words} at alpha 0, same v_base",
            judged(more.mean < few.mean),
        ),
        Claim(
            "more information per spike (Eq. 8)",
            "abstract",
            f"{before.words} to {bits.words} mbit a spike",
            f"early exit {exits.words}",
            judged(bits.mean - bits.sd > before.mean + before.sd),
            exits.mean - exits.sd > before.mean + before.sd,
        ),
        Claim(
            "fewer spikes save energy in proportion",
            "implied by the abstract",
            f"{saved.words} % of the dynamic energy on Loihi 2, modelled",
            f"{100 * (1 - 1 / fewer.mean):.0f} % of the spikes",
            judged(saved.mean >= 100 * (1 - 1 / fewer.mean) - 5),
        ),
    )


def _add(rows: Rows, alphas: Rows, known: Trained, chosen: Choice) -> None:
    network = encoded(known.network, chosen.setting)
    original, coded = measured(known.network, known.test), measured(network, known.test)
    ways = {
        ORIGINAL: original.course.whole(),
        FEWER: original.course.after(chosen.steps),
        EARLY: original.course.exit_at(chosen.lead),
        ENCODER: coded.course.whole(),
        BOTH: coded.course.exit_at(chosen.lead_encoded),
    }
    for name, answers in ways.items():
        rows.put(name, _numbers(answers, ways[ORIGINAL].spikes, known.test))
    before = price(known.network, original.rates, original.steps).dynamic_nj
    behind = price(network, coded.rates, coded.steps).dynamic_nj
    rows.put(ORIGINAL, {"energy nJ": before[1]})
    rows.put(ENCODER, {"energy nJ": behind[1], "energy saved %": 100 * (1 - behind[1] / before[1])})
    for alpha in ALPHAS:
        found = measured(encoded(known.network, f"v_base=4,alpha={alpha:g},weight_scale=3"), known.test)
        whole = found.course.whole()
        alphas.put(
            f"alpha {alpha:g}",
            {"accuracy %": 100 * found.accuracy, "input spikes": whole.input_spikes, "all spikes": whole.spikes},
        )


def _add_tuned(rows: Rows, nets: Sequence[Trained], setting: str, plan: Plan) -> tuple[float, float]:
    """The rows of what is trained on; returns the leads of its early exits."""
    seeds = plan.each_seed("mnist, trained on")
    pairs = [tuned(net, BENCHES["mnist"], setting, seed) for net, seed in zip(nets, seeds, strict=True)]
    leads = lead([pair.control for pair in pairs], CHOSEN), lead([pair.encoder for pair in pairs], CHOSEN)
    for known, pair in zip(nets, pairs, strict=True):
        before = measured(known.network, known.test).spikes
        ways = (pair.control, MORE, MORE_EARLY), (pair.encoder, TRAINED, TRAINED_EARLY)
        for (each, whole, early), margin in zip(ways, leads, strict=True):
            course = measured(each.network, each.test).course
            rows.put(whole, _numbers(course.whole(), before, known.test))
            rows.put(early, _numbers(course.exit_at(margin), before, known.test))
    return leads


def _numbers(answers: Answers, before: float, test: Samples) -> dict[str, float]:
    labels = labels_of(test)
    return {
        "accuracy %": 100 * answers.accuracy(labels),
        "spikes": answers.spikes,
        "times fewer": before / answers.spikes,
        "steps": answers.steps,
        "mbit a spike": 1000 * information(answers.classes, labels) / answers.spikes,
    }


ENCODING = Trial("encoding", "NeuEdge's encoder beside a rate code, early exits and fewer steps, on MNIST", work)
