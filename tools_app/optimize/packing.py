"""Gains of a fold as bytes."""

from __future__ import annotations

import io

import numpy as np

from market.frames import FloatArray


def packed(best: FloatArray, default: FloatArray) -> bytes:
    """Return two series of gains as compressed arrays (npz)."""
    kept = io.BytesIO()
    np.savez_compressed(kept, allow_pickle=False, best=best, default=default)
    return kept.getvalue()


def unpacked(data: bytes) -> tuple[FloatArray, FloatArray]:
    """Return what `packed` was given."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return arrays["best"], arrays["default"]
