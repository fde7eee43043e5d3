"""`--sarif FILE` and `--format github`: what a command notices and refuses, for tools that watch over a repository."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from neuedge_nir.cli.shared import check_output, print_diagnostics
from neuedge_nir.errors import NeuedgeError, UsageError

if TYPE_CHECKING:
    from neuedge_nir.diagnostics import Diagnostic
    from neuedge_nir.report.findings import Finding


def add_findings(sub: argparse.ArgumentParser) -> None:
    """The options; `findings` does what they say."""
    sub.add_argument("--sarif", type=Path, metavar="FILE", help="write remarks and refusals as SARIF 2.1.0")
    sub.add_argument(
        "--format",
        choices=("text", "github"),
        default="text",
        help="remarks and refusals as text, or on stdout as workflow commands that GitHub Actions shows at the file",
    )


class Findings:
    """What was noticed and refused so far. A command that ends well has `exit_status` set."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.exit_status = 0
        self._arguments = arguments
        self._found: list[Finding] = []
        self._wanted = arguments.sarif is not None or arguments.format == "github"

    def remarks(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Tell of remarks: on stderr, unless GitHub is told."""
        if self._arguments.format != "github":
            print_diagnostics(diagnostics)
        if self._wanted:
            from neuedge_nir.report.findings import of_diagnostic

            self._found += map(of_diagnostic, diagnostics)

    def refusal(self, error: NeuedgeError, target: str | None = None, level: str = "error") -> None:
        """Keep a refusal; who raises or prints it stays who does."""
        if self._wanted:
            from neuedge_nir.report.findings import of_error

            self._found.append(of_error(error, target, level))

    def deliver(self) -> None:
        """Write the file and print the commands. Raises `UsageError` where the file cannot be written."""
        if not self._wanted:
            return
        from neuedge_nir.files import write_whole
        from neuedge_nir.report.findings import commands_of, sarif_of

        model = self._arguments.model
        if self._arguments.sarif is not None:
            write_whole(self._arguments.sarif, sarif_of(self._found, model, self.exit_status))
        if self._arguments.format == "github":
            sys.stdout.write(commands_of(self._found, model))


@contextmanager
def findings(arguments: argparse.Namespace) -> Iterator[Findings]:
    """Collects while a command runs, and delivers when it has ended, well or with a `NeuedgeError`.

    Raises `UsageError` before any work: for a file that cannot be written, or that another result takes (USE103), and
    for two things on one stdout (USE104).
    """
    if arguments.format == "github" and arguments.json:
        raise UsageError("USE104", "--json and --format github both need stdout", where="--format", hint="give one")
    if arguments.sarif is not None:
        check_output(arguments.sarif, arguments.model, arguments.target)
    check_different(arguments.sarif, getattr(arguments, "output", None), getattr(arguments, "csv", None))
    found = Findings(arguments)
    try:
        yield found
    except NeuedgeError as error:
        found.exit_status = error.exit_status
        found.refusal(error)
        found.deliver()
        raise
    found.deliver()


def check_different(*outputs: Path | None) -> None:
    """Raises `UsageError` (USE103) where two results are one file."""
    named = [path for path in outputs if path is not None]
    if len({path.resolve() for path in named}) < len(named):
        raise UsageError("USE103", "two results cannot be one file", where=str(named[0]), hint="name another file")
