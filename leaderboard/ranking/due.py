"""Cells whose standings are no longer those of now, for a reason that is not their window."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from leaderboard.models import Cell

LONG_AGO: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def due_now(**which: Any) -> int:
    """Have some cells ranked anew by the next run; return how many. Needs a transaction.

    Rows are locked in the order of their numbers, as the rankings lock them: whoever takes
    several in another order may wait for ever on somebody who waits for him. Those of other tables
    that are named to find them are not: two bots of one owner, each locked by its own change,
    would wait for one another.
    """
    found = Cell.objects.filter(**which).order_by("pk").select_for_update(of=("self",))
    cells = list(found.values_list("pk", flat=True))
    return Cell.objects.filter(pk__in=cells).update(due_at=LONG_AGO)
