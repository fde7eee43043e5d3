"""What several commands need: options, a chip by name or file, output for people and programs, progress."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from neuedge_nir.errors import NeuedgeError, UsageError
from neuedge_nir.events import Event, Finished, Improved, Observer, Progress, Started

if TYPE_CHECKING:
    from rich.console import RenderableType

    from neuedge_nir.diagnostics import Diagnostic
    from neuedge_nir.interpreter.samples import Samples
    from neuedge_nir.network.model import Network


def add_model(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model", metavar="MODEL.nir", help="the network")


def add_json(sub: argparse.ArgumentParser, *, inner: bool = False) -> None:
    """`--json`. An inner command leaves alone what was said before its name, as in `targets --json show NAME`."""
    default = argparse.SUPPRESS if inner else False
    sub.add_argument("--json", action="store_true", default=default, help="print JSON for programs instead of tables")


def add_early_exit(sub: argparse.ArgumentParser) -> None:
    """`--early-exit`."""
    sub.add_argument(
        "--early-exit",
        type=positive,
        metavar="LEAD",
        help="with --data: a sample ends once its greatest summed output leads the next by so much",
    )


def add_reading_options(sub: argparse.ArgumentParser) -> None:
    """The options of every command that reads a model."""
    sub.add_argument(
        "--dt", type=positive, metavar="TIME", help="length of a timestep, in the file's time unit: mostly seconds"
    )
    sub.add_argument(
        "--reset",
        choices=("zero", "subtract"),
        help="what a spike does to the membrane (default: as the file says, else zero)",
    )
    sub.add_argument("--strict", action="store_true", help="refuse a model that needs a repair")
    sub.add_argument(
        "--limits", metavar="NAME=N,...", help="what the file may ask for, e.g. seconds=60 (default: safe for any file)"
    )


def positive(text: str) -> float:
    """A number above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def whole(text: str) -> int:
    """A whole number above zero."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


def seed(text: str) -> int:
    """A seed that the solver takes."""
    value = int(text)
    if not 0 <= value < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {(1 << 31) - 1}")
    return value


def add_data(sub: argparse.ArgumentParser, *, required: bool = False) -> None:
    """`--data` and which part of it."""
    sub.add_argument(
        "--data",
        type=Path,
        required=required,
        metavar="FILE.npz",
        help="samples to simulate: x (samples, steps, *input shape) and, for the accuracy, y",
    )
    sub.add_argument("--split", metavar="NAME", help="x_NAME and y_NAME of the file (default: test, if there)")
    sub.add_argument("--samples", type=whole, metavar="N", help="the first N samples (default: all)")
    sub.add_argument(
        "--steps",
        type=whole,
        metavar="T",
        help="the data are values (samples, *input shape) from 0 to 1, such as images: code them by rate over T steps "
        "(whole numbers of an unsigned type, such as uint8, are divided by the largest of it); in a mapping without "
        "--data: a sample has T timesteps",
    )
    sub.add_argument(
        "--calibrate",
        metavar="SPLIT|N",
        help="what passes search on: a split of the data, or N of the samples, drawn, which are then not measured "
        "(default: 6000 of the split train, drawn, if there)",
    )
    sub.add_argument("--code-seed", type=seed, metavar="N", help="seed of that code (default 0)")


def check_data(arguments: argparse.Namespace) -> None:
    """Raises `UsageError` (USE001) for options that say how to read the data, where there are none."""
    about = ("split", "samples", "steps", "calibrate", "code_seed")
    given = [f"--{name.replace('_', '-')}" for name in about if getattr(arguments, name) is not None]
    if given and arguments.data is None:
        message = f"{given[0]} says which data to take, or how, and there are none"
        raise UsageError("USE001", message, where=given[0], hint="give --data")


def data_of(arguments: argparse.Namespace, network: Network) -> tuple[Samples | None, Samples | None]:
    """The samples that --data names, and those to search on, where there are some.

    Raises `InputError` where they do not fit the network, or a calibration leaves nothing to measure; `UsageError` for
    options about data that are not given.
    """
    from neuedge_nir.interpreter.samples import Coding, calibrating, load_samples

    check_data(arguments)
    if arguments.data is None:
        return None, None
    coding = Coding(arguments.steps, arguments.code_seed or 0) if arguments.steps else None
    samples = load_samples(arguments.data, network, arguments.split, arguments.samples, coding)
    print_diagnostics(samples.remarks)
    if not arguments.passes:
        return samples, None
    return calibrating(samples, arguments.data, network, arguments.calibrate, coding, arguments.split)


def read_model(arguments: argparse.Namespace) -> Network:
    """The model that was named, read as the options say. Raises `InputError` where it is refused."""
    from neuedge_nir.frontend import DEFAULT_CAPS, Caps, read

    limits = Caps.parse(arguments.limits) if arguments.limits else DEFAULT_CAPS
    return read(arguments.model, strict=arguments.strict, dt=arguments.dt, reset=arguments.reset, limits=limits)


def line_of(error: NeuedgeError) -> str:
    """An error in one line: its code, the place, what is wrong, what to do."""
    from neuedge_nir.report.words import printable

    return printable(f"error[{error.code}]: {error}")


def print_json(value: object) -> None:
    """One JSON value on stdout, never all of it in memory. NaN and infinity are no JSON: they would be our bug."""
    parts = json.JSONEncoder(indent=2, allow_nan=False).iterencode(value)
    for text in iter(lambda: "".join(islice(parts, 100_000)), ""):
        sys.stdout.write(text)
    sys.stdout.write("\n")


def print_document(text: str) -> None:
    """A document in UTF-8 on stdout, whatever the terminal can show: it is meant for another program."""
    sys.stdout.flush()
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.buffer.write(text.encode())
    else:  # a test's, or another Python program's
        sys.stdout.write(text)


def check_output(output: Path, *sources: str | None) -> None:
    """Say before the work that a file cannot be written, or that the result is made from it. Raises `UsageError`."""
    from neuedge_nir.files import check_writable

    check_writable(output)
    for source in sources:
        if source and output.exists() and os.path.exists(source) and output.samefile(source):
            message = "cannot write: this is what the result is made from"
            raise UsageError("USE006", message, where=str(output), hint="name another file")


def line_width() -> int:
    """The columns of a line on stdout: `COLUMNS` if set, else those of the terminal, 120 elsewhere."""
    return width_of(sys.stdout)


def width_of(stream: TextIO) -> int:
    from shutil import get_terminal_size

    asked = os.environ.get("COLUMNS", "")
    if asked.isascii() and asked.isdecimal() and int(asked):
        return min(max(int(asked), 20), 10_000)
    return get_terminal_size().columns if stream.isatty() else 120


def draws_lines() -> bool:
    """Whether stdout can show lines drawn in unicode."""
    try:
        "├└│─".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def print_tables(tables: Sequence[RenderableType], where: TextIO | None = None) -> None:
    """Tables on stdout or another stream, as wide as `width_of` says. Where NO_COLOR is set, nothing is bold."""
    if not tables:
        return
    from rich.console import Console

    from neuedge_nir.report.grid import spelled

    stream = where or sys.stdout
    plain = bool(os.environ.get("NO_COLOR"))
    console = Console(highlight=False, file=stream, width=width_of(stream), color_system=None if plain else "auto")
    with console.capture() as drawn:  # rich would exit with 1 where the reader of our output went away
        for table in tables:
            console.print(table)
    lines = [line.rstrip(" ") for line in drawn.get().split("\n")]
    stream.write(spelled("\n".join(lines), console.encoding))


def print_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """One line per remark on stderr; equal remarks about several nodes are one line."""
    from neuedge_nir.report.words import printable

    nodes: dict[tuple[str, str, str, str | None], list[str]] = {}
    for d in diagnostics:
        nodes.setdefault((d.severity.value, d.code, d.message, d.hint), []).append(d.node or "")
    for (severity, code, message, hint), names in nodes.items():
        at = ", ".join(repr(name) for name in names[:3] if name) + (
            f" and {len(names) - 3} more" if len(names) > 3 else ""
        )
        text = f"{severity}[{code}]: {f'{at}: ' if at else ''}{message}{f' ({hint})' if hint else ''}"
        print(printable(text), file=sys.stderr)


INTERRUPTED = threading.Event()
"""Set by Ctrl-C. Python drops the exception where it lands in a callback, such as a weak reference's; this stays."""


