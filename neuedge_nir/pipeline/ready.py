"""A network made ready to be mapped: after its passes, in the chip's terms, with what is known of its spikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from neuedge_nir.chip.model import Chip
from neuedge_nir.chip.slow import slowed
from neuedge_nir.constraints.load import constraints_given
from neuedge_nir.constraints.model import NONE
from neuedge_nir.diagnostics import Diagnostic
from neuedge_nir.errors import CapacityError, NoPlanError
from neuedge_nir.events import Observer
from neuedge_nir.frontend.recordings import SUFFIXES, read_recordings
from neuedge_nir.interpreter.profile import simulated_activity
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.mapping.asked import check_asked, tiles_given
from neuedge_nir.mapping.bounds import check_neurons, check_room, lower_bound, neurons_bound
from neuedge_nir.mapping.demand import Demands
from neuedge_nir.mapping.effort import EFFORTS
from neuedge_nir.mapping.irregular.orders import Found, ordered
from neuedge_nir.mapping.legalise import LegalNetwork, legalise
from neuedge_nir.mapping.overload import check_scale
from neuedge_nir.mapping.pack import partition
from neuedge_nir.mapping.splitters import Levels, Served, cheapest, dealt, splittable
from neuedge_nir.network.activity import Activity, Duration, recorded_activity, resolve_activity
from neuedge_nir.network.connect import irregular_in
from neuedge_nir.network.connect_sparse import Sparse
from neuedge_nir.network.copies import named
from neuedge_nir.network.flow import in_flow
from neuedge_nir.network.model import Network
from neuedge_nir.network.relabel import order_of, relabelled
from neuedge_nir.pipeline.accuracy import accuracy_signs
from neuedge_nir.pipeline.options import Options
from neuedge_nir.pipeline.stages import chips_available, stage
from neuedge_nir.plan.model import Plan
from neuedge_nir.plan.splits import served_in
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.legalising import legalising
from neuedge_nir.rewrite.manager import Applied, apply_passes


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """One copy of a network after its passes, in the chip's terms, and what is known of its spikes.

    `chip` is at its own pace, that of `legal` as slow as it is to run. `served` says what its splitters feed. `ordered`
    is the network with the neurons of some populations in the `orders` in which they are cut: `legal` is of that.
    `signs` remark on what was measured on samples.
    """

    network: Network
    ordered: Network
    chip: Chip
    passes: tuple[PassCall, ...]
    legal: LegalNetwork
    activity: Activity
    served: Served
    wanted: Options
    orders: Mapping[str, Found]
    signs: tuple[Diagnostic, ...] = ()


def ready(
    network: Network, chip: Chip, wanted: Options, observer: Observer, passed: Callable[[Applied], None] | None
) -> Ready:
    """Raises `CapacityError` for what the chip cannot compute, naming the node, and what passes raise."""
    model = network
    network, passes = stage("passes", observer, lambda: _after_passes(network, chip, wanted, passed))
    if not network.populations:
        raise CapacityError(
            "FIT018",
            "the network has no neurons, so there is nothing for a chip to do",
            where=network.origin.name,
            resource="neurons to map",
            needed=1,
            available=0,
            hint="export the network with its neurons",
        )
    network = in_flow(network)
    check_scale(chip, wanted.time_scale)
    check_neurons(network, chip, chips_available(chip, wanted.chips))
    legal = stage("legalise", observer, lambda: legal_of(network, slowed(chip, wanted.time_scale), wanted))
    activity = stage("activity", observer, lambda: _activity(network, legal, wanted))
    signs = accuracy_signs(model, network, legal.chip, legal.reset, wanted)
    if wanted.copies == "max" and wanted.chips is None:
        wanted = replace(wanted, chips=1)
    if wanted.keep is None:  # a plan has its own, of all copies
        check_asked(tiles_given(wanted.tiles), legal)
    orders = _orders(legal, activity, wanted, observer)
    anew = relabelled(network, {name: found.order for name, found in orders.items()})
    if orders:
        legal = legal_of(anew, legal.chip, wanted)
    served = stage("splitters", observer, lambda: _served(legal, activity, wanted))
    if served:
        legal = legal_of(anew, legal.chip, wanted, served)
    return Ready(network, anew, chip, passes, legal, activity, served, wanted, orders, tuple(signs))


def _orders(legal: LegalNetwork, activity: Activity, wanted: Options, observer: Observer) -> Mapping[str, Found]:
    """The orders of the plan that is kept; else those that are found for single synapses, where nothing else is asked.

    Constraints speak of neurons by their numbers in the model: with any, all keep these. So they do where the neurons
    take more cores than are tried: nothing will be cut.
    """
    if isinstance(wanted.keep, Plan):
        return {name: Found(order_of(told.runs), (), told.by, 0) for name, told in wanted.keep.orders.items()}
    sparse = any(isinstance(irregular_in(p.chain), Sparse) for p in legal.network.projections)
    if not sparse or constraints_given(wanted.constraints) != NONE:
        return {}
    demands = Demands(legal, legal.relays.active(activity))
    if neurons_bound(demands).cores > (wanted.max_cores or EFFORTS[wanted.effort].cores):
        return {}
    taken = tiles_given(wanted.tiles)
    return stage("order", observer, lambda: ordered(demands, wanted.effort, wanted.seed, taken))


def legal_of(network: Network, chip: Chip, wanted: Options, served: Served | None = None) -> LegalNetwork:
    """The network in the chip's terms, with splitters that feed what they have `served`."""
    return legalise(
        network,
        chip,
        reset=wanted.reset,
        dt=wanted.dt,
        inputs=wanted.inputs,
        outputs=wanted.outputs,
        mapped_inputs=wanted.map_inputs,
        approximate=wanted.recurrence == "approximate",
        splitters=served,
    )


