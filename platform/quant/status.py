"""Why a number is what it is: one byte per element of every array result."""

from enum import IntEnum


class Status(IntEnum):
    """State of one element. `OK` to `UNDERFLOW` and `EXERCISE` carry finite values, the others NaN.

    The volatility of an expired contract is NaN as well.

    `SINGULAR` marks a value whose mathematical limit does not exist or is infinite (the kink at
    the forward as total volatility vanishes); a finite stand-in is served in its place.
    """

    OK = 0
    EXPIRED = 1
    ZERO_VOL = 2
    SINGULAR = 3
    UNDERFLOW = 4
    BAD_INPUT = 5
    BELOW_INTRINSIC = 6
    ABOVE_MAX = 7
    WITHIN_TICK = 8
    NO_QUOTE = 9
    EXERCISE = 10

    @property
    def text(self) -> str:
        """Say in plain words what the code means."""
        return _TEXT[self]


_TEXT = {
    Status.OK: "ok",
    Status.EXPIRED: "expired",
    Status.ZERO_VOL: "zero volatility",
    Status.SINGULAR: "no finite limit at the strike",
    Status.UNDERFLOW: "too far from the strike to be represented",
    Status.BAD_INPUT: "input is not a valid number",
    Status.BELOW_INTRINSIC: "price has no time value",
    Status.ABOVE_MAX: "price is at or above its upper bound",
    Status.WITHIN_TICK: "time value is below one tick",
    Status.NO_QUOTE: "no two-sided quote",
    Status.EXERCISE: "best exercised now",
}
