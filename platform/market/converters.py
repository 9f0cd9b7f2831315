"""Parts of addresses."""

from django.urls.converters import StringConverter


class SymbolConverter(StringConverter):
    """An underlying's symbol; a coin's, such as BTC/USD, has a slash."""

    regex = r"[^/]+/(?:USD[CT]?|BTC)|[^/]+"
