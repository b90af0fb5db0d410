"""Channels, and what is in them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchdb.errors import UnusableChannel
from benchdb.recipes import Package
from benchdb.release.libraries import need_libraries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

#: Where packages come from unless somebody says otherwise.
DEFAULT: Final = "conda-forge"

_SECRET: Final = re.compile(r"(/t/)[^/]+|(://)[^/@]+@")

#: What rattler says where nobody answers.
_UNREACHABLE: Final = re.compile("connect|dns|timed out|timeout", re.IGNORECASE)

#: What a solver is told of a machine of another platform than this one.
_VIRTUAL: Final = {
    "linux": (("__unix", "0"), ("__linux", "5.10"), ("__glibc", "2.28")),
    "osx": (("__unix", "0"), ("__osx", "13.0")),
    "win": (("__win", "10"),),
}


class Channels:
    """Some channels, the first before the others, and one platform.

    Parameters
    ----------
    given
        Folders, URLs, or names on anaconda.org.
    platform
        As conda calls it: ``linux-64``.

    Raises
    ------
    UnusableChannel
        If a folder is no channel.
    """

    def __init__(self, given: Sequence[str], platform: str) -> None:
        need_libraries()
        import rattler

        self.platform = platform
        self.given = tuple(given) or (DEFAULT,)
        try:
            self._subdirs = [rattler.Subdir(platform), rattler.Subdir("noarch")]
        except Exception:
            raise UnusableChannel(
                f"{platform!r} is no platform of conda's: name one as linux-64 or osx-arm64"
            ) from None
        self._channels = [_channel(rattler, one) for one in self.given]
        self._gateway = rattler.Gateway()

    def __str__(self) -> str:
        return ", ".join(without_secrets(one) for one in self.given)

    def packages(self, names: Iterable[str]) -> dict[str, list[Package]]:
        """Return all packages of some names; of none that no channel has.

        Raises
        ------
        UnusableChannel
            If a channel can't be read.
        """
        wanted = sorted(set(names))

        def query() -> Awaitable[Any]:
            return self._gateway.query(self._channels, self._subdirs, wanted, recursive=False)

        found: dict[str, list[Package]] = {name: [] for name in wanted}
        for records in self._call(query) if wanted else ():
            for record in records:
                one = as_package(record)
                found.setdefault(one.name, []).append(one)
        return found

    def solve(self, specs: Sequence[Any], name: str) -> tuple[list[Any], str]:
        """Return what would be installed, in rattler's records; or why nothing can be.

        Parameters
        ----------
        specs
            Requirements, from `benchdb.release.conda.specs.match_spec`.
        name
            What requires them, for the reasons.

        Raises
        ------
        UnusableChannel
            If a channel can't be read.
        """
        found, why = self._solved(self._channels, specs)
        if why and len(specs) > 1:
            # Of several requirements the reasons name one alone, as if nothing else were asked for.
            # Those of a package that requires them all name all that are in conflict.
            root = _Root(name, [str(one) for one in specs])
            _, better = self._solved([root, *self._channels], [root.name])
            why = better.replace(f"{root.name} *", name).replace(str(root), name) or why
        return found, why

    def _solved(self, sources: list[Any], specs: Sequence[Any]) -> tuple[list[Any], str]:
        import rattler

        try:
            found = self._call(
                lambda: rattler.solve(
                    sources,
                    list(specs),
                    gateway=self._gateway,
                    platforms=self._subdirs,
                    virtual_packages=self._virtual_packages(),
                )
            )
        except rattler.exceptions.SolverError as error:
            said = str(error).removeprefix("Cannot solve the request because of:")
            return [], "\n".join(line.rstrip() for line in said.strip().splitlines())
        return list(found), ""

    def _virtual_packages(self) -> list[Any]:
        import rattler

        if self.platform == str(rattler.Subdir.current()):
            return _detected()
        system = self.platform.partition("-")[0]
        return [
            rattler.GenericVirtualPackage(
                rattler.PackageName(name), rattler.Version(version), rattler.BuildString("0")
            )
            for name, version in _VIRTUAL.get(system, ())
        ]

    def _call(self, work: Callable[[], Awaitable[Any]]) -> Any:
        from rattler import exceptions as errors

        try:
            return waited(work)
        except (errors.GatewayError, errors.FetchRepoDataError, errors.IoError) as error:
            (first, *causes) = [line.strip() for line in str(error).splitlines() if line.strip()]
            why = causes[-1].removeprefix("Caused by: ") if causes else first
            named = [one for one in self._channels if one.base_url in first] or self._channels
            of = ", ".join(without_secrets(one.base_url.rstrip("/")) for one in named)
            hint = "is there a network?" if _UNREACHABLE.search(str(error)) else "is it one?"
            raise UnusableChannel(
                f"the channel {of} can't be read ({without_secrets(why)}): {hint} "
                "Name others with --channel"
            ) from None


def _detected() -> list[Any]:
    """Return what stands for this machine; CONDA_OVERRIDE_… say otherwise, as for conda."""
    import rattler

    overrides = rattler.VirtualPackageOverrides.from_env()
    return [one.into_generic() for one in rattler.VirtualPackage.detect(overrides)]


def of_this_machine() -> dict[str, Package]:
    """Return the virtual packages of this machine, by name: ``__glibc`` and their like."""
    return {
        one.name.normalized: Package(one.name.normalized, str(one.version), str(one.build_string))
        for one in _detected()
    }


class _Root:
    """A channel of one package, which requires what was asked for."""

    def __init__(self, name: str, depends: list[str]) -> None:
        import rattler

        self.name = re.sub(r"[^a-z0-9-]", "-", name.lower()).strip("-") or "this"
        record = rattler.PackageRecord(
            name=self.name,
            version="0",
            build=rattler.BuildString("0"),
            build_number=0,
            subdir="noarch",
            depends=depends,
        )
        file_name = f"{self.name}-0-0.conda"
        url = f"file:///{file_name}"
        self._record = rattler.RepoDataRecord(record, file_name, url, "file:///")

    def __str__(self) -> str:
        return f"{self.name} 0"

    async def fetch_package_records(self, platform: Any, name: Any) -> list[Any]:
        """Return the one package, where rattler asks for that."""
        is_it = str(platform) == "noarch" and name.normalized == self.name
        return [self._record] if is_it else []

    def package_names(self, platform: Any) -> list[str]:
        """Return the name of the one package."""
        return [self.name] if str(platform) == "noarch" else []


def _channel(rattler: Any, given: str) -> Any:
    is_url = "://" in given
    path = Path(given.removeprefix("file://")).expanduser()
    looks_like_one = given.startswith((".", "/", "~")) or (not is_url and path.is_dir())
    if looks_like_one or given.startswith("file://"):
        if not (path / "noarch" / "repodata.json").is_file():
            raise UnusableChannel(
                f"{path} is no channel: it has no noarch/repodata.json; "
                "`benchdb release build RECIPE --output DIR` makes one"
            )
        return rattler.Channel(str(path.resolve()))
    try:
        return rattler.Channel(given)
    except Exception as error:
        said = " ".join(str(error).split())
        raise UnusableChannel(
            f"{without_secrets(given)} is no channel ({said}): name a folder, a URL, "
            "or a channel of anaconda.org"
        ) from None


def as_package(record: Any) -> Package:
    """Return rattler's record of a package as ours."""
    return Package(
        record.name.normalized,
        str(record.version),
        str(record.build),
        without_secrets(str(getattr(record, "channel", "") or "").rstrip("/")),
    )


def waited(work: Callable[[], Awaitable[Any]]) -> Any:
    """Return the result of what rattler does while others wait."""

    async def run() -> Any:
        return await work()

    return asyncio.run(run())


def without_secrets(text: str) -> str:
    """Return text without tokens and passwords of channels."""
    return _SECRET.sub(lambda found: f"{found[1] or found[2]}***{'@' if found[2] else ''}", text)
