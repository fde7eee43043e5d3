"""Names from a file as they may be printed, and the columns that they take on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with control characters spelled out: no name steers the terminal. Blanks alone are quoted."""
    if text.isprintable():
        return f"'{text}'" if text.isspace() else text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def columns(text: str) -> int:
    """The columns that a text takes on a terminal: wide characters take two, and none is trusted to take less than one.

    The text must be `printable`.
    """
    if text.isascii():
        return len(text)
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def shortened(text: str, most: int) -> str:
    """The text as it may be printed in at most `most` columns; of a longer one the beginning and the end."""
    text = printable(text[: 4 * most] + text[-most:]) if len(text) > 5 * most else printable(text)
    if columns(text) <= most:
        return text
    head, tail = (most - 2) // 2, (most - 3) // 2
    return f"{fitting(text, head)}...{fitting(text[::-1], tail)[::-1]}"


def fitting(text: str, most: int) -> str:
    """The beginning of the text that takes at most `most` columns."""
    end, taken = 0, 0
    while end < len(text) and (taken := taken + columns(text[end])) <= most:
        end += 1
    return text[:end]
