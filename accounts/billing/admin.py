"""Operators' view of billing: copies of Stripe's state, its events with a replay, and grants."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat
from django.http import HttpRequest

from accounts.billing import events, services
from accounts.billing.effects import effect_of
from accounts.billing.models import (
    BillingCustomer,
    BillingInvoice,
    BillingReconciliation,
    BillingSubscription,
    PlanGrant,
    StripeEvent,
)
from accounts.operating import ReasonForm, operator
from accounts.plans import FREE, PLANS
from accounts.services import AccountError
from record import audit
from record.admin import OperatedAdmin, ReadOnlyAdmin, actor_of
from record.models import OutboxRow


@admin.register(BillingCustomer)
class BillingCustomerAdmin(OperatedAdmin):
    """People as Stripe knows them."""

    list_display = ("stripe_id", "user", "synced", "gone", "created")
    list_filter = ("gone",)
    list_select_related = ("user",)
    search_fields = ("stripe_id", "user__email")
    actions = ("ask",)

    @admin.action(description="Ask Stripe anew", permissions=["operate"])
    def ask(self, request: HttpRequest, queryset: QuerySet[BillingCustomer]) -> None:
        """Promise a comparison of the chosen customers with Stripe."""
        for row in queryset:
            services.sync_soon(row)
        self.message_user(request, f"{len(queryset)} will be asked for.", messages.SUCCESS)


@admin.register(BillingSubscription)
class BillingSubscriptionAdmin(ReadOnlyAdmin):
    """Copies of Stripe's subscriptions."""

    list_display = ("stripe_id", "customer", "plan", "interval", "status", "hold", "open",
                    "period_end", "ends")  # fmt: skip
    list_filter = ("status", "plan", "hold")
    list_select_related = ("customer",)
    search_fields = ("stripe_id", "customer__stripe_id", "customer__user__email")

    @admin.display(boolean=True, description="opens its plan")
    def open(self, row: BillingSubscription) -> bool:
        """Return whether the plan is open."""
        return effect_of(row).opens


@admin.register(BillingInvoice)
class BillingInvoiceAdmin(ReadOnlyAdmin):
    """Copies of Stripe's invoices."""

    list_display = ("number", "customer", "status", "total", "currency", "issued")
    list_filter = ("status",)
    list_select_related = ("customer",)
    search_fields = ("number", "customer__stripe_id", "customer__user__email")
    exclude = ("page",)


@admin.register(StripeEvent)
class StripeEventAdmin(OperatedAdmin):
    """What Stripe told, newest first, and whether it was worked on."""

    list_display = ("event_id", "type", "created", "received", "customer", "work")
    list_filter = ("type",)
    search_fields = ("event_id", "customer", "charge")
    ordering = ("-pk",)
    actions = ("replay",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StripeEvent]:
        """Return the events, each with the state of its work in the outbox."""
        key = Concat(Value(events.key_of("")), OuterRef("event_id"))
        work = OutboxRow.objects.filter(key=key).values("state")[:1]
        rows: QuerySet[StripeEvent] = super().get_queryset(request)
        return rows.annotate(promised=Subquery(work))

    @admin.display(description="work")
    def work(self, row: Any) -> str:
        """Return what became of the event."""
        return events.state_of(row, row.promised)

    @admin.action(description="Replay", permissions=["operate"])
    def replay(self, request: HttpRequest, queryset: QuerySet[StripeEvent]) -> None:
        """Promise the work of the chosen events once more."""
        again = 0
        for row in queryset:
            if not events.replay(row):
                continue
            again += 1
            audit.write(
                audit.OPERATORS,
                actor=actor_of(request),
                action="stripe.replay",
                subject=f"stripe:{row.event_id}",
            )
        if again:
            self.message_user(request, f"{again} will run again.", messages.SUCCESS)
        if again < len(queryset):
            told = f"{len(queryset) - again} left as they are: they name nobody to ask Stripe for."
            self.message_user(request, told, messages.WARNING)


@admin.register(BillingReconciliation)
class BillingReconciliationAdmin(ReadOnlyAdmin):
    """Reports of the comparisons with Stripe."""

    list_display = ("begun", "finished", "phase", "customers", "healed", "drift", "lost_events",
                    "failed")  # fmt: skip
    ordering = ("-pk",)

    @admin.display(description="drifted")
    def drift(self, row: BillingReconciliation) -> int:
        """Return how many plans were not what Stripe says."""
        return len(row.drifted)


class GrantForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new grant."""

    plan = forms.ChoiceField(choices=[(p.name, p.title) for p in PLANS.values() if p.name != FREE])

    class Meta:
        model = PlanGrant
        fields = ("user", "plan", "ends", "reason")


@admin.register(PlanGrant)
class PlanGrantAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Plans that operators gave: they are added and ended, never changed or removed."""

    form = GrantForm
    action_form = ReasonForm
    actions = ("end",)
    autocomplete_fields = ("user",)
    list_display = ("user", "plan", "begun", "ends", "ended", "reason")
    list_filter = ("plan",)
    list_select_related = ("user",)
    search_fields = ("user__email", "reason")
    ordering = ("-pk",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the list and its action are there; a grant itself is not edited."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody removes one: ending it keeps who had what."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Give the plan, with its audit row."""
        try:
            made = services.grant(
                obj.user,
                plan=obj.plan,
                ends=obj.ends,
                actor=operator(request),
                reason=obj.reason,
            )
        except AccountError as error:
            self.message_user(request, f"Nothing was given: {error}.", messages.ERROR)
            return
        obj.pk = made.pk

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Note it in the admin's own history when something was given."""
        return super().log_addition(request, obj, message) if obj.pk else None

    @admin.action(description="Take back", permissions=["change"])
    def end(self, request: HttpRequest, queryset: QuerySet[PlanGrant]) -> None:
        """End the chosen grants."""
        try:
            ended = sum(
                services.grant_end(
                    row.pk, actor=operator(request), reason=request.POST.get("reason", "")
                )
                for row in queryset
            )
        except AccountError as error:
            self.message_user(request, f"Nothing was changed: {error}.", messages.ERROR)
        else:
            self.message_user(request, f"{ended} taken back.", messages.SUCCESS)
