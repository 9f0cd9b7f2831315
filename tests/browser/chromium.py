"""Finds Chromium for the browser tests, and installs Debian's when there is none.

`python tests/browser/chromium.py` is the set-up step of `make test`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# The shell has Chromium's engine without its windows, and starts and draws in a third less time.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
REMEDY = (
    "No Chromium was found. Install it (Debian: apt-get install chromium) or name one in CHROMIUM."
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def install() -> None:
    """Install Debian's Chromium; raise with the remedy when that is not possible."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise SystemExit(REMEDY)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = [apt, "-qq", "-o", "Dpkg::Use-Pty=0"]
    subprocess.run([*quiet, "update"], check=True, env=environment)
    for package in ("chromium-headless-shell", "chromium"):  # older releases lack the first
        done = subprocess.run(
            [*quiet, "install", "-y", "--no-install-recommends", package, "fonts-dejavu-core"],
            check=False,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            break
    if find_chromium() is None:
        raise SystemExit(REMEDY)


if __name__ == "__main__":
    if find_chromium() is None:
        install()
    sys.exit(0)
