"""What fixtures give without ``--benchmark``: objects that are false and take the same calls."""

from __future__ import annotations

from typing import Any, NamedTuple


class IdleMeter:
    """Stands for every meter: call it, enter it, await it; nothing is measured."""

    def __bool__(self) -> bool:
        return False

    def __call__(self, *arguments: object, **options: object) -> IdleMeter:
        """Return itself, so that the call can be entered, too."""
        return self

    def __enter__(self) -> IdleMeter:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    async def __aenter__(self) -> IdleMeter:
        return self

    async def __aexit__(self, *exception: object) -> None:
        return None


class IdleStopwatch(IdleMeter):
    """Stands for ``benchmark_time``, and takes no more than it does."""

    def __call__(self, name: str) -> IdleStopwatch:  # type: ignore[override]
        """Take the name of a part."""
        return self


class IdleClusterInfo(NamedTuple):
    """Stands for what is known of a cluster: nothing."""

    name: None = None
    id: None = None
    details_url: None = None

    def __enter__(self) -> IdleClusterInfo:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


def idle_cluster_info(cluster: object) -> IdleClusterInfo:
    """Take a cluster, and look away."""
    return IdleClusterInfo()


class IdleTestRun:
    """Stands for the row of the running test: attributes may be set; unset ones are None."""

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def record(
        self, name: str, value: float, unit: str | None = None, direction: str | None = None
    ) -> None:
        """Take what `benchdb.store.models.TestRun.record` takes, and forget it."""

    def attach(self, kind: str, path_or_url: object) -> None:
        """Take what `benchdb.store.models.TestRun.attach` takes, and forget it."""


IDLE = IdleMeter()
IDLE_STOPWATCH = IdleStopwatch()
