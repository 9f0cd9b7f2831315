"""Elementary functions without branches, which LLVM turns into vector code.

The libraries that Numba calls for exp, log and erfc work on one number at a time. These are
polynomials and a few selections, so a loop over them runs four or eight elements at once, three
to five times as fast, with relative errors of a few eps: `exp` and `exp_both` below 2.5,
`log_ratio` below 2, the Mills ratios below 4 (the tests hold them to it by 50-digit values).

Long polynomials are summed as an even and an odd half, which halves the wait for each step.

Domains are those of prices: an argument outside is cut to the domain or gives a number without
meaning, never a trap. Who calls them classifies the inputs.
"""

from quant.kernels.compile import bits_of, float_of, inlined

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # 33 bits: products with an exponent are exact
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to a whole number in the low bits
_ROUND_BITS = 0x4338000000000000
_ONE_BITS = 0x3FF0000000000000
_LOWEST, _HIGHEST = -708.0, 709.0
_SQRT_2, _SQRT_HALF = 1.4142135623730951, 0.7071067811865476


@inlined
def exp(x: float) -> float:
    """Return e^x; x is cut to [-708, 709], where the result is a normal number."""
    x = min(max(x, _LOWEST), _HIGHEST)
    shifted = x * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    q = (r * r) * _exp_tail(r) + r
    scale = float_of((bits_of(shifted) << 52) + _ONE_BITS)
    return scale * q + scale


@inlined
def exp_both(x: float) -> tuple[float, float]:
    """Return e^x and e^x - 1, each with all its digits; x is cut as in `exp`."""
    x = min(max(x, _LOWEST), _HIGHEST)
    shifted = x * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    q = (r * r) * _exp_tail(r) + r
    scale = float_of((bits_of(shifted) << 52) + _ONE_BITS)
    return scale * q + scale, scale * q + (scale - 1.0)


@inlined
def _exp_tail(r: float) -> float:
    """Return (e^r - 1 - r)/r^2 for |r| <= ln(2)/2: the series up to r^13."""
    square = r * r
    even = 2.08767569878681e-09
    even = even * square + 2.755731922398589e-07
    even = even * square + 2.48015873015873e-05
    even = even * square + 0.001388888888888889
    even = even * square + 0.041666666666666664
    even = even * square + 0.5
    odd = 1.6059043836821613e-10
    odd = odd * square + 2.505210838544172e-08
    odd = odd * square + 2.7557319223985893e-06
    odd = odd * square + 0.0001984126984126984
    odd = odd * square + 0.008333333333333333
    odd = odd * square + 0.16666666666666666
    return odd * r + even


@inlined
def log_ratio(a: float, b: float) -> float:
    """Return ln(a/b) of two normal numbers above zero, exact to the digits where a is near b.

    a is scaled by a power of two to within sqrt(2) of b; there a - b is exact, and
    ln(a/b) = 2 atanh((a - b)/(a + b)).
    """
    e = (bits_of(a) >> 52) - (bits_of(b) >> 52)
    scaled = float_of(bits_of(a) - (e << 52))
    e += (1 if scaled > _SQRT_2 * b else 0) - (1 if scaled < _SQRT_HALF * b else 0)
    scaled = float_of(bits_of(a) - (e << 52))
    u = (scaled - b) / (scaled + b)
    w = u * u
    # atanh(u) = u + u w p(w); Chebyshev in 60 digits, see tests/quant/coefficients.py
    p = 0.0654361809832981
    p = p * w + 0.06634357396174048
    p = p * w + 0.07693120940969297
    p = p * w + 0.09090897800030397
    p = p * w + 0.11111111196044504
    p = p * w + 0.14285714285400977
    p = p * w + 0.2000000000000044
    p = p * w + 0.3333333333333333
    twice = 2.0 * u
    k = float_of(e + _ROUND_BITS) - _ROUND
    return k * _LN2_HIGH + (k * _LN2_LOW + (twice + twice * (w * p)))


