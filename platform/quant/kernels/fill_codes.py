"""What the codes in the arrays of fills mean, and which column holds what."""

from enum import IntEnum
from typing import Final


class Kind(IntEnum):
    """Of an order. A stop becomes a market order when triggered, a stop-limit a limit order."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    TRAILING = 4


class Force(IntEnum):
    """Time in force. Day and good till cancelled differ only in when they end."""

    DAY = 0
    GTC = 1
    IOC = 2
    FOK = 3


class Trigger(IntEnum):
    """What sets off a stop: the side of the quote that it would trade at, or the last trade."""

    QUOTE = 0
    LAST = 1


class State(IntEnum):
    """Of an order; from `FILLED` on it is final."""

    PENDING = 0
    HELD = 1
    WORKING = 2
    FILLED = 3
    CANCELED = 4
    EXPIRED = 5
    REJECTED = 6


class Reason(IntEnum):
    """Why a fill came about, why none did on the last row seen, or how an order ended.

    Up to `MET` they stand at fills, up to `WHOLE` at orders that wait or were cancelled for it, and
    from `SIDE` on at rejected orders.
    """

    NONE = 0
    TAKEN = 1
    TRADED_AT = 2
    TRADED_THROUGH = 3
    MET = 4
    NO_ROW = 5
    NO_QUOTE = 6
    STALE = 7
    CROSSED = 8
    LOCKED = 9
    NO_SIZE = 10
    AWAY = 11
    QUEUED = 12
    NOT_TRIGGERED = 13
    COLLAR = 14
    WHOLE = 15
    REST = 16
    ASKED = 17
    TIME = 18
    SIDE = 19
    QUANTITY = 20
    KIND = 21
    FORCE = 22
    LIMIT = 23
    STOP = 24
    TRAIL = 25
    TICK = 26
    OFF_TICK = 27
    TIMES = 28
    BOOK = 29
    LEGS = 30

    @property
    def text(self) -> str:
        """Say in plain words what the code means."""
        return _TEXT[self]


_TEXT: Final = {
    Reason.NONE: "nothing to say",
    Reason.TAKEN: "took displayed size",
    Reason.TRADED_AT: "traded at the limit, and nobody was ahead any more",
    Reason.TRADED_THROUGH: "traded through the limit",
    Reason.MET: "the other side came to the resting limit",
    Reason.NO_ROW: "no quote since the order arrived",
    Reason.NO_QUOTE: "no quote to trade against",
    Reason.STALE: "the quote is not of its time",
    Reason.CROSSED: "the quote is crossed",
    Reason.LOCKED: "the quote is locked",
    Reason.NO_SIZE: "nothing is displayed that has not been taken",
    Reason.AWAY: "the market is away from the limit",
    Reason.QUEUED: "others are ahead at the limit",
    Reason.NOT_TRIGGERED: "the stop is not triggered",
    Reason.COLLAR: "the market is beyond the collar",
    Reason.WHOLE: "not enough is displayed for the whole",
    Reason.REST: "the rest of an immediate order",
    Reason.ASKED: "cancelled on request",
    Reason.TIME: "its time is over",
    Reason.SIDE: "side is neither 1 nor -1",
    Reason.QUANTITY: "quantity is not a whole number of lots above 0",
    Reason.KIND: "kind is not an order type",
    Reason.FORCE: "time in force is unknown, or a stop cannot have it",
    Reason.LIMIT: "limit price is missing",
    Reason.STOP: "stop price is missing",
    Reason.TRAIL: "give either a trail above 0 or a share between 0 and 1",
    Reason.TICK: "tick or lot is not above 0",
    Reason.OFF_TICK: "price is not a whole number of ticks",
    Reason.TIMES: "times are not in order, or a day order has no end",
    Reason.BOOK: "book is unknown",
    Reason.LEGS: "legs are not 1 to 4 different books on the same rows, in lowest whole ratios",
}

# Columns of an order's numbers,
QUANTITY, LIMIT, STOP, TRAIL, SHARE, TICK, WIDE, WIDE_FROM, LOT, SIGMA, VOLUME = range(11)
# of its whole numbers,
SIDE, KIND, FORCE, ARRIVAL, UNTIL, CANCEL, BOOK = range(7)
# of its progress in numbers (`MARK`: the best price since a trailing stop began; `LEVEL`: the price
# that it may not pass, NaN until known; `AHEAD`: size that stood there first),
LEFT, MARK, LEVEL, AHEAD, TAKEN_AT, TAKEN = range(6)
# and in whole numbers (`SEEN`: the time of the last row; `RESTS`: it has stood on a row before),
STATE, REASON, SEEN, SET_OFF, RESTS = range(5)
# of the rules,
HALVES, IMPACT, COLLAR_SHARE, COLLAR_LEAST, UNKNOWN = range(5)
MOST_AGE, TRIGGER, NOW = range(3)
# and of a package: numbers, whole numbers, a leg's numbers and whole numbers.
P_UNITS, P_LIMIT, P_TICK = range(3)
P_KIND, P_FORCE, P_ARRIVAL, P_UNTIL, P_CANCEL, P_FIRST, P_LAST, P_ALL = range(8)
L_RATIO, L_WEIGHT, L_TICK, L_WIDE, L_WIDE_FROM = range(5)
MOST_LEGS: Final = 4
