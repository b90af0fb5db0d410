"""What a test ran on: the shape, versions and name of a Dask cluster."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from benchdb.collect.dask_window import DEADLINE, no_client
from benchdb.questions import brief
from benchdb.records import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distributed import Client

    from benchdb.collect.readings import Readings

#: Packages whose versions must agree between client, scheduler and workers.
COMPARED: Final = ("python", "dask", "distributed")


class ClusterInfo(NamedTuple):
    """How people name a cluster; each is None where it has none."""

    name: str | None
    id: str | None
    details_url: str | None

    def __enter__(self) -> Self:
        """Allow ``with get_cluster_info(cluster):``, as older suites write it."""
        return self

    def __exit__(self, *exception: object) -> None:
        return None


def cluster_info(cluster: Any) -> ClusterInfo:
    """Return name, id and details URL of a cluster, or of the cluster that a client knows.

    A Coiled cluster has all three. Any other has no id, and its dashboard for the details; a client
    that was given an address knows the dashboard alone.
    """
    of = getattr(cluster, "cluster", None) or cluster
    return ClusterInfo(*(_text(of, *names) for names in _INFO))


_INFO: Final = (("name",), ("cluster_id",), ("details_url", "dashboard_link"))


def _text(of: object, *attributes: str) -> str | None:
    for attribute in attributes:
        value = None
        with suppress(Exception):  # a property of a cluster that was closed
            value = getattr(of, attribute, None)
        if value is not None and value != "":
            return str(value)
    return None


def set_cluster_info(cluster: Any, readings: Readings) -> ClusterInfo:
    """Set the columns ``cluster_name``, ``cluster_id`` and ``cluster_details_url``; return them.

    Of a Coiled cluster ``cluster_cost_url`` is set, too.
    """
    info = cluster_info(cluster)
    of = getattr(cluster, "cluster", None) or cluster
    if _kind(of) == "coiled" and (url := _cost_url(of)):
        readings.set("cluster_cost_url", url)
    readings.set("cluster_name", info.name)
    readings.set("cluster_id", info.id)
    readings.set("cluster_details_url", info.details_url)
    return info


def _cost_url(cluster: Any) -> str | None:
    """Return where Coiled says what it bills for a cluster, as its client asks for that."""
    from urllib.parse import quote

    identifier, workspace = _text(cluster, "cluster_id"), _text(cluster, "workspace", "account")
    server = _text(getattr(cluster, "cloud", None), "server")
    if not (identifier and workspace and server):
        return None
    return f"{server}/api/v1/{quote(workspace)}/billing-events/?cluster_id={quote(identifier)}"


def _software(cluster: Any) -> str | None:
    """Return the name of a Coiled cluster's software; what package sync makes has none."""
    synced = getattr(cluster, "package_sync", False)
    return None if synced else _text(cluster, "software_environment")


def _region(cluster: object) -> str | None:
    """Return the region that a cluster was asked for in."""
    options = getattr(cluster, "backend_options", None) or {}
    region = _text(cluster, "region")
    if region is None and isinstance(options, dict):
        region = options.get("region_name") or options.get("region")
    return region


def look_function() -> Callable[..., dict[str, Any]]:
    """Return a function by which a scheduler says all that it knows of its cluster.

    Workers told it their versions when they came, so none is asked, and none can hold this up.
    """

    def look(dask_scheduler: Any) -> dict[str, Any]:
        from distributed.versions import get_versions

        workers = list(dask_scheduler.workers.values())
        versions: dict[str, set[str]] = {}
        for worker in workers:
            for name, version in ((worker.versions or {}).get("packages") or {}).items():
                if version is not None:
                    versions.setdefault(name, set()).add(str(version))
        limits = [worker.memory_limit for worker in workers if worker.memory_limit]
        return {
            "workers": len(workers),
            "threads": min((worker.nthreads for worker in workers), default=None),
            "memory_limit": min(limits, default=None),
            "scheduler_versions": get_versions()["packages"],
            "worker_versions": {name: sorted(found) for name, found in versions.items()},
        }

    return look


