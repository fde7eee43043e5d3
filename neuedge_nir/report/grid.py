"""Tables as wide as there is room: side by side, or row by row where that is too wide. No word and no number is broken.

Names from a file are text, never markup. What a terminal's encoding lacks is spelled out before widths are measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuedge_nir.report.amounts import Row
from neuedge_nir.report.words import columns, fitting, printable, shortened

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

LONGEST_NAME = 64
"""Columns of a word in the first column of a table; of a longer one the beginning and the end are shown."""

LONG_WORD = 28
"""Columns of a word, such as a path, from which on it may go on in the next line behind a slash."""

PROSE = (16, 8)
"""Columns that a text of several words takes at least beside others; the fewer only where the more find no room."""

PLAIN = {"\u00b5": "u", "\u00d7": "x"}
"""What is said of a sign that an encoding lacks; every other is spelled out by its number."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table that rich draws; the columns in `right` hold numbers."""

    title: str
    header: Row
    rows: tuple[Row, ...]
    right: tuple[int, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        room = options.max_width
        rows = [_cells(row, options.encoding) for row in self.rows]
        header = _cells(self.header, options.encoding)
        for line in wrapped(spelled(printable(self.title), options.encoding), room):
            yield Text(line, style="bold")
        widths = _widths(header, rows, self.right, room)
        if widths is None:
            yield from (Text(line, style="bold" if is_head else "") for line, is_head in stacked(header, rows, room))
            yield Text("")
        else:
            yield _side_by_side(header, rows, self.right, widths)


@dataclass(frozen=True, slots=True)
class Lines:
    """Named texts below each other, each with a style; where there is little room, every text below its name."""

    lines: tuple[tuple[str, str, str], ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        longest = max(len(name) for name, _, _ in self.lines)
        beside = options.max_width >= longest + 45
        indent = longest + 5 if beside else 4
        for name, text, style in self.lines:
            found = wrapped(spelled(printable(text), options.encoding), max(options.max_width - indent, 1))
            if not beside:
                yield Text(f"  {name}", style="bold")
            for n, line in enumerate(found):
                head = f"  {name}".ljust(indent) if beside and n == 0 else " " * indent
                yield Text.assemble((head, "bold"), (line, style))


def spelled(text: str, encoding: str) -> str:
    """The text in signs that the encoding has."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in PLAIN.items():
            text = text.replace(sign, plain)
        return text.encode(encoding, errors="backslashreplace").decode(encoding)
    return text


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most so many columns, broken at blanks, long paths at a slash; a word that is wider still is cut."""
    lines, line = [], ""
    for word in text.split(" "):
        for n, piece in enumerate(_pieces(word) if columns(word) > width else [word]):
            glue = " " if line and n == 0 else ""
            if columns(line + glue + piece) <= width:
                line += glue + piece
                continue
            lines += [line.rstrip()] if line else []
            *cut, line = _cut(piece, width)
            lines += cut
    return [*lines, line.rstrip()]


def stacked(header: Row, rows: Sequence[Row], room: int) -> Iterator[tuple[str, bool]]:
    """Every row as its first cell, which is a head, and below it the others, each behind the name of its column."""
    for first, *others in rows:
        yield from ((f"  {line}", bool(others)) for line in wrapped(first, max(room - 2, 1)))
        line = ""
        for name, cell in zip(header[1:], others, strict=True):
            text = f"{name}: {cell}" if name else cell
            if not cell:
                continue
            if line and columns(line) + columns(text) + 2 <= room:
                line += f"  {text}"
                continue
            yield from [(line, False)] if line else []
            *full, last = wrapped(text, max(room - 4, 1))
            yield from ((f"    {each}", False) for each in full)
            line = f"    {last}"
        yield from [(line, False)] if line else []


def _cells(row: Row, encoding: str) -> Row:
    """As they are printed; only of the first the words are names."""
    shown = [spelled(printable(cell), encoding) for cell in row]
    return (" ".join(shortened(word, LONGEST_NAME) for word in shown[0].split(" ")), *shown[1:])


def _widths(header: Row, rows: Sequence[Row], right: Sequence[int], room: int) -> list[int] | None:
    """The columns that each column takes; None where words do not fit beside each other."""
    room -= 3 * len(header) + 1
    each = [list(column) for column in zip(header, *rows, strict=True)]
    widths = [min(max(map(columns, cells)), max(room, 1)) for cells in each]
    for prose in PROSE:
        paired = enumerate(zip(each, widths, strict=True))
        least = [_least(cells, n in right, min(width, prose)) for n, (cells, width) in paired]
        if sum(least) <= room:
            break
    else:
        return None
    while sum(widths) > room:
        widest = max((n for n in range(len(widths)) if widths[n] > least[n]), key=lambda n: widths[n])
        widths[widest] -= 1
    return widths


def _least(cells: Sequence[str], number: bool, prose: int) -> int:
    """What a column needs: numbers are whole, a text has its longest word, and room for some."""
    head, *body = cells
    pieces = [piece for cell in ([head] if number else cells) for word in cell.split(" ") for piece in _pieces(word)]
    longest = max((columns(piece) for piece in pieces), default=0)
    if number:
        return max([longest, *map(columns, body)])
    return max(longest, prose)


def _pieces(word: str) -> list[str]:
    """A word, or a long one with slashes in parts that end with one."""
    if columns(word) <= LONG_WORD or "/" not in word:
        return [word]
    *heads, last = word.split("/")
    return [f"{head}/" for head in heads] + [last] * bool(last)


def _cut(piece: str, width: int) -> list[str]:
    parts = []
    while columns(piece) > width:
        head = fitting(piece, width) or piece[0]
        parts.append(head)
        piece = piece[len(head) :]
    return [*parts, piece]


def _side_by_side(header: Row, rows: Sequence[Row], right: Sequence[int], widths: Sequence[int]) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD)
    for n, (name, width) in enumerate(zip(header, widths, strict=True)):
        text = Text("\n".join(wrapped(name, width)))
        drawn.add_column(text, justify="right" if n in right else "left", width=width, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text("\n".join(wrapped(cell, width))) for cell, width in zip(row, widths, strict=True)))
    return drawn
