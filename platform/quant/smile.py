"""One volatility per contract of a chain, the same for the call and the put of a strike."""

import numpy as np

from quant.arrays import BoolArray, FloatArray
from quant.chain import Chain
from quant.implied_vol import ChainVols, chain_iv


def contract_vols(chain: Chain, vols: ChainVols | None = None) -> FloatArray:
    """Return a volatility for every contract that its expiry's quotes determine.

    Out-of-the-money mids carry the smile (an in-the-money quote is mostly spread), so each strike
    takes that side's volatility for both rights. Strikes whose option is worth less than a tick
    are interpolated linearly in strike, flat beyond the last quoted one: their exposures are
    small, but leaving them out would put holes between walls. An expiry whose out-of-the-money
    side is not quoted at all uses the other side.

    Parameters
    ----------
    chain : Chain
    vols : ChainVols, optional
        The chain's implied volatilities when they are already known.

    Returns
    -------
    (n,) float64
        Per square root of a year; NaN where the contract is expired or its expiry has no
        volatility at all.
    """
    known = chain_iv(chain) if vols is None else vols
    out = np.full(len(chain), np.nan)
    quoted = np.isfinite(known.mid)
    outside = np.where(chain.is_call, chain.strikes >= known.forward, chain.strikes < known.forward)
    for expiry in chain.expiry_values():
        mine = chain.expiries == expiry
        basis = _basis(mine & quoted, outside)
        if basis.any():
            strikes, first = np.unique(chain.strikes[basis], return_index=True)
            out[mine] = np.interp(chain.strikes[mine], strikes, known.mid[basis][first])
    return out


def _basis(quoted: BoolArray, outside: BoolArray) -> BoolArray:
    """Return the contracts whose volatilities stand for their strike."""
    best: BoolArray = quoted & outside
    return best if best.any() else quoted
