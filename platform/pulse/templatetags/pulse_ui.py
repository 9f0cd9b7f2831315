"""Template tags of the interface: numbers, times, figures, icons, and what a plan allows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from pulse import assets, glossary
from pulse.charts import chain as chain_table
from pulse.charts import exposure, small, words
from pulse.charts import format as fmt

register = template.Library()

register.filter("side", fmt.side)
register.filter("hours", fmt.span)
register.filter("age", fmt.age)
register.filter("zero_reason", words.zero_reason)


@register.filter
def num(value: Any, places: int = 2) -> str:
    """Show a number with `places` decimals."""
    return fmt.number(value, places)


@register.filter
def money(value: Any) -> str:
    """Show a signed amount of dollars in short form."""
    found = fmt.finite(value)
    return fmt.MISSING if found is None else words.money(found)


@register.filter
def pct(value: Any, places: int = 2) -> str:
    """Show a percentage with its sign."""
    return fmt.percent(value, places, plus=True)


@register.filter
def strike(value: Any) -> str:
    """Show a price level without needless decimals."""
    found = fmt.finite(value)
    return fmt.number(found, 0 if found is not None and found == int(found) else 2)


@register.filter
def plain(value: Any) -> str:
    """Show a number without needless zeros."""
    found = fmt.finite(value)
    return fmt.MISSING if found is None else f"{found:g}".replace("-", fmt.MINUS)


@register.filter
def et(value: Any, pattern: str = "%H:%M:%S") -> SafeString:
    """Show an instant on New York's clock as a `time` element."""
    found = fmt.instant(value)
    if found is None:
        return SafeString(fmt.MISSING)
    return format_html(
        '<time datetime="{}" data-et="{}">{}</time>', found.isoformat(), pattern,
        fmt.eastern(found, pattern),
    )  # fmt: skip


@register.filter
def away(level: Any, spot: Any) -> str:
    """Say how far a level is from spot."""
    return words.distance(level, spot)


@register.filter
def heat(value: Any, reach: Any) -> str:
    """Return the heat class of a value."""
    return chain_table.heat(value, fmt.finite(reach) or 0.0)


@register.filter
def widest(rows: Any, key: str) -> float:
    """Return the largest size of `key` among rows, the end of their heat scale."""
    sizes = [abs(v) for row in rows or [] if (v := fmt.finite(row.get(key))) is not None]
    return max(sizes, default=0.0)


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Draw an icon of the sprite; it is decoration, the words beside it name it."""
    classes = f"icon {extra}".strip()
    return format_html(
        '<svg class="{}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        classes, static("img/icons.svg"), name,
    )  # fmt: skip


@register.simple_tag
def vendor(name: str) -> str:
    """Return the address of a vendored file, empty when it is not installed."""
    return static(f"vendor/{name}") if assets.has_vendor(name) else ""


@register.simple_tag
def strikes_figure(
    payload: dict[str, Any],
    greek: str = "gamma",
    split: bool = True,
    count: int = exposure.STRIKES,
) -> SafeString:
    """Draw the bars by strike, at most `count` strikes around spot."""
    label = words.strikes(payload, greek)
    drawn = exposure.bars_by_strike(payload, greek=greek, split=split, label=label, count=count)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def strikes_words(payload: dict[str, Any], greek: str = "gamma") -> str:
    """Say what the bars by strike show."""
    return words.strikes(payload, greek)


@register.filter
def regime(payload: dict[str, Any]) -> str:
    """Say what the sign of total gamma means."""
    return words.regime(payload)


@register.simple_tag
def spark(values: Any, label: str) -> SafeString:
    """Draw a sparkline."""
    drawn = small.sparkline(list(values or []), label=label)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def bars_figure(pairs: Any, what: str, every: int = 1) -> SafeString:
    """Draw a histogram of `(name, count)` pairs."""
    found = list(pairs or [])
    drawn = small.histogram(found, label=words.counts(found, what), every=every)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def bars_words(pairs: Any, what: str) -> str:
    """Say what a histogram shows."""
    return words.counts(list(pairs or []), what)


@register.simple_tag
def chain_sets() -> list[tuple[str, str]]:
    """Return `(key, name)` of the chain's column sets."""
    return [(key, name) for key, (name, _) in chain_table.SETS.items()]


@register.simple_tag
def chain_grid(
    chain: dict[str, Any], columns: str, strikes: str, side: str = "both", units: str = "quoted"
) -> dict[str, Any]:
    """Return the chain's columns and lines; `side` is which of calls and puts are shown."""
    chosen = chain_table.in_units(chain_table.SETS[columns][1], chain["units"], raw=units == "raw")
    rows = chain_table.around(chain["rows"], chain.get("spot"), chain_table.STRIKES[strikes])
    return {
        "columns": chosen,
        "mirrored": list(reversed(chosen)),
        "lines": chain_table.lines(rows, chosen, chain.get("spot")),
        "span": len(chosen) + 1,
        "left_out": len(chain["rows"]) - len(rows),
        "calls": side != "puts",
        "puts": side != "calls",
    }


@register.simple_tag(takes_context=True)
def can(context: template.Context, name: str) -> bool:
    """Return whether the visitor's plan allows `name`; the server enforces it elsewhere."""
    request = context.get("request")
    return request is not None and _allows(request.user, name)


@register.simple_tag(takes_context=True)
def api_call(context: template.Context, path: str, takes: str = "") -> str:
    """Return the command line that asks the REST interface for what a figure shows.

    `takes` names the page's parameters that the interface takes as well.
    """
    request = context["request"]
    given = {name: request.GET[name] for name in takes.split() if request.GET.get(name)}
    if given:
        path += ("&" if "?" in path else "?") + urlencode(given)
    return f"curl '{request.build_absolute_uri(path)}'"


