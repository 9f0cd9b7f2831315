"""Which commit runs."""

from __future__ import annotations

import subprocess
from pathlib import Path


def revision(root: Path) -> str:
    """Return the commit that runs, with a plus where files differ from it."""

    def git(*words: str) -> str:
        told = subprocess.run(  # noqa: S603 - our own words
            ("git", "-C", str(root), *words),  # noqa: S607 - whichever git is there
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return told.stdout.strip()

    found = git("rev-parse", "--short=12", "HEAD") or "unknown"
    return found + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
