"""What text, document and tables say of a comparison, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from neuedge_nir.report.amounts import PREFIXES
from neuedge_nir.validation.compare import WIDEST, Compared, Result
from neuedge_nir.validation.quantities import QUANTITIES, Found

HEADER = ("quantity", "at", "measured", "ours", "ratio", "high/low", "")


def uncounted(each: Compared) -> str:
    """What is said of a miss that is in no tally."""
    return "" if each.counted else " (not counted: outside at every activity)"


def measured_rows(result: Result) -> Iterator[tuple[str, ...]]:
    """A row for every measured number, in the columns of `HEADER`."""
    for each in result.compared:
        one = shown_of(result, each)
        ratio = "" if one is None else f"{one.typical / each.measured.value:.3g}"
        wide = "" if one is None or one.high == one.low else f"{one.high / one.low:.2g}"
        yield title_of(each), at_of(result, each), value_of(each), ours_of(each, one), ratio, wide, verdict_of(each)


def shown_of(result: Result, each: Compared) -> Found | None:
    """Ours under the stated activity; of a sweep, where all would be inside at once, in the middle of these."""
    if each.inside is not None or each.free:
        return each.ours
    label = label_of(result)
    return each.each.get(label) if label else None


def label_of(result: Result) -> str:
    """The activity of a sweep that is shown: the middle of those where everything would be inside at once."""
    return result.all_at[len(result.all_at) // 2] if result.all_at else ""


def title_of(each: Compared) -> str:
    return QUANTITIES[each.measured.quantity].title


def at_of(result: Result, each: Compared) -> str:
    if each.measured.at:
        return ", ".join(each.measured.at)
    if each.inside is not None or each.free:
        return ""
    label = label_of(result)
    return f"{label} spikes/step, swept" if label else "swept"


def value_of(each: Compared) -> str:
    return ("< " if each.measured.below else "") + _number(each.measured.value, each)


def ours_of(each: Compared, one: Found | None) -> str:
    """One value, or low, typical and high; without an activity the band over the sweep."""
    if one is None:
        return f"{_number(each.ours.low, each)} to {_number(each.ours.high, each)}"
    if one.low == one.high:
        return _number(one.typical, each)
    return " / ".join(_number(value, each) for value in (one.low, one.typical, one.high))


def verdict_of(each: Compared) -> str:
    """Whether it counts, and whether it is inside."""
    if each.free:
        return "not counted: how it was cut is not published"
    if each.inside is None:
        where = (
            f"inside at {span_of(each.inside_at, list(each.each))}" if each.inside_at else "between two of the sweep"
        )
        return "**outside at every activity**, not counted" if each.missed else f"not counted; {where}"
    words = ["inside" if each.inside else "**outside**"]
    words += ["held out"] if each.measured.held_out else []
    words += [f"within {100 * each.measured.within:g} %"] if each.measured.within and each.inside else []
    words += ["our number was taken from it"] if each.measured.taken else []
    return ", ".join(words)


def span_of(labels: Sequence[str], swept: Sequence[str]) -> str:
    """Labels of a sweep: first to last where they lie side by side."""
    places = [swept.index(label) for label in labels]
    if len(labels) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{labels[0]} to {labels[-1]}"
    return ", ".join(labels)


def notes_of(result: Result) -> Iterator[str]:
    """What is to be said of single numbers: from what ours was taken, remarks, likely causes, reasons of a width."""
    for each in result.compared:
        name = f"{title_of(each)}, {value_of(each)}"
        if each.measured.taken:
            yield f"{name}: taken from it: {each.measured.taken}"
        if each.measured.note:
            yield f"{name}: {each.measured.note}"
        if each.missed:
            yield f"{name}: likely cause: {each.measured.cause or 'not known'}"
    yield from _widths(result)


def unlike(result: Result) -> Iterator[tuple[str, str]]:
    """Columns of a printed table that ours differ from, with the layers, and why, as far as known."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in result.rows:
        columns = result.case.table.columns if result.case.table is not None else ()
        for column, agrees, cause in zip(columns, row.agree, row.causes, strict=bool(row.agree)):
            if not agrees:
                found.setdefault((column.name, cause), []).append(row.layer.name)
    for (name, cause), layers in found.items():
        yield f"{name} of {', '.join(layers)}", cause or "not known"


def _widths(result: Result) -> Iterator[str]:
    """Why intervals are wider than WIDEST, each reason once."""
    found: dict[str, list[str]] = {}
    for each in result.compared:
        one = shown_of(result, each)
        if one is not None and one.low and one.high / one.low > WIDEST:
            found.setdefault(one.why, []).append(f"{title_of(each)} ({one.high / one.low:.2g})")
    for why, those in found.items():
        yield f"high over low of {', '.join(those)}: {why}"


def _number(value: float, each: Compared) -> str:
    """With four digits and an SI prefix, where there is a unit."""
    unit = QUANTITIES[each.measured.quantity].unit
    if not unit or value == 0:
        return f"{value:.4g} {unit}".rstrip()
    power = min(max(3 * math.floor(math.log10(abs(value)) / 3 + 1e-9), -15), 6)
    return f"{value / 10.0**power:.4g} {PREFIXES[power]}{unit}"
