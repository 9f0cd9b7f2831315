"""Parts of addresses."""

import datetime as dt


class DayConverter:
    """A date such as 2026-11-20."""

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> dt.date:
        """Return the date; an address with an impossible one matches nothing."""
        return dt.date.fromisoformat(value)

    def to_url(self, value: dt.date) -> str:
        """Return the date as the address writes it."""
        return value.isoformat()
