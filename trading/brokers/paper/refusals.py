"""What the paper venue refuses to open, for those who must not load its numerics to know it."""

from trading.ledger.book import LedgerError


class PaperLimitError(LedgerError):
    """The plan carries no further paper account."""
