"""The format `arrays`, for every chip: a mapping as flat arrays in HDF5. docs/emit.md says what each one means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from neuedge_nir.frontend.write_arrays import Content, encoded_arrays
from neuedge_nir.plan.model import Plan, PlanSlice, PlanTable

SCHEMA = "neuedge-nir/arrays/1"


def arrays_of(plan: Plan) -> bytes:
    """The file. It needs no weights, so that every plan has one, whatever its chip computes in."""
    limits = [limit.name for limit in plan.chip.limits]
    held = [p for p in plan.populations if p.model != "Output"]
    found: dict[str, Content] = {
        "schema": SCHEMA,
        "limits": limits,
        "populations": [p.name for p in held],
        "cores/role": [core.role for core in plan.cores],
        "cores/chip": _ints(core.chip for core in plan.cores),
        "cores/router": _table((core.router for core in plan.cores), 2),
        "cores/slot": _ints(core.slot for core in plan.cores),
        "cores/used": _table(([core.used[name] for name in limits] for core in plan.cores), len(limits)),
    }
    return encoded_arrays(
        {**found, **dict(_neurons(plan)), **_routes(plan), **_keys(plan), **_tables(plan.tables or ())}
    )


def _ints(numbers: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(numbers, dtype=np.int64)


def _table(rows: Iterable[Sequence[int]], columns: int) -> NDArray[np.int64]:
    return np.array(list(rows), dtype=np.int64).reshape(-1, columns)


def _ends(lengths: Iterable[int]) -> NDArray[np.int64]:
    """Where the items of each row begin, and behind the last where all end."""
    return np.concatenate([[0], np.cumsum(_ints(lengths))]).astype(np.int64)


def _neurons(plan: Plan) -> Iterator[tuple[str, Content]]:
    """For each population, by its number, the core of every neuron in the model's order; -1 where it is on none."""
    slices: dict[str, list[tuple[int, PlanSlice]]] = {}
    for number, core in enumerate(plan.cores):
        for part in core.slices:
            slices.setdefault(part.population, []).append((number, part))
    for number, population in enumerate(p for p in plan.populations if p.model != "Output"):
        core_of: NDArray[np.int32] = np.full(population.shape, -1, dtype=np.int32)
        for home, part in slices.get(population.name, ()):
            if part.block is not None:
                core_of[tuple(slice(*span) for span in part.block)] = home
            else:
                assert part.run is not None
                core_of.reshape(-1)[slice(*part.run)] = home
        yield f"neurons/{number}", _in_model_order(plan, population.name, core_of)


def _in_model_order(plan: Plan, name: str, core_of: NDArray[np.int32]) -> NDArray[np.int32]:
    order = plan.orders.get(name)
    if order is None:
        return core_of
    found = np.empty(math.prod(core_of.shape), dtype=np.int32)
    found[np.concatenate([np.arange(*run) for run in order.runs])] = core_of.reshape(-1)
    return found.reshape(core_of.shape)


def _routes(plan: Plan) -> Mapping[str, Content]:
    targets = [target for route in plan.routes for target in route.targets]
    return {
        "routes/core": _ints(route.core for route in plan.routes),
        "routes/slice": _ints(route.slice for route in plan.routes),
        "routes/target_ends": _ends(len(route.targets) for route in plan.routes),
        "routes/target": _ints(core for core, _ in targets),
        "routes/messages": _ints(messages for _, messages in targets),
        "routes/link_ends": _ends(len(route.links) for route in plan.routes),
        "routes/link": _table(((*a, *b) for route in plan.routes for a, b in route.links), 4),
    }


def _keys(plan: Plan) -> Mapping[str, Content]:
    if plan.keys is None:
        return {}
    names = ("core", "slice", "key", "mask")
    return {f"keys/{name}": _ints(getattr(key, name) for key in plan.keys.slices) for name in names}


def _tables(tables: Sequence[PlanTable]) -> Mapping[str, Content]:
    """All routers' entries one behind the other, each with the links (a bit each) and slots that it sends to."""
    if not tables:
        return {}
    entries = [(*entry[:2], *table.routes[entry[2]]) for table in tables for entry in table.entries]
    return {
        "tables/router": _table((table.router for table in tables), 2),
        "tables/entry_ends": _ends(len(table.entries) for table in tables),
        "tables/key": _ints(key for key, _, _, _ in entries),
        "tables/mask": _ints(mask for _, mask, _, _ in entries),
        "tables/links": _ints(links for _, _, links, _ in entries),
        "tables/slot_ends": _ends(len(slots) for _, _, _, slots in entries),
        "tables/slot": _ints(slot for _, _, _, slots in entries for slot in slots),
    }
