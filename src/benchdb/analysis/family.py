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
    """
    every = np.asarray(ps, dtype=np.float64)
    found: NDArray[np.bool_] = every <= largest_discovery(every, q, every.size)
    return found


def largest_discovery(ps: ArrayLike, q: float, family: int) -> float:
    """Return the largest p that is a discovery; -1 where none is.

    Parameters
    ----------
    ps
        The p of those members that may be one.
    q
        As `discoveries` takes it.
    family
        How many members there are, with those that are known to be none.

    Notes
    -----
    Benjamini and Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57, 1995;
    it also holds where members rise and fall together (Benjamini and Yekutieli 2001).
    """
    ascending = np.sort(np.asarray(ps, dtype=np.float64))
    small = np.flatnonzero(ascending <= q * np.arange(1, ascending.size + 1) / max(family, 1))
    return float(ascending[small[-1]]) if small.size else -1.0
