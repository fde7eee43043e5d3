"""The options of a mapping, which `compile` and `check` share, and what they say."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from neuedge_nir.cli.shared import add_data, add_early_exit, add_reading_options, data_of, positive, seed, whole
from neuedge_nir.errors import UsageError

if TYPE_CHECKING:
    from neuedge_nir.constraints.model import Constraints
    from neuedge_nir.network.model import Network
    from neuedge_nir.pipeline import Options
    from neuedge_nir.rewrite.call import PassCall


def add_mapping_options(sub: argparse.ArgumentParser) -> None:
    """All of them."""
    _add_activity(sub)
    add_reading_options(sub)
    _add_room(sub)
    _add_ports(sub)
    _add_liberties(sub)


def add_solver_options(sub: argparse.ArgumentParser, each: str = "") -> None:
    """How long the solver tries; `each` says for what."""
    sub.add_argument(
        "--effort",
        choices=("none", "quick", "normal", "high"),
        default="normal",
        help="how long solvers try; none: no solver and no search, as check does; more never takes more cores",
    )
    sub.add_argument(
        "--time-limit",
        type=positive,
        metavar="S",
        help=f"stop{each} after S seconds with the best plan found so far, which then depends on the machine",
    )
    sub.add_argument("--seed", type=seed, default=0, help="the solver's seed (default 0)")


def _add_activity(sub: argparse.ArgumentParser) -> None:
    """What is known of the spikes, and of the time."""
    sub.add_argument(
        "--activity",
        metavar="RATE|FILE",
        help="spikes per neuron and step: one rate, rates per population (.npz), or recorded spikes (.h5); "
        "default: 0.1, labelled assumed",
    )
    add_data(sub)
    add_early_exit(sub)
    sub.add_argument(
        "--steps-per-sample",
        type=whole,
        metavar="N",
        help="without --data: a sample has N timesteps; tells when the chip is reset and what an inference costs "
        "(--steps N says the same there)",
    )
    sub.add_argument(
        "--time-scale",
        type=whole,
        default=1,
        metavar="K",
        help="run a chip that works in real time K times slower, so that a timestep has time for K times the events",
    )


def _add_room(sub: argparse.ArgumentParser) -> None:
    """What there is to map onto, and what a mapping must keep."""
    sub.add_argument("--chips", type=whole, metavar="N", help="chips available (default: the largest published system)")
    sub.add_argument(
        "--max-cores",
        type=whole,
        metavar="N",
        help="cores of the largest plan that is tried (default: 32768, in `check` 8192; some seconds a thousand)",
    )
    sub.add_argument(
        "--tiles",
        action="append",
        default=[],
        metavar="POPULATION=TILES",
        help="cut a population into slices of N neurons (N), of AxBxC neurons, or into K (/K) or AxBxC (/AxBxC); "
        'or a .toml file with lines POPULATION = "TILES"',
    )
    sub.add_argument(
        "--constraints",
        metavar="FILE.toml",
        help="what the mapping must keep: pins, neighbours, dead and spare cores, caps (docs/constraints.md)",
    )
    sub.add_argument(
        "--dead",
        action="append",
        default=[],
        metavar="WHAT",
        help="what does not work: core:X,Y:SLOT, chip:X,Y (which then is none), or link:X,Y-X,Y (both directions)",
    )
    sub.add_argument(
        "--objective",
        choices=("cores", "traffic"),
        default="cores",
        help="what decides between mappings: fewest cores, or least traffic (deliveries_per_step) on no more chips "
        "than the fewest cores of effort none take",
    )
    sub.add_argument(
        "--copies",
        type=_copies,
        metavar="N|max",
        help="so many copies of the network beside each other; max: as many as are found to fit one chip (or --chips)",
    )


def _add_ports(sub: argparse.ArgumentParser) -> None:
    """How spikes come in and go out."""
    sub.add_argument(
        "--input",
        dest="inputs",
        choices=("host", "onchip", "source-core"),
        help="who makes the input spikes: a host, ordinary neurons, or cores for that (default: the chip's first way)",
    )
    sub.add_argument(
        "--output",
        dest="outputs",
        choices=("probe", "host", "record"),
        help="how outputs are read: stored until the run is over, or handed to a host (default: the chip's first way)",
    )
    sub.add_argument(
        "--map-inputs", action="store_true", help="short for the --input by which the chip makes the spikes itself"
    )


def _add_liberties(sub: argparse.ArgumentParser) -> None:
    """What may be other than in the model."""
    sub.add_argument(
        "--recurrence",
        choices=("exact", "approximate"),
        default="exact",
        help="approximate: take cycles that are quicker than the chip, with some projections late; --data measures it",
    )
    sub.add_argument(
        "--splitters",
        choices=("auto", "never", "always"),
        default="auto",
        help="where a neuron drives one axon: put its copies into splitters, a step later; auto: if that saves cores",
    )


def _copies(text: str) -> int | str:
    """A number of copies, or as many as fit."""
    from neuedge_nir.network.copies import MOST

    value = text if text == "max" else int(text)
    if isinstance(value, int) and not 1 <= value <= MOST:
        raise argparse.ArgumentTypeError(f"{text} is neither 'max' nor a number from 1 to {MOST}")
    return value


def constraints_of(arguments: argparse.Namespace) -> Constraints:
    """Those of the file, if there is one, and what is dead. Raises as `constraints.load` and `constraints.dead`."""
    from neuedge_nir.constraints.dead import with_dead
    from neuedge_nir.constraints.load import constraints_given
    from neuedge_nir.constraints.model import NONE

    given = arguments.constraints
    return with_dead(NONE if given is None else constraints_given(given), arguments.dead)


def _steps(arguments: argparse.Namespace) -> int | None:
    """How long samples are, where no data show it: --steps is short for --steps-per-sample then.

    Raises `UsageError` (USE001) for two lengths.
    """
    given: int | None = arguments.steps_per_sample
    if arguments.data is not None or arguments.steps is None:
        return given
    if given not in (None, arguments.steps):
        message = f"samples of {given} timesteps, and of {arguments.steps}"
        raise UsageError("USE001", message, where="--steps, --steps-per-sample", hint="give one of them")
    return int(arguments.steps)


def options_of(
    arguments: argparse.Namespace, network: Network, calls: tuple[PassCall, ...], effort: str, seed: int
) -> Options:
    """The options of a compilation of this network, from the command line."""
    from neuedge_nir.cli.tiling import tiles_of
    from neuedge_nir.network.model import ResetMode
    from neuedge_nir.pipeline import Options

    steps = _steps(arguments)
    about_data = vars(arguments) if arguments.data is not None else {**vars(arguments), "steps": None}
    samples, calibration = data_of(argparse.Namespace(**about_data), network)
    if samples is not None and arguments.activity is not None:
        message = "an activity and data to find it with"
        raise UsageError("USE001", message, where="--activity, --data", hint="give one of them")
    return Options(
        reset=ResetMode(arguments.reset) if arguments.reset else None,
        dt=arguments.dt,
        passes=calls,
        activity=arguments.activity if samples is None else samples,
        early_exit=arguments.early_exit,
        steps_per_sample=steps,
        time_scale=arguments.time_scale,
        calibration=calibration,
        chips=arguments.chips,
        max_cores=arguments.max_cores,
        effort=effort,
        seed=seed,
        map_inputs=arguments.map_inputs,
        inputs=arguments.inputs,
        outputs=arguments.outputs,
        tiles=tiles_of(arguments.tiles),
        copies=arguments.copies,
        constraints=constraints_of(arguments),
        recurrence=arguments.recurrence,
        splitters=arguments.splitters,
        objective=arguments.objective,
    )
