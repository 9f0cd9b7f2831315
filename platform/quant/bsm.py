"""Price and Greeks of European options under generalized Black-Scholes-Merton.

The numbers hold to a few units in the last place down to the last second before expiry: the
log-moneyness comes from `log1p`, out-of-the-money prices from an integral of the Mills ratio
(no subtraction of nearly equal terms), in-the-money prices from put-call parity. Where a formula
has no finite value its limit is served, with a `quant.status.Status` that says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self, overload

import numpy as np

from quant.arrays import BoolLike, ByteArray, FloatArray, FloatLike
from quant.bsm_terms import Terms
from quant.status import Status

GREEKS = (
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
    "charm",
    "vanna",
    "vomma",
    "volga",
    "speed",
    "zomma",
    "color",
    "ultima",
)
"""The thirteen names. Twelve derivatives: volga is vomma in the market's unit."""

FIELDS = ("price", *GREEKS)


class Alias(NamedTuple):
    """A name for another field in another unit."""

    of: str
    scale: float


ALIASES = {"volga": Alias(of="vomma", scale=1e-4)}


class Quote(NamedTuple):
    """The market's unit of a field: the raw value divided by `divisor`."""

    divisor: float
    unit: str


QUOTES = {
    "price": Quote(1.0, "$"),
    "delta": Quote(1.0, "$ per $"),
    "gamma": Quote(1.0, "delta per $"),
    "vega": Quote(100.0, "$ per vol pt"),
    "theta": Quote(365.0, "$ per day"),
    "rho": Quote(100.0, "$ per rate pt"),
    "charm": Quote(365.0, "delta per day"),
    "vanna": Quote(100.0, "delta per vol pt"),
    "vomma": Quote(1.0, "$ per vol^2"),
    "volga": Quote(1.0, "$ per vol pt^2"),
    "speed": Quote(1.0, "gamma per $"),
    "zomma": Quote(100.0, "gamma per vol pt"),
    "color": Quote(365.0, "gamma per day"),
    "ultima": Quote(1e6, "$ per vol pt^3"),
}


class _Field:
    """Attribute access to one computed field of `Greeks`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, greeks: None, owner: type) -> Self: ...
    @overload
    def __get__(self, greeks: "Greeks", owner: type) -> FloatArray: ...
    def __get__(self, greeks: "Greeks | None", owner: type) -> "FloatArray | Self":
        if greeks is None:
            return self
        try:
            return greeks.values[self.name]
        except KeyError:
            raise AttributeError(f"{self.name} was not among the names asked for") from None


@dataclass(frozen=True, slots=True, eq=False)
class Greeks:
    """Price and Greeks of an array of contracts, each field of the inputs' common shape.

    Fields hold raw mathematical derivatives: vega and rho per 1.00, theta, charm and color per
    year as calendar time passes. The one exception is `volga`, which is `vomma * 1e-4` wherever
    it stands: both are d2V/dsigma2, vomma in the mathematical unit and volga per vol point
    squared, so a sum over all Greeks has to skip `ALIASES`.

    Attributes
    ----------
    values : dict of str to float64
        What was asked for, by name; also readable as attributes. NaN where `status` is
        `BAD_INPUT`, finite everywhere else.
    status : uint8
        One `Status` per element.
    """

    values: dict[str, FloatArray]
    status: ByteArray

    price = _Field()
    delta = _Field()
    gamma = _Field()
    vega = _Field()
    theta = _Field()
    rho = _Field()
    charm = _Field()
    vanna = _Field()
    vomma = _Field()
    volga = _Field()
    speed = _Field()
    zomma = _Field()
    color = _Field()
    ultima = _Field()

    def quoted(self) -> "Greeks":
        """Return the same numbers in the market's units, which `QUOTES` lists."""
        scaled = {name: value / QUOTES[name].divisor for name, value in self.values.items()}
        return Greeks(values=scaled, status=self.status)


def price(
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
    is_call: BoolLike,
) -> FloatArray:
    """Return option values.

    Parameters
    ----------
    S, K : float64, broadcast together with all the others
        Spot and strike, in the currency of the answer.
    T : float64
        Years to settlement; below zero the settled intrinsic value is returned.
    r, q : float64
        Continuously compounded rate and dividend yield, per year.
    sigma : float64
        Volatility per square root of a year, 0.20 for 20 %.
    is_call : bool

    Returns
    -------
    float64
        Of the common shape; NaN where an input is not a valid number.
    """
    return greeks(S, K, T, r, q, sigma, is_call, names=("price",)).price


def greeks(
    S: FloatLike,
    K: FloatLike,
    T: FloatLike,
    r: FloatLike,
    q: FloatLike,
    sigma: FloatLike,
    is_call: BoolLike,
    names: Iterable[str] | None = None,
) -> Greeks:
    """Return the price and the Greeks, or those of them that `names` lists.

    Parameters
    ----------
    S, K, T, r, q, sigma, is_call
        As in `price`. An element is `BAD_INPUT` (NaN) where S or K is not above zero, sigma is
        below zero, anything is not finite, or the value itself overflows.
    names : iterable of str, optional
        A subset of `FIELDS`; all of them by default. `SINGULAR` is then raised only by the
        overflow of a field that was asked for.

    Raises
    ------
    ValueError
        For a name that is not in `FIELDS` and for shapes that do not broadcast.
    """
    wanted = FIELDS if names is None else tuple(names)
    unknown = [name for name in wanted if name not in FIELDS]
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; choose from {', '.join(FIELDS)}")
    with np.errstate(all="ignore"):
        terms = Terms(S=S, K=K, T=T, r=r, q=q, sigma=sigma, is_call=is_call)
        values: dict[str, FloatArray] = {}
        for name in wanted:
            alias = ALIASES.get(name)
            values[name] = (
                terms.field(alias.of) * alias.scale if alias is not None else terms.field(name)
            )
        status = terms.status()
    bad = status == Status.BAD_INPUT
    if bad.any():
        values = {name: np.where(bad, np.nan, value) for name, value in values.items()}
    return Greeks(values=values, status=status)
