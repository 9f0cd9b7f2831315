"""REST of trading: accounts, orders, positions, fills and the ledger."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.models import User
from market.reach import Reach, reach_of
from record.access import READ
from record.rest import IdempotentMixin
from trading.desk import asking, opening, payloads, reading, risking
from trading.desk import serializers as shapes
from trading.desk.bracket import exits_of, orders_of
from trading.desk.grouped import group_payload
from trading.desk.marks import Marks
from trading.desk.preview import preview
from trading.desk.rest import (
    NO_ACCOUNT,
    STATES,
    TradingMixin,
    actor,
    asked,
    intent_id,
    named_account,
    order_to_change_or_404,
    origin,
    own_account_or_404,
    own_order_or_404,
    refusals,
    whole,
)
from trading.models import Account, Fill, JournalEntry, Order
from trading.orders.services import Placed

OBJECT = OpenApiTypes.OBJECT
ACCOUNT = OpenApiParameter("account", OpenApiTypes.INT, description="Left out: all of yours.")
SYMBOL = OpenApiParameter("symbol", description="How it begins; SPY finds its options, too.")
WHEN = [
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="From this instant on."),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Before this instant."),
]


class AccountList(TradingMixin, IdempotentMixin, APIView):
    """Accounts."""

    @extend_schema(operation_id="accounts", responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        """List your accounts with their balances, oldest first."""
        marks = Marks(reach_of(request.user))
        rows = reading.accounts_of(request.user.pk)
        return Response({"results": payloads.account_payloads(rows, marks)})

    @extend_schema(
        operation_id="account_open", request=shapes.OpenSerializer, responses={201: OBJECT}
    )
    def post(self, request: Request) -> Response:
        """Open a paper account with cash, armed, within what your plan carries: 201."""
        sent = shapes.OpenSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user = cast(User, request.user)
        with refusals():
            account = opening.open_armed(user, **sent.validated_data)
        return Response(
            payloads.account_payload(account, Marks(reach_of(user))),
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("api-account", args=[account.pk])},
        )


class AccountDetail(TradingMixin, APIView):
    """One account."""

    @extend_schema(operation_id="account", responses={200: OBJECT})
    def get(self, request: Request, account_id: int) -> Response:
        """Return an account of yours with its balances."""
        account = own_account_or_404(request, account_id)
        return Response(payloads.account_payload(account, Marks(reach_of(request.user))))


class AccountRisk(TradingMixin, APIView):
    """What an account may lose."""

    @extend_schema(operation_id="account_risk", responses={200: OBJECT})
    def get(self, request: Request, account_id: int) -> Response:
        """Return value at risk over a day, a stress grid, Greeks by expiry, and the law assumed.

        `figures` is null while something held has no price, which `unpriced` names, and where
        your plan sees quotes late, which `late` says.
        """
        account = own_account_or_404(request, account_id)
        user = cast(User, request.user)
        return Response(risking.portfolio_of(account, user.pk, reach_of(user)))


class OrderList(TradingMixin, IdempotentMixin, generics.GenericAPIView[Order]):
    """Orders."""

    queryset = Order.objects.none()

    @extend_schema(
        operation_id="orders",
        parameters=[ACCOUNT, SYMBOL, OpenApiParameter("state", enum=STATES), *WHEN],
        responses={200: OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List your orders, newest first, by cursor."""
        page = self.paginate_queryset(reading.orders(request.user.pk, asked(request)))
        reach = reach_of(request.user)
        found = [payloads.order_payload(one, reach) for one in page or []]
        return self.get_paginated_response(found)

    @extend_schema(
        operation_id="order_place", request=shapes.PlaceSerializer,
        responses={200: OBJECT, 201: OBJECT},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Place an order: 201, refused ones too, with what the gate said; 200 if it is there.

        The answer does not wait for the broker: follow the order's state, or the live channel.
        With `bracket` its exits are placed with it, all or none, and sent once it is filled; with
        `oco` a stop beside it. `group_orders` tells them.
        """
        sent = shapes.PlaceSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        given = sent.validated_data
        account = named_account(request, given["account"])
        reach = reach_of(request.user)
        with refusals():
            intent = asking.intent_of(
                given, intent_id=intent_id(request, given["intent_id"]), origin=origin(request),
                marks=Marks(reach).seen_by(account),
            )  # fmt: skip
            placed = asking.place(account, intent, actor=actor(request), exits=exits_of(given))
        return _placed(placed, reach)


class OrderPreview(TradingMixin, APIView):
    """An order that is not placed."""

    key_scope = READ

    @extend_schema(
        operation_id="order_preview", request=shapes.WantedSerializer, responses={200: OBJECT}
    )
    def post(self, request: Request) -> Response:
        """Return what the gate would say of an order now, every rule, and its figures.

        Nothing is stored or held. Costs and Greeks are null where your plan sees quotes late.
        """
        sent = shapes.WantedSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        given = sent.validated_data
        account, reach = named_account(request, given["account"]), reach_of(request.user)
        with refusals():
            intent = asking.intent_of(
                given, intent_id="preview", origin=origin(request),
                marks=Marks(reach).seen_by(account),
            )  # fmt: skip
            if (exits := exits_of(given)) is not None:
                orders_of(intent, exits)
            return Response(preview(account, intent, reach))


def _placed(placed: Placed, reach: Reach) -> Response:
    """Answer with an order that stands where it now stands."""
    order = placed.order
    body = {
        **payloads.order_payload(order, reach), "group_orders": group_payload(order, reach)
    }  # fmt: skip
    code = status.HTTP_201_CREATED if placed.fresh else status.HTTP_200_OK
    return Response(
        body, status=code, headers={"Location": reverse("api-order", args=[placed.order.pk])}
    )


class OrderDetail(TradingMixin, APIView):
    """One order."""

    @extend_schema(operation_id="order", responses={200: OBJECT})
    def get(self, request: Request, order_id: int) -> Response:
        """Return an order of yours with all that was heard of it, its fills and its rules."""
        order = own_order_or_404(request, order_id)
        reach = reach_of(request.user)
        body = payloads.whole_order(order, reach)
        return Response({**body, "group_orders": group_payload(order, reach)})


class OrderCancel(TradingMixin, IdempotentMixin, APIView):
    """The end of an order."""

    @extend_schema(operation_id="order_cancel", request=None, responses={200: OBJECT})
    def post(self, request: Request, order_id: int) -> Response:
        """Ask for an order's end. One that was never sent ends here; an ended one stays so."""
        order = order_to_change_or_404(request, order_id)
        with refusals():
            asking.cancel(order, actor=actor(request))
        after = own_order_or_404(request, order_id)
        return Response(payloads.order_payload(after, reach_of(request.user)))


class OrderReplace(TradingMixin, IdempotentMixin, APIView):
    """An order in the place of another."""

    @extend_schema(
        operation_id="order_replace", request=shapes.ReplaceSerializer,
        responses={200: OBJECT, 201: OBJECT},
    )  # fmt: skip
    def post(self, request: Request, order_id: int) -> Response:
        """Place an order with another quantity, price or time in the place of this one.

        The gate judges it anew. Until the broker ends the old one, both hold money.
        """
        order = order_to_change_or_404(request, order_id)
        sent = shapes.ReplaceSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        given = sent.validated_data
        with refusals():
            intent = asking.changed(
                order, given, intent_id=intent_id(request, given["intent_id"]),
                origin=origin(request),
            )  # fmt: skip
            placed = asking.replace(order, intent, actor=actor(request))
        return _placed(placed, reach_of(request.user))


class PositionList(TradingMixin, APIView):
    """Positions."""

    @extend_schema(operation_id="positions", parameters=[ACCOUNT], responses={200: OBJECT})
    def get(self, request: Request) -> Response:
        """List what your accounts hold, at the middle of the quotes that your plan lets see."""
        marks = Marks(reach_of(request.user))
        return Response({"results": payloads.position_payloads(_accounts(request), marks)})


class FillList(TradingMixin, generics.GenericAPIView[Fill]):
    """Fills."""

    queryset = Fill.objects.none()

    @extend_schema(
        operation_id="fills",
        parameters=[ACCOUNT, SYMBOL, OpenApiParameter("side", enum=["buy", "sell"]), *WHEN],
        responses={200: OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List your fills, newest first, by cursor, each with why it had its price."""
        page = self.paginate_queryset(reading.fills(request.user.pk, asked(request)))
        return self.get_paginated_response(payloads.fill_payloads(page or []))


class Ledger(TradingMixin, generics.GenericAPIView[JournalEntry]):
    """The journal."""

    queryset = JournalEntry.objects.none()

    @extend_schema(
        operation_id="ledger",
        parameters=[
            OpenApiParameter("account", OpenApiTypes.INT, required=True),
            OpenApiParameter("kind", enum=JournalEntry.Kind.values),
        ],
        responses={200: OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List the journal of an account of yours, newest first: each entry with its postings."""
        account = _one_account(request)
        kind = request.query_params.get("kind", "")
        if kind and kind not in JournalEntry.Kind.values:
            known = ", ".join(JournalEntry.Kind.values)
            raise ValidationError({"kind": [f"Give one of {known}."]})
        page = self.paginate_queryset(reading.entries(account, kind))
        lines = reading.with_cash(account, page or [])
        return self.get_paginated_response([payloads.line_payload(one) for one in lines])


def _accounts(request: Request) -> list[Account]:
    """Return the account that the query names, or all of the caller's."""
    named = whole(request, "account")
    if named is None:
        return list(reading.accounts_of(request.user.pk))
    return list(reading.accounts_of(request.user.pk).filter(pk=named))


def _one_account(request: Request) -> Account:
    named = whole(request, "account")
    if named is None:
        raise ValidationError({"account": ["Say which account; GET /api/v1/accounts lists them."]})
    found: Any = reading.own_account(request.user.pk, named)
    if found is None:
        raise ValidationError({"account": [NO_ACCOUNT]})
    return found  # type: ignore[no-any-return]
