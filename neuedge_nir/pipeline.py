"""The order of the stages. No algorithm lives here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from neuedge_nir.chip.model import Chip
from neuedge_nir.chip.slow import slowed
from neuedge_nir.diagnostics import Diagnostic, Severity
from neuedge_nir.emulation.late import timed
from neuedge_nir.errors import CapacityError, NoPlanError, UsageError
from neuedge_nir.events import Finished, Observer, Started, silent
from neuedge_nir.frontend import DEFAULT_CAPS, Caps
from neuedge_nir.frontend.recordings import SUFFIXES, read_recordings
from neuedge_nir.interpreter.profile import simulated_activity
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.asked import Tiles, check_asked, tiles_given
from neuedge_nir.mapping.bounds import check_room
from neuedge_nir.mapping.crossings import holds, with_crossings
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.fabric import largest_system
from neuedge_nir.mapping.keys import allocate
from neuedge_nir.mapping.legalise import LegalNetwork, legalise
from neuedge_nir.mapping.overload import check_load, check_scale
from neuedge_nir.mapping.pack import EFFORTS, partition
from neuedge_nir.mapping.place import Placement, place
from neuedge_nir.mapping.route import Routing, route
from neuedge_nir.mapping.synapse_cores import with_synapse_cores
from neuedge_nir.mapping.traffic import flows
from neuedge_nir.network.activity import Activity, Duration, recorded_activity, resolve_activity
from neuedge_nir.network.given import reset_given, timestep_given
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.plan.build import Stages, build
from neuedge_nir.plan.model import Plan, PlanOptions, PlanSchedule, TimingError
from neuedge_nir.plan.schedule import schedule_of, under_way
from neuedge_nir.plan.verify import verify
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.manager import Applied, apply_passes

SLOWEST = 1 << 20
"""How many times slower a chip may be asked to run: a timestep of a quarter of an hour for one of 1 ms."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a compilation may be told.

    `strict` refuses a model that the reader had to repair, `limits` are what its file may ask for. `activity`: a
    rate, rates by population, the path of an .npz profile or of NIRData (.h5), an Activity, or samples on which the
    network is simulated; `early_exit` is the lead of the greatest summed output at which one of these ends. Without
    samples, `steps_per_sample` says how many timesteps one has. What passes search for they find on `calibration`.
    `chips` None: as many as needed, up to the chip's largest published system. `max_cores`: those of the largest plan
    that is tried, None for what the effort says. `dt` in the model's time unit. `tiles` cuts populations, by name, as
    `mapping.asked` reads it: {"conv1": "16x8x28", "hidden": 50, "out": "/2"}. `recurrence` "approximate" accepts
    cycles that are quicker than the chip: projections are then late, and with samples it is measured what that does.
    A chip in real time is run `time_scale` times slower than it could be.
    """

    passes: tuple[PassCall, ...] = ()
    activity: str | float | Mapping[str, float] | Activity | Samples | None = None
    early_exit: float | None = None
    steps_per_sample: int | None = None
    time_scale: int = 1
    calibration: Samples | None = None
    reset: ResetMode | None = None
    dt: float | None = None
    chips: int | None = None
    max_cores: int | None = None
    effort: str = "normal"
    seed: int = 0
    map_inputs: bool = False
    tiles: Mapping[str, str | int | Tiles] = field(default_factory=dict)
    recurrence: str = "exact"
    strict: bool = False
    limits: Caps = DEFAULT_CAPS

    def __post_init__(self) -> None:
        """Take names for what they name. Raises `UsageError` (USE017, USE019, USE037) for a value without sense."""
        object.__setattr__(self, "passes", tuple(PassCall.parse(c) if isinstance(c, str) else c for c in self.passes))
        object.__setattr__(self, "reset", reset_given(self.reset, "Options.reset"))
        object.__setattr__(self, "dt", timestep_given(self.dt, "Options.dt"))
        object.__setattr__(self, "tiles", tiles_given(self.tiles))
        wrong = {
            "chips": self.chips is not None and self.chips < 1,
            "max_cores": self.max_cores is not None and self.max_cores < 1,
            "effort": self.effort not in EFFORTS,
            "recurrence": self.recurrence not in ("exact", "approximate"),
            "seed": not 0 <= self.seed < 1 << 31,
            "time_scale": not 1 <= self.time_scale <= SLOWEST,
            "steps_per_sample": self.steps_per_sample is not None and self.steps_per_sample < 1,
            "early_exit": self.early_exit is not None and not 0 < self.early_exit < math.inf,
        }
        for name, bad in wrong.items():
            if bad:
                raise UsageError("USE019", f"{name} cannot be {getattr(self, name)!r}", where=f"Options.{name}")
        if self.early_exit is not None and not isinstance(self.activity, Samples):
            message = "an early exit shortens samples, and there are none"
            raise UsageError("USE001", message, where="--early-exit", hint="give --data")
        if self.steps_per_sample is not None and isinstance(self.activity, Samples):
            message = "the samples themselves say how many timesteps they have"
            raise UsageError("USE001", message, where="--steps-per-sample, --data", hint="give one of them")


def compile_network(
    network: Network,
    chip: Chip,
    options: Options | None = None,
    observer: Observer = silent,
    passed: Callable[[Applied], None] | None = None,
) -> Plan:
    """A plan for the network on the chip, which the independent checker has accepted. `passed` is told of each pass.

    `effort` "none" asks no solver. Raises `CapacityError` where it is proved that none exists, `NoPlanError` where
    none was found, `VerificationError` where the checker refuses what was found (then it is our bug).
    """
    wanted = options or Options()
    network, passes = _stage("passes", observer, lambda: _after_passes(network, chip, wanted, passed))
    if not network.populations:
        raise CapacityError(
            "FIT018",
            "the network has no neurons, so there is nothing for a chip to do",
            where=network.origin.name,
            hint="export the network with its neurons",
        )
    check_scale(chip, wanted.time_scale)
    legal = _stage("legalise", observer, lambda: _legal(network, slowed(chip, wanted.time_scale), wanted))
    activity = _stage("activity", observer, lambda: _activity(network, legal, wanted))
    demands = Demands(legal, legal.relays.active(activity))
    available = _chips_available(chip, wanted.chips)
    most = wanted.max_cores or EFFORTS[wanted.effort].cores
    check_load(demands, chip)
    check_room(demands, available, most)
    check_asked(tiles_given(wanted.tiles), network)
    duration = demands.activity.duration
    schedule = schedule_of(legal, None if duration is None else duration.shown)
    stages = _mapped(demands, schedule, wanted, observer, available)
    if not holds(stages.partition, demands):  # too many destinations lie on other chips: make room for all of them
        stages = _mapped(replace(demands, crossed=True), schedule, wanted, observer, available)
    error, known = _stage("timing", observer, lambda: _timing_error(legal, wanted))
    stages = replace(stages, timing_error=error)
    remarks = [*network.origin.diagnostics, *legal.diagnostics, *demands.activity.remarks()]
    remarks += [*under_way(legal, schedule), *known]
    plan = replace(build(stages, _plan_options(wanted, passes, legal), remarks), chip=chip)
    _stage("verify", observer, lambda: verify(plan, network))
    return plan


def _mapped(demands: Demands, schedule: PlanSchedule, wanted: Options, observer: Observer, available: int) -> Stages:
    """The network cut, packed, placed and routed. Raises `NoPlanError` where no such mapping was found."""
    chip, effort = demands.legal.chip, wanted.effort
    most, asked = wanted.max_cores or EFFORTS[effort].cores, tiles_given(wanted.tiles)
    split = _stage("partition", observer, lambda: partition(demands, effort, wanted.seed, observer, most, asked))
    split = with_synapse_cores(split, demands)
    sent = _stage("traffic", observer, lambda: flows(split.clusters, demands))
    placement = _stage("place", observer, lambda: place(split.clusters, sent, chip, available, effort, observer))
    routing = _stage("route", observer, lambda: route(sent, placement))
    _check_crossed(placement, routing, available)
    placed = with_crossings(split, sent, placement, demands)
    keys = allocate(sent, split.clusters, chip, demands.legal.relays.stages)
    return Stages(demands.uncrossed, placed, placement, sent, routing, available, schedule, keys=keys)


def _after_passes(
    network: Network, chip: Chip, wanted: Options, passed: Callable[[Applied], None] | None
) -> tuple[Network, tuple[PassCall, ...]]:
    """The network after its passes, and each with the options that it found by itself."""
    samples = wanted.activity if isinstance(wanted.activity, Samples) else None
    context = Context(chip, samples, wanted.calibration, wanted.dt, wanted.reset)
    calls = []
    for done in apply_passes(network, wanted.passes, context, measured=passed is not None):
        if passed is not None:
            passed(done)
        calls.append(done.call)
        network = done.network
    return network, tuple(calls)


T = TypeVar("T")


def _stage(name: str, observer: Observer, work: Callable[[], T]) -> T:
    observer(Started(name))
    result = work()
    observer(Finished(name))
    return result


def _chips_available(chip: Chip, wanted: int | None) -> int:
    largest = largest_system(chip)
    if wanted is not None and wanted > largest:
        raise UsageError(
            "USE015",
            f"{wanted} chips; the largest published system of {chip.title} has {largest}",
            where="--chips",
            hint="leave it out to use as many as are needed",
        )
    return wanted or largest


def _check_crossed(placement: Placement, routing: Routing, available: int) -> None:
    """Raises `NoPlanError` where messages cross more chips than there are: another placement may not."""
    chips = 1 + max({site.chip for site in placement.sites} | routing.transit, default=0)
    if chips > available:
        raise NoPlanError(
            "FIT014",
            f"the mapping found takes {chips} chips, with those that messages cross, and {available} are available; "
            "whether fewer do is not proved",
            resource="chips",
            needed=chips,
            available=available,
            hint="raise --chips or --effort, or make the network smaller",
        )


def _legal(network: Network, chip: Chip, options: Options) -> LegalNetwork:
    return legalise(
        network,
        chip,
        reset=options.reset,
        dt=options.dt,
        mapped_inputs=options.map_inputs,
        approximate=options.recurrence == "approximate",
    )


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


def _activity(network: Network, legal: LegalNetwork, options: Options) -> Activity:
    """What is known of the spikes, or what a simulation of the network after its passes finds; how long samples are."""
    found, steps = _spikes(network, legal, options), options.steps_per_sample
    return found if steps is None else replace(found, duration=Duration(float(steps), steps))


def _spikes(network: Network, legal: LegalNetwork, options: Options) -> Activity:
    if isinstance(options.activity, Samples):
        return simulated_activity(network, options.activity, options.dt, legal.reset, options.early_exit)
    if isinstance(options.activity, str) and Path(options.activity).suffix.lower() in SUFFIXES:
        found = read_recordings(options.activity, options.limits)
        ports = {port.name for port in network.inputs}
        rates = {**found.rates, **{name: rate for name, rate in found.valued.items() if name in ports}}
        return recorded_activity(rates, Path(options.activity).name, network, simulated=found.simulated)
    return resolve_activity(options.activity, network)


def _plan_options(options: Options, passes: Sequence[PassCall], legal: LegalNetwork) -> PlanOptions:
    return PlanOptions(
        passes=tuple(str(call) for call in passes),
        effort=options.effort,
        seed=options.seed,
        chips=options.chips,
        reset=legal.reset.value,
        dt=options.dt if options.dt is not None else legal.network.dt,
        map_inputs=options.map_inputs,
        tiles={name: str(tiles) for name, tiles in sorted(tiles_given(options.tiles).items())},
        recurrence=options.recurrence,
        steps_per_sample=options.steps_per_sample,
        time_scale=options.time_scale,
    )
