"""Where a key of a TOML text stands. tomllib tells what a text says, not where it says it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
"""The way to a value through tables (keys) and arrays (indices from 0)."""

_TOKEN = re.compile(
    r"""
    (?P<newline>\n)
  | (?P<blank>[^\S\n]+|\#[^\n]*)
  | (?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
  | (?P<mark>[\[\]{}=,.])
  | (?P<word>[^\s\[\]{}=,.\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


_END = _Token("end", "", 0)


def locate(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every key, table and array element of `text`, which must be valid TOML."""
    walk = _Walk(tuple(_tokens(text)))
    walk.document()
    return walk.lines


def line_of(lines: Mapping[KeyPath, int], at: KeyPath) -> int:
    """The line of `at`, or of the nearest table around it that stands in the text: where a missing key belongs."""
    for length in range(len(at), 0, -1):
        if at[:length] in lines:
            return lines[at[:length]]
    return 1


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "blank":
            yield _Token(match.lastgroup or "", match.group(), line)
        line += match.group().count("\n")


def _name(token: _Token) -> str:
    """A key as tomllib spells it: bare, or quoted with its escapes resolved."""
    return str(tomllib.loads(f"key = {token.text}")["key"]) if token.kind == "string" else token.text


@dataclass(slots=True)
class _Walk:
    """One pass over the tokens. It trusts tomllib to have refused what is no TOML, and so never complains."""

    tokens: tuple[_Token, ...]
    position: int = 0
    lines: dict[KeyPath, int] = field(default_factory=dict)
    tables: dict[KeyPath, int] = field(default_factory=dict)  # how often each [[array of tables]] was opened

    def document(self) -> None:
        table: KeyPath = ()
        while (token := self.peek()) is not _END:
            if token.kind == "newline":
                self.take()
            elif token.text == "[" and token.kind == "mark":
                table = self.header()
            else:
                self.assignment(table)

    def header(self) -> KeyPath:
        """[table] or [[array of tables]]: the path that the keys below it belong to."""
        line = self.take().line
        many = self.skip("[")
        *parents, last = self.key()
        table = (*self.opened(tuple(parents), line), last)
        self.skip("]")
        if many:
            self.skip("]")
            self.lines.setdefault(table, line)
            self.tables[table] = self.tables.get(table, 0) + 1
            table = (*table, self.tables[table] - 1)
        self.lines[table] = line
        return table

    def opened(self, parents: tuple[str, ...], line: int) -> KeyPath:
        """The path of a header's parents, where an array of tables stands for its latest element."""
        path: KeyPath = ()
        for part in parents:
            path = (*path, part)
            self.lines.setdefault(path, line)
            if path in self.tables:
                path = (*path, self.tables[path] - 1)
        return path

    def assignment(self, table: KeyPath) -> None:
        line = self.peek().line
        path = table
        for part in self.key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self.skip("=")
        self.value(path)

    def key(self) -> tuple[str, ...]:
        parts = [_name(self.take())]
        while self.skip("."):
            parts.append(_name(self.take()))
        return tuple(parts)

    def value(self, path: KeyPath) -> None:
        if self.skip("{"):
            self.inline_table(path)
        elif self.skip("["):
            self.array(path)
        else:
            self.scalar()

    def inline_table(self, path: KeyPath) -> None:
        while not self.skip("}") and self.peek() is not _END:
            if self.peek().kind == "newline" or self.peek().text == ",":
                self.take()
            else:
                self.assignment(path)

    def array(self, path: KeyPath) -> None:
        index = 0
        while not self.skip("]") and self.peek() is not _END:
            if self.peek().kind == "newline" or self.peek().text == ",":
                self.take()
            else:
                self.lines[(*path, index)] = self.peek().line
                self.value((*path, index))
                index += 1

    def scalar(self) -> None:
        """Numbers and dates fall into several tokens, such as 1 . 5"""
        self.take()
        while self.peek().kind in ("word", "string") or self.peek().text == ".":
            self.take()

    def peek(self) -> _Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else _END

    def take(self) -> _Token:
        token = self.peek()
        self.position += 1
        return token

    def skip(self, mark: str) -> bool:
        """Step over `mark` if it is next."""
        found = self.peek().kind == "mark" and self.peek().text == mark
        self.position += found
        return found
