"""A process of its own that works on a shared run: `python -m tools_app.worker KIND RUN`."""

from __future__ import annotations

import os
import sys
from importlib import import_module

KINDS = {
    "validation": "tools_app.validation.services",
    "search": "tools_app.optimize.services",
}


def main(kind: str, run_id: int) -> None:
    """Compute parts until the run is done or cancelled."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
    django.setup()
    import_module(KINDS[kind]).work(run_id, lambda done, total: None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
