"""Many smiles as one set of arrays, which compiled fits take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quant.arrays import FloatArray, FloatLike, IntArray


def joined(
    smiles: Sequence[tuple[FloatLike, FloatLike, FloatLike | None]],
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Return abscissas, volatilities, weights and offsets of smiles.

    Parameters
    ----------
    smiles
        (x, iv, weights) of each, of one length; None for equal weights.

    Returns
    -------
    (points,) float64, three times, and (smiles + 1,) int64
        Weights are empty when no smile has any.

    Raises
    ------
    ValueError
        When a smile's parts differ in length.
    """
    xs = [x if isinstance(x, np.ndarray) else np.asarray(x) for x, _, _ in smiles]
    ys = [iv if isinstance(iv, np.ndarray) else np.asarray(iv) for _, iv, _ in smiles]
    sizes = [x.size for x in xs]
    if sizes != [y.size for y in ys]:
        raise ValueError("a smile has more strikes than volatilities, or fewer")
    offsets = np.zeros(len(smiles) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    weights = np.empty(0)
    if any(given is not None for _, _, given in smiles):
        weights = np.concatenate(
            [
                np.broadcast_to(np.float64(1.0) if given is None else np.asarray(given), size)
                for (_, _, given), size in zip(smiles, sizes, strict=True)
            ]
        ).astype(np.float64, copy=False)
    x, y = (np.concatenate(part, dtype=np.float64) for part in (xs, ys))
    return x, y, weights, offsets
