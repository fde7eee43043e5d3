"""One model on several chips, from Python: a plan of each, or why there is none, and which chips are best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neuedge_nir.across.answers import Measures, measures_of
from neuedge_nir.across.pareto import OBJECTIVES, USUAL, Standing, counted, standings
from neuedge_nir.across.scored import Scored, agreement, as_mapped, reference
from neuedge_nir.api import chip_of, network_of
from neuedge_nir.chip.model import Chip
from neuedge_nir.errors import NeuedgeError, UsageError
from neuedge_nir.events import Observer, silent
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.fabric import largest_system
from neuedge_nir.network.model import Network
from neuedge_nir.network.typed import of_type
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan.model import Plan
from neuedge_nir.plugin import TARGETS, names, unknown_name


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What one chip says: its plan and what that costs, or the error that says why it has none.

    `front`: no other chip is as good in all of `over`, and better in one; `beaten_by`: the chips that are. None
    is on it of which something of `over` is not known.
    """

    target: str
    plan: Plan | None
    error: NeuedgeError | None
    measures: Measures | None
    front: bool = False
    beaten_by: tuple[str, ...] = ()
    over: tuple[str, ...] = ()


def compare(
    model: Network | Path | str,
    targets: Sequence[Chip | str] | None = None,
    options: Options | None = None,
    observer: Observer = silent,
    *,
    over: Sequence[str] = USUAL,
) -> tuple[Compared, ...]:
    """Compile one model for several chips, one after the other, in this process: all that are installed, without names.

    The plans are those of `compile`; of the options, `chips` is no more than a chip's largest system has, and
    `time_scale` bears on chips with a tick alone. Where the activity is samples, the accuracy is that of the chip's own
    whole numbers. A chip that does not fit, or cannot be had though nobody named it, has an `error` and hides no other;
    the command `compare` also outlives crashes, in processes, and looks for changes that help. Raises `InputError` for
    the model, `UsageError` for no chips (USE118), one that is named twice (USE111) or unknown, and for objectives that
    there are not (USE113), or one text in place of a list of them (USE140).
    """
    wanted = of_type(options or Options(), Options, "options", "give Options(...)")
    chips = _chips(targets)
    hint = f"give a list of them, of {', '.join(OBJECTIVES)}"
    if isinstance(over, str) or not of_type(over, Sequence, "over", hint):
        raise UsageError("USE140", f"over cannot be {over!r}", where="over", hint=hint)
    for name in over:
        if name not in OBJECTIVES:
            raise unknown_name("USE113", "figure to compare by", name, OBJECTIVES)
    network = network_of(model, wanted)
    samples = wanted.activity if isinstance(wanted.activity, Samples) else None
    known = None if samples is None else reference(network, samples, wanted.dt, wanted.reset)
    return _placed([_asked(name, chip, network, wanted, known, observer) for name, chip in chips], tuple(over))


def suited(options: Options, chip: Chip) -> Options:
    """The options as far as this chip has what they ask for: no more chips than it has, no longer ticks than any."""
    chips = None if options.chips is None else min(options.chips, largest_system(chip))
    return replace(options, chips=chips, time_scale=options.time_scale if chip.costs.timestep_s is not None else 1)


def all_made() -> list[tuple[str, Chip | NeuedgeError]]:
    """The installed chips that were made. A chip that nobody named may be broken: it hides no other."""
    found = [(name, _installed(name)) for name in names(TARGETS)]
    return [(name, chip) for name, chip in found if isinstance(chip, NeuedgeError) or not chip.simulated]


def _installed(name: str) -> Chip | NeuedgeError:
    try:
        return chip_of(name)
    except NeuedgeError as error:
        return error


def _chips(targets: Sequence[Chip | str] | None) -> list[tuple[str, Chip | NeuedgeError]]:
    if targets is None:
        return all_made()
    hint = "give a list of chips, by name, .toml file or as Chip"
    if isinstance(targets, str) or not of_type(targets, Sequence, "targets", hint):
        raise UsageError("USE118", f"targets cannot be {targets!r}", where="targets", hint=hint)
    found = [(each.name if isinstance(each, Chip) else str(each), chip_of(each)) for each in targets]
    listed = [name for name, _ in found]
    if twice := sorted({name for name in listed if listed.count(name) > 1}):
        raise UsageError("USE111", f"{twice[0]!r} stands there twice", where="targets", hint="name it once")
    return [*found]


def _asked(
    name: str,
    chip: Chip | NeuedgeError,
    network: Network,
    options: Options,
    known: Scored | None,
    observer: Observer,
) -> Compared:
    if isinstance(chip, NeuedgeError):
        return Compared(name, None, chip, None)
    try:
        plan = compile_network(network, chip, suited(options, chip), observer)
    except NeuedgeError as error:
        return Compared(name, None, error, None)
    samples, scored = options.activity, None
    if isinstance(samples, Samples):
        scored = as_mapped(plan, network, samples, options.calibration, options.early_exit)
    same = None if scored is None or known is None else agreement(scored, known)
    return Compared(name, plan, None, replace(measures_of(plan, scored), same_class=same))


def _placed(found: Sequence[Compared], over: tuple[str, ...]) -> tuple[Compared, ...]:
    fitting = [each for each in found if each.measures is not None]
    spans = [each.measures.known() for each in fitting if each.measures is not None]
    over = counted(spans, over)
    standing = dict(zip((each.target for each in fitting), standings(spans, over), strict=True))
    listed = [each.target for each in fitting]
    return tuple(_standing(each, standing[each.target], listed, over) if each.measures else each for each in found)


def _standing(each: Compared, standing: Standing, fitting: Sequence[str], over: tuple[str, ...]) -> Compared:
    better = tuple(fitting[beaten.by] for beaten in standing.beaten)
    return replace(each, front=standing.front, beaten_by=better, over=over)
