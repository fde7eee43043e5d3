"""`neuedge-nir emit`: a plan as files that other tools run, in a folder with a runbook."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from neuedge_nir.cli.shared import add_data, add_json, data_of, print_diagnostics, print_json, raise_if_interrupted


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `emit`."""
    sub.add_argument("plan", type=Path, metavar="PLAN.json", help="what `compile -o` wrote")
    sub.add_argument("--model", type=Path, required=True, metavar="MODEL.nir", help="the model it was made of")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder: new, or an older one")
    sub.add_argument("--format", metavar="NAME", help="a format of the chip's (default: its own), or json")
    sub.add_argument(
        "--target", metavar="NAME|FILE.toml", help="hold the plan's chip against this one (default: by its name)"
    )
    add_data(sub)
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Verify a plan against its model and emit it. Raises coded errors; nothing is written then."""
    from neuedge_nir.api import emit, network_of, reading_of
    from neuedge_nir.emission.files import format_of
    from neuedge_nir.emission.folder import check_folder, write_folder
    from neuedge_nir.plan.store import read

    check_folder(arguments.output)
    plan = read(arguments.plan)
    chosen = format_of(plan, arguments.format)
    network = network_of(arguments.model, reading_of(plan))
    print_diagnostics(network.origin.diagnostics)
    arguments.passes = plan.options.passes
    samples, _ = data_of(arguments, network)
    files = emit(plan, network, chosen, arguments.target, samples=samples)
    raise_if_interrupted()
    write_folder(arguments.output, files)
    if arguments.json:
        listed = [{"name": name, "bytes": len(files[name])} for name in sorted(files)]
        print_json({"schema": "neuedge-nir/emit-answer/1", "format": chosen, "files": listed})
    else:
        sys.stdout.write(f"{arguments.output}: {', '.join(sorted(files))}; format {chosen}\n")
    return 0
