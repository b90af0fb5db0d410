"""What commands on a remote share: its options, and what they say of it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchdb.cli.options import files_folder
from benchdb.cli.output import say, write
from benchdb.config import seconds
from benchdb.errors import NoAccess, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchdb.config import Location, Settings
    from benchdb.store.progress import Progress
    from benchdb.sync.erasing import Forgotten
    from benchdb.sync.history import Pull, Push
    from benchdb.sync.objects import Objects
    from benchdb.sync.protocol.compact import Compacted, Policy

#: Objects that could not be used are named, up to so many.
_NAMED = 20


def remote_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``REMOTE``."""
    return click.argument("remote", metavar="REMOTE")(command)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--endpoint-url`` and ``--profile``."""
    command = click.option(
        "--profile", metavar="NAME", help="Of AWS's settings; else AWS_PROFILE and the usual ones."
    )(command)
    return click.option(
        "--endpoint-url", metavar="URL", help="Of a server that speaks S3, where it isn't AWS."
    )(command)


def opened(remote: str, endpoint_url: str | None, profile: str | None) -> Objects:
    """Return the remote that is meant."""
    from benchdb.sync.objects import open_remote

    return open_remote(remote, endpoint_url=endpoint_url, profile=profile)


# -- pushing and pulling


def do_push(
    path: Location, objects: Objects, settings: Settings, progress: Progress, *, again: bool = False
) -> Push:
    """Push, with what the settings say."""
    from benchdb.sync.history import push

    return push(
        path,
        objects,
        again=again,
        folder=files_folder(path, settings),
        most_of_a_file=settings.largest_artifact,
        progress=progress,
    )


def tell_push(done: Push, objects: Objects) -> None:
    """Write the line for what a push did."""
    from benchdb.report.text import counted, literal
    from benchdb.report.units import with_unit

    if done.sessions or done.annotations:
        what = _what(done.sessions, done.runs, done.annotations)
        said = [f"pushed {what} to {objects.url} ({with_unit(done.size, 'B')})"]
        if done.files:
            said.append(counted(done.files, "file"))
    elif done.files:
        said = [f"pushed {counted(done.files, 'file')} of test runs to {objects.url}"]
    else:
        said = [f"nothing to push to {objects.url}"]
    if done.held:
        said.append(f"{len(done.held):,} there already")
    if done.forgotten:
        said.append(f"{len(done.forgotten):,} erased there or from before its horizon")
    write(literal(", ".join(said)) + "\n")
    for line in done.unsound:
        say(f"{line}: it was not pushed; remove it by `benchdb db prune --session UID`")


def tell_pull(done: Pull, objects: Objects, path: Location) -> None:
    """Write the line for what a pull did."""
    from benchdb.report.text import literal

    if done.sessions or done.annotations:
        what = _what(done.sessions, done.runs, done.annotations)
        said = [f"pulled {what} from {objects.url} into {path}"]
    elif done.manifest is None and not done.segments:
        said = [absent(objects)]
    else:
        said = [f"nothing to pull from {objects.url}"]
    if done.pruned:
        said.append(f"{done.pruned:,} pruned before (--all takes them back)")
    if done.forgotten:
        said.append(f"{done.forgotten:,} erased there or from before its horizon")
    if done.conflicts:
        said.append(f"{len(done.conflicts):,} in conflict")
    if done.lost:
        said.append(f"{done.lost:,} lost there (`benchdb push` puts them back)")
    write(literal(", ".join(said)) + "\n")


def tell_lost_manifest(done: Pull, objects: Objects) -> bool:
    """Say so where snapshots can't be used, as there is no manifest; tell whether it was said."""
    if done.manifest is not None:
        return False
    from benchdb.sync.looking import lost_manifest
    from benchdb.sync.protocol.names import SNAPSHOTS

    said = lost_manifest(one.name for one in objects.list(SNAPSHOTS))
    if said:
        say(f"{objects.url}: {said}")
    return bool(said)


def absent(objects: Objects) -> str:
    """Return what to say of a remote without a history."""
    there = "nothing at" if objects.exists() else "no folder"
    return f"there is {there} {objects.url} yet: correct it, or `benchdb push` begins a history"


def _what(sessions: int, runs: int, annotations: int) -> str:
    from benchdb.report.text import counted

    said = []
    if sessions:
        said.append(f"{counted(sessions, 'session')} with {counted(runs, 'test run')}")
    if annotations:
        said.append(counted(annotations, "annotation"))
    return " and ".join(said)


def tell_unusable(unusable: Mapping[str, str], objects: Objects) -> None:
    """Name the objects that could not be used."""
    for name, why in list(unusable.items())[:_NAMED]:
        say(f"{name} was skipped: {why}")
    if len(unusable) > _NAMED:
        say(
            f"{len(unusable) - _NAMED:,} more were skipped: "
            f"`benchdb db check {objects.url}` names all"
        )


