"""A command line once more, with something changed: as words to run, and as a text to paste into a shell."""

from __future__ import annotations

import argparse
import importlib
import shlex
from collections.abc import Iterator, Sequence

LEFT_OUT = {"json", "output", "suggest", "runbook", "emitted", "keep", "jobs", "baseline", "over", "targets"}
"""Options that say what is printed or written, and those that `compile` does not have."""


def words_of(arguments: argparse.Namespace, command: str) -> tuple[str, ...]:
    """The command with all that was asked for of the mapping; what is as by default is left out."""
    sub = argparse.ArgumentParser(add_help=False)
    importlib.import_module(f"neuedge_nir.cli.{command}").add_arguments(sub)
    model = arguments.model if not arguments.model.startswith("-") else f"./{arguments.model}"
    told: list[str] = []
    dests = set(LEFT_OUT)
    for action in sub._actions:
        if action.option_strings and action.dest not in dests:
            dests.add(action.dest)
            value = getattr(arguments, action.dest, action.default)
            told += _told(action, value) if value != action.default else []
    return (command, model, *told)


def _told(action: argparse.Action, value: object) -> Iterator[str]:
    name = next((text for text in action.option_strings if text.startswith("--")), action.option_strings[0])
    if action.dest == "passes" and isinstance(value, list):
        for kind, text in value:
            yield from _option(f"--{kind}", text)
    elif isinstance(value, list):
        for each in value:
            yield from _option(name, each)
    elif value is True:
        yield name
    elif value is not None and value is not False:
        yield from _option(name, value)


def _option(name: str, value: object) -> Iterator[str]:
    text = repr(value) if isinstance(value, float) else str(value)
    if text.startswith("-"):
        yield f"{name}={text}"
    else:
        yield from (name, text)


def pasted(words: Sequence[str]) -> str:
    """The command for a shell."""
    return shlex.join(["neuedge-nir", *words])
