"""How many measured numbers are inside, of those that count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from neuedge_nir.validation.compare import Result
from neuedge_nir.validation.quantities import QUANTITIES


@dataclass(frozen=True, slots=True)
class Counted:
    """One number of the tally. `taken`: one of ours was read from this very measurement; `held_out`: none may be."""

    kind: str
    inside: bool
    taken: bool
    held_out: bool


@dataclass(frozen=True, slots=True)
class Line:
    """So many numbers, of which `inside`."""

    title: str
    counted: int
    inside: int

    @property
    def share(self) -> str:
        return f"{100 * self.inside / self.counted:.1f} %" if self.counted else "-"


def tally(results: Sequence[Result]) -> list[Line]:
    """Of measurements: all, mappings, costs, and of these what no number of ours was taken from; then of tables."""
    silicon = [each for r in results if r.case.kind == "measurement" for each in counted_of(r)]
    tables = [each for r in results if r.case.kind != "measurement" for each in counted_of(r)]
    return [
        _line("all that counts of the measurements", silicon),
        _line("cores, chips and shares of cores", [each for each in silicon if each.kind == "mapping"]),
        _line("time, power and energy", [each for each in silicon if each.kind == "cost"]),
        _line(
            "time, power and energy from which no number of ours was taken",
            [each for each in silicon if each.kind == "cost" and not each.taken],
        ),
        _line("held out: cases and points that no fit has seen", [each for each in silicon if each.held_out]),
        _line("tables of cores", tables),
    ]


def counted_of(result: Result) -> Iterator[Counted]:
    """Every number of a case that counts: what was measured, then the printed table, figure by figure."""
    case = result.case
    for each in result.compared:
        if each.counted and each.inside is not None:
            held = case.held_out or each.measured.held_out
            kind = QUANTITIES[each.measured.quantity].kind
            yield Counted(kind, each.inside, bool(each.measured.taken), held)
    for row in result.rows:
        yield Counted("mapping", row.slices == row.layer.cores, False, False)
        yield from (Counted("mapping", agrees, False, False) for agrees in row.agree)


def _line(title: str, found: Sequence[Counted]) -> Line:
    return Line(title, len(found), sum(each.inside for each in found))
