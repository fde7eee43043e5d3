"""A reader of the formulas of figures that shares no code with what writes them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping

NAME = re.compile(r"[A-Za-z_](?:[\w.]|-(?=\w))*")
CALLS: Mapping[str, Mapping[str, Callable[[list[float]], float]]] = {
    "low": {"max": max, "span": min},
    "typical": {"max": max, "span": lambda values: sum(values) / len(values)},
    "high": {"max": max, "span": max},
}


def evaluate(formula: str, values: Mapping[str, float], end: str) -> float:
    """The value of a formula at one end. Raises `KeyError` for a name that is no input."""
    known: dict[str, float] = {}

    def plain(found: re.Match[str]) -> str:
        if found[0] in CALLS[end]:
            return found[0]
        key = f"v{len(known)}"
        known[key] = values[found[0]]
        return key

    return _value(ast.parse(NAME.sub(plain, formula), mode="eval").body, known, end)


def _value(node: ast.expr, known: Mapping[str, float], end: str) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return known[name]
        case ast.Call(func=ast.Name(id=name), args=args):
            return CALLS[end][name]([_value(each, known, end) for each in args])
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left, known, end), _value(right, known, end)
            match op:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return a / b
    raise ValueError(ast.dump(node))
