"""REST of the market state."""

from __future__ import annotations

import datetime as dt
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from market import selectors
from market.bars import Bars, read_bars
from market.payloads import Payload, iso, numbers
from record.remote import call

AT = OpenApiParameter(
    "at",
    OpenApiTypes.DATETIME,
    description="What was known at this instant, never later. Left out: the newest.",
)
BARS_MOST = 10_000
MINUTE_S = 60
INTERVALS = (MINUTE_S, 300, 3600, 86400)


def instant(request: Request, name: str) -> dt.datetime | None:
    """Return a query parameter as an instant, None when it is left out."""
    text = request.query_params.get(name)
    if not text:
        return None
    field = serializers.DateTimeField(default_timezone=dt.UTC)
    try:
        value: dt.datetime = field.run_validation(text)
    except (serializers.ValidationError, OverflowError, ValueError) as error:
        raise ValidationError(
            {name: ["Give an ISO 8601 instant, such as 2015-12-24T15:00:00Z."]}
        ) from error
    return value


def known(symbol: str, body: Payload | None) -> Payload:
    """Return the body, or raise 404 for a symbol that nothing is known of."""
    if body is None:
        raise NotFound(f"Nothing is known of {symbol}; GET /api/v1/market lists the symbols.")
    return body


class SymbolList(APIView):
    """The underlyings that have a feed or recorded days."""

    entitlement = "market.view"

    @extend_schema(operation_id="market_symbols", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List the underlyings that have a feed or recorded days."""
        return Response({"results": selectors.symbols()})


class SnapshotView(APIView):
    """The quote of an underlying and where its session stands."""

    entitlement = "market.view"

    @extend_schema(
        operation_id="market_snapshot", parameters=[AT], responses={200: OpenApiTypes.OBJECT}
    )
    def get(self, request: Request, symbol: str) -> Response:
        """Return the quote of an underlying and where its session stands."""
        body = selectors.quote_payload(symbol, instant(request, "at"))
        return Response(known(symbol, body))


class ChainView(APIView):
    """One expiry of the chain with volatilities and all 13 Greeks, by strike."""

    entitlement = "market.chain"

    @extend_schema(
        operation_id="market_chain",
        parameters=[
            AT,
            OpenApiParameter(
                "expiry", description="As `expiries` of the answer names it; default the nearest."
            ),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, symbol: str) -> Response:
        """Return one expiry of the chain with volatilities and all 13 Greeks, by strike."""
        expiry = request.query_params.get("expiry") or None
        return Response(
            computed(request, "market.chain", symbol, expiry, at=instant(request, "at"))
        )


class ExposureView(APIView):
    """Dealer gamma, vanna and charm exposure with its levels."""

    entitlement = "market.exposure"

    @extend_schema(
        operation_id="market_exposure", parameters=[AT], responses={200: OpenApiTypes.OBJECT}
    )
    def get(self, request: Request, symbol: str) -> Response:
        """Return dealer gamma, vanna and charm exposure with its levels."""
        at = instant(request, "at")
        live = selectors.exposure_state(symbol) if at is None else None
        return Response(live or computed(request, "market.exposure", symbol, at=at))


class BarsView(APIView):
    """Price bars of an underlying."""

    entitlement = "market.view"

    @extend_schema(
        operation_id="market_bars",
        parameters=[
            OpenApiParameter(
                "interval", OpenApiTypes.INT, enum=INTERVALS, description="Seconds; default 86400."
            ),
            OpenApiParameter("start", OpenApiTypes.DATETIME, description="First bar end."),
            OpenApiParameter("end", OpenApiTypes.DATETIME, description="Last bar end."),
            AT,
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, symbol: str) -> Response:
        """Return price bars of an underlying, raw, oldest first, at most 10,000."""
        interval = request.query_params.get("interval", "86400")
        if interval not in map(str, INTERVALS):
            raise ValidationError(
                {"interval": [f"Choose one of {', '.join(map(str, INTERVALS))}."]}
            )
        at, since, until = (instant(request, name) for name in ("at", "start", "end"))
        end = until or at or dt.datetime.now(dt.UTC)
        try:
            start = since or end - dt.timedelta(seconds=int(interval) * 500)
        except OverflowError:
            raise ValidationError(
                {"end": ["Give a later instant; there are no bars then."]}
            ) from None
        bars = read_bars(symbol.upper(), interval=int(interval), start=start, end=end, at=at)
        if len(bars) > BARS_MOST:
            raise ValidationError({"start": [f"{len(bars)} bars; ask for at most {BARS_MOST}."]})
        body = (
            _columns(bars)
            if len(bars)
            else _simulated(
                symbol, int(interval), since, min(filter(None, (until, at)), default=None)
            )
        )
        return Response({"symbol": symbol.upper(), "interval": int(interval), **body})


def _columns(bars: Bars) -> dict[str, Any]:
    names = ("open", "high", "low", "close", "volume")
    return {
        "time": [iso(at) for at in bars.times.tolist()],
        **{name: numbers(getattr(bars, name)) for name in names},
    }


def _simulated(
    symbol: str, interval: int, start: dt.datetime | None, end: dt.datetime | None
) -> dict[str, Any]:
    """Return the minutes of the newest session of a simulation: its bars are its run's rows.

    None leaves a side open: a simulation's clock has nothing to do with today's date.
    """
    run = selectors.newest_run(symbol) if interval == MINUTE_S else None
    if run is None or not run.simulated:
        return {"time": [], "open": [], "high": [], "low": [], "close": [], "volume": []}
    series = selectors.price_series(run.pk)
    chosen = [
        place
        for place, at in enumerate(map(dt.datetime.fromisoformat, series["time"]))
        if (start is None or start <= at) and (end is None or at <= end)
    ]
    names = ("time", "open", "high", "low", "close", "volume")
    columns = {name: [series[name][place] for place in chosen] for name in names}
    return {"run": run.pk, "simulated": True, **columns}


def computed(
    request: Request, task: str, symbol: str, *args: Any, at: dt.datetime | None
) -> Payload:
    """Return what a numerics worker computes of a snapshot, or raise the caller's fault.

    Raises
    ------
    NotFound, ValidationError
        For an unknown symbol or expiry.
    record.remote.Unavailable
        When the worker did not answer in time: answered as 503.
    """
    given = None if at is None else at.isoformat()
    body: Payload = call(task, symbol, *args, given, user_id=request.user.pk)
    fault = body.get("fault")
    if fault == "unknown":
        raise NotFound(body["detail"])
    if fault is not None:
        raise ValidationError({fault: [body["detail"]]})
    return body
