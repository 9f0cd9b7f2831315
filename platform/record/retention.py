"""How long each table is kept; each one's docstring says the same."""

from __future__ import annotations

import structlog

from record import idempotency, jobs, outbox, streams

log = structlog.get_logger("pulse.record")


def prune() -> dict[str, int]:
    """Remove what has outlived its retention and return how many rows of what."""
    removed = {
        "events": streams.prune(),
        "outbox": outbox.prune(),
        "jobs": jobs.prune(),
        "idempotency": idempotency.prune(),
    }
    log.info("pruned", **removed)
    return removed
