"""What the REST views of bots share: gates by method, bots found, refusals as problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

from accounts.keys.lean import Asked
from accounts.keys.verifying import Grant
from leaderboard.models import Bot
from leaderboard.services import BotError, BotLimitError, HostedError, NameTakenError
from record.access import REPORT, SAFE_METHODS

VIEW: Final = "bots.view"
OWN: Final = "bots.own"


class GatedMixin:
    """Lets the gates see what a method needs. Stands before APIView in the bases.

    Reading needs `entitlement`, writing needs `writing` and of an API key the scope `report`.
    This is set before anybody is asked who they are.
    """

    entitlement: str = VIEW
    writing: str = OWN
    key_scope: str | Mapping[str, str] = REPORT

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Choose the entitlement by the method."""
        super().setup(request, *args, **kwargs)  # type: ignore[misc]
        if request.method not in SAFE_METHODS:
            self.entitlement = self.writing


class Conflict(APIException):
    """What is there already stands against what was sent."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, detail: str, code: str, **more: Any) -> None:
        super().__init__(detail, code)
        self.problem = more


class FieldError(ValidationError):
    """Fields that cannot be taken, with more for a program to read."""

    def __init__(self, faults: Mapping[str, str], **more: Any) -> None:
        super().__init__(nested(faults))
        self.problem = more


class OtherBot(APIException):
    """The key acts for one bot, and this is not it: 403 with the bot's number."""

    status_code = status.HTTP_403_FORBIDDEN

    def __init__(self, bot_id: int | None) -> None:
        remedy = "use its own key, or one for all your bots"
        super().__init__(f"This key acts for bot {bot_id} alone; {remedy}.", "other_bot")
        self.problem = {"bot": bot_id}


class BeyondPlan(APIException):
    """A larger plan carries more bots: 403 with the plan's name."""

    status_code = status.HTTP_403_FORBIDDEN

    def __init__(self, error: BotLimitError) -> None:
        super().__init__(str(error), "plan_required")
        self.problem = error.more


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a service refuses into problems."""
    try:
        yield
    except BotLimitError as error:
        raise BeyondPlan(error) from error
    except NameTakenError as error:
        raise Conflict(str(error), "name_taken", **error.more) from error
    except HostedError as error:
        raise Conflict(str(error), "hosted") from error
    except BotError as error:
        if not error.field:
            raise Conflict(str(error), "delisted") from error
        raise FieldError({error.field: str(error)}, **error.more) from error


def nested(faults: Mapping[str, str]) -> dict[str, Any]:
    """Return faults by `a/0/b` as DRF nests them, so that a problem names their paths."""
    return {name or "non_field_errors": [sentence(text)] for name, text in faults.items()}


def sentence(text: str) -> str:
    """Return what is wrong as a sentence."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def bot_or_404(bot_id: int) -> Bot:
    """Return a bot; bots are public."""
    found = Bot.objects.select_related("heartbeat").filter(pk=bot_id).first()
    if found is None:
        raise Http404
    return found


def own_bot_or_404(request: Request | Asked, bot_id: int) -> Bot:
    """Return a bot of the caller; another's is as if it did not exist."""
    mine = Bot.objects.select_related("heartbeat").filter(pk=bot_id, owner=request.user.pk)
    found = mine.first()
    if found is None:
        raise Http404
    check_bot(request, bot_id)
    return found


def bars(request: Request | Asked, bot_id: int | None) -> bool:
    """Return whether the caller's key acts for another bot alone; None stands for a new one."""
    grant = request.auth
    return isinstance(grant, Grant) and not grant.allows_bot(bot_id)


def check_bot(request: Request | Asked, bot_id: int | None) -> None:
    """Refuse a key that acts for another bot alone."""
    if isinstance(request.auth, Grant) and bars(request, bot_id):
        raise OtherBot(request.auth.bot)


def viewer(request: Request, bot: Bot) -> Any:
    """Return who looks at a bot: a key of another bot sees no more of it than everybody."""
    return AnonymousUser() if bars(request, bot.pk) else request.user


def whole(request: Request, name: str) -> int | None:
    """Return a query parameter as a whole number, None when it is left out."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ValidationError({name: ["Give a whole number."]})
    return int(text)
