"""Where the coefficients of `quant.kernels.elementary` come from: Chebyshev interpolation in
60 digits, rewritten in powers and rounded to double. `python tests/quant/coefficients.py` prints
them; a test holds the module to them.
"""

from collections.abc import Callable

import mpmath as mp

MILLS_SHIFT = 4
MILLS_FROM = mp.mpf(-1) / 20
MILLS_DEGREE = 24
ATANH_DEGREE = 7
ATANH_TO = mp.mpf("0.02945")  # (sqrt(2) - 1)^2 / (sqrt(2) + 1)^2 and a little


def mills(x: mp.mpf) -> mp.mpf:
    """Return the Mills ratio N(-x)/n(x); by its asymptotic series where that is exact."""
    if x > 200:
        term, total = 1 / x, mp.mpf(0)
        for k in range(30):
            total += term
            term *= -(2 * k + 1) / x**2
        return total
    return mp.sqrt(mp.pi / 2) * mp.exp(x * x / 2) * mp.erfc(x / mp.sqrt(2))


def mills_coefficients() -> list[float]:
    """Return p with M(x) = p(t)/(x + 4), t = (x - 4)/(x + 4), lowest power first."""
    shift = mp.mpf(MILLS_SHIFT)

    def shape(t: mp.mpf) -> mp.mpf:
        if t >= 1:
            return mp.mpf(1)
        x = shift * (1 + t) / (1 - t)
        return mills(x) * (x + shift)

    low = (MILLS_FROM - shift) / (MILLS_FROM + shift)
    return _powers(shape, low, mp.mpf(1), MILLS_DEGREE)


def atanh_coefficients() -> list[float]:
    """Return p with atanh(u) = u + u w p(w), w = u^2, lowest power first."""

    def shape(w: mp.mpf) -> mp.mpf:
        if w == 0:
            return mp.mpf(1) / 3
        u = mp.sqrt(w)
        return (mp.atanh(u) / u - 1) / w

    return _powers(shape, mp.mpf(0), ATANH_TO, ATANH_DEGREE)


def _powers(f: Callable[[mp.mpf], mp.mpf], a: mp.mpf, b: mp.mpf, degree: int) -> list[float]:
    """Return the Chebyshev interpolant of f on [a, b] as coefficients of powers."""
    n = degree + 1
    nodes = [mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    values = [f((a + b) / 2 + (b - a) / 2 * u) for u in nodes]
    weights = [
        2
        / mp.mpf(n)
        * mp.fsum(v * mp.cos(j * mp.acos(u)) for u, v in zip(nodes, values, strict=True))
        for j in range(n)
    ]
    weights[0] /= 2
    argument = [-(a + b) / (b - a), 2 / (b - a)]
    terms = [[mp.mpf(1)], argument]
    while len(terms) < n:
        last, before = terms[-1], terms[-2]
        made = [mp.mpf(0)] * (len(last) + 1)
        for i, x in enumerate(last):
            made[i] += 2 * argument[0] * x
            made[i + 1] += 2 * argument[1] * x
        for i, x in enumerate(before):
            made[i] -= x
        terms.append(made)
    out = [mp.mpf(0)] * n
    for weight, term in zip(weights, terms, strict=True):
        for i, x in enumerate(term):
            out[i] += weight * x
    return [float(x) for x in out]


def main() -> None:
    mp.mp.dps = 60
    for name, found in (("MILLS", mills_coefficients()), ("ATANH", atanh_coefficients())):
        print(name, *(f"    {value!r}," for value in found), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
