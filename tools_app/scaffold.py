"""A new tool as a package of its own: what `manage.py new_tool` writes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from string import Template

from tools_app.third_party import FIRST_ID, LAST_ID

TEMPLATES = Path(__file__).resolve().parent / "tool_template"
ROWS = 60
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST = 40


class ScaffoldError(ValueError):
    """The package cannot be written; the text says what to give instead."""


def slug_of(name: str) -> str:
    """Return the slug of a package's tool."""
    return name.replace("_", "-")


def refuse_name(name: str, taken: Collection[str]) -> None:
    """Raise ScaffoldError for a name that no package or no tool can have.

    `taken` are the slugs that there are.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise ScaffoldError(
            f"{name!r} is no name for a tool: use small letters, digits and single underscores, "
            f"a letter first, at most {_LONGEST} of them"
        )
    if keyword.iskeyword(name) or find_spec(name) is not None:
        raise ScaffoldError(f"{name!r} is a module or a word of Python already; choose another")
    if slug_of(name) in taken:
        raise ScaffoldError(f"there is a tool {slug_of(name)!r} already; choose another name")


def free_id(taken: Collection[int]) -> int:
    """Return the first id for a third party's tool that none has here."""
    for number in range(FIRST_ID, LAST_ID + 1):
        if number not in taken:
            return number
    raise ScaffoldError(f"every id from {FIRST_ID} to {LAST_ID} is taken here")


def write(name: str, parent: Path, number: int) -> list[Path]:
    """Write the package into `parent / name` and return its files.

    Raises
    ------
    ScaffoldError
        When that exists, or `parent` does not.
    """
    folder = parent / name
    if not parent.is_dir():
        raise ScaffoldError(f"{parent} is no folder; make it first, or give another with --dir")
    if folder.exists():
        raise ScaffoldError(f"{folder} exists already; nothing was written. Give another --dir")
    words = {
        "name": name,
        "slug": slug_of(name),
        "title": name.replace("_", " ").title(),
        "id": str(number),
        "rows": str(ROWS),
        "folder": str(folder),
    }
    files = {
        "pyproject.toml-tpl": folder / "pyproject.toml",
        "README.md-tpl": folder / "README.md",
        "module.py-tpl": folder / "src" / name / "__init__.py",
        "test_module.py-tpl": folder / "tests" / f"test_{name}.py",
    }
    for template, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (TEMPLATES / template).read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(words), encoding="utf-8")
    return list(files.values())
