"""A picture of a column: a bar for each row, with a whisker of one standard deviation; SVG, the same each time."""

from __future__ import annotations

from html import escape

from neuedge_nir.reproduction.finding import Spread, Table, short

LEFT, WIDTH, ROW, TOP = 300, 420, 24, 48
"""Pixels: for the names, for the bars, a row's height, above the first."""
FONT = "font-family='sans-serif' font-size='12'"


def chart(table: Table, column: str, title: str) -> str:
    """The bars of all rows that have the column."""
    bars = {row: table.spread(row, column) for row, cells in table.rows.items() if column in cells}
    height = TOP + ROW * len(bars) + 12
    longest = max((abs(bar.mean) + bar.sd for bar in bars.values()), default=0.0) or 1.0
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{LEFT + WIDTH + 110}' height='{height}' {FONT}>",
        "<rect width='100%' height='100%' fill='white'/>",
        f"<text x='8' y='20' font-size='14'>{escape(title)}</text>",
        f"<text x='{LEFT}' y='{TOP - 8}' fill='#555'>{escape(column)}</text>",
    ]
    for number, (row, bar) in enumerate(bars.items()):
        lines += _bar(row, bar, TOP + ROW * number, WIDTH / longest)
    return "\n".join([*lines, "</svg>", ""])


def _bar(name: str, bar: Spread, top: int, scale: float) -> list[str]:
    middle, end = top + ROW / 2, LEFT + abs(bar.mean) * scale
    low, high = max(LEFT, end - bar.sd * scale), end + bar.sd * scale
    return [
        f"<text x='{LEFT - 8}' y='{middle + 4:.1f}' text-anchor='end'>{escape(name)}</text>",
        f"<rect x='{LEFT}' y='{top + 4}' width='{end - LEFT:.2f}' height='{ROW - 8}' fill='{_colour(bar)}'/>",
        f"<line x1='{low:.2f}' x2='{high:.2f}' y1='{middle:.1f}' y2='{middle:.1f}' stroke='black'/>",
        f"<text x='{high + 6:.2f}' y='{middle + 4:.1f}'>{short(bar.mean)}</text>",
    ]


def _colour(bar: Spread) -> str:
    return "#3f51b5" if bar.mean >= 0 else "#c0504d"
