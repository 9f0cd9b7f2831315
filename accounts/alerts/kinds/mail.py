"""E-mail to an address of the user's own that is confirmed."""

from __future__ import annotations

import smtplib
from email.utils import parseaddr
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage

from accounts.alerts.kinds.base import Config, Entry, FieldError, RefusedError, RetryError, cut
from accounts.alerts.message import Message
from accounts.alerts.outbound import Transport

_PERMANENT: Final = 500


class Mail:
    """The inbox of a confirmed address."""

    name = "email"
    title = "E-mail"
    entries: tuple[Entry, ...] = ()
    steps: tuple[str, ...] = ("Messages go to the confirmed address of your account.",)

    def clean(self, given: Config) -> dict[str, str]:
        """Return the address, which the platform itself gives: it is the account's."""
        if not given.get("address"):
            raise FieldError("kind", "Confirm the e-mail address of your account first.")
        return {"address": given["address"]}

    def shown(self, config: Config) -> str:
        """Return the address."""
        return config["address"]

    def send(self, config: Config, message: Message, transport: Transport) -> str:
        """Hand the message to the mail server, under the same Message-ID at each try."""
        domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
        mail = EmailMessage(
            subject=cut(f"Pulse: {message.title}", 200),
            body=message.text,
            to=[config["address"]],
            headers={"Message-ID": f"<{message.id}@{domain}>", "Auto-Submitted": "auto-generated"},
        )
        picture = message.chart()
        if picture is not None:
            mail.attach("chart.png", picture, "image/png")
        try:
            mail.send()
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code) from None
        except smtplib.SMTPRecipientsRefused as error:
            code = next((code for code, _ in error.recipients.values()), _PERMANENT)
            raise _judged(code) from None
        except (smtplib.SMTPException, OSError) as error:
            raise RetryError(f"no answer of the mail server: {type(error).__name__}") from None
        return "the mail server took it"


def _judged(code: int) -> Exception:
    text = f"the mail server answered {code}"
    return RefusedError(text) if code >= _PERMANENT else RetryError(text)