def note_cluster(
    client: Client, readings: Readings, *, local_versions: Mapping[str, str] | None = None
) -> None:
    """Note the shape and versions of the cluster that a client is connected to.

    Sets ``readings.cluster`` and the columns ``dask_version`` and ``distributed_version`` to the
    scheduler's. Versions that differ between client, scheduler and workers are said in one note.
    Asks the scheduler one question. For an asynchronous client await `note_cluster_async`.

    Parameters
    ----------
    client, readings
        The client, and where its cluster is noted; what fails is a note there, never an error.
    local_versions
        Versions of this environment as they are at run time (``X+N.gHASH``). They replace what
        a local cluster, which runs in the same environment, reports of its packages: for an
        editable install that is the version at the time of its installation.
    """
    if why := no_client(client):
        readings.note(f"the cluster is not recorded: {why}")
        return
    if client.asynchronous:
        readings.note("the cluster is not recorded: an asynchronous client needs `async with`")
        return
    try:
        untyped: Any = client
        seen = untyped.sync(_look, client, callback_timeout=DEADLINE)
        _note(client, readings, seen, local_versions or {})
    except Exception as error:
        readings.note(f"the cluster is not recorded: {brief(error)}")


async def note_cluster_async(
    client: Client, readings: Readings, *, local_versions: Mapping[str, str] | None = None
) -> None:
    """Do what `note_cluster` does, for an asynchronous client too."""
    import asyncio

    if no_client(client) or not client.asynchronous:
        note_cluster(client, readings, local_versions=local_versions)
        return
    try:
        seen = await asyncio.wait_for(_look(client), DEADLINE)
        _note(client, readings, seen, local_versions or {})
    except Exception as error:
        readings.note(f"the cluster is not recorded: {brief(error)}")


async def _look(client: Any) -> dict[str, Any]:
    seen: dict[str, Any] = await client.run_on_scheduler(look_function())
    return seen


def _note(
    client: Client, readings: Readings, seen: dict[str, Any], local_versions: Mapping[str, str]
) -> None:
    kind = _kind(client.cluster)
    _compare(readings, seen)
    run_time = local_versions if kind == "local" else {}
    scheduler = {
        name: run_time.get(name, version)
        for name, version in seen["scheduler_versions"].items()
        if version is not None
    }
    workers = {
        name: run_time.get(name, ",".join(found)) for name, found in seen["worker_versions"].items()
    }
    readings.set("dask_version", scheduler.get("dask"))
    readings.set("distributed_version", scheduler.get("distributed"))
    if kind == "coiled" and (software := _software(client.cluster)):
        readings.set("coiled_software_name", software)
    readings.cluster = Cluster(
        kind=kind,
        workers=seen["workers"],
        threads=seen["threads"],
        memory_limit=seen["memory_limit"],
        scheduler_instance_type=_one_of(client.cluster, "scheduler_vm_types"),
        worker_instance_type=_one_of(client.cluster, "worker_vm_types"),
        region=_region(client.cluster),
        scheduler_versions=tuple(sorted(scheduler.items())),
        worker_versions=tuple(sorted(workers.items())),
    )


def _kind(cluster: object) -> str:
    classes = () if cluster is None else type(cluster).__mro__
    if any(c.__module__.split(".")[0] == "coiled" for c in classes):
        return "coiled"
    from distributed import LocalCluster

    return "local" if isinstance(cluster, LocalCluster) else "address"


def _one_of(cluster: object, attribute: str) -> str | None:
    value = getattr(cluster, attribute, None)
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or None
    return str(value) if value else None


def _compare(readings: Readings, seen: dict[str, Any]) -> None:
    # Like with like: all three from the packages' metadata, none as read at run time.
    from distributed.versions import get_versions

    here = get_versions()["packages"]
    differences = []
    for name in COMPARED:
        scheduler = seen["scheduler_versions"].get(name)
        workers = seen["worker_versions"].get(name, [])
        if {here.get(name), scheduler, *workers} - {None} != {here.get(name)}:
            line = f"{name}: client {here.get(name)}, scheduler {scheduler}"
            differences.append(line + (f", workers {' and '.join(workers)}" if workers else ""))
    if differences:
        readings.note(
            f"versions differ ({'; '.join(differences)}):"
            " rows carry the scheduler's versions of dask and distributed"
        )
