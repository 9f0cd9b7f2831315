"""The quick start with the reader's own key: made for one bot, and shown this once."""

from __future__ import annotations

from typing import Final

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.keys import selectors as keys
from accounts.keys import services
from accounts.keys.rules import FieldError
from accounts.models import User
from accounts.visitors import person
from leaderboard.models import Bot
from leaderboard.rest import OWN
from leaderboard.snippets import quick_start
from leaderboard.views import own_bot
from record.access import READ, REPORT, entitled

DAYS: Final = 365


@require_POST
@entitled(OWN)
@never_cache
@reauthentication_required  # type: ignore[untyped-decorator]
def make_key(request: HttpRequest, bot_id: int) -> HttpResponse:
    """Make a key that reports for one bot, and show the quick start with it."""
    found = own_bot(request, bot_id)
    if found.delisted_at is not None:
        messages.error(request, "This bot is delisted; nothing more is taken from it.")
        return _to(found)
    owner = person(request)
    try:
        made = services.key_create(
            owner, name=_free_name(owner, found), scopes=[READ, REPORT], bot=found.pk, days=DAYS
        )
    except FieldError as error:
        messages.error(request, str(error))
        return _to(found)
    context = {
        "page": "bots",
        "bot": found,
        "item": keys.shown(made.row),
        "text": made.text,
        "days": DAYS,
        "snippets": quick_start(request, found, made.text),
    }
    return render(request, "bots/key.html", context)


def _free_name(owner: User, bot: Bot) -> str:
    taken = set(keys.keys_of(owner).filter(revoked=None).values_list("name", flat=True))
    base = f"Bot {bot.pk}"
    names = (base, *(f"{base}, key {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _to(bot: Bot) -> HttpResponse:
    return HttpResponseRedirect(reverse("bots:bot", args=[bot.pk]))
