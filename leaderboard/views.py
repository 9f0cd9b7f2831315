"""Pages of the bots: all of them, and one with its record, its log and how to report to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST

from accounts.entitlements import limits_of
from accounts.keys import selectors as key_selectors
from accounts.visitors import person, visitor
from leaderboard import selectors, services
from leaderboard.boards.reading import standings
from leaderboard.claims import ACTIONS
from leaderboard.models import Bot, ConfigVersion, Trade
from leaderboard.rest import OWN, VIEW
from leaderboard.services import BotError
from leaderboard.snippets import quick_start
from leaderboard.trusting.selectors import shown_to_owner
from market.reach import reach_of
from record.access import REPORT, entitled

SHOWN: Final = 100
SHOWN_TRADES: Final = 25
EMPTY: Final = {"name": "", "owner": "", "market": Bot.Market.REAL.value, "config": "{}"}
STANDING: Final = (
    ("skill", "Skill"), ("sharpe", "Sharpe"), ("return_share", "Return"), ("win_rate", "Win rate"),
    ("trades", "Trades"),
)  # fmt: skip
FILTERS: Final = ("tier", "action", "symbol")


@require_GET
@entitled(VIEW)
def overview(request: HttpRequest) -> HttpResponse:
    """Show all bots, one's own first, and the form that registers one."""
    return _overview(request, EMPTY, {})


def _overview(
    request: HttpRequest, given: Mapping[str, str], faults: Mapping[str, str]
) -> HttpResponse:
    user = visitor(request)
    owner, name = request.GET.get("owner", "")[:16], request.GET.get("name", "")[:60]
    found = selectors.bots(owner=owner, name=name)
    mine = selectors.bots().filter(owner=user) if user else ()
    context = {
        "page": "bots",
        "bots": [selectors.bot_payload(bot, request.user) for bot in found[:SHOWN]],
        "total": found.count(),
        "shown": SHOWN,
        "own": [selectors.bot_payload(bot, request.user) for bot in mine],
        "used": services.places(user) if user else 0,
        "kept_days": services.PLACE_KEPT.days,
        "most": limits_of(user).bots if user else 0,
        "markets": Bot.Market.choices,
        "owner": owner,
        "name": name,
        "given": given,
        "faults": faults,
    }
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return render(request, "bots/home.html", context, status=code)


@require_POST
@entitled(OWN)
def create(request: HttpRequest) -> HttpResponse:
    """Register a bot and lead to its page."""
    given = {name: request.POST.get(name, "")[:70_000] for name in EMPTY}
    fault = _length_fault(given)
    if fault:
        return _overview(request, given, fault)
    try:
        bot, fresh = services.register(
            person(request),
            name=given["name"],
            owner_name=given["owner"],
            market=given["market"],
            config=_config_of(given["config"]),
        )
    except BotError as error:
        return _overview(request, given, {error.field: str(error)})
    if not fresh:
        messages.info(request, "You have this bot already, with this configuration.")
    return _to(bot.pk)


def _length_fault(given: Mapping[str, str]) -> dict[str, str]:
    for name, most in (("name", 60), ("owner", 40)):
        if len(given[name]) > most:
            return {name: f"Give at most {most} characters."}
    if given["market"] not in Bot.Market.values:
        return {"market": "Choose one of the two."}
    return {}


