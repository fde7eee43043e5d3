"""What several profiles of a chip's costs span, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neuedge_nir.chip.model import Chip, CostProfile, EnergyKind
from neuedge_nir.plan.figures import Interval
from neuedge_nir.report.figure import Bounds, Figure, derived, ends, taken, unpublished


def interval(*bounds: float) -> Interval:
    """A number from its ends, with nothing said of it yet."""
    low, typical, high = bounds
    return Interval(low, typical, high, "")


def columns(found: Sequence[Bounds]) -> list[tuple[float, ...]]:
    """All lows, all typical ones, all highs."""
    return list(zip(*found, strict=True))


def summed(path: str, title: str, unit: str, terms: Sequence[Figure]) -> Figure:
    """The sum of figures, each called by the last part of its path."""
    inputs = [taken(term.path.rsplit(".", 1)[-1], term) for term in terms]
    low, typical, high = (sum(end) for end in columns([ends(term) for term in terms]))
    why = _widest(terms, high - low) if low < high else ""
    return derived(path, title, unit, interval(low, typical, high), " + ".join(g.name for g in inputs), inputs, why)


def _widest(terms: Sequence[Figure], whole: float) -> str:
    """The term that adds most to the width, and what makes it wide."""
    term = max(terms, key=_width)
    return f"{_width(term) / whole:.0%} of the width is the {term.title}: {term.why}"


def _width(figure: Figure) -> float:
    low, _, high = ends(figure)
    return high - low


def spanned(path: str, title: str, unit: str, value: Interval, found: Mapping[str, Figure]) -> Figure:
    """What the profiles span, each called by its name: the lowest, the mean of the typical ones, the highest."""
    if value.typical is None or not found:
        return unpublished(path, title, unit, value.basis)
    inputs = [taken(name, figure) for name, figure in found.items()]
    formula = inputs[0].name if len(found) == 1 else f"span({', '.join(given.name for given in inputs)})"
    return derived(path, title, unit, value, formula, inputs, _disagreement(found))


def span_of(found: Mapping[str, Figure]) -> Interval:
    """The lowest, the mean of the typical ones, the highest."""
    low, typical, high = columns([ends(figure) for figure in found.values()])
    return interval(min(low), sum(typical) / len(typical), max(high))


def _disagreement(found: Mapping[str, Figure]) -> str:
    """Which sources disagree and by how much, or why the one there is has a range."""
    if len(found) == 1:
        return next(iter(found.values())).why
    least, most = (choose(found, key=lambda name: ends(found[name])[1]) for choose in (min, max))
    low, high = ends(found[least])[1], ends(found[most])[1]
    widest = max(found, key=lambda name: _width(found[name]))
    within = f"; {widest} itself: {found[widest].why}" if _width(found[widest]) > 0 else ""
    if not low:
        return f"the profiles disagree: {most} has {high:.3g} {found[most].unit}, {least} has none{within}"
    return f"the profiles disagree: {most} has {high / low:.3g} times what {least} has{within}"


def marginal(chip: Chip) -> list[CostProfile]:
    """The profiles whose energies add up."""
    return [profile for profile in chip.costs.profiles if profile.energy_kind is EnergyKind.MARGINAL]
