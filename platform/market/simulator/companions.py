"""What moves beside the underlying: a paired index, breadth, the tape, crypto, credit and bonds.

Only the effects of `SimulatorConfig.strength` link them to what comes next: crypto's night to the
opening gap, and credit, bonds and the dollar to the stress state, which falls follow.
"""

from typing import NamedTuple

import numpy as np

from market.simulator.config import FULL_SESSION, SimulatorConfig
from market.simulator.streams import Purpose, stream
from quant.arrays import BoolArray, FloatArray

BREADTH_NAMES = 40
_PEER_OWN, _NAME_OWN = 0.35, 1.2  # own noise a minute, in the underlying's
_PEER_START = 1.27  # of the underlying's price
_TAPE_MEAN, _TAPE_SD, _TAPE_MEMORY = 0.42, 0.012, 0.96
_CRYPTO_LEAD, _CRYPTO_SIZE = 0.6, 0.03
_PROXY_BETA = (0.35, -0.2, -0.1)  # credit, bonds, dollar, of the underlying's return
_PROXY_STRESS = (-0.5, 0.4, 0.3)  # daily standard deviations of their own, in stress
_PROXY_SD = (0.004, 0.008, 0.004)
_PROXY_START = (78.0, 92.0, 28.0)


class Companions(NamedTuple):
    """One session's minutes beside the underlying, each (t,): $, share, share."""

    peer: FloatArray
    advancing: FloatArray
    off_exchange: FloatArray


def session_companions(
    config: SimulatorConfig,
    session: int,
    spot: FloatArray,
    *,
    previous_close: float,
    variance: float,
) -> Companions:
    """Return a session's companions.

    Parameters
    ----------
    config : SimulatorConfig
    session : int
    spot : (t,) float64
        The underlying at the end of each minute, $.
    previous_close : float
        $.
    variance : float
        Of the underlying's close-to-close log return, as expected before the open.
    """
    source = stream(config.seed, Purpose.COMPANIONS, path=config.path, session=session)
    draws = source.standard_normal((spot.size, BREADTH_NAMES + 2))
    moves = np.log(spot / previous_close)
    minute_sd = np.sqrt(variance * config.session_share / FULL_SESSION)
    peer = 1.1 * moves + _PEER_OWN * minute_sd * np.cumsum(draws[:, 0])
    names = moves[:, None] + _NAME_OWN * minute_sd * np.cumsum(draws[:, 2:], axis=0)
    tape = np.empty(spot.size)
    level = 0.0
    for minute, shock in enumerate(draws[:, 1].tolist()):
        level = _TAPE_MEMORY * level + shock
        tape[minute] = level
    return Companions(
        peer=np.round(_PEER_START * previous_close * np.exp(peer), 2),
        advancing=(names > 0.0).mean(axis=1),
        off_exchange=np.clip(_TAPE_MEAN + _TAPE_SD * tape, 0.0, 1.0),
    )


def crypto_nights(config: SimulatorConfig, gaps: FloatArray) -> FloatArray:
    """Return crypto's overnight log returns for the opening gaps of sessions, oldest first, (d,).

    More sessions at the end leave the earlier ones as they are.
    """
    source = stream(config.seed, Purpose.CRYPTO, path=config.path)
    noise = source.standard_normal(gaps.size)
    lead = float(np.clip(_CRYPTO_LEAD * config.strength, -0.95, 0.95))
    usual = np.sqrt(config.overnight_share * config.daily_variance)
    nights: FloatArray = _CRYPTO_SIZE * (lead * gaps / usual + np.sqrt(1.0 - lead**2) * noise)
    return nights


def proxy_closes(config: SimulatorConfig, returns: FloatArray, stress: BoolArray) -> FloatArray:
    """Return closes of credit, bonds and the dollar, (3, d), $.

    Parameters
    ----------
    config : SimulatorConfig
    returns : (d,) float64
        Of the underlying, close to close.
    stress : (d,) bool
        Sessions of the stress state; more at the end leave the earlier closes as they are.
    """
    source = stream(config.seed, Purpose.PROXIES, path=config.path)
    noise = source.standard_normal((returns.size, 3)).T
    beta, pull = np.array(_PROXY_BETA)[:, None], np.array(_PROXY_STRESS)[:, None]
    sd, start = np.array(_PROXY_SD)[:, None], np.array(_PROXY_START)[:, None]
    linked = float(np.clip(config.strength, -1.0, 1.0)) * stress
    moves = beta * returns + sd * (noise + pull * linked)
    return np.round(start * np.exp(np.cumsum(moves, axis=1) - 0.5 * sd**2), 2)
