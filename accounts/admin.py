"""Operators' view of people, their plans and their second factors; every act is audited."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

# These register first what is replaced below.
import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

import accounts.alerts.admin
import accounts.billing.admin
import accounts.keys.admin  # noqa: F401
from accounts import services
from accounts.billing import services as billing
from accounts.billing.selectors import going_on
from accounts.models import User
from accounts.operating import ReasonForm, operator
from accounts.plans import FREE, PLANS, PRO, PRO_PLUS
from accounts.services import AccountError

if TYPE_CHECKING:
    BaseUserAdmin = UserAdmin[User]
    BaseModelAdmin = admin.ModelAdmin[Any]
    BaseCreationForm = BaseUserCreationForm[User]
else:
    BaseUserAdmin, BaseModelAdmin = UserAdmin, admin.ModelAdmin
    BaseCreationForm = BaseUserCreationForm

_THEIRS = frozenset({"accounts", "account", "mfa", "usersessions"})
"""The apps whose rows go with a person."""
Change = Callable[[User, User, str], object]


class EmailUserCreationForm(BaseCreationForm):
    """A new user by email address."""

    class Meta:
        model = User
        fields = ("email",)


@admin.register(User)
class AccountAdmin(BaseUserAdmin):
    """People: find them, change their plan, block them, sign them out."""

    action_form = ReasonForm
    actions = (
        "to_free", "to_pro", "to_pro_plus", "block", "unblock", "sign_out", "remove_second_factor",
    )  # fmt: skip
    add_form = EmailUserCreationForm
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)
    fieldsets = (
        (None, {"fields": ("email", "password", "plan")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    # Plans and blocking have consequences beyond the row: their actions see to them.
    readonly_fields = ("plan", "is_active", "last_login", "date_joined")
    list_display = ("email", "plan", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("plan", "is_active", "is_staff", "is_superuser")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    filter_horizontal = ("groups",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, with an audit row that names the fields and, of rights, their values."""
        rights = {"is_staff", "is_superuser"} & set(form.changed_data)
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            services.audited(
                obj,
                actor=operator(request),
                action="change" if change else "create",
                detail={
                    "fields": sorted(form.changed_data),
                    **{name: getattr(obj, name) for name in sorted(rights)},
                },
            )

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what goes with people, and what stands against it.

        What is theirs goes with them, though no hand removes a row of it alone. Who has a
        subscription that goes on stays: Stripe would charge somebody whom nobody knows here.
        """
        goes, counts, perms, protected = super().get_deleted_objects(objs, request)
        perms -= {
            model._meta.verbose_name
            for model in apps.get_models()
            if model is not User and model._meta.app_label in _THEIRS
        }
        protected += [
            f"{row.customer.user.email} pays for {PLANS[row.plan].title} through Stripe: cancel "
            f"the subscription {row.stripe_id} there at once, then delete"
            for row in going_on(objs)
        ]
        return goes, counts, perms, protected

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete, with an audit row."""
        with transaction.atomic():
            services.audited(obj, actor=operator(request), action="delete")
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Delete several, with an audit row for each."""
        with transaction.atomic():
            for user in queryset:
                services.audited(user, actor=operator(request), action="delete")
            super().delete_queryset(request, queryset)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Set a password, with an audit row."""
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if request.method == "POST" and response.status_code == 302:
                services.audited(
                    User.objects.get(pk=id), actor=operator(request), action="password_set"
                )
        return response

    @admin.action(description="Move to Free", permissions=["change"])
    def to_free(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Move the chosen users to Free."""
        self._move(request, queryset, FREE)

    @admin.action(description="Move to Pro", permissions=["change"])
    def to_pro(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Move the chosen users to Pro."""
        self._move(request, queryset, PRO)

    @admin.action(description="Move to Pro+", permissions=["change"])
    def to_pro_plus(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Move the chosen users to Pro+."""
        self._move(request, queryset, PRO_PLUS)

    @admin.action(description="Block and sign out", permissions=["change"])
    def block(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Block the chosen users."""
        self._each(
            request,
            queryset,
            lambda user, actor, why: services.active_change(
                user, active=False, actor=actor, reason=why
            ),
            "blocked",
        )

    @admin.action(description="Unblock", permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Unblock the chosen users."""
        self._each(
            request,
            queryset,
            lambda user, actor, why: services.active_change(
                user, active=True, actor=actor, reason=why
            ),
            "unblocked",
        )

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End every session of the chosen users."""
        self._each(
            request,
            queryset,
            lambda user, actor, why: services.sessions_end(user, actor=actor, reason=why),
            "signed out",
        )

    @admin.action(description="Remove second factors (lost device)", permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Remove the second factors of the chosen users."""
        self._each(
            request,
            queryset,
            lambda user, actor, why: services.second_factor_remove(user, actor=actor, reason=why),
            "without a second factor now",
        )

    def _move(self, request: HttpRequest, queryset: QuerySet[User], plan: str) -> None:
        self._each(
            request,
            queryset,
            lambda user, actor, why: billing.move(user, plan=plan, actor=actor, reason=why),
            f"moved to {PLANS[plan].title}",
        )

    def _each(self, request: HttpRequest, users: Iterable[User], change: Change, done: str) -> None:
        """Make one change to all or to none, and say how many it touched."""
        try:
            with transaction.atomic():
                why = request.POST.get("reason", "")
                touched = sum(bool(change(user, operator(request), why)) for user in users)
        except AccountError as error:
            self.message_user(request, f"Nothing was changed: {error}.", messages.ERROR)
        else:
            self.message_user(request, f"{touched} {done}.", messages.SUCCESS)


class ReadOnly(BaseModelAdmin):
    """Rows of allauth, to be seen; what operators change stands as actions on the user."""

    list_select_related = ("user",)
    search_fields = ("user__email",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse here, so that each removal has its reason and its audit row."""
        return False


for model in (Authenticator, EmailAddress, Group, UserSession):
    admin.site.unregister(model)


@admin.register(Authenticator)
class SecondFactorAdmin(ReadOnly):
    """Second factors without their secrets."""

    fields = list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)


@admin.register(EmailAddress)
class AddressAdmin(ReadOnly):
    """Addresses and whether they were confirmed."""

    fields = list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified", "primary")
    search_fields = ("email",)


@admin.register(UserSession)
class SessionAdmin(ReadOnly):
    """Where people are signed in, without the key that would let an operator in as them."""

    fields = list_display = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    list_filter = ("last_seen_at",)


@admin.register(Group)
class RightsAdmin(GroupAdmin):
    """Groups of rights of operators; each change is on record."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save, with an audit row that names the rights of the group."""
        with transaction.atomic():
            super().save_related(request, form, formsets, change)
            rights = form.instance.permissions.values_list("codename", flat=True)
            services.group_audited(
                form.instance,
                actor=operator(request),
                action="group_change" if change else "group_create",
                detail={"name": form.instance.name, "rights": sorted(rights)},
            )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete, with an audit row."""
        self.delete_queryset(request, Group.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        """Delete several, with an audit row for each."""
        with transaction.atomic():
            for group in queryset:
                services.group_audited(
                    group,
                    actor=operator(request),
                    action="group_delete",
                    detail={"name": group.name},
                )
            super().delete_queryset(request, queryset)
