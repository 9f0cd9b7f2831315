"""REST of the market state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, UnsupportedMediaType, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from market import computed, selectors
from market.bars import Bars, newest_bar, read_bars
from market.computed import Computed
from market.models import FeedRun
from market.payloads import Payload, iso, numbers
from market.reach import Reach, Span, reach_of
from market.rest import MARKET, REFUSED, MarketView
from quant.fields import FIELDS
from record.access import READ
from record.remote import Unavailable

UNITS = ("quoted", "raw")
EXPIRY = OpenApiParameter(
    "expiry", description="As `expiries` of the answer names it; default the nearest."
)
AT = OpenApiParameter(
    "at",
    OpenApiTypes.DATETIME,
    description="What was known at this instant, never later. Left out: the newest that the "
    "plan shows, which is also the answer to a later instant. An instant further back than the "
    "plan reaches is refused.",
)
BARS_MOST = 10_000
MINUTE_S = 60
INTERVALS = (MINUTE_S, 300, 3600, 86400)


class GreeksRequest(serializers.Serializer):  # type: ignore[type-arg]
    """What `POST /greeks` takes; read by the worker, described here."""

    contracts = serializers.JSONField(
        help_text="A list of objects, or an object of equally long lists; at most 10,000."
    )
    defaults = serializers.JSONField(
        required=False, help_text="What is the same for all, such as spot and rate."
    )
    names = serializers.ListField(
        child=serializers.ChoiceField(FIELDS), required=False, help_text="Default all."
    )
    units = serializers.ChoiceField(UNITS, required=False, help_text="Default quoted.")
    at = serializers.DateTimeField(
        required=False, help_text="Instant at which time to settlement is measured; default now."
    )


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


class SnapshotView(MarketView):
    """The quote of an underlying and where its session stands."""

    entitlement = "market.view"

    @extend_schema(
        operation_id="market_snapshot", parameters=[AT], responses={200: MARKET, 403: REFUSED}
    )
    def get(self, request: Request, symbol: str) -> Response:
        """Return the quote of an underlying and where its session stands."""
        body = selectors.quote_payload(symbol, reach_of(request.user), instant(request, "at"))
        return Response(known(symbol, body))


def _answer(request: Request, name: str, symbol: str, *parts: Any) -> HttpResponse:
    """Return what a numerics worker computes of one snapshot.

    The answer carries an ETag of the snapshot and the question: who asks again with it gets 304
    before any worker is asked.
    """
    at = instant(request, "at")
    mark = computed.etag(request.user, name, symbol, *parts, at=at)
    unchanged = get_conditional_response(request, etag=mark)
    if unchanged is not None and mark is not None:
        response: HttpResponse = unchanged
    else:
        response = Response(_told(computed.ask(request.user, name, symbol, *parts, at=at)))
    if mark is not None:
        response["ETag"] = mark
    response["Cache-Control"] = "private, no-cache"
    return response


def _told(found: Computed) -> Payload:
    """Return the body, or raise the fault.

    Raises
    ------
    NotFound, ValidationError
        For an unknown symbol or a part of the question that cannot be met.
    ServiceAwayError
        When the worker did not answer in time: answered as 503.
    """
    if found.body is not None:
        return found.body
    if found.fault == "away":
        raise Unavailable
    if found.fault in ("unknown", "silent"):
        raise NotFound(found.detail)
    raise ValidationError({found.fault or "symbol": [found.detail]})


def _one_of(request: Request, name: str, allowed: Sequence[str]) -> str:
    """Return a query parameter that must be one of a few; the first when it is left out."""
    value = request.query_params.get(name) or allowed[0]
    if value not in allowed:
        raise ValidationError({name: [f"Choose one of {', '.join(allowed)}."]})
    return value


class ChainView(MarketView):
    """One expiry of the chain with volatilities and all 13 Greeks, by strike."""

    entitlement = "market.chain"

    @extend_schema(
        operation_id="market_chain",
        parameters=[
            AT,
            EXPIRY,
            OpenApiParameter(
                "units",
                enum=UNITS,
                description="Greeks as the market quotes them, or raw derivatives; default quoted.",
            ),
        ],
        responses={200: MARKET, 304: None, 403: REFUSED},
    )
    def get(self, request: Request, symbol: str) -> HttpResponse:
        """Return one expiry of the chain with volatilities and all 13 Greeks, by strike."""
        raw = _one_of(request, "units", UNITS) == "raw"
        return _answer(request, "chain", symbol, request.query_params.get("expiry") or None, raw)


class ContractView(MarketView):
    """One contract: quote, volatility, every Greek in both units, and a grid of one of them."""

    entitlement = "market.chain"

    @extend_schema(
        operation_id="market_contract",
        parameters=[
            AT,
            OpenApiParameter(
                "greek",
                enum=FIELDS,
                description="Field of the grid over spot, time and volatility; default price.",
            ),
        ],
        responses={200: MARKET, 304: None, 403: REFUSED},
    )
    def get(self, request: Request, symbol: str, occ: str) -> HttpResponse:
        """Return one contract with every Greek and a grid of one over spot, time, volatility."""
        return _answer(request, "contract", symbol, occ, _one_of(request, "greek", FIELDS))


class ExposureView(MarketView):
    """Dealer exposure with its levels, under every assumption on the dealers' side."""

    entitlement = "market.exposure"

    @extend_schema(
        operation_id="market_exposure",
        parameters=[AT],
        responses={200: MARKET, 304: None, 403: REFUSED},
    )
    def get(self, request: Request, symbol: str) -> HttpResponse:
        """Return dealer gamma, vanna, charm and delta exposure with its levels."""
        return _answer(request, "exposure", symbol)


