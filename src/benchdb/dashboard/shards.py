"""Which file holds what: by a hash that the page's script computes too."""

from __future__ import annotations

from typing import Final

_BASIS: Final = 0x811C9DC5
_PRIME: Final = 0x01000193

#: More files of one kind take longer to write than they save the page.
MOST_SHARDS: Final = 1024


def fnv1a(text: str) -> int:
    """Return the hash of Fowler, Noll and Vo, variant 1a of 32 bits, over the bytes of UTF-8."""
    found = _BASIS
    for byte in text.encode("utf-8", "surrogatepass"):
        found = (found ^ byte) * _PRIME & 0xFFFFFFFF
    return found


def shard_of(key: str, shards: int) -> int:
    """Return the number of the shard that a key's content is in."""
    return fnv1a(key) % shards


def shard_name(number: int) -> str:
    """Return what a shard is called."""
    return f"{number:02x}"


def pair_name(baseline: str, contender: str) -> str:
    """Return what the comparison of two sides is called."""
    return f"{fnv1a(f'{baseline}~{contender}'):08x}"


def shards_for(size: float) -> int:
    """Return in how many shards to put so many times the content of one: a power of two.

    It stays the same while a history grows by little, so that shards keep their names.
    """
    shards = 1
    while shards < size and shards < MOST_SHARDS:
        shards *= 2
    return shards
