"""`neuedge-nir inspect`: what is in the file, as text, JSON or a picture, and what the reader had to assume."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.shared import (
    add_json,
    add_model,
    add_reading_options,
    check_output,
    draws_lines,
    line_width,
    print_diagnostics,
    print_document,
    print_json,
    read_model,
)
from neuedge_nir.errors import UsageError

if TYPE_CHECKING:
    from neuedge_nir.report.outline import Outline

STDOUT = Path("-")


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The options of `inspect`."""
    add_model(sub)
    add_reading_options(sub)
    sub.add_argument("--all", action="store_true", help="leave nothing out of the text, however large the network")
    sub.add_argument(
        "--dot",
        nargs="?",
        const=STDOUT,
        type=_picture,
        metavar="FILE",
        help="write a Graphviz document; without FILE, or with -, print it instead of the text",
    )
    sub.add_argument("--svg", type=_picture, metavar="FILE", help="write a picture; with -, print it")
    add_json(sub)


def _picture(text: str) -> Path:
    """Where a picture goes. A model's name there was meant for another argument, and must not be overwritten."""
    if text.lower().endswith(".nir"):
        raise argparse.ArgumentTypeError(f"{text!r} is the name of a model: name MODEL.nir first, then the picture")
    return Path(text)


def run(arguments: argparse.Namespace) -> int:
    """Show a model. Raises `InputError` where it is refused, `UsageError` where a picture cannot be written."""
    from neuedge_nir.report.outline import outline_of

    _check(arguments)
    outline = outline_of(read_model(arguments))
    _deliver(outline, arguments)
    sys.stdout.flush()  # remarks come last, on a terminal too
    print_diagnostics(outline.diagnostics)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    pictures = [path for path in (arguments.dot, arguments.svg) if path is not None]
    files = [path for path in pictures if path != STDOUT]
    if len(pictures) - len(files) + arguments.json > 1:
        raise UsageError("USE001", "only one of --json, --dot and --svg can be printed", hint="name a file: --dot FILE")
    for path in files:
        check_output(path, arguments.model)
    if len(files) > len({path.resolve() for path in files}):
        raise UsageError("USE006", "cannot write: --dot and --svg name the same file", where=str(files[0]))


def _deliver(outline: Outline, arguments: argparse.Namespace) -> None:
    """Files first: what is printed says that all went well."""
    from neuedge_nir.files import write_whole

    printed = None
    for path, text in _pictures(outline, arguments):
        if path == STDOUT:
            printed = text
        else:
            write_whole(path, text.encode())
    if printed is not None:
        print_document(printed)
    elif arguments.json:
        from neuedge_nir.report.contract import inspection_of

        print_json(inspection_of(outline))
    else:
        _print_tree(outline, everything=arguments.all)


def _pictures(outline: Outline, arguments: argparse.Namespace) -> Iterator[tuple[Path, str]]:
    if arguments.dot is not None:
        from neuedge_nir.report.dot import dot_of

        yield arguments.dot, dot_of(outline)
    if arguments.svg is not None:
        from neuedge_nir.report.svg import svg_of

        yield arguments.svg, svg_of(outline)


def _print_tree(outline: Outline, *, everything: bool) -> None:
    from neuedge_nir.report.tree import Style, tree_lines

    style = Style(line_width(), draws_lines(), everything)
    sys.stdout.write("".join(f"{line}\n" for line in tree_lines(outline, style)))
