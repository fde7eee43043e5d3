"""`neuedge-nir validate`: what plans say beside published measurements. Exit status 0, whatever is inside."""

from __future__ import annotations

import argparse
from pathlib import Path

from neuedge_nir.cli.shared import add_json, check_output, print_json, print_tables, progress
from neuedge_nir.errors import UsageError
from neuedge_nir.events import Progress


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Cases, a folder of public files, and where to write."""
    sub.add_argument(
        "cases",
        nargs="*",
        metavar="CASE",
        help="a case such as V9, or the path of a .toml file with one of your own (default: all, which takes a minute)",
    )
    sub.add_argument(
        "--shared",
        type=Path,
        metavar="DIR",
        help="a folder with public files that do not come with the compiler, such as nir/pilotnet_lif.nir",
    )
    sub.add_argument("--document", type=Path, metavar="FILE.md", help="also write all of it as Markdown")
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Build, map and compare. Raises `UsageError` for unknown cases, `InputError` for a file that is none."""
    from neuedge_nir.files import write_whole
    from neuedge_nir.validation.compare import result_of
    from neuedge_nir.validation.contract import as_json
    from neuedge_nir.validation.document import document
    from neuedge_nir.validation.load import chosen
    from neuedge_nir.validation.text import tables_of

    if arguments.document is not None:
        _check_document(arguments)
    if arguments.shared is not None and not arguments.shared.is_dir():
        raise UsageError("USE110", "no such folder", where=str(arguments.shared), hint="give the folder above nir/")
    wanted = chosen(tuple(arguments.cases))
    results = []
    with progress() as watch:
        for number, case in enumerate(wanted):
            watch(Progress(f"validate {case.id}", number, len(wanted)))
            results.append(result_of(case, arguments.shared))
    if arguments.document is not None:
        write_whole(arguments.document, document(results).encode())
    if arguments.json:
        print_json(as_json(results))
    elif arguments.document is None:
        print_tables(tables_of(results))
    return 0


def _check_document(arguments: argparse.Namespace) -> None:
    if arguments.cases:
        hint = "leave out the cases, or the document"
        raise UsageError("USE110", "a document tells of all cases", where="--document", hint=hint)
    check_output(arguments.document)
