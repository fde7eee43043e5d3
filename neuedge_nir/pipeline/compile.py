"""From a network and a chip to a plan that the checker has accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from neuedge_nir.chip.model import Chip
from neuedge_nir.constraints.load import constraints_given
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.emulation.late import timed
from neuedge_nir.errors import NoPlanError, UsageError
from neuedge_nir.events import Observer, silent
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.asked import check_asked, tiles_given
from neuedge_nir.mapping.bounds import check_room
from neuedge_nir.mapping.legalise import LegalNetwork
from neuedge_nir.mapping.obey import Obliged
from neuedge_nir.mapping.overload import check_load
from neuedge_nir.mapping.pack import EFFORTS
from neuedge_nir.mapping.unmet import check_constraints
from neuedge_nir.network.copies import for_copies
from neuedge_nir.network.model import Network
from neuedge_nir.pipeline.anytime import Plans, within
from neuedge_nir.pipeline.copies import bounded, copies_of, demands_of, spelled_out
from neuedge_nir.pipeline.options import Options
from neuedge_nir.pipeline.ready import Ready, ready
from neuedge_nir.pipeline.stages import chips_available, mapped, stage
from neuedge_nir.plan.build import build
from neuedge_nir.plan.figures import Copies, TimingError
from neuedge_nir.plan.kept import check_kept
from neuedge_nir.plan.model import Plan, PlanOptions
from neuedge_nir.plan.orders import planned, tools
from neuedge_nir.plan.schedule import schedule_of, under_way
from neuedge_nir.plan.signs import signs_of
from neuedge_nir.plan.stages import chips_used
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.manager import Applied

LADDER = ("none", "quick", "normal", "high")
"""The efforts, the quickest first."""


def compile_network(
    network: Network,
    chip: Chip,
    options: Options | None = None,
    observer: Observer = silent,
    passed: Callable[[Applied], None] | None = None,
) -> Plan:
    """A plan for the network on the chip, which the independent checker has accepted. `passed` is told of each pass.

    `effort` "none" asks no solver. With a time limit all efforts up to the one asked for are tried. Raises
    `CapacityError` where it is proved that none exists, `NoPlanError` where none was found, `VerificationError` where
    the checker refuses what was found (then it is our bug).
    """
    return _compiled(network, chip, options or Options(), observer, passed, alone=False)[-1]


def compile_copies(
    network: Network,
    chip: Chip,
    options: Options,
    observer: Observer = silent,
    passed: Callable[[Applied], None] | None = None,
) -> tuple[Plan, Plan]:
    """A plan of one copy of the network alone, and one of all copies that `options` ask for. Raises as above."""
    single, plan = _compiled(network, chip, options, observer, passed, alone=True)
    return single, plan


def _compiled(
    network: Network,
    chip: Chip,
    wanted: Options,
    observer: Observer,
    passed: Callable[[Applied], None] | None,
    *,
    alone: bool,
) -> Plans:
    """The plan that was asked for; before it that of one copy, if `alone`."""
    if wanted.time_limit is None:
        return _planned(ready(network, chip, wanted, observer, passed), observer, alone=alone)
    attempts = partial(_attempts, network, chip, wanted, alone=alone, measured=passed is not None)
    return within(wanted.time_limit, attempts, observer, passed or (lambda _: None))


def _attempts(
    network: Network,
    chip: Chip,
    wanted: Options,
    observer: Observer,
    passed: Callable[[Applied], None],
    *,
    alone: bool,
    measured: bool,
) -> Iterator[Plans]:
    """The plans of every effort up to the one asked for; one that finds none leaves it to the next."""
    made = ready(network, chip, wanted, observer, passed if measured else None)
    *quicker, last = LADDER[: LADDER.index(wanted.effort) + 1]
    for effort in quicker:
        with suppress(NoPlanError):
            yield _planned(replace(made, wanted=replace(made.wanted, effort=effort)), observer, alone=alone)
    yield _planned(replace(made, wanted=replace(made.wanted, effort=last)), observer, alone=alone)


def _planned(made: Ready, observer: Observer, *, alone: bool) -> Plans:
    single = [_plan(replace(made, wanted=replace(made.wanted, copies=None)), None, observer)] if alone else []
    return (*single, _plan(made, copies_of(made), observer))


def _plan(made: Ready, copies: Copies | None, observer: Observer) -> Plan:
    """The plan of so many copies, of one where None is asked for. Raises as `compile_network`."""
    wanted, demands = spelled_out(made.wanted, copies), demands_of(made, copies)
    legal = demands.legal
    if isinstance(wanted.keep, Plan):
        check_kept(wanted.keep, legal, made.chip)
    available, tiles = chips_available(made.chip, wanted.chips), tiles_given(wanted.tiles)
    check_load(demands, made.chip)
    check_room(demands, available, wanted.max_cores or EFFORTS[wanted.effort].cores)
    check_asked(tiles, legal)
    check_constraints(Obliged(demands), available, tiles, legal.model)
    duration = demands.activity.duration
    schedule = schedule_of(legal, None if duration is None else duration.shown)
    stages = mapped(demands, schedule, wanted, observer, available)
    error, known = stage("timing", observer, lambda: _timing_error(made.legal, wanted))
    if error is not None and copies is not None:
        error = replace(error, equal=for_copies(error.equal, copies.count))
    if copies is not None and not copies.chips:  # those that it takes
        copies = bounded(made, copies.count, chips_used(stages))
    remarks = [*made.network.origin.diagnostics, *made.legal.diagnostics, *made.activity.remarks()]
    remarks += [*under_way(made.legal, schedule), *known, *made.signs]
    built = build(replace(stages, timing_error=error, copies=copies), _plan_options(wanted, made, legal), remarks)
    built = replace(built, diagnostics=(*built.diagnostics, *signs_of(built)))
    orders = planned(for_copies(made.orders, copies.count if copies else 1))
    plan = replace(built, chip=made.chip, orders=orders, tool={**built.tool, **tools(orders)})
    stage("verify", observer, lambda: verify(plan, made.network))
    return plan


def _timing_error(legal: LegalNetwork, options: Options) -> tuple[TimingError | None, list[Diagnostic]]:
    """What late projections do on the samples, and a remark on it; nothing where none is late."""
    if not legal.timing.excess:
        return None, []
    if not isinstance(options.activity, Samples):
        return None, [_late_remark("what that does to the spikes is not measured", "give --data")]
    try:
        found = timed(legal, options.activity, options.dt)
    except UsageError as error:
        if error.code != "USE050":
            raise
        return None, [_late_remark(f"what that does to the spikes cannot be measured: {error.message}", None)]
    equal = {name: spikes.equal for name, spikes in sorted(found.spikes.items())}
    share = f"{min(equal.values(), default=1.0):.2%} to {max(equal.values(), default=1.0):.2%}"
    message = f"the model's class in {found.same_class:.2%} of the samples, {share} of a population's spikes equal"
    return TimingError(options.activity.count, found.same_class, equal), [_late_remark(message, None)]


def _late_remark(message: str, hint: str | None) -> Diagnostic:
    return Diagnostic("WARN023", Severity.WARNING, None, f"projections are late: {message}", hint)


def _plan_options(wanted: Options, made: Ready, legal: LegalNetwork) -> PlanOptions:
    return PlanOptions(
        passes=tuple(str(call) for call in made.passes),
        effort=wanted.effort,
        seed=wanted.seed,
        chips=wanted.chips,
        reset=legal.reset.value,
        dt=wanted.dt if wanted.dt is not None else legal.network.dt,
        inputs=legal.inputs.name,
        outputs=legal.outputs.name,
        tiles={name: str(tiles) for name, tiles in sorted(tiles_given(wanted.tiles).items())},
        constraints=constraints_given(wanted.constraints),
        copies=wanted.copies if isinstance(wanted.copies, int) else None,
        recurrence=wanted.recurrence,
        steps_per_sample=wanted.steps_per_sample,
        time_scale=wanted.time_scale,
        splitters=wanted.splitters,
        objective=wanted.objective,
    )
