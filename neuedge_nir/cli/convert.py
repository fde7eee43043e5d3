"""`neuedge-nir convert`: a model as a clean .nir file."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from neuedge_nir.cli.rewriting import add_passes, applied_json, calls_of, context_of, rewritten
from neuedge_nir.cli.shared import (
    add_data,
    add_json,
    add_reading_options,
    check_output,
    print_diagnostics,
    print_json,
    raise_if_interrupted,
    read_model,
)
from neuedge_nir.files import whole_file

if TYPE_CHECKING:
    from neuedge_nir.frontend.writer import NirFile
    from neuedge_nir.network.model import Network
    from neuedge_nir.rewrite.manager import Applied


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `convert`."""
    sub.add_argument("model", metavar="IN.nir", help="the network")
    sub.add_argument("output", type=Path, metavar="OUT.nir", help="the file to write")
    add_passes(sub)
    add_data(sub)
    add_reading_options(sub)
    sub.add_argument(
        "--compat", metavar="VERSION", help="refuse what this version of the nir library cannot read: 1.0.8 or 1.0.4"
    )
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Write one model again. Raises `InputError` where it is refused; nothing is written then."""
    from neuedge_nir.frontend.writer import file_of

    check_output(arguments.output, arguments.model)
    calls = calls_of(arguments)
    read = read_model(arguments)
    print_diagnostics(read.origin.diagnostics)
    network, applied = rewritten(read, calls, context_of(arguments, read), arguments)
    made = file_of(network, arguments.compat)
    print_diagnostics(made.diagnostics)
    with whole_file(arguments.output) as file:
        made.write(file)
        digest = _digest(file) if arguments.json else {}
        raise_if_interrupted()
    if arguments.json:
        print_json(_json(network, made, {"name": arguments.output.name, **digest}, applied))
    else:
        sys.stdout.write(_line(made, arguments.output.name))
    return 0


def _digest(file: IO[bytes]) -> dict[str, object]:
    file.seek(0)
    found = hashlib.sha256()
    for part in iter(lambda: file.read(2**20), b""):
        found.update(part)
    return {"sha256": found.hexdigest(), "bytes": file.tell()}


def _line(file: NirFile, name: str) -> str:
    from neuedge_nir.report.amounts import counted
    from neuedge_nir.report.words import printable

    readers = f"nir {' and '.join(file.readers)}" if file.readers else "no version of nir that was tried"
    return f"{printable(name)}: {counted(file.nodes, 'node')}, {counted(file.edges, 'edge')}; for {readers}\n"


def _json(network: Network, made: NirFile, file: dict[str, object], applied: list[Applied]) -> dict[str, object]:
    from neuedge_nir.report.contract import diagnostic

    origin = network.origin
    return {
        "schema": "neuedge-nir/convert/1",
        "model": {"name": origin.name, "sha256": origin.sha256, "nir_version": origin.nir_version},
        "file": {**file, "nodes": made.nodes, "edges": made.edges},
        "nir_versions": made.readers,
        "passes": applied_json(applied),
        "diagnostics": [diagnostic(each) for each in (*origin.diagnostics, *made.diagnostics)],
    }
