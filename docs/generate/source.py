"""The public modules as pages: signatures, fields and docstrings, read off the source without running it."""

from __future__ import annotations

import ast
import io
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from docs.generate.markdown import code, fenced, heading, page, table, text
from docs.generate.reference import prose

WIDTH = 88


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed module; `comments` are those behind code, by line."""

    name: str
    tree: ast.Module
    comments: Mapping[int, str]

    @classmethod
    def read(cls, name: str, root: Path) -> Module:
        """The module of that name below a source root."""
        path = root.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        source = path.read_text(encoding="utf-8")
        return cls(name, ast.parse(source), _comments(source))


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    return {line: said for line, said in found.items() if not said.startswith(("noqa", "type:"))}


def module_page(title: str, about: str, wanted: Mapping[str, tuple[str, ...] | None], root: Path) -> str:
    """Modules on one page, each with the names wanted of it: all public ones where that is None."""
    parts = []
    for name, only in wanted.items():
        module = Module.read(name, root)
        parts += [heading(2, code(name), name), prose(ast.get_docstring(module.tree) or "")]
        parts += [part for node in public(module, only) for part in _described(node, module)]
    return page(heading(1, title), about, *parts)


def public(module: Module, only: tuple[str, ...] | None) -> list[ast.stmt]:
    """The functions, classes and explained constants of a module, in the order of its source, or those named."""
    found = [(name, node) for node, name in _named(module.tree) if not name.startswith("_")]
    return [node for name, node in found if only is None or name in only]


def _named(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield node, name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if _said(after):
                    yield node, name


def _said(node: ast.stmt | None) -> str | None:
    """The text of a statement that is nothing but a string."""
    match node:
        case ast.Expr(value=ast.Constant(value=str(words))):
            return words
    return None


def _described(node: ast.stmt, module: Module) -> Iterator[str]:
    match node:
        case ast.FunctionDef():
            yield heading(3, code(node.name), f"{module.name}.{node.name}")
            yield fenced(signature(node), "python")
            yield prose(ast.get_docstring(node) or "")
        case ast.ClassDef():
            yield heading(3, code(node.name), f"{module.name}.{node.name}")
            yield fenced(_class(node), "python")
            yield prose(ast.get_docstring(node) or "")
            yield _fields(node, module)
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and _tells(method):
                    yield fenced(signature(method), "python")
                    yield prose(ast.get_docstring(method) or "")
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            at = module.tree.body.index(node)
            yield heading(3, code(name), f"{module.name}.{name}")
            said = ast.unparse(node)
            yield fenced(said, "python") if len(said) <= 2 * WIDTH else ""
            yield prose(_said(module.tree.body[at + 1]) or "")


def _tells(method: ast.FunctionDef) -> bool:
    return not method.name.startswith("_") and bool(ast.get_docstring(method))


def _class(node: ast.ClassDef) -> str:
    """The line of a class, with what its decorators say of it."""
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    said = [f"@{ast.unparse(each)}" for each in node.decorator_list]
    return "\n".join([*said, f"class {node.name}({bases}):" if bases else f"class {node.name}:"])


def _fields(node: ast.ClassDef, module: Module) -> str:
    rows = [row for each in node.body if (row := _field(each, module.comments)) is not None]
    has_meaning = any(row[3] for row in rows)
    width = 4 if has_meaning else 3
    return table(("field", "type", "default", "meaning")[:width], [row[:width] for row in rows])


def _field(node: ast.stmt, comments: Mapping[int, str]) -> tuple[str, str, str, str] | None:
    said = text(comments.get(node.end_lineno or 0, ""))
    match node:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value) if not name.startswith("_"):
            return code(name), code(ast.unparse(kind)), "" if value is None else code(_short(value)), said
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if not name.startswith("_"):
            return code(name), "", code(_short(value)), said
    return None


def _short(value: ast.expr) -> str:
    """A default; a long text is cut."""
    return textwrap.shorten(ast.unparse(value), 60, placeholder=" ...").replace("`", "'")


def signature(node: ast.FunctionDef) -> str:
    """The head of a function, an argument a line where it is long."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    marks = "".join(f"@{ast.unparse(each)}\n" for each in node.decorator_list)
    head = f"def {node.name}({ast.unparse(node.args)}){returns}"
    if len(head) <= WIDTH:
        return marks + head
    arguments = "".join(f"    {each},\n" for each in _arguments(node.args))
    return f"{marks}def {node.name}(\n{arguments}){returns}"


def _arguments(found: ast.arguments) -> Iterator[str]:
    plain = [*found.posonlyargs, *found.args]
    defaults = [None] * (len(plain) - len(found.defaults)) + list(found.defaults)
    yield from (_argument(each, value) for each, value in zip(plain, defaults, strict=True))
    if found.vararg:
        yield f"*{ast.unparse(found.vararg)}"
    elif found.kwonlyargs:
        yield "*"
    yield from (_argument(each, value) for each, value in zip(found.kwonlyargs, found.kw_defaults, strict=True))
    if found.kwarg:
        yield f"**{ast.unparse(found.kwarg)}"


def _argument(found: ast.arg, default: ast.expr | None) -> str:
    equals = " = " if found.annotation is not None else "="
    return ast.unparse(found) + ("" if default is None else f"{equals}{ast.unparse(default)}")