def served_for(served: Served, count: int) -> Served:
    """What the splitters of so many copies feed."""
    return {
        named(name, k): tuple(tuple(named(each, k) for each in group) for group in groups)
        for k in range(1, count + 1)
        for name, groups in served.items()
    }


def _served(unsplit: LegalNetwork, activity: Activity, wanted: Options) -> Served:
    """The splitters that take the fewest cores, those that were asked for, or those of the plan that is kept."""
    network, chip = unsplit.model, unsplit.chip
    if isinstance(wanted.keep, Plan):
        names = {population.name for population in network.populations}
        return {name: groups for name, groups in served_in(wanted.keep).items() if name in names}
    available, asked = chips_available(chip, wanted.chips), tiles_given(wanted.tiles)
    most = wanted.max_cores or EFFORTS["none"].cores
    candidates = splittable(network, chip) if wanted.splitters != "never" else ()
    plain = Demands(unsplit, unsplit.relays.active(activity))
    if not candidates or not _may_fit(plain, available, most):
        return {}
    known: dict[tuple[tuple[str, int], ...], int | None] = {}

    def tried(levels: Levels) -> int | None:
        try:
            legal = legal_of(network, chip, wanted, dealt(network, levels)) if levels else unsplit
            demands = Demands(legal, legal.relays.active(activity), constraints=constraints_given(wanted.constraints))
            check_room(demands, available, most)
            return partition(demands, "none", wanted.seed, max_cores=most, asked=asked).neuron_cores
        except (CapacityError, NoPlanError):
            return None

    def cores(levels: Levels) -> int | None:
        key = tuple(sorted(levels.items()))
        if key not in known:
            known[key] = tried(levels)
        return known[key]

    return dealt(network, cheapest(candidates, wanted.splitters, cores, lower_bound(plain).cores))


def _may_fit(demands: Demands, available: int, most: int) -> bool:
    """Whether no bound forbids it that holds with splitters too, as what a neuron drives does not (FIT050)."""
    try:
        check_room(demands, available, most)
    except CapacityError:
        return False
    except NoPlanError as error:
        return error.code == "FIT050"
    return True


def _after_passes(
    network: Network, chip: Chip, wanted: Options, passed: Callable[[Applied], None] | None
) -> tuple[Network, tuple[PassCall, ...]]:
    """The network after its passes and those that the chip needs, and each with the options that it found by itself."""
    samples = wanted.activity if isinstance(wanted.activity, Samples) else None
    context = Context(chip, samples, wanted.calibration, wanted.dt, wanted.reset)
    calls = []

    def follow(done: Applied) -> Network:
        if passed is not None:
            passed(done)
        calls.append(done.call)
        return done.network

    for done in apply_passes(network, wanted.passes, context, measured=passed is not None):
        network = follow(done)
    for done in legalising(network, chip, context, measured=passed is not None):
        network = follow(done)
    return network, tuple(calls)


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
