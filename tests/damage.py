"""How to damage a plan: other numbers and names, entries left out, twice, or in each other's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from random import Random
from typing import Any, TypeVar

from neuedge_nir.plan.model import Plan
from tests.test_verify import changed

Mutation = Callable[[Plan, Random], Plan | None]
Path = tuple[Any, ...]
T = TypeVar("T")


def leaves(node: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Every number, truth value and name of a part of a plan, and where it stands."""
    if node is None or isinstance(node, int | float | str):
        return [(path, node)]
    items: Sequence[tuple[Any, Any]] = ()
    if isinstance(node, tuple):
        items = list(enumerate(node))
    elif isinstance(node, Mapping):
        items = list(node.items())
    elif is_dataclass(node):
        items = [(field.name, getattr(node, field.name)) for field in fields(node)]
    return [leaf for key, item in items for leaf in leaves(item, (*path, key))]


def other(value: Any, rng: Random) -> Any:
    """Another number, near by as often as far off."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice([-2, -1, 1, 2, rng.randint(3, 1000)])
    if isinstance(value, float):
        return rng.choice([value * 1.0001, value * 0.99, -value, value + 1.0, value + 1e6, 0.0])
    return rng.choice([0, 1, 7.5])


def numbers(*path: str, but: Sequence[str] = ()) -> Mutation:
    """A kind: any number of one part of the plan is another one."""

    def damage(plan: Plan, rng: Random) -> Plan | None:
        node: Any = plan
        for name in path:
            node = getattr(node, name)
        found = [leaf for leaf in leaves(node, path) if isinstance(leaf[1], int | float) and not {*but} & {*leaf[0]}]
        return put(plan, *rng.choice(found), rng) if found else None

    return damage


def put(plan: Plan, path: Path, value: Any, rng: Random) -> Plan:
    return changed(plan, path, lambda _: other(value, rng))  # type: ignore[no-any-return]


def each(table: str, *names: str) -> Mutation:
    """A kind: one of the named fields of any entry of a table of the plan is another number, or another's."""

    def damage(plan: Plan, rng: Random) -> Plan | None:
        rows = getattr(plan, table)
        found = [(index, name) for index, row in enumerate(rows) for name in names if getattr(row, name) is not None]
        if not found:
            return None
        index, name = rng.choice(found)
        value = getattr(rows[index], name)
        others = [getattr(row, name) for row in rows if getattr(row, name) != value]
        new = rng.choice(others) if others and rng.random() < 0.5 else other(value, rng)
        return changed(plan, (table, index, name), lambda _: new if not isinstance(value, str) else f"{new}")  # type: ignore[no-any-return]

    return damage


def texts(table: str, *names: str) -> Mutation:
    """A kind: a name of one entry is that of another, or nobody's."""

    def damage(plan: Plan, rng: Random) -> Plan | None:
        rows = getattr(plan, table)
        if not rows:
            return None
        index, name = rng.randrange(len(rows)), rng.choice(names)
        words = sorted({getattr(row, name) for row in rows} | {"nobody"})
        return changed(plan, (table, index, name), lambda _: rng.choice(words))  # type: ignore[no-any-return]

    return damage


def without(values: Sequence[T], index: int) -> tuple[T, ...]:
    return (*values[:index], *values[index + 1 :])


def less_or_more(values: Sequence[T], rng: Random) -> tuple[T, ...]:
    """One left out, or one twice."""
    index = rng.randrange(len(values))
    if rng.random() < 0.5:
        return without(values, index)
    return (*values[: index + 1], values[index], *values[index + 1 :])


def exchanged(values: Sequence[T], rng: Random) -> tuple[T, ...]:
    """Two in each other's place."""
    a, b = rng.sample(range(len(values)), 2)
    found = list(values)
    found[a], found[b] = found[b], found[a]
    return tuple(found)


def instead(values: Sequence[T], at: int, value: T) -> tuple[T, ...]:
    return (*values[:at], value, *values[at + 1 :])
