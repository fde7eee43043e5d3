"""The comparison as JSON for programs: schema `neuedge-nir/validation/1`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neuedge_nir import __version__
from neuedge_nir.validation.compare import Compared, Result
from neuedge_nir.validation.printed import Row
from neuedge_nir.validation.quantities import QUANTITIES, Found
from neuedge_nir.validation.tally import tally

SCHEMA = "neuedge-nir/validation/1"


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """All that was found."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "neuedge-nir", "version": __version__},
        "tally": [
            {"of": line.title, "counted": line.counted, "inside": line.inside} for line in tally(results)
        ],
        "cases": [_case(result) for result in results],
    }  # fmt: skip


def _case(result: Result) -> dict[str, Any]:
    case = result.case
    told = {
        "id": case.id,
        "title": case.title,
        "kind": case.kind,
        "system": case.system,
        "target": case.target or None,
        "published": case.published,
        "source": case.source,
        "confidence": case.confidence,
        "held_out": case.held_out,
        "built": case.network is not None,
        "missing": case.missing or None,
        "ours": case.ours or None,
        "weights": None if case.network is None else "real" if result.real else "random",
    }
    rows = [_row(row, result) for row in result.rows]
    return {
        **told,
        "measured": [_measured(each) for each in result.compared],
        "all_inside_at": list(result.all_at),
        "cores_by_layer": None if result.cores is None else dict(result.cores),
        "cores_by_layer_free": None if result.free is None else dict(result.free),
        "layers": rows,
    }


def _measured(each: Compared) -> dict[str, Any]:
    quantity = QUANTITIES[each.measured.quantity]
    return {
        "quantity": each.measured.quantity,
        "unit": quantity.unit,
        "formula": quantity.formula,
        "value": each.measured.value,
        "at": list(each.measured.at),
        "below": each.measured.below,
        "within": each.measured.within,
        "ours": _found(each.ours),
        "by_activity": {label: _found(found) for label, found in each.each.items()},
        "ratio": None if each.inside is None and not each.free else each.ratio,
        "counted": each.counted,
        "inside": each.inside,
        "inside_at": list(each.inside_at),
        "missed": each.missed,
        "taken": each.measured.taken or None,
        "held_out": each.measured.held_out,
        "cause": each.measured.cause or None,
        "note": each.measured.note or None,
    }


def _found(found: Found) -> dict[str, Any]:
    return {"low": found.low, "typical": found.typical, "high": found.high, "why": found.why or None}


def _row(row: Row, result: Result) -> dict[str, Any]:
    assert result.case.table is not None
    columns = result.case.table.columns
    return {
        "layer": row.layer.name,
        "tiles": row.layer.tiles,
        "cores": row.layer.cores,
        "ours": row.slices,
        "columns": [
            {"name": column.name, "printed": printed, "ours": ours, "agrees": agrees, "cause": cause or None}
            for column, printed, ours, agrees, cause in zip(
                columns, row.printed, row.ours, row.agree, row.causes, strict=bool(row.printed)
            )
        ],
        "fills_most": {"limit": row.fills[0], "share": row.fills[1]},
    }
