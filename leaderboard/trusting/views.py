"""The page's form with which an owner appeals."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from leaderboard.models import Likeness
from leaderboard.rest import OWN
from leaderboard.services import BotError
from leaderboard.trusting import selectors, services
from leaderboard.trusting.models import LONGEST_APPEAL
from leaderboard.views import own_bot
from record.access import entitled


@require_POST
@entitled(OWN)
def make_appeal(request: HttpRequest, bot_id: int, pair_id: int) -> HttpResponse:
    """Take the owner's appeal; what is wrong with it is said beside what was typed."""
    found = own_bot(request, bot_id)
    text = request.POST.get("text", "")[: 2 * LONGEST_APPEAL]
    try:
        services.appeal(found.pk, pair_id, text)
    except Likeness.DoesNotExist as error:
        raise Http404 from error
    except BotError as error:
        pair = selectors.pair_payload(selectors.of_bot(found).get(pk=pair_id), found)
        context = {"page": "bots", "bot": found, "pair": pair, "text": text, "fault": str(error)}
        return render(request, "bots/appeal.html", context, status=400)
    messages.success(request, "Your appeal is with the operators. Their answer appears here.")
    return HttpResponseRedirect(f"{reverse('bots:bot', args=[found.pk])}#alike")
