"""A cluster on Coiled, started from keywords and stopped again, whatever happens in between."""

from __future__ import annotations

import inspect
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from benchdb.clusters.coiled_access import answering, ask, package
from benchdb.clusters.keywords import check_keywords
from benchdb.clusters.tags import fit_tags
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

#: Keywords of Coiled's that this layer sets.
_OURS: Final = frozenset({"self", "cloud", "asynchronous", "custom_widget"})

#: Without a word from the user. Coiled's own would wait for 30 % of the workers, on which nothing
#: can be measured, and its progress would stand in the middle of what tests print.
_DEFAULTS: Final = {"wait_for_workers": True, "show_widget": False, "configure_logging": False}


def known_keywords() -> list[str]:
    """Return the keywords of the installed ``coiled.Cluster`` that a cluster can be given."""
    return [name for name in inspect.signature(package().Cluster).parameters if name not in _OURS]


@contextmanager
def running(
    keywords: Mapping[str, Any],
    *,
    software: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> Iterator[Any]:
    """Start a cluster for a ``with`` block, and stop it at the block's end.

    Parameters
    ----------
    keywords
        As ``coiled.Cluster`` takes them. Without a ``name`` it gets one of its own; with the name
        of a cluster that runs, that one is used, and not stopped.
    software
        A software environment (``COILED_SOFTWARE_NAME``); it wins over what the keywords say is
        installed. Without either, the packages of this environment are synchronised.
    tags
        Added to those of the keywords.

    Yields
    ------
    coiled.Cluster
        Once its scheduler and as many workers as ``wait_for_workers`` says have come.

    Raises
    ------
    UserError
        If it doesn't start or stop, in one line. What didn't start is gone, or named there.
    """
    check_keywords(keywords, known_keywords(), "the cluster's keywords")
    given = _DEFAULTS | dict(keywords)
    if software:
        given = {name: value for name, value in given.items() if not _installs(name)}
        given["software"] = software
    given["tags"] = fit_tags({**(given.get("tags") or {}), **(tags or {})})
    cloud, cluster = _start(given)
    try:
        yield cluster
    finally:
        _close(cloud, cluster, given["name"])


def stop(name: str, *, workspace: str | None = None) -> None:
    """Stop a cluster by its name, for one that was left behind.

    Raises
    ------
    UserError
        If none of that name runs, or Coiled doesn't stop it, in one line.
    """
    if not ask(f"stop the cluster {name}", _stopping(name, workspace)):
        raise UserError(f"Coiled runs no cluster {name}: look for it with `coiled cluster list`")


def _installs(keyword: str) -> bool:
    """Tell whether a keyword says what is installed on the cluster."""
    return keyword in ("software", "container", "ignore_container_entrypoint") or (
        keyword.startswith("package_sync")
    )


def _start(given: dict[str, Any]) -> tuple[Any, Any]:
    """Start a cluster; of one that doesn't start nothing remains but a word."""
    coiled = package()
    name = given.get("name") or coiled.config.get("name")
    own = name is None
    name = given["name"] = name or f"benchdb-{secrets.token_hex(4)}"
    cloud = None
    try:
        with answering(f"start the cluster {name}"):
            cloud = coiled.Cloud()
            return cloud, coiled.Cluster(**given, cloud=cloud)
    except BaseException as error:
        left = _left(name, given.get("workspace")) if own and cloud is not None else ""
        if cloud is not None:
            with suppress(Exception):
                cloud.close()
        if left and isinstance(error, UserError):
            both = f"{error}; {left}"
            raise UserError(both) from error
        raise


def _left(name: str, workspace: str | None) -> str:
    """Stop what remains of a cluster, and say so where that fails."""
    try:
        ask(f"stop the cluster {name}, which may run", _stopping(name, workspace))
    except UserError as error:
        return str(error)
    return ""


def _stopping(name: str, workspace: str | None) -> Callable[[Any], Awaitable[bool]]:
    """Return a question to `ask`: to stop a cluster; its answer is whether there was one."""

    async def stopped(cloud: Any) -> bool:
        from coiled.errors import DoesNotExist

        try:
            identifier = await cloud.get_cluster_by_name(name=name, workspace=workspace)
        except DoesNotExist:
            return False
        await cloud.delete_cluster(cluster_id=identifier, workspace=workspace)
        return True

    return stopped


def _close(cloud: Any, cluster: Any, name: str) -> None:
    if cluster.status.name == "closed":  # Coiled ended it, or the block did
        with suppress(Exception):
            cloud.close()
        return
    with answering(f"stop the cluster {name}, which may run"):
        cluster.close()
        cloud.close()
