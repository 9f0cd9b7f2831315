"""What REST views of market state share: how a plan's limits are answered and described."""

from __future__ import annotations

import datetime as dt

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import APIView

from market.reach import HistoryError

MARKET = OpenApiResponse(
    OpenApiTypes.OBJECT,
    "`delayed_s` says by how many seconds the answer stands behind the newest because the plan "
    "holds newer data back; 0 when nothing is held back.",
)
REFUSED = OpenApiResponse(
    OpenApiTypes.OBJECT,
    "`plan_required`: the instant is older than the history of the plan. `opens_with` names the "
    "plan that reaches it, `earliest` the earliest instant that this one shows.",
)


class HistoryRefused(APIException):
    """A larger plan reaches further back: 403 with the code `plan_required` and the plan's name."""

    status_code = 403
    default_code = "plan_required"

    def __init__(self, error: HistoryError) -> None:
        super().__init__(str(error))
        self.problem = {
            "opens_with": error.opener.name,
            "earliest": error.earliest.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        }


class MarketView(APIView):
    """A view of market state: what lies beyond the plan's history is refused in one way."""

    def handle_exception(self, exc: Exception) -> Response:
        """Answer for an error; one of history names the plan that reaches back far enough."""
        return super().handle_exception(
            HistoryRefused(exc) if isinstance(exc, HistoryError) else exc
        )