def _config_of(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BotError("config", f"This is not JSON: {str(error)[:120]}.") from error


def _to(bot_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("bots:bot", args=[bot_id]))


def _bot(bot_id: int) -> Bot:
    found = selectors.bots().filter(pk=bot_id).first()
    if found is None:
        raise Http404
    return found


def own_bot(request: HttpRequest, bot_id: int) -> Bot:
    """Return a bot of the visitor; another's is as if it did not exist."""
    found = _bot(bot_id)
    if not selectors.is_own(request.user, found):
        raise Http404
    return found


@require_GET
@entitled(VIEW)
def bot(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Show one bot; htmx gets the parts that change by themselves."""
    return _page(request, _bot(bot_id), None, {})


def _page(
    request: HttpRequest, found: Bot, given: str | None, faults: Mapping[str, str]
) -> HttpResponse:
    body = selectors.whole_payload(found, request.user)
    version = _version(request, found)
    record = selectors.record(found, version)
    seen = selectors.sees_config(request.user, found)
    own = body["own"]
    context = {
        "page": "bots",
        "bot": body,
        "bot_key": str(found.pk),
        "version": version.number,
        "newest": body["versions"][0]["number"],
        "record": record,
        "standings": standings(found, version.number),
        "standing_columns": STANDING,
        "seen": seen,
        "history": _history(found) if seen else [],
        "config": given or json.dumps(json.loads(services.newest(found).text), indent=2)
        if seen
        else "",
        "faults": faults,
        "snippets": quick_start(request, found) if own else [],
        "keys": _keys(request, found) if own else [],
        "alike": shown_to_owner(found) if own else [],
        "channel": services.channel_of(found.owner_id) if own and found.owner_id else "",
        "here": reverse("bots:bot", args=[found.pk]),
        "tiers": Trade.Tier.choices,
        "actions": ACTIONS,
        **_trades(request, found, version),
    }
    parts = bool(getattr(request, "htmx", False))
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    template = "bots/parts.html" if parts else "bots/bot.html"
    response = render(request, template, {**context, "parts": parts}, status=code)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _version(request: HttpRequest, found: Bot) -> ConfigVersion:
    """Return the entry that the address names, the newest when it names none."""
    text = request.GET.get("version", "")
    if text.isascii() and text.isdecimal() and len(text) < 10:
        named = found.versions.filter(number=int(text)).first()
        if named is not None:
            return named
    return services.newest(found)


def _history(found: Bot) -> list[dict[str, Any]]:
    return [
        {
            "version": version,
            "changes": changes,
            "text": json.dumps(json.loads(version.text), indent=2, ensure_ascii=False),
        }
        for version, changes in selectors.changes(found)
    ]


def _keys(request: HttpRequest, found: Bot) -> list[dict[str, Any]]:
    """Return the owner's keys that may report for a bot."""
    return [
        key_selectors.shown(row)
        for row in key_selectors.live(person(request))
        if REPORT in row.scopes and row.bot in (None, found.pk)
    ]


def _chosen(request: HttpRequest) -> dict[str, str]:
    chosen = {name: request.GET.get(name, "")[:32].replace("\x00", "") for name in FILTERS}
    known = {"tier": Trade.Tier.values, "action": list(ACTIONS)}
    return {
        name: value if name not in known or value in known[name] else ""
        for name, value in chosen.items()
    }


def _rows(found: Bot, version: ConfigVersion, chosen: Mapping[str, str]) -> QuerySet[Trade]:
    return selectors.trades(
        found,
        version=version.number,
        tier=chosen["tier"],
        action=chosen["action"],
        symbol=chosen["symbol"],
    )


def _trades(request: HttpRequest, found: Bot, version: ConfigVersion) -> dict[str, Any]:
    chosen = _chosen(request)
    rows = _rows(found, version, chosen)
    before = request.GET.get("before", "")
    page = rows
    if before.isascii() and before.isdecimal() and len(before) < 18:
        page = rows.filter(seq__lt=int(before))
    shown, reach = list(page[: SHOWN_TRADES + 1]), reach_of(request.user)
    return {
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "count": rows.count(),
        "trades": [selectors.trade_payload(row, reach) for row in shown[:SHOWN_TRADES]],
        "older": shown[SHOWN_TRADES - 1].seq if len(shown) > SHOWN_TRADES else None,
        "newer": bool(before),
    }


@require_GET
@entitled(VIEW)
def trades_csv(request: HttpRequest, bot_id: int) -> HttpResponseBase:
    """Return the trades of the current filter as CSV, a row for each leg."""
    found = _bot(bot_id)
    version = _version(request, found)
    rows = _rows(found, version, _chosen(request))
    response = StreamingHttpResponse(
        selectors.csv_lines(rows, reach_of(request.user)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = (
        f'attachment; filename="bot-{found.pk}-v{version.number}-trades.csv"'
    )
    return response


@require_POST
@entitled(OWN)
def configure(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Give a bot a configuration; a change opens a new entry."""
    found = own_bot(request, bot_id)
    text = request.POST.get("config", "")[:70_000]
    try:
        version, fresh = services.configure(found.pk, config=_config_of(text))
    except BotError as error:
        if not error.field:  # delisted, so there is no form to mark
            messages.error(request, str(error))
            return _to(bot_id)
        return _page(request, found, text, {error.field: str(error)})
    if fresh:
        messages.success(request, f"Entry {version.number} begins now, with an empty record.")
    else:
        messages.info(request, "This is the configuration that it has; nothing was changed.")
    return _to(bot_id)


@require_POST
@entitled(OWN)
def publish(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Show the configurations to everybody, or hide them again."""
    public = request.POST.get("public") == "yes"
    services.publish_config(own_bot(request, bot_id).pk, public=public)
    messages.success(
        request,
        "Everybody sees the configurations now." if public else "You alone see them now.",
    )
    return _to(bot_id)


@require_POST
@entitled(OWN)
def delist(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Take a bot out of the competition, when its name was typed."""
    found = own_bot(request, bot_id)
    if request.POST.get("confirm", "").strip() != found.name:
        text = "Nothing was changed: type the bot's name to delist it."
        return _page(request, found, None, {"confirm": text})
    services.delist(found.pk)
    messages.success(request, f"{found.name} is delisted. Its record stays.")
    return _to(bot_id)


@require_GET
@entitled(VIEW)
def reporter_file(request: HttpRequest) -> FileResponse:
    """Return the reporter, one file to copy."""
    path = Path(__file__).with_name("reporter.py")
    return FileResponse(
        path.open("rb"), as_attachment=True, filename="reporter.py", content_type="text/x-python"
    )
