"""The comparison as people read it on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neuedge_nir.report.text import table
from neuedge_nir.validation.compare import Result, misses
from neuedge_nir.validation.tally import tally
from neuedge_nir.validation.words import HEADER, measured_rows, notes_of, title_of, uncounted, unlike, value_of

if TYPE_CHECKING:
    from rich.console import RenderableType


def tables_of(results: Sequence[Result]) -> list[RenderableType]:
    """A table for every case that was built, then what could not be, the misses and the tally."""
    built = [result for result in results if result.case.network is not None]
    found = [each for result in built for each in _case(result)]
    missing = [(r.case.id, r.case.title, r.case.missing) for r in results if r.case.network is None]
    found += [table("Not rebuildable: what is missing", ("case", "network", "missing"), missing)] if missing else []
    missed = [
        (r.case.id, title_of(each) + uncounted(each), value_of(each), each.measured.cause)
        for r, each in misses(results)
    ]
    missed += [(r.case.id, where, "", cause) for r in built for where, cause in unlike(r)]
    found += [table("Misses", ("case", "quantity", "measured", "likely cause"), missed)] if missed else []
    lines = [(line.title, str(line.counted), str(line.inside), line.share) for line in tally(results) if line.counted]
    return [*found, table("Tally", ("", "counted", "inside", "share"), lines, right=(1, 2, 3))]


def _case(result: Result) -> list[RenderableType]:
    case = result.case
    held = ", held out" if case.held_out else ""
    title = f"{case.id} {case.title}, {case.system} [{case.confidence}]{held}"
    rows = [tuple(cell.replace("**", "") for cell in row) for row in measured_rows(result)]
    notes = [(note,) for note in notes_of(result)]
    found = [table(title, HEADER, rows, right=(4, 5)), *_layers(result)]
    return [*found, table(f"{case.id}: what is to be said of them", ("",), notes)] if notes else found


def _layers(result: Result) -> list[RenderableType]:
    case = result.case
    if result.cores is None or case.network is None or not any(layer.cores for layer in case.network.layers):
        return []
    columns = [column.name for column in case.table.columns] if case.table is not None else []
    by_name = {row.layer.name: row for row in result.rows}
    rows = []
    for layer in case.network.layers:
        free = "" if result.free is None else str(result.free[layer.name])
        row = by_name.get(layer.name)
        cells = [] if row is None else [
            f"{printed:g}" if agrees else f"{printed:g}, ours {ours:.4g}"
            for printed, ours, agrees in zip(row.printed, row.ours, row.agree, strict=True)
        ]  # fmt: skip
        rows.append((layer.name, layer.tiles, str(layer.cores), str(result.cores[layer.name]), free, *cells))
    header = ("layer", "tiles", "cores", "ours", "free", *columns)
    return [table(f"{case.id}: cores by layer", header, rows, right=range(2, len(header)))]
