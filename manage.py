#!/usr/bin/env python
"""Pulse's command line: `python manage.py <command>`."""

import contextlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# These start the servers themselves or need none.
WITHOUT_SERVERS = {
    "up", "help", "--help", "-h", "--version", "makemigrations", "collectstatic", "fetch_assets",
    "spectacular", "startapp", "new_tool", "check_tools", "chaos",
    "sandbox stripe", "sandbox alpaca", "sandbox tradier",
}  # fmt: skip


def servers() -> contextlib.AbstractContextManager[None]:
    """Return a context in which PostgreSQL and Redis answer, started if they must be."""
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    apart = {command, " ".join(sys.argv[1:3])} & WITHOUT_SERVERS
    supervised = "PULSE_SUPERVISED" in os.environ
    elsewhere = os.environ.get("PULSE_MODE") in {"test", "production"}
    if apart or supervised or elsewhere:
        return contextlib.nullcontext()
    from pulse.embedded import borrowed

    return borrowed(Path(os.environ.get("PULSE_VAR", ROOT / "var")))


def main() -> None:
    """Run one management command."""
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
    from django.core.management import execute_from_command_line

    with servers():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
