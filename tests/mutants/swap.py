"""Putting a changed statement into a module that is imported already, and used everywhere.

Functions keep who they are and get other code, so that whoever imported them runs the change too.
Constants are put where they were imported to. It is done in a process that ends afterwards.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

HOUSES = ("trading", "tests", "leaderboard", "tools_app", "accounts", "pulse")
"""Packages whose modules may have imported a constant."""


def put(module: ModuleType, tree: ast.Module, top: int, member: int | None, changed: ast.stmt):
    """Put a changed statement into a module."""
    stmt = tree.body[top]
    if member is not None:
        _put_member(module, stmt, member, changed)
        if not isinstance(changed, ast.FunctionDef):
            _put_constants(module, tree.body[top + 1 :], {stmt.name})
    elif isinstance(changed, ast.FunctionDef):
        _recode(_plain(vars(module)[changed.name]), _compiled(module, changed))
    else:
        _put_constants(module, [changed, *tree.body[top + 1 :]], set())
    _forget()


def itself(module: ModuleType, tree: ast.Module) -> None:
    """Put each function of a module into it as it is: nothing may change by that."""
    for top, stmt in enumerate(tree.body):
        parts = enumerate(stmt.body) if isinstance(stmt, ast.ClassDef) else [(None, stmt)]
        for member, part in parts:
            if isinstance(part, ast.FunctionDef):
                put(module, tree, top, member, part)


def _put_member(module: ModuleType, stmt: ast.ClassDef, member: int, changed: ast.stmt) -> None:
    owner = vars(module)[stmt.name]
    if isinstance(changed, ast.FunctionDef):
        _recode(_plain(vars(owner)[changed.name]), _compiled(module, changed, stmt.name))
        return
    anew = ast.ClassDef(
        stmt.name, stmt.bases, stmt.keywords,
        [*stmt.body[:member], changed, *stmt.body[member + 1 :]], stmt.decorator_list,
    )  # fmt: skip
    made = _ran(module, anew)[stmt.name]
    if issubclass(owner, tuple):
        owner.__new__.__defaults__ = made.__new__.__defaults__
    else:
        owner.__init__ = made.__init__


def _plain(found: Any) -> FunctionType:
    """Return the function that was written, under what it is wrapped in."""
    for name in ("fget", "func", "__func__"):
        found = getattr(found, name, None) or found
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found


def _compiled(module: ModuleType, changed: ast.FunctionDef, owner: str = "") -> FunctionType:
    bare = ast.FunctionDef(changed.name, changed.args, changed.body, [], None)
    bare = ast.copy_location(bare, changed)
    if owner:
        bare = ast.copy_location(ast.ClassDef(owner, [], [], [bare], []), changed)
    ran = _ran(module, bare)
    return vars(ran[owner])[changed.name] if owner else ran[changed.name]


def _ran(module: ModuleType, stmt: ast.stmt) -> dict[str, Any]:
    """Run one statement beside a module; annotations stay text, as they are written."""
    tree = ast.fix_missing_locations(ast.Module([stmt], []))
    spared = compile("from __future__ import annotations", "", "exec").co_flags
    code: CodeType = compile(tree, module.__file__ or "", "exec", spared, dont_inherit=True)
    around = dict(vars(module))
    exec(code, around)
    return around


def _recode(old: FunctionType, new: FunctionType) -> None:
    old.__code__ = new.__code__
    old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__


def _put_constants(module: ModuleType, stmts: list[ast.stmt], names: set[str]) -> None:
    """Run an assignment, or what uses some names, and what comes after and uses what it names."""
    for stmt in stmts:
        if not isinstance(stmt, ast.Assign | ast.AnnAssign):
            continue
        if names and not names & {one.id for one in ast.walk(stmt) if isinstance(one, ast.Name)}:
            continue
        targets = stmt.targets if isinstance(stmt, ast.Assign) else [stmt.target]
        mine = {one.id for each in targets for one in ast.walk(each) if isinstance(one, ast.Name)}
        names |= mine
        ran = _ran(module, stmt)
        for name in mine:
            _replace(name, vars(module)[name], ran[name])


def _replace(name: str, old: object, new: object) -> None:
    for module in _mine():
        for mine, value in list(vars(module).items()):
            if value is old and (mine == name or not isinstance(old, int | str | float | None)):
                setattr(module, mine, new)


def _mine() -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in HOUSES and module is not None:
            yield module


def _forget() -> None:
    """Forget what functions remember of their answers."""
    for module in _mine():
        for value in list(vars(module).values()):
            # By its own type: a proxy of what is gone fails when asked what it stands for.
            if issubclass(type(value), functools._lru_cache_wrapper):
                value.cache_clear()
