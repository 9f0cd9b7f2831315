"""Helpers of the importer tests: running the command, damaging copies of files."""

import csv
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from market.models import ImportBatch, ImportReject


@dataclass
class Done:
    """What a run of the command said."""

    status: int
    out: str

    @property
    def report(self) -> list[dict[str, str]]:
        """The rows of the rejects report that the run named."""
        path = self.out.rsplit("rejects report: ", 1)[1].strip()
        assert Path(settings.VAR_DIR) in Path(path).parents
        with Path(path).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def run(name: str, *paths: Path, **options: object) -> Done:
    """Run `import_market` and return its exit status and what it printed."""
    import io

    out, status = io.StringIO(), 0
    try:
        call_command("import_market", name, *map(str, paths), stdout=out, **options)
    except SystemExit as stop:
        status = int(stop.code or 0)
    assert "Traceback" not in out.getvalue()
    return Done(status, out.getvalue())


def counts() -> tuple[int, int]:
    """Return accepted and rejected rows over all batches."""
    batches = ImportBatch.objects.all()
    return sum(b.accepted for b in batches), sum(b.rejected for b in batches)


def refused() -> list[tuple[str, int, str]]:
    """Return member (or file), line and field of every refusal on record."""
    rows = ImportReject.objects.order_by("file", "line").values_list("file", "line", "field")
    return [(file.rsplit("!", 1)[-1], line, field) for file, line, field in rows]


def lean_copy(shared: Path, to: Path, *parts: str) -> Path:
    """Copy one file of the LEAN folder to the same place under another root."""
    target = to.joinpath("lean", *parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(shared.joinpath("data", "lean", "Data", *parts), target)
    target.chmod(0o644)
    return target


def rewrite_zip(path: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> None:
    """Write a zip anew with each member changed, renamed, or left out (None)."""
    with zipfile.ZipFile(path) as old:
        members = [change(info.filename, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member in members:
            if member is not None:
                new.writestr(*member)
