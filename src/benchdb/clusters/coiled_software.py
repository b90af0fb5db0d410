"""Coiled's software environments: create one from pins, list them, delete one."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchdb.clusters.coiled_access import ask
from benchdb.clusters.yaml_files import read_mapping
from benchdb.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Seconds that Coiled may take to build an environment.
BUILD_TIMEOUT: Final = 30 * 60.0

_NAME: Final = re.compile(r"([a-z0-9_-]+/)?[a-z0-9_-]+")


class Software(NamedTuple):
    """A software environment.

    Parameters
    ----------
    name
        ``WORKSPACE/NAME``, as ``COILED_SOFTWARE_NAME`` and clusters take it.
    state
        Of its newest build: ``built``, ``building``, ``error``, …; None where that isn't known.
    updated
        When it was last changed, as Coiled says it; None where that isn't known.
    """

    name: str
    state: str | None
    updated: str | None


def create(
    name: str,
    *,
    conda: Mapping[str, Any] | Path | str | None = None,
    pip: Sequence[str] | Path | str | None = None,
    workspace: str | None = None,
    rebuild: bool = False,
    arm: bool = False,
    say: Callable[[str], object] | None = None,
    timeout: float = BUILD_TIMEOUT,
) -> Software:
    """Create a software environment, and wait until it is built.

    Where one of that name has other packages, it gets these; where it has the same, nothing is
    built.

    Parameters
    ----------
    name
        Lower-case letters, digits, ``-`` and ``_``; ``WORKSPACE/NAME`` names the workspace, too.
    conda
        ``channels`` and ``dependencies``, as in an environment.yml, or the path of one. A
        dependency ``{"pip": […]}`` holds what pip installs.
    pip
        Requirements, or the path of a requirements.txt.
    workspace
        By default that of the name, else the one that Coiled is set to.
    rebuild
        Whether to build though nothing changed.
    arm
        Whether it is for ARM.
    say
        Called with each line of the build's log.
    timeout
        Seconds for all of it.

    Raises
    ------
    UserError
        If it isn't built, in one line.
    """
    _check_name(name)
    dependencies = _conda(Path(conda) if isinstance(conda, str) else conda)
    pip = Path(pip) if isinstance(pip, str) else pip
    if isinstance(pip, Path) and not pip.is_file():
        raise UserError(
            f"there is no file {pip}: give a list of requirements, or the path of a file"
        )
    if dependencies is None and not pip:
        raise UserError(f"{name} would be empty: give it conda's or pip's packages")
    log = _Log(say)

    async def created(cloud: Any) -> Software:
        try:
            alias = await cloud.create_software_environment(
                name=name,
                workspace=workspace,
                conda=dependencies,
                pip=pip if pip is None or isinstance(pip, Path) else list(pip),
                force_rebuild=rebuild,
                arm=arm,
                log_output=log,
            )
        except Exception as error:
            _explain(error, log)
            raise
        owner, _, short = name.rpartition("/")
        owner = owner or workspace or cloud.default_workspace
        return Software(f"{owner}/{short}", "built", alias.get("updated"))

    return ask(f"build the software environment {name}", created, timeout=timeout)


def list_all(workspace: str | None = None) -> list[Software]:
    """Return a workspace's software environments by name; those of package sync are among them.

    Raises
    ------
    UserError
        If Coiled doesn't tell, in one line.
    """

    async def listed(cloud: Any) -> list[Software]:
        aliases = await cloud.list_software_environments(account=workspace)
        owner = workspace or cloud.default_workspace
        return [_software(owner, aliases[name]) for name in sorted(aliases)]

    return ask("list the software environments", listed)


def delete(name: str, *, workspace: str | None = None) -> None:
    """Delete a software environment.

    Raises
    ------
    UserError
        If there is none of that name, or Coiled doesn't delete it, in one line.
    """
    _check_name(name)

    async def deleted(cloud: Any) -> None:
        await cloud.delete_software_environment(name=name, account=workspace)

    ask(f"delete the software environment {name}", deleted)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r} can't name a software environment: use lower-case letters, digits, - and _, "
            "and WORKSPACE/ before it for another workspace"
        )


def _conda(given: Mapping[str, Any] | Path | None) -> dict[str, Any] | None:
    if given is None:
        return None
    where = f"{given}" if isinstance(given, Path) else "conda's packages"
    # Coiled's client writes into what it is given.
    read = read_mapping(given) if isinstance(given, Path) else copy.deepcopy(dict(given))
    held: dict[str, Any] = {
        name: read[name] for name in ("channels", "dependencies") if name in read
    }
    for name, value in held.items():
        if not isinstance(value, list) or not value:
            raise UserError(f"{where}: {name} must be a list with something in it")
    if "dependencies" not in held:
        raise UserError(f"{where}: there are no dependencies; list them under `dependencies:`")
    return held


class _Log:
    """What the build's log is written to."""

    def __init__(self, say: Callable[[str], object] | None) -> None:
        self._say = say
        self.lines: list[str] = []

    def write(self, text: str) -> None:
        for line in filter(str.strip, text.splitlines()):
            self.lines.append(line)
            if self._say is not None:
                self._say(line)


def _explain(error: Exception, log: _Log) -> None:
    """Add to an error what the end of the log says, and where all of it is."""
    from coiled.exceptions import BuildError

    if isinstance(error, BuildError) and log.lines:
        last = next((line for line in reversed(log.lines) if not line.startswith("---")), "")
        page = re.search(r"https?://\S+", log.lines[-1])
        found = [last, f"the whole log: {page[0]}" if page else ""]
        error.args = ("; ".join([str(error), *filter(None, found)]),)


def _software(workspace: str, alias: Mapping[str, Any]) -> Software:
    build = (alias.get("latest_spec") or {}).get("latest_build") or {}
    return Software(f"{workspace}/{alias['name']}", build.get("state"), alias.get("updated"))
