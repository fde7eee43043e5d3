"""`--suggest`: changes that make a network fit, each run as a command of its own and accepted by the checker."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from neuedge_nir.cli.again import pasted, words_of
from neuedge_nir.cli.shared import line_of, print_json, progress, raise_if_interrupted, read_model
from neuedge_nir.errors import CapacityError, NeuedgeError, UsageError
from neuedge_nir.events import Observer

if TYPE_CHECKING:
    from neuedge_nir.across.changes import Change, Family
    from neuedge_nir.across.scored import Scored
    from neuedge_nir.across.search import Attempt, Changes, Found, Tried, Words
    from neuedge_nir.chip.model import Chip
    from neuedge_nir.network.model import Network
    from neuedge_nir.pipeline import Options
    from neuedge_nir.plan.model import Plan

HINT = "--suggest looks for a change that makes it fit"
Error = TypeVar("Error", bound=NeuedgeError)
READING = ("dt", "reset", "strict", "limits")
"""Options on which the network that is read depends."""


def add_suggest(sub: argparse.ArgumentParser) -> None:
    """`--suggest`."""
    sub.add_argument(
        "--suggest",
        action="store_true",
        help="where it does not fit: try changes that might help, and print those that were compiled and verified",
    )


def hinted(error: Error) -> Error:
    """The error, which says how to find out what would help."""
    if isinstance(error, CapacityError):
        error.hint = HINT if error.hint is None else f"{error.hint}; {HINT}"
    return error


def suggestions(
    arguments: argparse.Namespace,
    error: NeuedgeError,
    chip: Chip,
    network: Network,
    command: str,
    *,
    others: bool,
    observer: Observer | None = None,
) -> Found:
    """What makes it fit of all that bears on the error. `others`: whether other chips are tried too.

    Without an observer of its own each try is shown on a terminal.
    """
    from neuedge_nir.across.changes import Situation, families
    from neuedge_nir.across.search import search
    from neuedge_nir.api import chip_of

    def worth(found: NeuedgeError, sofar: Changes) -> Sequence[Family]:
        now = changed(arguments, sofar)
        return families(Situation(found, chip_of(now.target) if sofar else chip, network, vars(now)))

    def spelled(changes: Changes) -> Words:
        return words_of(changed(arguments, changes), command)

    with nullcontext(observer) if observer is not None else progress() as watch:
        rest = _others(chip) if others else ()
        return search(error, network, worth, spelled, attempted(arguments, network), rest, watch)


def changed(arguments: argparse.Namespace, changes: Sequence[Change]) -> argparse.Namespace:
    """The command line with changes, one after the other."""
    told = dict(vars(arguments))
    for change in changes:
        told |= change.sets
        told["passes"] = [*told["passes"], *(("pass", text) for text in change.passes)]
    return argparse.Namespace(**told)


def attempted(asked: argparse.Namespace, network: Network) -> Attempt:
    """Runs a command as the program would, but prints and writes nothing."""
    from neuedge_nir.cli.main import parser

    def attempt(words: Words) -> Plan | NeuedgeError:
        raise_if_interrupted()
        arguments = parser(words[0]).parse_args(list(words))
        same = all(getattr(arguments, name) == getattr(asked, name) for name in READING)
        try:
            return _compiled(arguments, network if same else read_model(arguments))
        except NeuedgeError as error:
            return error

    return attempt


def _compiled(arguments: argparse.Namespace, network: Network) -> Plan:
    from neuedge_nir.api import chip_of
    from neuedge_nir.cli.mapping import options_of
    from neuedge_nir.cli.rewriting import calls_of
    from neuedge_nir.pipeline import compile_network

    effort, seed = getattr(arguments, "effort", "none"), getattr(arguments, "seed", 0)
    options = options_of(arguments, network, calls_of(arguments), effort, seed)
    return compile_network(network, chip_of(arguments.target), options, lambda _: raise_if_interrupted())


def _others(chip: Chip) -> list[Family]:
    """Every other installed chip that was made, one at a time."""
    from neuedge_nir.across.changes import Change, Family
    from neuedge_nir.across.side_by_side import all_made

    return [Family("another chip", (Change({"target": name}),)) for name, _ in all_made() if name != chip.name]


def print_suggestions(
    arguments: argparse.Namespace, error: NeuedgeError, chip: Chip, network: Network, options: Options
) -> int:
    """`compile --suggest` where there is no plan: the error, then what helps. Returns the error's exit status."""
    from neuedge_nir.report.contract import refusal

    print(line_of(error), file=sys.stderr)
    found = suggestions(arguments, error, chip, network, "compile", others=True)
    told = suggestions_json(found, scoring_by(network, options))
    if arguments.json:
        print_json({**refusal(error, chip, network), "suggestions": told})
    else:
        sys.stdout.writelines(f"{line}\n" for line in suggestion_lines(told))
    return error.exit_status


