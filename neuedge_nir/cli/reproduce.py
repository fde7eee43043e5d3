"""`neuedge-nir reproduce`: experiments on what NeuEdge claims; each writes its numbers, a page and a picture."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.shared import add_json, check_output, line_of, print_json, print_tables, progress, whole
from neuedge_nir.errors import NeuedgeError, UsageError

if TYPE_CHECKING:
    from neuedge_nir.events import Observer
    from neuedge_nir.plugin import ExperimentOptions
    from neuedge_nir.reproduction.document import Result

ENDINGS = (".json", ".md", ".svg")


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Experiments, their budget, and where to write."""
    sub.add_argument("names", nargs="?", metavar="LIST", help="`list`, `all`, or names with commas between them")
    sub.add_argument("--quick", action="store_true", help="the small budgets: all in some minutes")
    sub.add_argument("--seeds", type=whole, metavar="N", help="trainings of each network (default: the experiment's)")
    sub.add_argument("--data-dir", type=Path, metavar="DIR", help="a folder with the data of the models; else fetched")
    sub.add_argument(
        "-o", "--output", type=Path, default=Path("reproduction"), metavar="DIR", help="default: %(default)s here"
    )
    sub.add_argument(
        "--document", type=Path, metavar="FILE.md", help="also write the page of all claims, from the files in DIR"
    )
    add_json(sub)


def run(arguments: argparse.Namespace) -> int:
    """Run what was named. One that fails is told, and the others run; the exit status is then that of the first."""
    from neuedge_nir.plugin import ExperimentOptions

    if arguments.names == "list" or (arguments.names is None and arguments.document is None):
        _check_alone(arguments)
        return _list(arguments.json)
    names = [] if arguments.names is None else chosen(arguments.names)
    if arguments.seeds == 1:
        raise UsageError("USE132", "one seed has no spread", where="--seeds", hint="give at least 2")
    if not names and (arguments.quick or arguments.seeds or arguments.data_dir):
        hint = "name experiments, or `all`"
        raise UsageError("USE132", "options of a run, and nothing to run", where="reproduce", hint=hint)
    if arguments.document is not None:
        check_output(arguments.document)
    options = ExperimentOptions(arguments.quick, arguments.seeds, arguments.data_dir)
    with _made(arguments.output):
        status = _all(names, options, arguments.output)
        if arguments.document is not None:
            _document(arguments.output, arguments.document)
    return status


def _check_alone(arguments: argparse.Namespace) -> None:
    if arguments.quick or arguments.seeds is not None or arguments.data_dir or arguments.document:
        hint = "name experiments, or `all`"
        raise UsageError("USE132", "options of a run, and nothing to run", where="reproduce list", hint=hint)


def chosen(text: str) -> list[str]:
    """The names in a list. Raises `UsageError` USE131 for one that nobody registered, USE132 for one given twice."""
    from neuedge_nir.plugin import EXPERIMENTS, names, unknown_name

    known = names(EXPERIMENTS)
    wanted = known if text == "all" else [name.strip() for name in text.split(",")]
    for name in wanted:
        if name in ("all", "list"):
            hint = f"give `{name}` alone, or names with commas between them"
            raise UsageError("USE132", f"{name!r} stands beside others", where="reproduce", hint=hint)
        if name not in known:
            raise unknown_name("USE131", "experiment", name, known)
        if wanted.count(name) > 1:
            raise UsageError("USE132", f"{name!r} is named twice", where="reproduce", hint="name it once")
    return wanted


def _list(as_json: bool) -> int:
    from neuedge_nir.plugin import EXPERIMENTS, load_experiment, names
    from neuedge_nir.report.text import table

    found = []
    for name in names(EXPERIMENTS):
        try:
            summary = load_experiment(name).summary
        except NeuedgeError as error:  # one that is broken must not hide the others
            summary = f"[{error.code}] {error}"
        found.append({"name": name, "summary": summary})
    if as_json:
        print_json(found)
    else:
        print_tables([table("Experiments", ("name", ""), [(each["name"], each["summary"]) for each in found])])
    return 0


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder of the results; one that was made for them and stays empty goes again."""
    was_there = folder.is_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "USE006", f"cannot write: {error.strerror}", where=str(folder), hint="name a folder"
        ) from error
    try:
        yield
    finally:
        if not was_there and not any(folder.iterdir()):
            folder.rmdir()


def _all(names: Sequence[str], options: ExperimentOptions, folder: Path) -> int:
    status = 0
    with progress() as observer:
        for number, name in enumerate(names, start=1):
            try:
                _one(name, options, folder, observer)
            except NeuedgeError as error:
                print(line_of(error), file=sys.stderr)
                status = status or error.exit_status
            else:
                print(f"{number}/{len(names)} {name}: {folder / name}.md", flush=True)
    return status


def _one(name: str, options: ExperimentOptions, folder: Path, observer: Observer) -> None:
    from neuedge_nir.files import check_writable
    from neuedge_nir.plugin import EXPERIMENTS, guarded, load_experiment, returned
    from neuedge_nir.reproduction.document import Result
    from neuedge_nir.reproduction.finding import Finding

    experiment = load_experiment(name)
    for ending in ENDINGS:
        check_writable(folder / f"{name}{ending}")
    found: object = guarded(EXPERIMENTS, name, lambda: experiment.run(options, observer))
    if not isinstance(found, Finding):
        raise returned(EXPERIMENTS, name, found, "Finding")
    _write(Result(name, experiment.summary, found, command_of(name, options)), folder)
    for claim in found.claims:
        print(f"{name}: {claim.verdict}: {claim.words}: {claim.ours}")


def command_of(name: str, options: ExperimentOptions) -> str:
    """The command that repeats a run; the user's folder of data is DIR in it."""
    words = ["neuedge-nir reproduce", name, *["--quick"] * options.quick]
    words += [f"--seeds {options.seeds}"] if options.seeds is not None else []
    return " ".join(words + ["--data-dir DIR"] * (options.data_dir is not None))


def _write(result: Result, folder: Path) -> None:
    """Page and picture are of the numbers as the file has them; they come first: where it lies, all is there."""
    from neuedge_nir.files import write_whole
    from neuedge_nir.reproduction.document import as_json, parsed, rendered

    text = as_json(result)
    for ending, content in {**rendered(parsed(text)), ".json": text}.items():
        write_whole(folder / f"{result.name}{ending}", content.encode())


def _document(folder: Path, document: Path) -> None:
    from neuedge_nir.files import write_whole
    from neuedge_nir.reproduction.document import claims_page, load

    results = [load(path) for path in sorted(folder.glob("*.json"))]
    beside = os.path.relpath(folder.resolve(), document.parent.resolve()).replace(os.sep, "/")
    write_whole(document, claims_page(results, beside).encode())
