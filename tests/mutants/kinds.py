"""The small changes that are made to a module, one at a time, found in its syntax tree.

A change is of one place: a comparison that takes the other side of its boundary, an operator, a
number one step up or down, a condition turned round, a call left out. Texts that are only told to
people stay as they are; texts that are compared do not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
REPLACED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip
NAMED = {"min": "max", "max": "min", "any": "all", "all": "any"}
AROUND = 36
"""Characters that are told on each side of a change."""
Place = tuple[ast.AST, str, int | None]
"""A node, its field, and which of the field's list."""


@dataclass(frozen=True)
class Mutant:
    """One change: of a statement of a module, or of a member of one of its classes."""

    path: str
    top: int
    """Which statement of the module."""
    member: int | None
    """Which statement of the class."""
    where: str
    lines: tuple[int, int]
    """Of the smallest statement around the change, without the body of a compound one."""
    old: str
    new: str
    changed: ast.stmt
    """The module's statement, or the class's, with the change."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is known by when lines move."""
        return self.path, self.where, self.old, self.new


def mutants(path: Path, name: str) -> list[Mutant]:
    """Return all changes of a module."""
    tree = ast.parse(path.read_text())
    found: list[Mutant] = []
    for top, stmt in enumerate(tree.body):
        if not isinstance(stmt, ast.ClassDef):
            found += _of_statement(stmt, name, top, None, "")
            continue
        defaults = _has_defaults(stmt)
        for member, part in enumerate(stmt.body):
            if defaults or isinstance(part, ast.FunctionDef):
                found += _of_statement(part, name, top, member, f"{stmt.name}.")
    return found


def _has_defaults(stmt: ast.ClassDef) -> bool:
    """Whether a class is one whose assignments are the defaults of its fields."""
    heads = [*stmt.decorator_list, *stmt.bases]
    return any("dataclass" in ast.unparse(one) or "NamedTuple" in ast.unparse(one) for one in heads)


def _of_statement(
    stmt: ast.stmt, path: str, top: int, member: int | None, within: str
) -> Iterator[Mutant]:
    if not isinstance(stmt, ast.FunctionDef | ast.Assign | ast.AnnAssign):
        return
    where = within + (stmt.name if isinstance(stmt, ast.FunctionDef) else _named(stmt))
    for inner, place, node in _places(stmt):
        before = _head(inner)
        for changed in _changes(node):
            _put(place, changed)
            after = _head(changed if node is inner else inner)
            if after != before:
                old, new = _short(before, after)
                yield Mutant(
                    path, top, member, where, _span(inner), old, new, deepcopy(stmt)
                )  # fmt: skip
            _put(place, node)


def _named(stmt: ast.Assign | ast.AnnAssign) -> str:
    target = stmt.target if isinstance(stmt, ast.AnnAssign) else stmt.targets[0]
    return ast.unparse(target)


def _places(stmt: ast.stmt) -> Iterator[tuple[ast.stmt, Place, ast.AST]]:
    """Yield each node that may change, with the smallest statement around it."""

    def walk(node: ast.AST, inner: ast.stmt) -> Iterator[tuple[ast.stmt, Place, ast.AST]]:
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_comment"):
                continue
            parts = value if isinstance(value, list) else [value]
            for number, part in enumerate(parts):
                if not isinstance(part, ast.AST) or _is_text(part):
                    continue
                around = part if isinstance(part, ast.stmt) else inner
                yield around, (node, name, number if isinstance(value, list) else None), part
                yield from walk(part, around)

    yield from walk(stmt, stmt)


def _is_text(node: ast.AST) -> bool:
    """Whether it is a documentation, or a text with values in it: those are only told."""
    if isinstance(node, ast.Expr):
        node = node.value
        return isinstance(node, ast.Constant)
    return isinstance(node, ast.JoinedStr)


