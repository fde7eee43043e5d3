"""`neuedge-nir convert`: a model as a clean .nir file."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
from neuedge_nir.files import write_whole

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
    file = file_of(network, arguments.compat)
    print_diagnostics(file.diagnostics)
    raise_if_interrupted()
    write_whole(arguments.output, file.content)
    if arguments.json:
        print_json(_json(network, file, arguments.output.name, applied))
    else:
        sys.stdout.write(_line(file, arguments.output.name))
    return 0


def _line(file: NirFile, name: str) -> str:
    from neuedge_nir.report.text import counted, printable

    readers = f"nir {' and '.join(file.readers)}" if file.readers else "no version of nir that was tried"
    return f"{printable(name)}: {counted(file.nodes, 'node')}, {counted(file.edges, 'edge')}; for {readers}\n"


def _json(network: Network, file: NirFile, name: str, applied: list[Applied]) -> dict[str, object]:
    from neuedge_nir.report.contract import diagnostic

    origin = network.origin
    return {
        "schema": "neuedge-nir/convert/1",
        "model": {"name": origin.name, "sha256": origin.sha256, "nir_version": origin.nir_version},
        "file": {
            "name": name,
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "bytes": len(file.content),
            "nodes": file.nodes,
            "edges": file.edges,
        },
        "nir_versions": file.readers,
        "passes": applied_json(applied),
        "diagnostics": [diagnostic(each) for each in (*origin.diagnostics, *file.diagnostics)],
    }
