"""Formulas of figures, evaluated: which input moves a figure most."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence

NAME = re.compile(r"[A-Za-z_](?:[\w.]|-(?=\w))*")
OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


FUNCTIONS: Mapping[str, Callable[[Sequence[float]], float]] = {"max": max, "span": _mean}
"""As they are of typical values."""


def typical(formula: str, values: Mapping[str, float]) -> float:
    """The formula of typical values. Raises `KeyError` for a name without one."""
    found = list(dict.fromkeys(name for name in NAME.findall(formula) if name not in FUNCTIONS))
    plain = {name: f"v{number}" for number, name in enumerate(found)}
    text = NAME.sub(lambda match: plain.get(match[0], match[0]), formula)
    return _value(ast.parse(text, mode="eval").body, {plain[name]: values[name] for name in found})


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return FUNCTIONS[node.func.id]([_value(each, values) for each in node.args])
    if isinstance(node, ast.Name):
        return values[node.id]
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int | float)
    return float(node.value)
