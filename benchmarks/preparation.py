"""What is made on the workers before anything is measured: files, and answers to compare with."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import clusters

if TYPE_CHECKING:
    import pytest


def computed(config: pytest.Config, cluster: Any, delayed: list[Any], timeout: float) -> list[Any]:
    """Compute delayed values on a cluster, and make its workers anew where the suite may.

    So that their memory, and what they imported, are none of what the next test measures.

    Parameters
    ----------
    timeout
        Seconds for all of them.

    Raises
    ------
    UserError
        If they aren't there by then, in one line.
    """
    from distributed import wait

    from benchdb.clusters.workers import NoNanny, connected, restart
    from benchdb.errors import UserError

    with connected(cluster) as client:
        futures = client.compute(delayed)
        try:
            wait(futures, timeout=timeout)
        except TimeoutError:
            done = sum(future.done() for future in futures)
            raise UserError(
                f"{done} of {len(futures)} files and answers that the tests need were made within "
                f"{timeout:g} seconds: look at the cluster's logs, or make less: --benchmark-scale"
            ) from None
        values: list[Any] = client.gather(futures)
        del futures
        if isinstance(cluster, str) and not clusters.option(config, "--cluster-restart"):
            return values
        # Those without a nanny are as they are; it is said where each test gets a cluster.
        with suppress(NoNanny):
            restart(cluster, client, None)
    return values
