"""Browser libraries: which files of which npm package are served, and whether they are here.

The packages are pinned in package.json and package-lock.json; nothing of them is committed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core import checks

FILES: Final = {
    "lightweight-charts": (
        "dist/lightweight-charts.standalone.production.mjs",
        "LICENSE",
    ),
    "uplot": ("dist/uPlot.esm.js", "dist/uPlot.min.css", "LICENSE"),
    "@fontsource-variable/inter": ("files/inter-latin-wght-normal.woff2", "LICENSE"),
}
FONT_FACE: Final = """@font-face {
  font-family: "Inter";
  font-style: normal;
  font-weight: 100 900;
  font-display: optional;
  src: url("inter-latin-wght-normal.woff2") format("woff2");
}
"""


def vendor_dir() -> Path:
    """Return the ignored folder that the libraries are served from."""
    return Path(settings.BASE_DIR) / "static" / "vendor"


def lock_digest() -> str:
    """Return a digest of what should be installed: the lock file and the allow-list."""
    lock = (Path(settings.BASE_DIR) / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + repr(sorted(FILES.items())).encode()).hexdigest()


def integrity(content: bytes) -> str:
    """Return the SHA-384 of `content` as browsers write it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def read_manifest() -> dict[str, Any]:
    """Return the manifest of the last installation, empty when there is none."""
    try:
        found: dict[str, Any] = json.loads((vendor_dir() / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def installed() -> bool:
    """Return whether every file of the lock file's packages is here and unchanged."""
    manifest = read_manifest()
    files: dict[str, str] = manifest.get("files", {})
    return manifest.get("lock") == lock_digest() and all(
        (vendor_dir() / name).is_file() and integrity((vendor_dir() / name).read_bytes()) == digest
        for name, digest in files.items()
    )


def has_vendor(name: str) -> bool:
    """Return whether the vendored file `name` can be served."""
    return (vendor_dir() / name).is_file()


def install_from(modules: Path) -> list[str]:
    """Copy the allow-list out of `modules` and write the manifest; return the files' names."""
    target = vendor_dir()
    fresh = target.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for package, names in FILES.items():
        folder = fresh / package.rsplit("/", 1)[-1]
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copyfile(modules / package / name, folder / Path(name).name)
    (fresh / "inter" / "inter.css").write_text(FONT_FACE)
    copied = sorted(p for p in fresh.rglob("*") if p.is_file())
    digests = {str(p.relative_to(fresh)): integrity(p.read_bytes()) for p in copied}
    (fresh / "manifest.json").write_text(
        json.dumps({"lock": lock_digest(), "files": digests}, indent=1, sort_keys=True) + "\n"
    )
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return list(digests)


def check_installed(**_: Any) -> list[checks.CheckMessage]:
    """Warn when the interactive charts would show their fallback."""
    if read_manifest().get("lock") == lock_digest():
        return []
    return [
        checks.Warning(
            "The browser libraries are not installed; charts show their tables instead.",
            hint="Run `make assets`.",
            id="pulse.W001",
        )
    ]


def register() -> None:
    """Register the check."""
    checks.register(check_installed, "pulse")
