"""`neuedge-nir`: parse the words, call the command, turn errors into one line and an exit status.

Exit status: 0 a plan, 1 our bug, 2 usage, 3 input refused, 4 proved not to fit, 5 no plan found within the limit or
`check` cannot tell, 6 a plan failed verification, 130 interrupted.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from neuedge_nir.cli.shared import INTERRUPTED
from neuedge_nir.errors import NeuedgeError, UsageError

COMMANDS = (
    *("compile", "check", "compare", "inspect", "convert", "simulate", "verify", "report", "diff", "emit"),
    *("targets", "passes", "models", "explain", "validate", "reproduce"),
)
SUMMARIES = {
    "compile": "a checked placement plan and a cost report for one chip",
    "check": "does it fit, and what binds? no solver; several chips at once",
    "compare": "several chips side by side: fits or not, cores, energy, time, accuracy, and which are best",
    "inspect": "populations, projections, sizes, recurrences, repairs: as text, JSON or a picture",
    "convert": "a clean .nir file of a model that others read, after passes if wanted",
    "simulate": "run on samples: spikes, accuracy, an activity profile for compile",
    "verify": "recount a plan with the independent checker",
    "report": "plans as text, as a table for spreadsheets, or as a page to look at; several side by side",
    "diff": "what differs between two plans or reports, and what that costs; exit status 1 where the mapping does",
    "emit": "write a plan as files that other tools run, with a runbook",
    "targets": "list the chips, show every number of one, lint a chip file",
    "passes": "list the passes, show one",
    "models": "list, train or export the reference models",
    "explain": "what a code means and what to do",
    "validate": "published measurements of chips beside our plans of the same networks: inside our intervals or not",
    "reproduce": "what NeuEdge claims, tried with controls and over seeds: reproduced, refuted, or not testable",
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints look like our other errors."""

    def error(self, message: str) -> NoReturn:
        from neuedge_nir.cli.shared import line_of

        wrong = UsageError("USE001", message, hint=f"{self.prog} --help")
        self.exit(wrong.exit_status, line_of(wrong) + "\n")


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser; only the named command's options are filled in, so that the others need no import."""
    from neuedge_nir import __version__

    root = Parser(
        prog="neuedge-nir",
        description="Compile spiking networks in NIR for neuromorphic chips: a checked plan and an honest cost report.",
        epilog="exit: 0 a plan, 1 our bug, 2 usage, 3 input refused, 4 proved not to fit, 5 none found, "
        "6 verification failed, 130 interrupted",
    )
    root.add_argument("--version", action="version", version=f"neuedge-nir {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name in COMMANDS:
        sub = commands.add_parser(name, help=SUMMARIES[name], description=SUMMARIES[name])
        if name == command:
            importlib.import_module(f"neuedge_nir.cli.{name}").add_arguments(sub)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Results go to stdout, everything else to stderr."""
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
        print(end="", flush=True)  # a reader that went away is noticed here, not at exit
        return status
    except NeuedgeError as error:
        from neuedge_nir.cli.shared import line_of

        print(line_of(error), file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; nothing is left to say, not even at exit.
        _discard_output()
        return 0
    except (OSError, MemoryError) as error:
        wrong = _of_the_system(error)
        if wrong is None:
            raise
        print(f"error[{wrong.code}]: {wrong}", file=sys.stderr)  # our own words; and no module may load any more
        return wrong.exit_status


def _of_the_system(error: OSError | MemoryError) -> UsageError | None:
    """What the user can do something about: a full disk, or too little of what every program needs."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EDQUOT):
        _discard_output()
        return UsageError("USE006", f"cannot write the result: {error.strerror}")
    scarce = isinstance(error, MemoryError) or error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
    if not scarce and NO_FOLDER not in str(error):
        return None
    lacking = error.strerror if isinstance(error, OSError) else "not enough memory"
    return UsageError("USE022", f"the system refuses what this needs: {lacking}", hint="raise its limits (ulimit -a)")


NO_FOLDER = "No usable temporary directory"
"""As Python's tempfile has it."""


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: Sequence[str]) -> int:
    named = next((word for word in words if word in COMMANDS), None)
    try:
        arguments = parser(named).parse_args(words)
    except SystemExit as stop:  # argparse has printed the help, or what is wrong
        return stop.code if isinstance(stop.code, int) else 2
    if os.path.isfile(getattr(arguments, "model", None) or ""):
        from neuedge_nir.frontend.launch import launch

        launch()  # what reads the model gets ready while we load what comes after
    run: Callable[[argparse.Namespace], int] = importlib.import_module(f"neuedge_nir.cli.{arguments.command}").run
    return run(arguments)


def entry() -> NoReturn:
    """The console script."""
    if sys.stdout is None:  # closed by whoever started us
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is spelled out
    signal.signal(signal.SIGINT, _interrupt)
    try:
        status = main()
    except BaseException:
        if not INTERRUPTED.is_set():
            raise
        status = 130  # an interruption while modules load may surface as any error
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to clean up that the system does not
    sys.exit(130 if INTERRUPTED.is_set() else status)


def _interrupt(_signum: int, _frame: FrameType | None) -> NoReturn:
    INTERRUPTED.set()
    raise KeyboardInterrupt
