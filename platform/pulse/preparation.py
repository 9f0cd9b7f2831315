"""Whether the database and the static files are up to date with the code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders


def fingerprint() -> str:
    """Return a digest of everything that `manage.py prepare` works from."""
    digest = hashlib.sha256(f"{settings.MODE} {settings.DEMO_LOGINS}".encode())
    for path in (*_sources(settings.BASE_DIR), *_static()):
        info = path.stat()
        digest.update(f"{path} {info.st_size} {info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def static_fingerprint() -> str:
    """Return a digest of the names, sizes and times of all static files."""
    digest = hashlib.sha256()
    for path in _static():
        info = path.stat()
        digest.update(f"{path} {info.st_size} {info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def read(stamp: Path) -> str | None:
    """Return what a stamp says, None when there is none."""
    try:
        return stamp.read_text()
    except OSError:
        return None


def _sources(root: Path) -> Iterator[Path]:
    """Yield migrations, what seeds the demo, and the pinned versions of what others migrate."""
    apps = ("platform", "accounts", "tools_app", "trading", "leaderboard")
    for folder in (root / name for name in apps):
        yield from sorted(folder.rglob("migrations/*.py"))
    yield root / "accounts" / "demo.py"
    yield from sorted((root / "platform" / "market").glob("event*.py"))
    yield root / "constraints.txt"


def _static() -> Iterator[Path]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            yield Path(storage.path(name))
