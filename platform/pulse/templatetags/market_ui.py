"""Template tags of the market's figures: surface, session, contract."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from pulse.charts import contract, exposure, intraday, surface, words
from pulse.charts import format as fmt

register = template.Library()

register.filter("left", contract.left)
register.filter("fit_words", surface.fit_words)


@register.simple_tag
def surface_table(payload: dict[str, Any], grid: str) -> surface.HeatTable:
    """Return the table of volatilities by delta or by strike."""
    return surface.by_strike(payload) if grid == "strike" else surface.by_delta(payload)


@register.filter
def smile_plot(payload: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the browser draws of the chosen smile."""
    return surface.plot(payload)


@register.filter
def surface_mesh(payload: dict[str, Any]) -> dict[str, Any] | None:
    """Return the mesh that the browser turns."""
    return surface.mesh(payload)


register.filter("smile_words", surface.smile_words)
register.filter("mesh_words", surface.mesh_words)
register.filter("arbitrage_words", surface.arbitrage_words)


@register.filter
def points(value: Any, places: int = 2) -> str:
    """Show a volatility in points."""
    found = fmt.finite(value)
    return fmt.number(None if found is None else found * 100, places)


@register.simple_tag
def smile_rows(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the quotes of the smile, a row each."""
    smile = payload.get("smile")
    if not smile:
        return []
    names = ("strike", "right", "bid", "mid", "ask")
    columns = [smile["points"][name] for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@register.simple_tag
def day_figure(series: dict[str, Any], symbol: str) -> SafeString:
    """Draw spot among the levels, and net gamma, over the session."""
    drawn = intraday.day(series, label=intraday.words(series, symbol))
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def day_words(series: dict[str, Any], symbol: str) -> str:
    """Say what the session's figure shows."""
    return intraday.words(series, symbol)


@register.simple_tag
def day_rows(series: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every 15th minute of the session and its last one."""
    names = tuple(series)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*series.values(), strict=True)]
    return [*rows[14::15], *rows[-1:]] if len(rows) % 15 else rows[14::15]


@register.simple_tag
def contract_grids(payload: dict[str, Any]) -> list[contract.Grid]:
    """Return a contract's heat tables, one for each volatility."""
    return contract.grids(payload)


@register.filter
def contract_words(payload: dict[str, Any]) -> str:
    """Say what a contract's tables show."""
    return contract.words(payload)


@register.filter
def greek_says(name: str) -> str:
    """Say what a Greek is."""
    return contract.SAYS[name]


@register.simple_tag
def over_spot_figure(payload: dict[str, Any], greek: str) -> SafeString:
    """Draw one exposure over spot."""
    label = words.over_spot(payload, greek)
    drawn = exposure.over_spot(payload, greek=greek, label=label)
    return mark_safe(drawn)  # noqa: S308 - built by pulse.charts.svg, which escapes


@register.simple_tag
def over_spot_words(payload: dict[str, Any], greek: str) -> str:
    """Say what an exposure over spot shows."""
    return words.over_spot(payload, greek)


@register.simple_tag
def over_spot_rows(payload: dict[str, Any], greek: str) -> list[tuple[float, float]]:
    """Return the points of an exposure over spot."""
    return exposure.points_over_spot(payload, greek)


@register.simple_tag
def surface_stats(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the nearest fitted expiry and the one nearest to 30 days."""
    fitted = [one for one in payload["expiries"] if one["vol"] is not None]
    if not fitted:
        return {"near": {}, "month": {}}
    month = min(fitted, key=lambda one: abs(one["days"] - 30.0))
    return {"near": fitted[0], "month": month}


@register.simple_tag
def surface_faults(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every place of arbitrage."""
    return surface.faults(payload)


@register.simple_tag
def surface_parameter_heads() -> list[tuple[str, str]]:
    """Return the heads of the table of parameters: model and name."""
    return surface.PARAMETERS


@register.simple_tag
def surface_parameters(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the rows of the table of parameters."""
    return surface.parameters(payload)


@register.simple_tag
def figures(value: Any) -> str:
    """Show a number with six significant digits."""
    return fmt.significant(value, 6)
