"""`neuedge-nir verify`: recount a plan with code that shares nothing with the mapper."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from neuedge_nir.cli.shared import add_data, add_json, check_data, data_of, print_json
from neuedge_nir.errors import UsageError, VerificationError


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    sub.add_argument("plan", type=Path, metavar="PLAN.json", help="what `compile -o` wrote")
    sub.add_argument("--model", type=Path, metavar="MODEL.nir", help="recount every connection too")
    sub.add_argument(
        "--target", metavar="NAME|FILE.toml", help="hold the plan's chip against this one (default: by its name)"
    )
    add_data(sub)
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Accept a plan or raise `VerificationError` with the first rule that it breaks."""
    from neuedge_nir.api import network_of, reading_of, verify
    from neuedge_nir.plan.store import read
    from neuedge_nir.plugin import TARGETS, names

    check_data(arguments)
    plan = read(arguments.plan)
    if arguments.data is not None and arguments.model is None:
        message = "data are for the passes that are run on the model again, and no model is given"
        raise UsageError("USE001", message, where="--data", hint="give --model as well")
    try:
        network = None if arguments.model is None else network_of(arguments.model, reading_of(plan))
        arguments.passes = plan.options.passes
        samples, _ = (None, None) if network is None else data_of(arguments, network)
        verify(plan, network, arguments.target, samples=samples)
    except VerificationError as error:
        if arguments.json:
            print_json({"accepted": False, "code": error.code, "where": error.where, "message": error.message})
        raise
    known = arguments.target is not None or plan.chip.name in names(TARGETS)
    described = "" if known else "; the chip is as the plan describes it, no installed target has that name"
    held = "against its model" if arguments.model else "by itself; give --model to recount every connection"
    if arguments.json:
        print_json({"accepted": True, "model_recounted": arguments.model is not None, "outcome": plan.outcome})
    else:
        cores = len(plan.cores)
        sys.stdout.write(
            f"accepted: {cores} core{'s' * (cores != 1)} of {plan.chip.title} recounted {held}{described}\n"
        )
    return 0
