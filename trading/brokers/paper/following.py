"""Which accounts a new row matters to: those are promised a step, each on its own.

Rows matter to open orders; to who holds something or traded in the session, the sweep before the
close and the night after it matter.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from market.feed.control import ACTIVE
from market.models import FeedRun, FrameRow
from quant.kernels.fill_codes import State
from record.outbox import enqueue
from trading.brokers.paper import markets
from trading.brokers.paper.models import PaperAccount, PaperOrder
from trading.ledger.models import Position

STEP = "trading.step_paper"
_NIGHT_TO_COME = Q(day__isnull=False) & (Q(night=None) | ~Q(night=F("day")))


@transaction.atomic
def follow(run_id: int) -> int:
    """Promise a step to the accounts on a run for which its rows matter; return how many."""
    waiting = list(_waiting(FeedRun.objects.get(pk=run_id)).values_list("pk", flat=True))
    for account in waiting:
        enqueue(STEP, account)
    return len(waiting)


def follow_all() -> int:
    """Do the same for all markets: what was missed is promised again."""
    waits = PaperAccount.objects.filter(_NIGHT_TO_COME)
    left = waits.exclude(run=None).values("run")
    days = waits.filter(market=PaperAccount.Market.LIVE, symbol=OuterRef("symbol"))
    live = Q(source=FeedRun.Source.LIVE) & Exists(days.filter(day=OuterRef("session_date")))
    runs = FeedRun.objects.filter(Q(state__in=ACTIVE) | Q(pk__in=left) | live)
    return sum(follow(pk) for pk in runs.values_list("pk", flat=True))


def _waiting(run: FeedRun) -> QuerySet[PaperAccount]:
    rows = FrameRow.objects.filter(run=run).order_by("-time")
    minutes = rows.filter(kind=FrameRow.Kind.INTRADAY).values_list("time", flat=True)
    closed = rows.filter(kind=FrameRow.Kind.DAILY).values_list("session_date", flat=True)
    newest, over = minutes.first(), closed.first()
    if newest is None:
        return PaperAccount.objects.none()
    open_orders = PaperOrder.objects.filter(account=OuterRef("pk"), state__lt=State.FILLED.value)
    holds = Position.objects.filter(account=OuterRef("pk")).exclude(quantity=0)
    matters = Q(Exists(open_orders)) | Q(Exists(holds)) | _NIGHT_TO_COME
    behind = Q(through__lt=newest)
    if over is not None:
        behind |= _NIGHT_TO_COME & Q(day__lte=over)
    if run.state not in ACTIVE:
        behind |= _NIGHT_TO_COME
    return markets.accounts_on(run).filter(matters & behind)
