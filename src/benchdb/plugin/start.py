"""Starting to record: who this process is, what it needs, and which parts are registered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchdb.config import (
    Settings,
    artifacts_folder,
    database_location,
    location,
    read_settings,
)
from benchdb.errors import UserError

if TYPE_CHECKING:
    from datetime import datetime

    from benchdb.config import Location
    from benchdb.records import Environment

#: What all parts of the plugin know of the session.
BENCH: pytest.StashKey[Bench] = pytest.StashKey()

#: Run-time versions of editable packages, for clusters that run in this environment.
VERSIONS: pytest.StashKey[dict[str, str]] = pytest.StashKey()

#: Under this name a worker is told what its controller decided.
WORKER_INPUT = "benchdb"


@dataclass(frozen=True)
class Bench:
    """One ``pytest --benchmark``, as every process of it sees it.

    Parameters
    ----------
    folder
        The database's; the rootdir, where it is on a server. Paths are recorded relative to it.
    """

    uid: str
    started: datetime
    settings: Settings
    database: Location
    folder: Path
    artifacts: Path
    tags: tuple[tuple[str, str], ...]
    repeat: int
    every_test: bool
    is_worker: bool
    environment: Environment | None


def start(config: pytest.Config) -> None:
    """Register what records: on a controller the writer, where tests run the observer."""
    from benchdb.plugin.observer import Observer, time_call_phase
    from benchdb.plugin.rootdir import refuse_misread_paths

    refuse_misread_paths(config)
    try:
        bench = _bench(config)
    except UserError as error:
        raise pytest.UsageError(f"benchdb: {error}") from None
    config.stash[BENCH] = bench
    manager = config.pluginmanager
    if bench.is_worker:
        config.stash[VERSIONS] = getattr(config, "workerinput", {})[WORKER_INPUT]["versions"]
        from benchdb.plugin.exclusive import ExclusiveTokens

        observer = Observer(config, bench, None)
        manager.register(ExclusiveTokens(bench), "benchdb-exclusive")
    else:
        from benchdb.plugin.controller import Controller

        controller = Controller(config, bench)
        manager.register(controller, "benchdb-controller")
        observer = Observer(config, bench, controller)
    manager.register(observer, "benchdb-observer")
    if bench.every_test:
        time_call_phase(config, every_test=True)
    if bench.repeat > 1:
        from benchdb.plugin.rounds import Rounds

        manager.register(Rounds(config, bench), "benchdb-rounds")


def _bench(config: pytest.Config) -> Bench:
    from benchdb.collect.clock import Clock
    from benchdb.collect.environment import environment
    from benchdb.store.values import new_uid

    told = getattr(config, "workerinput", {}).get(WORKER_INPUT)
    option = config.option
    if option.benchdb_artifacts == "":
        raise UserError("--benchmark-artifacts is empty: give it a folder")
    settings = read_settings(config.rootpath)
    if option.benchdb_repeat < 1:
        raise UserError("--benchmark-repeat takes a whole number from 1 on")
    if told is not None:
        database = location(told["database"], settings.root)
    else:
        database = database_location(option.benchdb_db, settings, base=config.invocation_params.dir)
    beside = database.parent if isinstance(database, Path) else settings.root
    artifacts = artifacts_folder(beside, settings)
    if option.benchdb_artifacts:
        artifacts = config.invocation_params.dir / option.benchdb_artifacts
    return Bench(
        uid=told["uid"] if told else new_uid(),
        started=Clock.now(),
        settings=settings,
        database=database,
        folder=beside,
        artifacts=artifacts,
        tags=tuple(_tag(given) for given in option.benchdb_tags),
        repeat=option.benchdb_repeat,
        every_test=bool(option.benchdb_auto),
        is_worker=told is not None,
        environment=None if told else environment(settings.fingerprint),
    )


def _tag(given: str) -> tuple[str, str]:
    key, separator, value = given.partition("=")
    if not separator or not key.strip():
        raise UserError(f"--benchmark-tag {given!r} is no KEY=VALUE: write it as machine=big")
    return key.strip(), value.strip()
