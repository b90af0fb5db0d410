"""Many tests judged as one family, so that chance alone finds little however many they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def discoveries(ps: ArrayLike, q: float = 0.05) -> NDArray[np.bool_]:
    """Return which members of a family are found to differ.

    Parameters
    ----------
    ps
        The p of every member, also of those that look like nothing.
    q
        The false discovery rate: the share of findings that may be due to chance, on average.

    Notes
    -----
    Benjamini and Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57, 1995;
    it also holds where members rise and fall together (Benjamini and Yekutieli 2001).
    """
    every = np.asarray(ps, dtype=np.float64)
    if not every.size:
        return np.zeros(0, dtype=np.bool_)
    ordered = np.sort(every)
    small = np.flatnonzero(ordered <= q * np.arange(1, every.size + 1) / every.size)
    found: NDArray[np.bool_] = (
        every <= ordered[small[-1]] if small.size else np.zeros(every.size, dtype=np.bool_)
    )
    return found