def raise_if_interrupted() -> None:
    """Raise `KeyboardInterrupt` if Ctrl-C was pressed and its own exception was lost on the way."""
    if INTERRUPTED.is_set():
        raise KeyboardInterrupt


@contextmanager
def progress(*, lines: bool = False) -> Iterator[Observer]:
    """An observer that draws a line of progress on stderr, on a terminal only, and notices an interruption.

    `lines`: what is said of a unit that is done stays in view while the next one runs, and is a line of its own where
    no terminal is, so that a log shows how long work goes.
    """
    done = _Done()
    if not sys.stderr.isatty():
        yield _in_lines(done) if lines else lambda _: raise_if_interrupted()
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("") as status:

        def watch(event: Event) -> None:
            raise_if_interrupted()
            stays = lines and not done.grows(event) and done.note
            status.update(_words(event) + (f"; {done.note}" if stays else ""))

        yield watch


@dataclass(slots=True)
class _Done:
    """How many units of its work a stage has done, and what was said of the last."""

    units: int = 0
    note: str = ""

    def grows(self, event: Event) -> bool:
        """Whether an event tells of more than was done before it."""
        if not isinstance(event, Progress) or event.done <= self.units:
            return False
        self.units, self.note = event.done, event.note
        return True


def _in_lines(done: _Done) -> Observer:
    def tell(event: Event) -> None:
        raise_if_interrupted()
        if done.grows(event):
            print(_words(event), file=sys.stderr, flush=True)

    return tell


def _words(event: Event) -> str:
    match event:
        case Started(stage) | Finished(stage):
            return stage
        case Progress(stage, done, total, note):
            return f"{stage} {done}/{total}" + (f": {note}" if note else "")
        case Improved(stage, objective, bound):
            return f"{stage}: {objective:g} cores" + (f", at least {bound:g}" if bound is not None else "")