class SurfaceView(MarketView):
    """The volatility surface: a fit per expiry with its quality, and its arbitrage report."""

    entitlement = "market.surface"

    @extend_schema(
        operation_id="market_surface",
        parameters=[AT, EXPIRY],
        responses={200: MARKET, 304: None, 403: REFUSED},
    )
    def get(self, request: Request, symbol: str) -> HttpResponse:
        """Return SVI, SABR and eSSVI fits by expiry, tables by delta and strike, one smile."""
        return _answer(request, "surface", symbol, request.query_params.get("expiry") or None)


class VendorView(MarketView):
    """A data vendor's volatilities and Greeks against ours, with what explains the difference."""

    entitlement = "market.chain"

    @extend_schema(
        operation_id="market_vendor",
        parameters=[AT],
        responses={200: MARKET, 304: None, 403: REFUSED},
    )
    def get(self, request: Request, symbol: str) -> HttpResponse:
        """Return a vendor's volatilities and Greeks against ours, by expiry."""
        return _answer(request, "vendor", symbol)


class GreeksView(APIView):
    """Price and all 13 Greeks of contracts that the caller gives."""

    entitlement = "market.greeks"
    key_scope = READ
    call_cost = 2

    @extend_schema(
        operation_id="greeks",
        request=GreeksRequest,
        responses={200: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> HttpResponse:
        """Return Greeks of up to 10,000 contracts; a row that cannot be read is named.

        `contracts` is a list of objects or an object of equally long lists, and the answer comes
        in the same form. Each needs spot, strike, right (call or put), expiry or years, and iv or
        price; rate, yield, style, root, occ and at are optional.
        """
        if not (request.content_type or "").startswith("application/json"):
            raise UnsupportedMediaType(request.content_type or "")
        # The body goes to the worker as it came, and its answer to the caller.
        answer = computed.greeks_of(request.user, request.body)
        fault = computed.fault_of(answer)
        if fault is not None:
            raise ValidationError({fault[0]: [fault[1]]})
        return HttpResponse(answer, content_type="application/json")


class BarsView(MarketView):
    """Price bars of an underlying."""

    entitlement = "market.view"

    @extend_schema(
        operation_id="market_bars",
        parameters=[
            OpenApiParameter(
                "interval", OpenApiTypes.INT, enum=INTERVALS, description="Seconds; default 86400."
            ),
            OpenApiParameter(
                "start",
                OpenApiTypes.DATETIME,
                description="First bar end. Further back than the plan reaches is refused.",
            ),
            OpenApiParameter("end", OpenApiTypes.DATETIME, description="Last bar end."),
            AT,
        ],
        responses={200: MARKET, 403: REFUSED},
    )
    def get(self, request: Request, symbol: str) -> Response:
        """Return price bars of an underlying, raw, oldest first, at most 10,000."""
        given = request.query_params.get("interval", "86400")
        if given not in map(str, INTERVALS):
            raise ValidationError(
                {"interval": [f"Choose one of {', '.join(map(str, INTERVALS))}."]}
            )
        interval = int(given)
        reach = reach_of(request.user)
        within = selectors.span_of(symbol, reach, newest_bar(symbol.upper(), interval))
        at, since, until = (instant(request, name) for name in ("at", "start", "end"))
        for asked in (at, since, until):
            within.shown(asked)
        asked_end = within.until(until or at)
        start, end = _between(within, interval, since, asked_end)
        bars = read_bars(
            symbol.upper(), interval=interval, start=start, end=end, at=within.until(at)
        )
        if len(bars) > BARS_MOST:
            raise ValidationError({"start": [f"{len(bars)} bars; ask for at most {BARS_MOST}."]})
        body = (
            _columns(bars)
            if len(bars)
            else _of_run(symbol, reach, interval, since, within.until(_first(until, at)))
        )
        head = {"symbol": symbol.upper(), "interval": interval, "delayed_s": within.held(until, at)}
        return Response({**head, **body})


def _between(
    within: Span, interval: int, since: dt.datetime | None, until: dt.datetime | None
) -> tuple[dt.datetime, dt.datetime]:
    """Return from when to when bars are read: without a beginning, the newest 500 in reach."""
    end = until or dt.datetime.now(dt.UTC)
    try:
        start = since or end - dt.timedelta(seconds=interval * 500)
    except OverflowError:
        raise ValidationError({"end": ["Give a later instant; there are no bars then."]}) from None
    return (start if within.earliest is None else max(start, within.earliest)), end


def _first(*instants: dt.datetime | None) -> dt.datetime | None:
    return min(filter(None, instants), default=None)


def _columns(bars: Bars) -> dict[str, Any]:
    names = ("open", "high", "low", "close", "volume")
    return {
        "time": [iso(at) for at in bars.times.tolist()],
        **{name: numbers(getattr(bars, name)) for name in names},
    }


def _of_run(
    symbol: str,
    reach: Reach,
    interval: int,
    start: dt.datetime | None,
    end: dt.datetime | None,
) -> dict[str, Any]:
    """Return the minutes of the newest session of a simulated or a live market: its run's rows.

    None leaves a side open: a simulation's clock has nothing to do with today's date.
    """
    run = selectors.newest_run(symbol) if interval == MINUTE_S else None
    if run is None or not (run.simulated or run.source == FeedRun.Source.LIVE):
        return {"time": [], "open": [], "high": [], "low": [], "close": [], "volume": []}
    series = selectors.price_series(run.pk, reach)
    chosen = [
        place
        for place, at in enumerate(map(dt.datetime.fromisoformat, series["time"]))
        if (start is None or start <= at) and (end is None or at <= end)
    ]
    names = ("time", "open", "high", "low", "close", "volume")
    columns = {name: [series[name][place] for place in chosen] for name in names}
    return {"run": run.pk, "simulated": run.simulated, **columns}