def _put(place: Place, node: ast.AST) -> None:
    parent, name, number = place
    if number is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[number] = node


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place."""
    if isinstance(node, ast.stmt):
        yield from _of_control(node)
    elif isinstance(node, ast.Compare):
        yield from _of_comparison(node)
    elif isinstance(node, ast.BinOp):
        texts = [one for one in (node.left, node.right) if _told(one)]
        if type(node.op) in REPLACED and not texts:
            yield ast.BinOp(node.left, REPLACED[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.BoolOp(other, node.values)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield from _turned(node)
    elif isinstance(node, ast.comprehension):
        for number in range(len(node.ifs)):
            kept = [*node.ifs[:number], *node.ifs[number + 1 :]]
            yield ast.comprehension(node.target, node.iter, kept, node.is_async)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Constant):
        yield from (ast.Constant(one) for one in _others(node.value))


def _told(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _of_control(node: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(node, ast.If | ast.While):
        yield from _turned(node)
    elif isinstance(node, ast.AugAssign):
        yield ast.Pass()
        if type(node.op) in REPLACED:
            yield ast.AugAssign(node.target, REPLACED[type(node.op)](), node.value)
    elif isinstance(node, ast.Raise | ast.Continue | ast.Break) or _calls(node):
        yield ast.Pass()
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))


def _calls(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _turned(node: ast.AST) -> Iterator[ast.AST]:
    """Turn a condition round, where its own comparison does not do so already."""
    if not isinstance(node.test, ast.Compare | ast.UnaryOp):
        changed = deepcopy(node)
        changed.test = ast.UnaryOp(ast.Not(), changed.test)
        yield changed


def _of_comparison(node: ast.Compare) -> Iterator[ast.AST]:
    for number, op in enumerate(node.ops):
        for other in COMPARED[type(op)]:
            ops = [*node.ops[:number], other(), *node.ops[number + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)
    for number, one in enumerate([node.left, *node.comparators]):
        for part in _texts(one):
            changed = deepcopy(node)
            mine = [changed.left, *changed.comparators][number]
            for text in _texts(mine):
                if text.value == part.value:
                    text.value = f"not {text.value}"
            yield changed


def _texts(node: ast.AST) -> list[ast.Constant]:
    """Return the texts that a comparison is with, alone or as one of several."""
    parts = node.elts if isinstance(node, ast.Tuple | ast.Set | ast.List) else [node]
    return [
        one for one in parts
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value
    ]  # fmt: skip


def _of_call(node: ast.Call) -> Iterator[ast.AST]:
    if not isinstance(node.func, ast.Name):
        return
    name = node.func.id
    if name in NAMED:
        yield ast.Call(ast.Name(NAMED[name], ast.Load()), node.args, node.keywords)
    elif name == "abs":
        yield node.args[0]
    elif name in ("D", "Decimal", "_row") and any(isinstance(a, ast.Constant) for a in node.args):
        for number, one in enumerate(node.args):
            if not (isinstance(one, ast.Constant) and isinstance(one.value, str)):
                continue
            for text in _steps(one.value):
                args = [*node.args[:number], ast.Constant(text), *node.args[number + 1 :]]
                yield ast.Call(node.func, args, node.keywords)


def _steps(text: str) -> Iterator[str]:
    """Yield a number that is written as text, one step of its last digit up and down."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return
    step = Decimal(1).scaleb(int(value.as_tuple().exponent))
    yield str(value + step)
    yield str(value - step)


def _others(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
        yield value - 1
    elif isinstance(value, float):
        step = 10.0 ** int(Decimal(repr(value)).as_tuple().exponent)
        yield value + step
        yield value - step


def _head(stmt: ast.stmt) -> str:
    """Return a statement without its body, in one line."""
    if hasattr(stmt, "body"):
        stmt = deepcopy(stmt)
        stmt.body = [ast.Pass()]
        for name in ("orelse", "handlers", "finalbody", "decorator_list"):
            if hasattr(stmt, name):
                setattr(stmt, name, [])
    return " ".join(ast.unparse(ast.fix_missing_locations(stmt)).split())


def _span(stmt: ast.stmt) -> tuple[int, int]:
    body = getattr(stmt, "body", None)
    last = max(stmt.lineno, body[0].lineno - 1) if body else stmt.end_lineno
    return stmt.lineno, last or stmt.lineno


def _short(old: str, new: str) -> tuple[str, str]:
    """Return what differs, with a little of what is around it."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    first = max(start - AROUND, 0)
    return tuple(one[first : max(len(one) - end + AROUND, 0)] for one in (old, new))
