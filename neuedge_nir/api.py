"""The functions of the public API: a model and a chip in, a checked plan out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from numpy.typing import ArrayLike

from neuedge_nir.chip.load import load
from neuedge_nir.chip.model import Chip
from neuedge_nir.emission.door import Files
from neuedge_nir.emission.files import emitted
from neuedge_nir.emulation.run import Emulation, quantised, run_integers
from neuedge_nir.errors import InputError, UsageError, VerificationError
from neuedge_nir.events import Observer, silent
from neuedge_nir.frontend import checked_strictly, read
from neuedge_nir.interpreter.samples import Samples
from neuedge_nir.network.copies import copied, for_copies
from neuedge_nir.network.given import of_type, reset_given
from neuedge_nir.network.model import Network, ResetMode
from neuedge_nir.pipeline import Options, compile_network
from neuedge_nir.plan import store
from neuedge_nir.plan import verify as checker
from neuedge_nir.plan.model import Plan
from neuedge_nir.plugin import TARGETS, chip_of_target, names
from neuedge_nir.rewrite.call import PassCall
from neuedge_nir.rewrite.door import Context
from neuedge_nir.rewrite.legalising import legalised
from neuedge_nir.rewrite.manager import rewritten


def compile(  # noqa: A001 - the compiler's own verb
    model: Network | Path | str, target: Chip | str, options: Options | None = None, observer: Observer = silent
) -> Plan:
    """A checked plan for a model (a Network, or the path of a .nir file) on a chip.

    `target` is a Chip, the name of a registered target, or the path of a chip's .toml file. Raises `InputError` for
    a file that is refused, `CapacityError` where it is proved that no plan exists, `NoPlanError` where none was found.
    """
    wanted = of_type(options or Options(), Options, "options", "give Options(...)")
    return compile_network(network_of(model, wanted), chip_of(target), wanted, observer)


def check(model: Network | Path | str, target: Chip | str, options: Options | None = None) -> Plan:
    """A plan found without a solver: whether the model fits, and what binds. Raises as `compile`."""
    wanted = of_type(options or Options(), Options, "options", "give Options(...)")
    return compile(model, target, replace(wanted, effort="none"))


def verify(
    plan: Plan | Path | str,
    model: Network | Path | str | None = None,
    target: Chip | str | None = None,
    *,
    samples: Samples | None = None,
) -> Plan:
    """Recount a plan with the checker that shares no code with the mapper.

    With the model, every connection is recounted too; `samples` are those that the plan's passes were given, for a pass
    that cannot do without (prune-silent); what a pass found on them is in the plan. The chip in the plan is held
    against `target`, or against the registered target of its name where there is one. Returns the plan, read from its
    file if a path was given. Raises `VerificationError` at the first rule broken, `InputError` for a file that is no
    plan, `UsageError` where a pass needs samples.
    """
    plan = plan if isinstance(plan, Plan) else store.read(Path(plan))
    _accepted(plan, None if model is None else _as_planned(plan, model, samples), target)
    return plan


def load_plan(path: Path | str) -> Plan:
    """The plan in a file that `compile -o` wrote: read, not verified. Raises `InputError` where it is no plan."""
    return store.read(Path(path))


def emit(
    plan: Plan | Path | str,
    model: Network | Path | str,
    format: str | None = None,  # noqa: A002 - as the command line has it
    target: Chip | str | None = None,
    *,
    samples: Samples | None = None,
) -> Files:
    """The files of a plan in a format, by name: the chip's own where None is given, or "json", which every chip has.

    The plan is verified against the model first, as `verify` does it; `samples` are for passes that cannot do without,
    and their spikes are emitted where the format holds spikes. Raises what `verify` raises, `UsageError` (USE035) for a
    format that the chip does not have, and the format's own errors (OUT2..).
    """
    plan = plan if isinstance(plan, Plan) else store.read(Path(plan))
    network = _as_planned(plan, model, samples)
    _accepted(plan, network, target)
    copies = plan.options.copies or 1
    if samples is not None:  # every copy is shown the same
        samples = replace(samples, inputs=for_copies(samples.inputs, copies), values=for_copies(samples.values, copies))
    return emitted(plan, copied(network, copies), format, samples)


def _as_planned(plan: Plan, model: Network | Path | str, samples: Samples | None) -> Network:
    """The model after the passes that the plan names, read as the plan was made."""
    context = Context(plan.chip, samples, None, plan.options.dt, ResetMode(plan.options.reset))
    return rewritten(network_of(model, reading_of(plan)), _passes_of(plan), context)


def _accepted(plan: Plan, network: Network | None, target: Chip | str | None) -> None:
    _check_chip(plan, target)
    checker.verify(plan, network)


def emulate(
    network: Network,
    spikes: ArrayLike | Mapping[str, ArrayLike],
    target: Chip | str,
    dt: float | None = None,
    reset: ResetMode | str | None = None,
    *,
    record: Collection[str] = (),
) -> Emulation:
    """Run a network on spikes as `simulate` does, in the arithmetic of a chip: whole numbers, rounded and bounded.

    `target` is as for `compile`. The network is legalised first, by passes that need no asking (fold-li) too, so that
    the neurons that these take away cannot be recorded; and refused as `compile` refuses it: `CapacityError`
    and `NoPlanError` (FIT...). Delays are the network's: hardware runs every population some steps later, which
    changes no spike but its time. The spikes must be 0 and 1 (`InputError`, DATA007). Raises `UsageError` where the
    chip's file names no arithmetic (USE029), and what `simulate` raises.
    """
    of_type(network, Network, "network", "give a Network, as neuedge_nir.read returns")
    chip = chip_of(target)
    whole = legalised(network, chip, Context(chip, None, None, dt, reset_given(reset)))
    return run_integers(quantised(whole, chip, dt, reset), spikes, record=record)


def network_of(model: Network | Path | str, options: Options | None = None) -> Network:
    """The network itself, or the one in a .nir file, read as the options say. Raises `InputError`."""
    wanted = options or Options()
    if isinstance(model, Network):
        return checked_strictly(model) if wanted.strict else model
    return read(model, strict=wanted.strict, dt=wanted.dt, reset=wanted.reset, limits=wanted.limits)


def chip_of(target: Chip | str) -> Chip:
    """The chip itself, the one in a .toml file, or the registered target's."""
    if isinstance(target, Chip):
        return target
    hint = "give the name of a chip, the path of its .toml file as a string, or a Chip; several need a call each"
    of_type(target, str, "target", hint)
    if target.endswith(".toml") or "/" in target:
        return _chip_of_file(Path(target))
    return chip_of_target(target)


