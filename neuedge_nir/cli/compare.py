"""`neuedge-nir compare`: one model on several chips, side by side; each chip is asked in a process of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.comparing import Question, ask, measure
from neuedge_nir.cli.mapping import add_mapping_options, add_solver_options, options_of
from neuedge_nir.cli.rewriting import add_passes, calls_of
from neuedge_nir.cli.shared import (
    add_json,
    add_model,
    print_diagnostics,
    print_json,
    print_tables,
    raise_if_interrupted,
    read_model,
    whole,
)
from neuedge_nir.errors import NeuedgeError, NoPlanError, UsageError
from neuedge_nir.events import Started

if TYPE_CHECKING:
    from neuedge_nir.across.answers import Answer
    from neuedge_nir.across.baseline import Baseline
    from neuedge_nir.across.pareto import Standing
    from neuedge_nir.across.processes import Task
    from neuedge_nir.across.scored import Scored
    from neuedge_nir.chip.model import Chip
    from neuedge_nir.network.model import Network
    from neuedge_nir.pipeline import Options


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `compare`."""
    add_model(sub)
    sub.add_argument(
        "--targets",
        metavar="A[,B...]",
        help="chips by name or .toml file, comma-separated (default: all installed that were made)",
    )
    sub.add_argument(
        "-o", "--plans", type=Path, dest="output", metavar="DIR", help="write each plan into a new or empty folder"
    )
    sub.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="NAME:WATTS[:SECONDS[:SOURCE]]",
        help="a processor beside the chips; without SECONDS our simulator is timed, here, on --data",
    )
    sub.add_argument(
        "--over",
        metavar="WHAT,...",
        help="what the front is over (default: energy,latency,chips,accuracy; also chip_share, cores, boards, "
        "throughput, same_class)",
    )
    sub.add_argument("--jobs", type=whole, metavar="N", help="processes at once (default: one for each CPU)")
    sub.add_argument(
        "--no-suggest",
        dest="suggest",
        action="store_false",
        help="do not look for changes that make it fit where it does not",
    )
    add_passes(sub, emit=False)
    add_mapping_options(sub)
    add_solver_options(sub, " each chip")
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Compare chips: 0 if any fits, 4 if all are proved not to, 5 otherwise. Nothing is written unless all are done."""
    from neuedge_nir.across.baseline import baseline_of
    from neuedge_nir.emission.folder import check_folder

    chips = _chips(arguments.targets)
    over, baselines = _over(arguments.over), [baseline_of(text) for text in arguments.baseline]
    _check_timed(baselines, arguments)
    if arguments.output is not None:
        check_folder(arguments.output)
        _check_new(arguments.output)
    calls = calls_of(arguments)
    network = read_model(arguments)
    print_diagnostics(network.origin.diagnostics)
    options = options_of(arguments, network, calls, arguments.effort, arguments.seed)
    options = replace(options, time_limit=arguments.time_limit)
    jobs = arguments.jobs or _cpus()
    known, seconds = _reference(network, options, baselines)
    answers = _asked(chips, network, options, arguments, jobs)
    raise_if_interrupted()
    beside = _beside(baselines, answers, options, known, seconds)
    _deliver(answers, beside, known, over, network, arguments)
    statuses = {answer.exit_status for answer in answers}
    return min(statuses) if 0 in statuses or len(statuses) == 1 else NoPlanError.exit_status


# --- what was asked


def _chips(named: str | None) -> list[tuple[str, Chip | NeuedgeError]]:
    """Each chip by what it is called in the list. One that is installed but not named may be broken; others not.

    Raises `UsageError` (USE009, USE111) for an empty name, or one that stands there twice, and what `chip_of` raises.
    """
    from neuedge_nir.across.side_by_side import all_made
    from neuedge_nir.api import chip_of

    if named is None:
        return all_made()
    listed = [name.strip() for name in named.split(",")]
    if not all(listed):
        raise UsageError("USE009", "an empty name among the chips", where=f"--targets {named}")
    if twice := sorted({name for name in listed if listed.count(name) > 1}):
        raise UsageError("USE111", f"{twice[0]!r} stands there twice", where=f"--targets {named}", hint="name it once")
    return [(name, chip_of(name)) for name in listed]


def _over(text: str | None) -> tuple[str, ...]:
    """What the front is over. Raises `UsageError` (USE113) for what chips are not compared by."""
    from neuedge_nir.across.pareto import OBJECTIVES, USUAL
    from neuedge_nir.plugin import unknown_name

    names = tuple(dict.fromkeys(USUAL if text is None else text.split(",")))
    for name in names:
        if name not in OBJECTIVES:
            raise unknown_name("USE113", "figure to compare by", name, OBJECTIVES)
    return names


def _check_timed(baselines: Sequence[Baseline], arguments: argparse.Namespace) -> None:
    """Raises `UsageError` (USE114) where a time is to be measured, and there is nothing to run."""
    for each in baselines:
        if each.time_s is None and arguments.data is None:
            message = f"nobody says how long {each.name!r} takes, and there are no samples to time it on"
            raise UsageError("USE114", message, where="--baseline", hint="give NAME:WATTS:SECONDS, or --data")


def _check_new(folder: Path) -> None:
    """Raises `UsageError` (USE141) for a folder that holds plans of an earlier run: none is replaced unasked."""
    if folder.is_dir() and any(folder.iterdir()):
        message = "the folder holds the plans of an earlier run, which this one would replace"
        raise UsageError("USE141", message, where=str(folder), hint="name a new folder, or delete that one")


def _cpus() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# --- who answers


def _asked(
    chips: Sequence[tuple[str, Chip | NeuedgeError]],
    network: Network,
    options: Options,
    arguments: argparse.Namespace,
    jobs: int,
) -> list[Answer]:
    """One answer of each chip, in the order of the list, whatever becomes of its process."""
    from neuedge_nir.across.answers import Answer
    from neuedge_nir.across.processes import Ended

    questions = [Question(name, chip, network, options, arguments) for name, chip in chips]
    answers: dict[int, Answer] = {}
    status: dict[int, int] = {}
    names = [name for name, _ in chips]
    with _watched(names) as watch, closing(_told([partial(ask, each) for each in questions], jobs)) as told:
        for index, what in told:
            raise_if_interrupted()
            watch(index, what)
            if isinstance(what, Answer):
                answers[index] = what
            elif isinstance(what, Ended):
                status[index] = what.status
    return [answers.get(k) or each.died(status[k]) for k, each in enumerate(questions)]


def _told(tasks: Sequence[Task], jobs: int) -> Generator[tuple[int, object], None, None]:
    from neuedge_nir.across.processes import in_processes

    return in_processes(tasks, jobs)


@contextmanager
def _watched(names: Sequence[str]) -> Iterator[Callable[[int, object], None]]:
    """A line of progress on stderr, on a terminal only: what each chip is at, and how many are done."""
    from neuedge_nir.across.processes import Ended

    at: dict[int, str] = {}
    done: set[int] = set()

    def words() -> str:
        return f"{len(done)} of {len(names)} done; " + ", ".join(f"{names[k]} {at[k]}" for k in sorted(at))

    def follow(index: int, what: object) -> None:
        if isinstance(what, Started):
            at[index] = what.stage
        elif isinstance(what, Ended):
            at.pop(index, None)
            done.add(index)

    if not sys.stderr.isatty():
        yield follow
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as drawn:

        def watch(index: int, what: object) -> None:
            follow(index, what)
            drawn.update(Text(words()))

        yield watch


def _reference(network: Network, options: Options, baselines: Sequence[Baseline]) -> tuple[Scored | None, float | None]:
    """The classes of the model as it was read, and how long it takes here for a sample, where that is asked for.

    It runs alone, so that nothing else takes its time.
    """
    from neuedge_nir.interpreter.samples import Samples

    if not isinstance(options.activity, Samples):
        return None, None
    timed = any(each.time_s is None for each in baselines)
    with closing(_told([partial(measure, network, options, timed)], 1)) as told:
        found = [what for _, what in told]
    if isinstance(found[0], NeuedgeError):
        raise found[0]
    if not isinstance(found[0], tuple):
        raise NoPlanError("FIT087", "the process that runs the model on the samples died", hint="try fewer --samples")
    return found[0]


# --- what is told


def _beside(
    baselines: Sequence[Baseline],
    answers: Sequence[Answer],
    options: Options,
    known: Scored | None,
    seconds: float | None,
) -> list[Answer]:
    from neuedge_nir.across.answers import INFERENCE, STEP
    from neuedge_nir.across.baseline import row_of

    sampled = known is not None or options.steps_per_sample is not None
    per = next((each.measures.per for each in answers if each.measures), INFERENCE if sampled else STEP)
    correct = None if known is None else known.accuracy
    return [row_of(each, seconds, per, correct if each.time_s is None else None) for each in baselines]


def _deliver(
    answers: list[Answer],
    beside: list[Answer],
    known: Scored | None,
    over: tuple[str, ...],
    network: Network,
    arguments: argparse.Namespace,
) -> None:
    """Write the plans, print remarks and why chips have none, and the comparison."""
    from neuedge_nir.across.answers import with_classes
    from neuedge_nir.across.pareto import counted, standings
    from neuedge_nir.across.scored import agreement
    from neuedge_nir.across.text import comparison_tables
    from neuedge_nir.emission.folder import write_folder
    from neuedge_nir.report.words import printable

    if known is not None:
        told = [None if each.scored is None else agreement(each.scored, known) for each in answers]
        answers = [with_classes(each, same) for each, same in zip(answers, told, strict=True)]
    fitting = [k for k, each in enumerate(answers) if each.measures is not None]
    spans = [each.measures.known() for each in answers if each.measures is not None]
    over = counted(spans, over)
    placed = dict(zip(fitting, standings(spans, over), strict=True))
    if arguments.output is not None:
        write_folder(arguments.output, _files(answers))
    remarks = dict.fromkeys(remark for each in answers for remark in each.diagnostics)
    print_diagnostics([remark for remark in remarks if remark not in network.origin.diagnostics])
    standing = [_of_all(placed.get(k), fitting) for k in range(len(answers))]
    if arguments.json:
        print_json(_json(answers, beside, standing, over, known, network))
    else:
        print_tables(comparison_tables(network.origin.name, answers, standing, over, beside))
        sys.stdout.writelines(f"{line}\n" for each in answers for line in _suggested(each))
    for each in answers:
        if each.failed is not None:
            print(printable(f"{each.target}: {each.failed.line}"), file=sys.stderr)


def _of_all(standing: Standing | None, fitting: Sequence[int]) -> Standing:
    """The standing of a chip with those that beat it by their place among all chips."""
    from neuedge_nir.across.pareto import Standing

    if standing is None:
        return Standing(False, ())
    return replace(standing, beaten=tuple(replace(each, by=fitting[each.by]) for each in standing.beaten))


def _suggested(answer: Answer) -> list[str]:
    from neuedge_nir.cli.suggest import suggestion_lines

    told = answer.report.get("suggestions")
    return [f"\n{answer.target}:", *suggestion_lines(told)] if isinstance(told, dict) else []


def _files(answers: Sequence[Answer]) -> Mapping[str, bytes]:
    """Each plan under the name of its chip; a second chip of that name is numbered."""
    from neuedge_nir.emission.files import with_manifest

    files: dict[str, bytes] = {}
    for each in answers:
        if each.plan is not None:
            target = each.report["target"]
            name = str(target["name"]) if isinstance(target, dict) else each.target
            free = (name, *(f"{name}-{k}" for k in range(2, len(answers) + 2)))
            files[next(f"{one}.json" for one in free if f"{one}.json" not in files)] = each.plan
    return with_manifest(files)


def _json(
    answers: Sequence[Answer],
    beside: Sequence[Answer],
    standing: Sequence[Standing],
    over: tuple[str, ...],
    known: Scored | None,
    network: Network,
) -> list[dict[str, object]]:
    """An entry for each chip, and for each baseline: keys of a report, with `asked`, `compared` and `pareto`."""
    from neuedge_nir.across.answers import compared_json, pareto_json
    from neuedge_nir.report.contract import without_plan

    names = [each.target for each in answers]
    was = None if known is None else known.accuracy
    entries = [
        {
            **each.report,
            "asked": each.target,
            "compared": {**compared_json(each), "accuracy_as_read": was},
            "pareto": None if each.measures is None else pareto_json(place, names, over),
        }
        for each, place in zip(answers, standing, strict=True)
    ]
    rows = [
        {
            **without_plan(each.outcome, each.target, network),
            "suggestions": None,
            "asked": each.target,
            "compared": {**compared_json(each), "accuracy_as_read": was},
            "pareto": None,
        }
        for each in beside
    ]
    return [*entries, *rows]