# -- compacting and publishing


def policy(settings: Settings, **changes: Any) -> Policy:
    """Return how to compact, by the settings."""
    from benchdb.sync.protocol.compact import Policy

    return Policy(
        **{
            "keep": settings.keep_snapshots,
            "grace": seconds(settings.compact_grace, "[tool.benchdb] compact_grace"),
            **changes,
        }
    )


def do_compact(
    objects: Objects, how: Policy, progress: Progress, *, upgrade: bool = False
) -> tuple[Compacted, dict[str, str]]:
    """Compact."""
    from benchdb.sync.history import compact

    return compact(objects, how, upgrade=upgrade, progress=progress)


def tell_compacted(done: Compacted, objects: Objects, forgotten: Forgotten | None = None) -> None:
    """Write the line for what a compaction did."""
    from benchdb.report.text import counted, literal

    segments = sum(map(len, done.folded.values()))
    said = []
    if done.folded:
        what = counted(segments, "segment")
        said.append(f"folded {what} into {counted(len(done.folded), 'snapshot')}")
    if done.deleted:
        said.append(f"deleted {counted(len(done.deleted), 'object')}")
    if forgotten is not None and objects.exists():
        said.append(f"{counted(forgotten.sessions, 'session')} forgotten")
        if forgotten.files:
            said.append(f"deleted {counted(forgotten.files, 'file')} of test runs")
    if done.unfinished:
        said.append(f"others fold {', '.join(done.unfinished)} at the same time")
    nothing = "nothing to compact" if objects.exists() else absent(objects)
    write(literal(f"{objects.url}: {', '.join(said) or nothing}") + "\n")
    if forgotten is not None and forgotten.young:
        files = counted(forgotten.young, "file")
        write(
            f"{files} of test runs in no session, less than a day old: somebody may be pushing "
            "them; the same command deletes them tomorrow\n"
        )


def tell_remaining(forgotten: Forgotten, objects: Objects) -> None:
    """Name the objects that may hold what was to be forgotten."""
    for name in forgotten.remaining:
        say(
            f"{name} may still hold what was forgotten: as soon as it can be used, or was deleted "
            f"from {objects.url}, run the same command again"
        )


def compact_if_crowded(
    objects: Objects, path: Location, pulled: Pull, settings: Settings, progress: Progress
) -> dict[str, str]:
    """Compact a remote that has too many segments, where this user may.

    Returns what is unusable and why.
    """
    from benchdb.sync.history import is_crowded
    from benchdb.sync.permission import may_maintain, note_refusal

    how = policy(settings)
    above = settings.compact_above
    if not above or len(pulled.segments) <= above or not may_maintain(objects, path):
        return {}
    try:
        if not is_crowded(pulled, objects, above, how.grace):
            return {}
        done, unusable = do_compact(objects, how, progress)
    except NoAccess:
        note_refusal(objects, path)
        return {}
    tell_compacted(done, objects)
    return unusable


def publish_if_old(
    objects: Objects,
    path: Location,
    settings: Settings,
    progress: Progress,
    *,
    now: bool = False,
) -> bool:
    """Renew the published file, if it is old, or has something in it that must go now.

    Returns whether that is done, or need not be; else it was said why not.
    """
    from benchdb.report.text import literal
    from benchdb.report.units import with_unit
    from benchdb.sync.former import PUBLISHED
    from benchdb.sync.published import publish

    every = seconds(settings.publish_every, "[tool.benchdb] publish_every")
    if not every and not now:
        return True
    done = publish(objects, every, local=path, again=now, progress=progress)
    if done.size is not None:
        write(literal(f"published {PUBLISHED} ({with_unit(done.size, 'B')})") + "\n")
    if done.left:
        also = ", and may hold what was forgotten" if now else ""
        say(f"{PUBLISHED} of {objects.url} was left as it is{also}: {done.left}")
    return not done.left


def refuse_own(objects: Objects, path: Location) -> None:
    """Refuse a remote in whose folder the database has the place of the published file.

    Raises
    ------
    WrongSetting
        If it has.
    """
    from benchdb.sync.folder import Folder
    from benchdb.sync.former import PUBLISHED

    if not isinstance(objects, Folder) or not isinstance(path, Path):
        return
    place = objects.root / PUBLISHED
    with contextlib.suppress(OSError):
        is_there = path.name == PUBLISHED and path.parent.samefile(objects.root)
        if is_there or path.samefile(place):
            raise WrongSetting(
                f"{place} is the database itself, and a history keeps a copy of its own there: "
                f"give another folder, as {objects.root / 'history'}"
            )