@register.simple_tag
def version() -> str:
    """Return the version of the installed package."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        return version_of("pulse")
    except PackageNotFoundError:
        return "unknown"


@register.simple_tag
def session_left(quote: dict[str, Any]) -> str:
    """Return how much of the session is left on the market's own clock."""
    session = quote.get("session") or {}
    minute, minutes = fmt.finite(session.get("minute")), fmt.finite(session.get("minutes"))
    return fmt.span(None if minute is None or minutes is None else minutes - minute)


@register.simple_tag(takes_context=True)
def shell_market(context: template.Context) -> dict[str, Any] | None:
    """Return the symbols to choose from, the chosen one and its quote; None for visitors."""
    from pulse.shell import market_of

    request = context.get("request")
    if request is None or not request.user.is_authenticated:
        return None
    return market_of(request, symbol=context.get("symbol"), quote=context.get("quote"))


@register.simple_tag(takes_context=True)
def palette_entries(context: template.Context) -> list[dict[str, str]]:
    """Return what the command palette offers: pages, symbols and tools."""
    from pulse.shell import palette

    return palette(context["request"])


@register.simple_tag
def illustration_figure() -> SafeString:
    """Draw an invented book for visitors."""
    from pulse.charts.sample import illustration

    label = "Illustration: gamma by strike of an invented book, with spot, zero gamma and walls."
    return mark_safe(exposure.bars_by_strike(illustration(), label=label))  # noqa: S308


@register.simple_tag
def signal_hours(signals: Any) -> list[tuple[str, int]]:
    """Return how many signals fell in each half hour of the session, New York time."""
    return small.half_hours([fmt.instant(signal["time"]) for signal in signals])


@register.filter
def price_chart(prices: dict[str, Any] | None, signals: Any = ()) -> dict[str, Any] | None:
    """Return what the browser's price chart draws: bars as stored and marks of signals."""
    from pulse.charts.prices import chart_of

    return chart_of(prices, signals or ())


@register.simple_tag
def change(quote: dict[str, Any] | None) -> str:
    """Return the change since the prior close in price and percent."""
    found = quote or {}
    if fmt.finite(found.get("change")) is None:
        return "prior close not known"
    moved = fmt.number(found["change"], 2, plus=True)
    return f"{moved} ({fmt.percent(found.get('change_pct'), 2, plus=True)})"


@register.simple_tag
def bar_time(seconds: int) -> str:
    """Return a bar's time on New York's clock."""
    from datetime import UTC, datetime

    return fmt.eastern(datetime.fromtimestamp(seconds, UTC), "%H:%M")


@register.simple_tag
def chart_words(chart: dict[str, Any], symbol: str) -> str:
    """Say what the price chart shows."""
    return words.prices(chart, symbol)


@register.simple_tag(takes_context=True)
def live_channels(context: template.Context) -> SafeString:
    """Return the signal channels that the visitor's plan opens, as an attribute."""
    user = context["request"].user
    opened = [tier for tier in ("free", "pro", "pro_plus") if _allows(user, f"tools.{tier}")]
    return format_html(' data-channels="{}"', " ".join(f"signals:{tier}" for tier in opened))


def _allows(user: Any, name: str) -> bool:
    from accounts.entitlements import allows

    return bool(allows(user, name).allowed)


@register.simple_tag
def greek_unit(greek: str) -> str:
    """Return the unit of an exposure."""
    return exposure.UNITS[greek]


@register.simple_tag(takes_context=True)
def term(context: template.Context, name: str) -> SafeString:
    """Draw the button that explains a word; `definitions` puts the words at the page's end."""
    found, request = glossary.TERMS[name], context.get("request")
    if request is not None:
        request.pulse_terms = {**getattr(request, "pulse_terms", {}), name: None}
    return format_html(
        '<button type="button" class="term" popovertarget="{}" aria-label="What is {}?">?</button>',
        glossary.anchor(name), found.title.lower(),
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def definitions(context: template.Context) -> SafeString:
    """Write the explanations of the words that the page asked for."""
    wanted = getattr(context.get("request"), "pulse_terms", {})
    parts = [
        (glossary.anchor(name), glossary.TERMS[name].title, glossary.TERMS[name].text)
        for name in wanted
    ]
    form = '<div popover id="{}" class="definition"><b>{}</b><p>{}</p></div>'
    return format_html_join("\n", form, parts)


@register.simple_tag
def speeds() -> list[tuple[float, str]]:
    """Return the speeds that a page offers."""
    return [(value, speed_text(value)) for value in (1, 10, 60, 300, 0)]


@register.simple_tag
def fastest() -> int:
    """Return the highest speed that a feed can be asked for."""
    from market.feed.pacer import FASTEST

    return FASTEST


@register.simple_tag
def speed_text(speed: Any) -> str:
    """Return a speed in words; 0 is as fast as it can."""
    found = fmt.finite(speed)
    if found is None:
        return fmt.MISSING
    if found == 0:
        return "full speed"
    return "real time" if found == 1 else f"{found:g}×"


@register.simple_tag
def horizon(tool: dict[str, Any]) -> str:
    """Return over how long a tool is judged, in words."""
    return words.horizon(tool)


@register.simple_tag
def plan_name(plan: str | None) -> str:
    """Return a plan's name as people read it."""
    return {"free": "Free", "pro": "Pro", "pro_plus": "Pro+"}.get(plan or "", "a higher plan")