@inlined
def mills(x: float) -> float:
    """Return the Mills ratio M(x) = N(-x)/n(x) for x >= -0.05.

    M(x) (x + 4) is a polynomial P in t = (x - 4)/(x + 4), to rounding (the substitution of
    Shepherd and Laframboise 1981; coefficients from tests/quant/coefficients.py).
    """
    v = 1.0 / (x + 4.0)
    t = 1.0 - 8.0 * v
    square = t * t
    even = 7.69777821030091e-10
    even = even * square + -8.86405066644562e-09
    even = even * square + 5.2466846464391074e-08
    even = even * square + -2.1592165984328268e-07
    even = even * square + 6.81279336488363e-07
    even = even * square + -1.5777408052357808e-06
    even = even * square + 1.795981837706306e-06
    even = even * square + -4.783154038266884e-06
    even = even * square + 0.0003342445977746509
    even = even * square + -0.008722295272446091
    even = even * square + 0.15139176231235194
    even = even * square + 0.9704095548675902
    even = even * square + 1.8932190633084853
    odd = -2.51443288644285e-10
    odd = odd * square + -1.7518169176387472e-09
    odd = odd * square + 4.541877145364039e-08
    odd = odd * square + -4.014582676193233e-07
    odd = odd * square + 2.5696024473018872e-06
    odd = odd * square + -1.4843762008724224e-05
    odd = odd * square + 8.809591236274323e-05
    odd = odd * square + -0.0005792693480665098
    odd = odd * square + 0.004087855687542697
    odd = odd * square + -0.018900450862224666
    odd = odd * square + -0.4675409629983133
    odd = odd * square + -1.5237709108199837
    return (odd * t + even) * v


@inlined
def mills_pair(a: float, b: float) -> tuple[float, float, float]:
    """Return M(a), M(b) and (M(a) - M(b))/(b - a), the last without cancellation.

    For a, b >= -0.05. The divided difference of the polynomial P of `mills` comes out of
    Horner's scheme beside its value, so a difference of Mills ratios, which is what an
    out-of-the-money price is made of, keeps all its digits however near b is to a:

        M(a) - M(b) = (b - a) va vb [P(ta) - 8 vb P[ta, tb]],   v = 1/(x + 4), t = 1 - 8 v.
    """
    sa, sb = a + 4.0, b + 4.0
    both = 1.0 / (sa * sb)
    va, vb = both * sb, both * sa
    t, u = 1.0 - 8.0 * va, 1.0 - 8.0 * vb
    p = 7.69777821030091e-10
    d = 7.69777821030091e-10
    p = p * t + -2.51443288644285e-10
    d = d * u + p
    p = p * t + -8.86405066644562e-09
    d = d * u + p
    p = p * t + -1.7518169176387472e-09
    d = d * u + p
    p = p * t + 5.2466846464391074e-08
    d = d * u + p
    p = p * t + 4.541877145364039e-08
    d = d * u + p
    p = p * t + -2.1592165984328268e-07
    d = d * u + p
    p = p * t + -4.014582676193233e-07
    d = d * u + p
    p = p * t + 6.81279336488363e-07
    d = d * u + p
    p = p * t + 2.5696024473018872e-06
    d = d * u + p
    p = p * t + -1.5777408052357808e-06
    d = d * u + p
    p = p * t + -1.4843762008724224e-05
    d = d * u + p
    p = p * t + 1.795981837706306e-06
    d = d * u + p
    p = p * t + 8.809591236274323e-05
    d = d * u + p
    p = p * t + -4.783154038266884e-06
    d = d * u + p
    p = p * t + -0.0005792693480665098
    d = d * u + p
    p = p * t + 0.0003342445977746509
    d = d * u + p
    p = p * t + 0.004087855687542697
    d = d * u + p
    p = p * t + -0.008722295272446091
    d = d * u + p
    p = p * t + -0.018900450862224666
    d = d * u + p
    p = p * t + 0.15139176231235194
    d = d * u + p
    p = p * t + -0.4675409629983133
    d = d * u + p
    p = p * t + 0.9704095548675902
    d = d * u + p
    p = p * t + -1.5237709108199837
    d = d * u + p
    p = p * t + 1.8932190633084853
    drop = both * (p - 8.0 * (vb * d))
    return p * va, (p + 8.0 * ((b - a) * (both * d))) * vb, drop
