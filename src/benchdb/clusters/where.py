"""Where tests run: on this machine, on a cluster that runs already, or on one of Coiled's."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchdb.clusters.keywords import check_keywords, read_keywords, seconds, whole_number
from benchdb.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

#: What distributed takes in front of an address; one without is TCP's.
_PROTOCOLS: Final = ("tcp", "tls", "ws", "wss", "ucx", "ucxx")

_HOST_AND_PORT: Final = re.compile(r"[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+")

#: What is said of a cluster that isn't started here: how many workers it must have, by when.
_OF_ADDRESS: Final = ("n_workers", "start_timeout")


class Where(NamedTuple):
    """A kind of cluster, and the address of one that runs already.

    Parameters
    ----------
    kind
        ``local``, ``address`` or ``coiled``.
    address
        Of its scheduler; empty for the other kinds.
    """

    kind: str
    address: str = ""


def read_where(text: str) -> Where:
    """Return what an option ``--cluster`` says.

    Parameters
    ----------
    text
        ``local``, ``coiled``, or the address of a scheduler: ``tcp://10.0.0.1:8786``.

    Raises
    ------
    WrongSetting
        If it is none of these.
    """
    given = text.strip()
    if given in ("local", "coiled"):
        return Where(given)
    protocol, separator, host = given.partition("://")
    if (separator and protocol in _PROTOCOLS and host) or _HOST_AND_PORT.fullmatch(given):
        return Where("address", given)
    raise WrongSetting(
        f"{text!r} is no cluster: give local, coiled, or the address of a scheduler, such as "
        "tcp://10.0.0.1:8786"
    )


def known_keywords(where: Where) -> list[str]:
    """Return the keywords that a cluster there can be given."""
    if where.kind == "address":
        return list(_OF_ADDRESS)
    if where.kind == "coiled":
        from benchdb.clusters import coiled_cluster

        return coiled_cluster.known_keywords()
    from benchdb.clusters import local

    return [*local.known_keywords(), "start_timeout"]


def keywords_from(
    where: Where,
    path: Path | str,
    group: str | Sequence[str] | None = None,
    *,
    override: Path | str | None = None,
    others: Collection[str] = (),
) -> dict[str, Any]:
    """Return the keywords that a file gives for a group of clusters of that kind.

    Parameters
    ----------
    path, group, override, others
        As in `benchdb.clusters.keywords.read_keywords`.

    Raises
    ------
    UserError
        As there.
    """
    changed = None if override is None else Path(override)
    known = known_keywords(where)
    return read_keywords(
        Path(path), group, override=changed, others=others, known=known, kind=where.kind
    )


@contextmanager
def running(
    where: Where,
    keywords: Mapping[str, Any],
    *,
    software: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> Iterator[Any]:
    """Start a cluster for a ``with`` block, or find the one that runs; stop what was started.

    Parameters
    ----------
    keywords
        As `benchdb.clusters.local.running` or `benchdb.clusters.coiled_cluster.running` takes
        them, with ``start_timeout`` for the former. Of an address: ``n_workers``, how many it must
        have at least, within ``start_timeout`` seconds.
    software, tags
        For Coiled, as there; of no effect elsewhere.

    Yields
    ------
    distributed.LocalCluster, coiled.Cluster or str
        What ``distributed.Client`` takes; the address is itself.

    Raises
    ------
    UserError
        If it doesn't start, isn't there, or doesn't end, in one line.
    """
    if where.kind == "coiled":
        from benchdb.clusters import coiled_cluster

        with coiled_cluster.running(keywords, software=software, tags=tags) as cluster:
            yield cluster
        return
    own = dict(keywords)
    patience = {key: seconds(key, own.pop(key)) for key in ("start_timeout",) if key in own}
    if where.kind == "local":
        from benchdb.clusters import local

        with local.running(own, **patience) as started:
            yield started
        return
    from benchdb.clusters.workers import ANSWER_TIMEOUT, connected, wait_for_workers

    check_keywords(keywords, _OF_ADDRESS, f"the keywords of {where.address}")
    timeout = patience.get("start_timeout", ANSWER_TIMEOUT)
    number = whole_number("n_workers", own.get("n_workers", 1))
    with connected(where.address, timeout=timeout) as client:
        wait_for_workers(client, number, timeout=timeout)
    yield where.address