def _chip_of_file(path: Path) -> Chip:
    """A chip file must not pass for an installed target: a plan names its chip. A plain copy of one may."""
    chip = load(path)
    if chip.name in names(TARGETS) and chip_of_target(chip.name).sha256 != chip.sha256:
        message = f"the name {chip.name!r} is taken by an installed target, which is another chip"
        raise InputError("CHIP013", message, where=path.name, hint="give it a name of its own")
    return chip


def _passes_of(plan: Plan) -> list[PassCall]:
    try:
        return [PassCall.parse(text) for text in plan.options.passes]
    except UsageError as error:
        raise VerificationError("PLAN004", f"the plan names a pass that none can be: {error.message}") from error


def reading_of(plan: Plan) -> Options:
    """The timestep and reset that the plan was made with: what the reader remarks on depends on them.

    Raises `VerificationError` (PLAN004) for what no plan is made with.
    """
    dt, reset = plan.options.dt, plan.options.reset
    if (dt is not None and not 0 < dt < math.inf) or reset not in tuple(ResetMode):
        raise VerificationError("PLAN004", f"the plan names a timestep of {dt} or a reset of {reset!r}")
    return Options(dt=dt, reset=ResetMode(reset))


def _check_chip(plan: Plan, target: Chip | str | None) -> None:
    if target is None and plan.chip.name not in names(TARGETS):
        return
    known = chip_of(target if target is not None else plan.chip.name)
    if known != plan.chip:
        raise VerificationError(
            "PLAN003",
            f"the plan was made for another description of {plan.chip.name} than {known.name} has here",
            hint="compile again, or name the chip file with --target",
        )
