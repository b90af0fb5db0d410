"""How often something happened on two sides."""

from __future__ import annotations

import math


def fisher_p(one: int, of_one: int, two: int, of_two: int) -> float:
    """Return the chance of shares so far apart, either way, where both sides have the same.

    Parameters
    ----------
    one, two
        How often it happened on each side.
    of_one, of_two
        How often it might have.

    Notes
    -----
    Fisher's exact test, two-sided: the sum over all tables with equal margins that are no likelier
    (Fisher, "Statistical Methods for Research Workers", 1934, 21.02).
    """
    happened, every = one + two, of_one + of_two
    least, most = max(0, happened - of_two), min(happened, of_one)
    ways = [
        math.comb(of_one, count) * math.comb(of_two, happened - count)
        for count in range(least, most + 1)
    ]
    observed = ways[one - least]
    return sum(way for way in ways if way <= observed) / math.comb(every, happened)
