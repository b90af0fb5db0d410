"""Arrays of which every element is known, made on the workers from fixed seeds.

What runs on a worker is defined inside a function, so that it travels by value: the workers can't
import this folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np

from . import sizes
from .waiting import computed

if TYPE_CHECKING:
    from collections.abc import Callable


class Sums:
    """An array of which every element is known: the sum of one element of a vector for each axis.

    Element (i, j, …) is ``vectors[0][i] + vectors[1][j] + …``; the vectors are random, so means,
    products and neighbours of elements can be calculated without the array.

    Parameters
    ----------
    shape
        The sides of the array.
    seed
        Another one makes other vectors.
    """

    def __init__(self, *shape: int, seed: int = 0) -> None:
        self.shape = shape
        self._make = _vector_maker(shape, seed)
        self.vectors = [self._make(axis) for axis in range(len(shape))]

    @classmethod
    def square(cls, nbytes: float, chunk_nbytes: float) -> tuple[Sums, da.Array]:
        """Return a square of about that many bytes, and its array in square chunks."""
        side, chunk = sizes.square(nbytes, chunk_nbytes)
        sums = cls(side, side)
        return sums, sums.array(chunk, chunk)

    def array(self, *chunks: int) -> da.Array:
        """Return the array in chunks of those sides; -1 is the whole side."""
        make = self._make

        def part(block_info: dict[Any, Any]) -> np.ndarray:
            total = np.zeros(())
            for axis, (start, stop) in enumerate(block_info[None]["array-location"]):
                total = np.add.outer(total, make(axis)[start:stop])
            return total

        whole = da.core.normalize_chunks(chunks, self.shape, dtype=float)
        return da.map_blocks(part, chunks=whole, dtype=float, meta=np.empty((0,) * len(chunks)))

    def mean(self, *axes: int) -> np.ndarray:
        """Return the mean of the array over these axes, calculated without it."""
        total = np.zeros(())
        for axis, vector in enumerate(self.vectors):
            total = total + vector.mean() if axis in axes else np.add.outer(total, vector)
        return total

    def are_in(self, array: da.Array, *, deadline: float | None = None) -> bool:
        """Tell whether an array holds these sums, each in its place, whatever its chunks.

        Parameters
        ----------
        deadline
            Seconds that it may take; see `waiting.computed`.
        """
        make = self._make

        def differs(part: np.ndarray, block_info: dict[Any, Any]) -> np.ndarray:
            total = np.zeros(())
            for axis, (start, stop) in enumerate(block_info[0]["array-location"]):
                total = np.add.outer(total, make(axis)[start:stop])
            return np.array(not np.array_equal(part, total)).reshape((1,) * part.ndim)

        wrong = array.map_blocks(differs, chunks=(1,) * array.ndim, dtype=bool)
        return array.shape == self.shape and not computed(wrong.any(), deadline)


def _vector_maker(shape: tuple[int, ...], seed: int) -> Callable[[int], np.ndarray]:
    def make(axis: int) -> np.ndarray:
        return np.random.default_rng([seed, axis]).random(shape[axis])

    return make
