"""A page for each command, read off the parsers that `neuedge-nir` itself uses, so that no option is left out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from docs.generate.markdown import code, fenced, heading, page, table, text
from neuedge_nir.cli.main import COMMANDS, SUMMARIES, parser

WIDTH = 88
SECTIONS = {"positional arguments": "Arguments"}


def command_page(name: str) -> str:
    """One command with all of its options, and those of commands within it."""
    return page(heading(1, f"`{name}`"), f"{_sentence(SUMMARIES[name])}", *_described(parser_of(name), 2))


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of a command, its options filled in."""
    found = _inner(parser(name))
    return found[name]


def _inner(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands within a command, by name."""
    return {
        name: inner
        for action in of._actions  # argparse names no other way to them
        if isinstance(action, argparse._SubParsersAction)
        for name, inner in action.choices.items()
    }


def _helps(of: argparse.ArgumentParser) -> dict[str, str]:
    return {
        choice.dest: choice.help or ""
        for action in of._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    }


def _described(of: argparse.ArgumentParser, level: int) -> Iterator[str]:
    of.formatter_class = _Wide
    yield fenced(of.format_usage().removeprefix("usage: "))
    for group in of._action_groups:
        rows = [_row(of, action) for action in group._group_actions if _shown(action)]
        if rows:
            title = SECTIONS.get(group.title or "", (group.title or "options").capitalize())
            yield f"**{title}**"
            yield table(("option" if title != "Arguments" else "argument", "meaning"), rows)
    helps = _helps(of)
    for name, inner in _inner(of).items():
        yield heading(
            level, f"`{inner.prog.removeprefix('neuedge-nir ')}`", inner.prog.split(" ", 1)[1].replace(" ", "-")
        )
        yield _sentence(helps.get(name, ""))
        yield from _described(inner, level + 1)


class _Wide(argparse.HelpFormatter):
    """Lines that do not depend on the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=WIDTH)


def _shown(action: argparse.Action) -> bool:
    return action.help != argparse.SUPPRESS and not isinstance(
        action, argparse._SubParsersAction | argparse._HelpAction
    )


def _row(of: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    value = _value(of, action)
    called = [code(f"{name} {value}".strip()) for name in action.option_strings] or [code(value)]
    meaning = text(of._get_formatter()._expand_help(action)) if action.help else ""
    more = ["**required**"] if action.required and action.option_strings else []
    more += (
        ["may be given several times"] if isinstance(action, argparse._AppendAction) and "repeat" not in meaning else []
    )
    return ", ".join(called), "; ".join([*([meaning] if meaning else []), *more])


def _value(of: argparse.ArgumentParser, action: argparse.Action) -> str:
    """What follows an option, or stands for an argument."""
    if action.nargs == 0:
        return ""
    formatter = of._get_formatter()
    default = action.dest.upper() if action.option_strings else action.dest
    return formatter._format_args(action, default)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _sentence(words: str) -> str:
    found = _capital(text(words))
    return found if not found or found.endswith((".", "?", "!")) else f"{found}."


def overview() -> str:
    """The list of all commands."""
    return table(("command", "does"), [(f"[`{name}`]({name}.md)", text(SUMMARIES[name])) for name in COMMANDS])