# --- what is told of it


Score = Callable[["Plan"], "Scored | None"]


def scoring_by(network: Network, options: Options) -> Score:
    """How right a plan is on the samples of the options, where there are some."""
    from neuedge_nir.across.scored import as_mapped
    from neuedge_nir.interpreter.samples import Samples

    samples = options.activity

    def score(plan: Plan) -> Scored | None:
        if not isinstance(samples, Samples):
            return None
        return as_mapped(plan, network, samples, options.calibration, options.early_exit)

    return score


def suggestions_json(found: Found, score: Score) -> dict[str, object]:
    """The key `suggestions` of a report without a plan."""
    return {
        "verified": [_verified_json(tried, score) for tried in found.verified],
        "tried_in_vain": [_vain_json(tried) for tried in found.vain],
        "stopped_by_budget": found.stopped,
        "untried": list(found.untried),
    }


def _verified_json(tried: Tried, score: Score) -> dict[str, object]:
    from neuedge_nir.plan.model import Plan

    plan = tried.outcome
    assert isinstance(plan, Plan)
    scored = score(plan)
    return {
        "command": pasted(tried.words),
        "words": list(tried.words),
        "change": " and ".join(tried.kinds),
        "alters_what_is_computed": tried.alters,
        "outcome": plan.outcome,
        "cores": plan.mapping.cores_used,
        "chips": plan.mapping.chips_used,
        "accuracy": None if scored is None else scored.accuracy,
        "accuracy_basis": "unknown without --data" if scored is None else scored.why,
    }


def _vain_json(tried: Tried) -> dict[str, object]:
    error = tried.outcome
    assert isinstance(error, NeuedgeError)
    return {
        "command": pasted(tried.words),
        "change": " and ".join(tried.kinds),
        "code": error.code,
        "message": f"{error.told}; {error.hint}" if isinstance(error, UsageError) and error.hint else error.told,
    }


def suggestion_lines(told: dict[str, object]) -> list[str]:
    """The same for people, from what is told to programs: commands stand on lines of their own, to be pasted."""
    from neuedge_nir.report.amounts import counted
    from neuedge_nir.report.words import printable

    verified, vain = told["verified"], told["tried_in_vain"]
    assert isinstance(verified, list)
    assert isinstance(vain, list)
    lines = ["It fits with a change; each of these was compiled, and its plan verified:"] if verified else []
    for each in verified:
        size = f"{counted(each['cores'], 'core')} on {counted(each['chips'], 'chip')}, {each['outcome']}"
        lines += [f"  {each['command']}", f"      {each['change']}: {size}; {_meaning(each)}"]
    if not verified:
        none = "Nothing is known that might make it fit, so nothing was tried."
        none = "Nothing was tried." if told["stopped_by_budget"] else none
        lines.append("Nothing that was tried makes it fit." if vain else none)
    if vain:
        lines += ["Tried in vain:"]
        lines += [f"  {each['command']}\n      {each['code']}: {printable(each['message'])}" for each in vain]
    if told["stopped_by_budget"]:
        left = told["untried"]
        assert isinstance(left, list)
        rest = f"; not tried, or not in all strengths: {', '.join(left)}" if left else ""
        lines.append(f"More might help: the budget of tries was spent{rest}.")
    return [line for text in lines for line in map(printable, text.split("\n"))]


def _meaning(each: dict[str, object]) -> str:
    accuracy = each["accuracy"]
    if isinstance(accuracy, float):
        return f"accuracy {100 * accuracy:.2f} %, {each['accuracy_basis']}"
    if not each["alters_what_is_computed"]:
        return "the network stays as it is"
    return f"the network computes something else, accuracy {each['accuracy_basis']}"
